# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let Claude Code trust the folders of the sessions, in every account home that none of them uses."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_failover_trust
short_description: Let Claude Code accounts trust the folders that sessions start in
version_added: 0.4.0
author:
  - secuaas.claude contributors (@secuaas)
description:
  - A session of Claude Code that starts in a folder which its account has not been asked about before asks whether to
    trust it, and waits. This module answers beforehand. It adds the key that says yes to the file V(.claude.json) of
    every account home, for each of the O(folders) for which that file has no such key.
  - A key that is there stays as it is, whatever it says. Everything else in the file stays as it is too, and so do its
    owner and mode. A file that is missing is made, with nothing but these keys.
  - A home that a running session uses is left alone, for the session would overwrite the file. So is the home that
    O(active_link) leads to, while any session runs. Run again once the sessions have ended.
  - Trust lets Claude Code run what the folder's own settings ask for. Name only folders whose content you trust.
  - Nothing of the content of a file is ever shown.
extends_documentation_fragment:
  - secuaas.claude.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The file holds an account's identity, which is not to be shown.
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
    details:
      - Debian 12 and 13, Ubuntu 22.04 and 24.04 are tested.
options:
  account_homes:
    description: The configuration directories of the accounts, as absolute paths.
    type: list
    elements: str
    required: true
  active_link:
    description: The link to the home of the active account, as an absolute path. It may be missing.
    type: str
    required: true
  folders:
    description: The folders that sessions start in, as absolute paths.
    type: list
    elements: str
    required: true
  owner:
    description:
      - The user, by name or number, whose homes they are.
      - If the module runs as root, everything is looked at and written by a child process that has the ids and groups
        of this user only. Links that the user plants can therefore not make root read or write elsewhere.
      - In check mode, a user that does not exist yet is taken for one that will.
    type: str
    required: true
seealso:
  - module: secuaas.claude.claude_shared_symlinks
"""

EXAMPLES = r"""
- name: Let both accounts trust the folder of the sessions
  secuaas.claude.claude_failover_trust:
    account_homes:
      - /home/claude/.claude-compte1
      - /home/claude/.claude-compte2
    active_link: /home/claude/.claude
    folders:
      - /srv/work
    owner: claude
  become: true
"""

RETURN = r"""
homes:
  description: What became of every account home, in the order of O(account_homes).
  returned: always, but empty if the arguments are refused before anything is looked at
  type: list
  elements: dict
  contains:
    home:
      description: The account home, as given.
      type: str
      sample: /home/claude/.claude-compte1
    status:
      description:
        - V(ok) is a home in which no key was absent.
        - V(added) is one in which keys have been added. In check mode it is V(missing).
        - V(in_use) is one that was left alone because of a running session.
        - V(error) is one whose file could not be read, understood or written, and was left as it was.
      type: str
      sample: added
    folders:
      description: The folders, with links in their paths followed, whose key was added, or in check mode would be.
      type: list
      elements: str
      sample: [/srv/work]
    declined:
      description: The folders with a key that says something else than yes. It was left as it is.
      type: list
      elements: str
      sample: []
    detail:
      description: Why nothing was done, for V(in_use) and V(error).
      type: str
      sample: ""
failures:
  description: What is wrong, one text for each home that could not be seen to. Empty on success.
  returned: always
  type: list
  elements: str
  sample: []
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils import _account_trust, _run_as


def main() -> None:
    """Run the module."""
    paths = {"type": "list", "elements": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "account_homes": paths,
            "active_link": {"type": "str", "required": True},
            "folders": paths,
            "owner": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    homes, folders = module.params["account_homes"], module.params["folders"]
    active_link, owner = module.params["active_link"], module.params["owner"]
    unusable = [path for path in [*homes, *folders, active_link] if not os.path.isabs(path) or "\0" in path]
    failures = [f"found {path!r}, expected an absolute path" for path in unusable]
    if not homes:
        failures.append("account_homes: found an empty list, expected at least one absolute path")
    user = _run_as.find_user(owner)
    if user is None and not module.check_mode:
        failures.append(f"owner: found no user {owner!r} on this host, expected one that exists; create it first")
    if failures:
        module.fail_json(msg="\n- ".join(["trust:", *failures]), homes=[], failures=failures)

    def work() -> list[_account_trust.HomeReport]:
        return _account_trust.seed(homes, folders, active_link, check_mode=module.check_mode)

    try:
        rows = work() if user is None else _run_as.run_as(user, work)
        reports = [_account_trust.HomeReport(*row) for row in rows]
    except _run_as.RunAsError as error:
        module.fail_json(msg=f"trust: {error}", homes=[], failures=[str(error)])
    failures = [f"{report.home}: {report.detail}" for report in reports if report.status == _account_trust.ERROR]
    result = {
        "changed": any(report.status in (_account_trust.ADDED, _account_trust.MISSING) for report in reports),
        "homes": [report._asdict() for report in reports],
        "failures": failures,
    }
    if failures:
        module.fail_json(msg="\n- ".join(["trust:", *failures]), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
