# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Return the status of the claude-failover daemon of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_failover_info
short_description: Return the status of the claude-failover daemon of a host
version_added: 0.4.0
author:
  - secuaas.claude contributors (@secuaas)
description:
  - Returns what the daemon knows of its accounts, sessions, switches and tasks, as C(claude-failover status --json)
    does.
  - A host on which no daemon runs is an answer too, with RV(running=false) and the reason.
  - No prompt and no token is returned, no text of a screen, and no address unless O(addresses=true). An account that is
    called by its address is then V(account-1), by its place in the configuration.
extends_documentation_fragment:
  - secuaas.claude.attributes
  - secuaas.claude.attributes.control_socket
attributes:
  check_mode:
    support: full
    details:
      - Changes nothing.
  diff_mode:
    support: none
    details:
      - Changes nothing.
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
    details:
      - Tested on Debian 12 and 13, made for Ubuntu 22.04 and 24.04 too.
options:
  addresses:
    description: Return the mail addresses and the names of organizations of the accounts too.
    type: bool
    default: false
  tasks:
    description: Return the tasks of the queue too, without their prompts.
    type: bool
    default: false
  timeout:
    description: The most seconds that the module waits for the daemon's answers, all together.
    type: int
    default: 10
seealso:
  - module: secuaas.claude.claude_failover_switch
  - module: secuaas.claude.claude_failover_dispatch
"""

EXAMPLES = r"""
- name: Read the status of the daemon
  secuaas.claude.claude_failover_info:
  become: true
  register: claude

- name: Show the account in use
  ansible.builtin.debug:
    msg: "{{ claude.status.active_account if claude.running else claude.reason }}"

- name: Fail if a session needs a person
  ansible.builtin.assert:
    that: claude.status.sessions | selectattr('state', 'in', ['down', 'waiting']) | length == 0
  when: claude.running
"""

RETURN = r"""
running:
  description: Whether a daemon has answered.
  returned: always
  type: bool
  sample: true
reason:
  description: Why RV(running) is V(false). Empty where a daemon has answered.
  returned: always
  type: str
  sample: ""
status:
  description: The status. Empty where no daemon has answered. Times are in UTC.
  returned: always
  type: dict
  contains:
    version:
      description: The version of the daemon.
      type: str
      sample: 0.4.0
    started_at:
      description: The time at which the daemon was started.
      type: str
      sample: '2026-11-26T07:30:00.000Z'
    active_account:
      description: The account that the active link leads to. V(null) for none.
      type: str
      sample: compte1
    accounts:
      description: The accounts, in the order of the configuration.
      type: list
      elements: dict
      contains:
        name:
          description: The name of the account.
          type: str
          sample: compte1
        active:
          description: Whether the active link leads to its home.
          type: bool
        login:
          description: The login, V(ok), V(missing), V(expired) or V(unknown).
          type: str
          sample: ok
        login_expires_at:
          description: The last moment of the login. V(null) where Claude Code has written none.
          type: str
          sample: '2026-12-20T07:30:00.000Z'
        identity:
          description: Who it is. Only V(plan) unless O(addresses=true). V(null) where that is not known.
          type: dict
          sample: {plan: claude_max}
        identity_digest:
          description: A text that is the same on every host on which the account is logged in.
          type: str
          sample: 6f1de0c1f0a7b2c3
        login_digest:
          description: A text that is the same on two hosts only where one login was copied.
          type: str
          sample: 0b7e44d1a9c35f20
        exhausted:
          description: The limits by which the account is out of usage, each with RV(ignore:limit) and RV(ignore:until).
          type: list
          elements: dict
          sample: [{limit: five_hour, until: '2026-11-26T12:00:00.000Z'}]
        used_percent:
          description: The per cent used of each window, as the server has told.
          type: dict
          sample: {five_hour: 62, seven_day: 18}
    sessions:
      description: The sessions, as people count.
      type: list
      elements: dict
      contains:
        name:
          description: The name of the session in tmux.
          type: str
          sample: main
        state:
          description: V(starting), V(idle), V(busy), V(waiting), V(limited), V(resuming), V(down) or V(other).
          type: str
          sample: idle
        reason:
          description: The reason of a state that needs a person. V(null) for none.
          type: str
        dedicated:
          description: Whether the session never gets a task.
          type: bool
        in_pool:
          description: Whether the session may get tasks.
          type: bool
        account:
          description: The account that it uses.
          type: str
          sample: compte1
    queue:
      description: The number of tasks by state.
      type: dict
      sample: {queued: 0, sent: 0, accepted: 1, done: 7, failed: 0, cancelled: 0}
    last_switch:
      description: The record of the last switch. V(null) for none.
      type: dict
      sample: {from_account: compte1, to_account: compte2, outcome: switched, reason: limit}
    suspended:
      description: Why no switch is made. V(null) where switches are made.
      type: str
    open_events:
      description: What has begun and is not over, worst first. The daemon's other events are in its event log.
      type: list
      elements: dict
      sample: [{event: session_down, severity: error, session: pool-1, summary: session pool-1 is down}]
    blind:
      description: The sources that do not work.
      type: list
      elements: dict
      sample: []
tasks:
  description: The tasks of the queue, oldest first, without their prompts.
  returned: if O(tasks=true)
  type: list
  elements: dict
  sample: [{id: 4c6c5b0e, state: accepted, session: pool-1, request_id: nightly-2026-11-26}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils import _status_facts
from ansible_collections.secuaas.claude.plugins.module_utils._daemon_client import (
    DaemonClient,
    expect_rows,
    readable,
    socket_options,
)
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import ControlError, NotRunning


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **socket_options(timeout=10),
            "addresses": {"type": "bool", "default": False},
            "tasks": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    options = module.params
    tasks: list[dict[str, Any]] = []
    result: dict[str, Any] = {"running": False, "reason": "", "status": {}}
    try:
        client = DaemonClient(options["control_socket"], options["timeout"])
        status = _status_facts.status_facts(client.ask("status"), options["addresses"])
        if options["tasks"]:
            tasks = expect_rows("queue", client.ask("queue"), "id", "state")
    except NotRunning as error:
        result["reason"] = readable(str(error))
    except ControlError as error:
        result["reason"] = readable(str(error))
        module.fail_json(msg=result["reason"], **result)
    else:
        result.update(running=True, status=status)
    if options["tasks"]:
        result["tasks"] = [_status_facts.task_facts(row) for row in tasks]
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
