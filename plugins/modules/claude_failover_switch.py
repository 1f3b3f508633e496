# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch the Claude Code sessions of a host to another account."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_failover_switch
short_description: Switch the Claude Code sessions of a host to another account
version_added: 0.4.0
author:
  - secuaas.claude contributors (@secuaas)
description:
  - Asks the claude-failover daemon to switch, as C(claude-failover switch) does, and waits until it has. Running
    sessions move with the link, and those that stand at a limit go on.
  - The daemon decides. It refuses divergent links and a dead login always, and an exhausted account without O(force).
extends_documentation_fragment:
  - secuaas.claude.attributes
  - secuaas.claude.attributes.control_socket
attributes:
  check_mode:
    support: full
    details:
      - Asks the daemon for a dry run, and fails where the daemon would refuse.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A switch to the O(account) that is active already is no change. Without O(account) every run switches.
  platform:
    support: full
    platforms: posix
    details:
      - Tested on Debian 12 and 13, made for Ubuntu 22.04 and 24.04 too.
options:
  account:
    description:
      - The name of the account to switch to. One whose name is an address can be called by its label too, such as
        V(account-2), as events, metrics and M(secuaas.claude.claude_failover_info) call it.
      - The default is the one that the daemon chooses by its strategy.
    type: str
  reason:
    description: The reason to record in the history.
    type: str
  force:
    description: Switch to an account that is exhausted or banned too.
    type: bool
    default: false
  timeout:
    description:
      - The most seconds that the module waits for the outcome. A switch may wait for a login that is being refreshed.
      - If they are over, the module fails, and the daemon goes on.
    type: int
    default: 90
seealso:
  - module: secuaas.claude.claude_failover_info
"""

EXAMPLES = r"""
- name: Use the second account
  secuaas.claude.claude_failover_switch:
    account: compte2
    reason: compte1 is needed elsewhere
  become: true
"""

RETURN = r"""
outcome:
  description:
    - V(switched), or V(stayed) where the account was active already. In check mode, what it would be.
    - V(refused) or V(failed) where the module fails, V(unknown) where the daemon did not tell in time.
  returned: always
  type: str
  sample: switched
detail:
  description: The reason of the outcome, in the daemon's words.
  returned: always
  type: str
  sample: 'by hand: compte1 is needed elsewhere; compte2: not exhausted'
from_account:
  description: The active account before. V(null) where there was none, or where the daemon did not tell.
  returned: always
  type: str
  sample: compte1
to_account:
  description: The account switched to, or stayed with. V(null) where there is none.
  returned: always
  type: str
  sample: compte2
record:
  description:
    - The record of the switch, as in the history, and in check mode the candidates too. Empty where the daemon refuses.
  returned: always
  type: dict
  sample: {id: 1f0c6a3be5d24788, reason: manual, outcome: switched, seconds: 0.021}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils._daemon_client import (
    DaemonClient,
    expect_object,
    readable,
    socket_options,
)
from ansible_collections.secuaas.claude.plugins.module_utils._status_facts import switch_facts
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import ControlError, NoAnswer

SWITCHED = "switched"
STAYED = "stayed"


def switch_result(record: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a switch from its record."""
    parts = {key: record.get(key) for key in ("outcome", "detail", "from_account", "to_account")}
    before, after = (f"active account: {record.get(key)}\n" for key in ("from_account", "to_account"))
    switched = record["outcome"] == SWITCHED
    diff = {"before": before, "after": after if switched else before}
    return {"changed": switched, **parts, "record": switch_facts(record), "diff": diff}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **socket_options(timeout=90),
            "account": {"type": "str"},
            "reason": {"type": "str"},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    options = {key: module.params[key] for key in ("account", "reason") if module.params[key] is not None}
    options.update(force=module.params["force"], dry_run=module.check_mode)
    nothing: dict[str, Any] = {"from_account": None, "to_account": None, "record": {}}
    try:
        client = DaemonClient(module.params["control_socket"], module.params["timeout"])
        result = switch_result(expect_object("switch", client.ask("switch", options), "outcome"))
    except NoAnswer as error:
        detail = f"{readable(str(error))}; the daemon may go on. Run this again to see: an active account is no change"
        module.fail_json(msg=detail, outcome="unknown", detail=detail, **nothing)
    except ControlError as error:
        detail = readable(str(error))
        outcome = "failed" if detail.startswith("failed") else "refused"
        module.fail_json(msg=detail, outcome=outcome, detail=detail, **nothing)
    if result["outcome"] not in (SWITCHED, STAYED):
        module.fail_json(msg=f"{result['outcome']}: {result['detail']}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
