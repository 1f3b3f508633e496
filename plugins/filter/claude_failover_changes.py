# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a change of the configuration means on a live host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.plugin_utils._live_host import (
    LiveHost,
    WantedHost,
    home_for_new_link,
    places,
)
from ansible_collections.secuaas.claude.plugins.plugin_utils._live_notices import notices
from ansible_collections.secuaas.claude.plugins.plugin_utils._live_refusals import refusals
from ansible_collections.secuaas.claude.plugins.plugin_utils._yaml_mapping import read_mapping

DOCUMENTATION = r"""
name: claude_failover_changes
author:
  - secuaas.claude contributors (@secuaas)
short_description: Tell what a change of the configuration means on a live host
version_added: 0.4.0
description:
  - Compares the configuration that the daemon of a host has with another one, and describes in sentences what the
    change means for the accounts, the links and the sessions on the host.
  - Written for the role P(secuaas.claude.claude_failover#role). No value of a session's C(env) and no command is shown.
positional: _input
options:
  _input:
    description: The text of the installed configuration. Empty on a host without one, where nothing changes.
    type: str
    required: true
  config:
    description: The wanted configuration.
    type: dict
    required: true
  user:
    description: The wanted user of the units.
    type: str
    required: true
  group:
    description: The wanted group of the units.
    type: str
    required: true
  facts:
    description: What the role has found on the host, as C(key=value) or a word.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what the new configuration means on this host
  ansible.builtin.debug:
    msg: "{{ installed | secuaas.claude.claude_failover_changes(config=wanted, user='claude', group='claude') }}"
"""

RETURN = r"""
_value:
  description: What the change means.
  type: dict
  contains:
    refused:
      description: What cannot be changed while the host is in use, each with the way to it.
      type: list
      elements: str
    told:
      description: What stays, what waits for a restart, and what is left to a person.
      type: list
      elements: str
    new_link_home:
      description: The home that a changed active link is to lead to. Empty where no link is to be made.
      type: str
    places:
      description: What the role has to look at on the host for O(facts). Empty without an installed configuration.
      type: list
      elements: str
"""


def describe_changes(
    installed: str, config: Mapping[str, Any], user: str, group: str, facts: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what a change from the ``installed`` configuration to ``config`` means. Raises AnsibleFilterError."""
    if not isinstance(config, Mapping):
        raise AnsibleFilterError("config is no dictionary; expected the wanted configuration")
    # One that was damaged by hand is replaced.
    live, wanted = LiveHost(read_mapping(installed) or {}, facts), WantedHost(config, user, group)
    if not live.config:
        return {"refused": [], "told": [], "new_link_home": "", "places": []}
    return {
        "refused": refusals(live, wanted),
        "told": notices(live, wanted),
        "new_link_home": home_for_new_link(live, wanted),
        "places": places(live.config),
    }


class FilterModule:
    """Provide the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"claude_failover_changes": describe_changes}
