# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lay out the report of a fleet for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_table import fleet_lines

DOCUMENTATION = r"""
name: claude_failover_fleet_table
author:
  - secuaas.claude contributors (@secuaas)
short_description: Lay out the report of a fleet for a terminal
version_added: 0.4.0
description:
  - Returns the lines of one table of the hosts, worst first, with the problems of each below it, one of the accounts,
    and the warnings. A symbol and a word say how a host is, no colour.
  - Written for the playbook C(secuaas.claude.status).
positional: _input
options:
  _input:
    description: A report of P(secuaas.claude.claude_failover_fleet#filter).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Read the status
  secuaas.claude.claude_failover_info:
  register: claude

- name: Show the fleet
  ansible.builtin.debug:
    msg: "{{ report | secuaas.claude.claude_failover_fleet_table }}"
  vars:
    report: "{{ {inventory_hostname: claude} | secuaas.claude.claude_failover_fleet }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
  sample: ['2026-11-26 07:30 UTC: 1 hosts: 1 ok']
"""


def lay_out_fleet(report: Mapping[str, Any]) -> list[str]:
    """Return the lines. Raises AnsibleFilterError for what is no report."""
    try:
        return fleet_lines(report)
    except (KeyError, TypeError, AttributeError) as error:
        raise AnsibleFilterError("found no report of claude_failover_fleet: %r" % (error,)) from None


class FilterModule:
    """Provide the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"claude_failover_fleet_table": lay_out_fleet}
