# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the report of a fleet that the playbook status shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Optional

from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_report import fleet_report
from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_words import moment

DOCUMENTATION = r"""
name: claude_failover_fleet
author:
  - secuaas.claude contributors (@secuaas)
short_description: Build the report of a fleet
version_added: 0.4.0
description:
  - Builds a report from what M(secuaas.claude.claude_failover_info) has returned of each host. The hosts that need a
    person come first, and a host that is not reached, or has no daemon, is an error in it.
  - The server counts what an account uses on all hosts together. So the figures of the hosts are not added, the highest
    is the account's; the sessions that use it are added. Accounts are known as one by RV(ignore:identity_digest).
  - A login that stands on two hosts was copied, and is a warning.
  - Control characters and the paths of homes are left out of every text. The texts are not escaped for HTML.
  - Written for the playbook C(secuaas.claude.status).
positional: _input
options:
  _input:
    description: The registered result of the module by the name of the host.
    type: dict
    required: true
  addresses:
    description: Keep the mail addresses of the accounts, if the results have them.
    type: bool
    default: false
  now:
    description: The time of the report, in ISO 8601. The default is the current time.
    type: str
"""

EXAMPLES = r"""
- name: Read the status
  secuaas.claude.claude_failover_info:
  register: claude

- name: Show the hosts that need a person
  ansible.builtin.debug:
    msg: "{{ (report.hosts | rejectattr('level', 'eq', 'ok')) | map(attribute='name') }}"
  vars:
    report: "{{ {inventory_hostname: claude} | secuaas.claude.claude_failover_fleet }}"
"""

RETURN = r"""
_value:
  description:
    - C(hosts), worst first, each with C(level) (C(error), C(warning) or C(ok)), C(state), C(problems), C(active) (the
      account in use), C(accounts), C(sessions) by state, C(session_list), C(queue) and C(last_switch).
    - C(accounts) by who they are, over all hosts. C(warnings), such as a copied login. C(summary), the numbers.
    - Times are in UTC, to the minute.
  type: dict
  sample:
    time: 2026-11-26 07:30
    summary: {hosts: 1, error: 0, warning: 0, ok: 1, sessions: {idle: 2}, accounts: 2}
    hosts: [{name: vm1, level: ok, state: running}]
    accounts: [{identity_digest: 6f1de0c1f0a7b2c3, name: compte1, hosts: [vm1]}]
    warnings: []
"""


def report_on_fleet(answers: Mapping[str, Any], addresses: bool = False, now: Optional[str] = None) -> dict[str, Any]:
    """Return the report. Raises AnsibleFilterError for answers that are no dictionary, and for a time that is none."""
    if not isinstance(answers, Mapping):
        raise AnsibleFilterError("found %r; expected a dictionary of results by host" % (answers,))
    time = datetime.now(timezone.utc) if now is None else moment(now)
    if time is None:
        raise AnsibleFilterError("now: found %r; expected a time in ISO 8601" % (now,))
    return fleet_report(answers, time, addresses is True)


class FilterModule:
    """Provide the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"claude_failover_fleet": report_on_fleet}
