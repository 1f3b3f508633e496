# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the session of a fleet that the playbook dispatch gives a task to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Optional

from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_choice import TaskWish, choose_session

DOCUMENTATION = r"""
name: claude_failover_fleet_choice
author:
  - secuaas.claude contributors (@secuaas)
short_description: Choose the session of a fleet for a task
version_added: 0.4.0
description:
  - Chooses the least busy session that fits, from what M(secuaas.claude.claude_failover_info) has returned of each
    host. Only sessions that may get tasks are chosen, so never a dedicated one.
  - A session that is idle comes before one that is not, an account that can be used before one that is exhausted, then
    the host with the fewest unfinished tasks and busy sessions for its pool, then the account of which less is used.
  - Written for the playbook C(secuaas.claude.dispatch).
positional: _input
options:
  _input:
    description:
      - The registered result of the module by the name of the host. If a O(request_id) is asked for, with
        RV(secuaas.claude.claude_failover_info#module:tasks).
    type: dict
    required: true
  session:
    description: The only session that may get the task.
    type: str
  cwd:
    description: The folder in which a session has to work to get the task.
    type: str
  request_id:
    description:
      - The name of the request. If a host has its task already, it is that host. If a host has not answered, it may
        have the task, so none is chosen.
    type: str
"""

EXAMPLES = r"""
- name: Read the status
  secuaas.claude.claude_failover_info:
  register: claude

- name: Show where a task would go
  ansible.builtin.debug:
    msg: "{{ {inventory_hostname: claude} | secuaas.claude.claude_failover_fleet_choice(cwd='/srv/work') }}"
"""

RETURN = r"""
_value:
  description:
    - C(host) and C(session), with C(why). C(session) is V(null) where none is idle, so that the first that is gets it.
      C(host) is V(null) where no session fits.
    - C(known) tells that the host has the task of the request already.
  type: dict
  sample: {host: vm2, session: pool-1, why: it is idle; 0 of 2 sessions of the pool are busy there, known: false}
"""


def choose_in_fleet(
    answers: Mapping[str, Any],
    session: Optional[str] = None,
    cwd: Optional[str] = None,
    request_id: Optional[str] = None,
) -> dict[str, Any]:
    """Return the choice. Raises AnsibleFilterError for answers that are no dictionary."""
    if not isinstance(answers, Mapping):
        raise AnsibleFilterError("found %r; expected a dictionary of results by host" % (answers,))
    return choose_session(answers, TaskWish(session or None, cwd or None, request_id or None))


class FilterModule:
    """Provide the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"claude_failover_fleet_choice": choose_in_fleet}
