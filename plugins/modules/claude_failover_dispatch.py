# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dispatch a task to a Claude Code session of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_failover_dispatch
short_description: Dispatch a task to a Claude Code session of a host
version_added: 0.4.0
author:
  - secuaas.claude contributors (@secuaas)
description:
  - Asks the claude-failover daemon to send a prompt to an idle session of its pool, as C(claude-failover dispatch)
    does. If none is idle, the task waits in the queue, which survives restarts.
  - The pool is every configured session that is not dedicated and runs the Claude CLI. A dedicated session never gets a
    task, nor does one that was started by hand.
  - The prompt is in no result and in no log of the managed host.
extends_documentation_fragment:
  - secuaas.claude.attributes
  - secuaas.claude.attributes.control_socket
attributes:
  check_mode:
    support: full
    details:
      - Fails where the daemon would refuse, and names the session that would get the task now.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - The same prompt under the same O(request_id) is the same task. Without O(request_id) every run makes one.
  platform:
    support: full
    platforms: posix
    details:
      - Tested on Debian 12 and 13, made for Ubuntu 22.04 and 24.04 too.
options:
  prompt:
    description: The prompt, at most 256 KiB.
    type: str
    required: true
  session:
    description: The only session that may get the task. A dedicated one is refused.
    type: str
  cwd:
    description: The folder, as an absolute path, in which a session has to work to get the task.
    type: str
  command:
    description:
      - The O(prompt) is a command of Claude Code, such as C(/compact). Without this a prompt that begins with C(/) is
        refused.
    type: bool
    default: false
  request_id:
    description:
      - The name of the request, 1 to 128 printable ASCII characters without blanks. A repeat is the same task, as long
        as the daemon keeps it. With another O(prompt), O(session) or O(cwd) it is refused.
      - The default is a random one, so that a request whose answer is lost can be repeated.
    type: str
  wait:
    description: Wait until the task has ended, and fail if it has failed or was cancelled.
    type: bool
    default: false
  timeout:
    description:
      - The most seconds that the module waits. If they are over before a task has ended that it waits for, the module
        fails, and the task goes on. The same O(request_id) waits for it again.
    type: int
    default: 30
seealso:
  - module: secuaas.claude.claude_failover_info
"""

EXAMPLES = r"""
- name: Have a session of the pool run the tests
  secuaas.claude.claude_failover_dispatch:
    prompt: run the tests and fix what fails
  become: true

- name: Dispatch the nightly task once, however often this runs, and wait an hour for its end
  secuaas.claude.claude_failover_dispatch:
    prompt: "{{ lookup('ansible.builtin.file', 'nightly.md') }}"
    request_id: nightly-2026-11-26
    wait: true
    timeout: 3600
  become: true
"""

RETURN = r"""
task:
  description: The task, without its prompt. Empty where there is none.
  returned: always
  type: dict
  contains:
    id:
      description: The id of the task. V(null) in check mode for a task that is not known.
      type: str
      sample: 4c6c5b0e
    state:
      description: V(queued), V(sent), V(accepted), V(done), V(failed) or V(cancelled).
      type: str
      sample: accepted
    session:
      description: The session that has it, in check mode the one that would get it now. V(null) while it waits.
      type: str
      sample: pool-1
    detail:
      description: What it waits for, or why it has failed.
      type: str
      sample: ""
    prompt_bytes:
      description: The length of the prompt.
      type: int
      sample: 32
    request_id:
      description: The name of the request.
      type: str
      sample: nightly-2026-11-26
    known:
      description: Whether there was a task under this name already. Left out after a wait.
      type: bool
      sample: false
request_id:
  description: The name of the request, with which a repeat is the same task.
  returned: always
  type: str
  sample: nightly-2026-11-26
"""

import secrets
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils._daemon_client import (
    DaemonClient,
    readable,
    socket_options,
)
from ansible_collections.secuaas.claude.plugins.module_utils._status_facts import task_facts
from ansible_collections.secuaas.claude.plugins.module_utils._task_request import (
    FINISHED,
    dispatch_task,
    wait_for_task,
)
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import ControlError

DONE = "done"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **socket_options(timeout=30),
            "prompt": {"type": "str", "required": True, "no_log": True},
            "session": {"type": "str"},
            "cwd": {"type": "str"},
            "command": {"type": "bool", "default": False},
            "request_id": {"type": "str"},
            "wait": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    # no_log keeps the prompt out of the log. In results a short one would blank every text that it occurs in, so it is
    # left out of them instead.
    module.no_log_values.clear()
    prompt = "%d characters, not shown" % len(module.params["prompt"])
    shown = {"invocation": {"module_args": {**module.params, "prompt": prompt}}}
    options = {key: module.params[key] for key in ("prompt", "session", "cwd") if module.params[key] is not None}
    options["request_id"] = (
        secrets.token_hex(16) if module.params["request_id"] is None else module.params["request_id"]
    )
    if module.params["command"]:
        options["command"] = True
    if module.check_mode:
        options["dry_run"] = True
    wait = module.params["wait"] and not module.check_mode
    result: dict[str, Any] = {"request_id": readable(options["request_id"]), "changed": False, **shown}
    task: dict[str, Any] = {}
    try:
        client = DaemonClient(module.params["control_socket"], module.params["timeout"])
        task, result["changed"] = dispatch_task(client, options)
        if wait:
            task = wait_for_task(client, task)
    except ControlError as error:
        module.fail_json(msg=readable(str(error)), task=task_facts(task), **result)
    result["task"] = task_facts(task)
    state, why = task["state"], task.get("detail") or task.get("session")
    if state in FINISHED and state != DONE:
        module.fail_json(msg=f"task {task.get('id')} is {state}: {why}", **result)
    if wait and state not in FINISHED:
        module.fail_json(
            msg=f"task {task.get('id')} is still {state} after {module.params['timeout']} s, and goes on ({why}); to "
            f"wait again, run this with request_id: {result['request_id']}",
            **result,
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
