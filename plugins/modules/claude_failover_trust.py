# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add trust keys for the folders of sessions to Claude Code account homes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_failover_trust
short_description: Make Claude Code accounts trust the folders that sessions start in
version_added: 0.4.0
author:
  - secuaas.claude contributors (@secuaas)
description:
  - A session of Claude Code that starts in a folder for the first time under an account asks whether to trust the
    folder, and waits. This module answers beforehand. In every account home it adds the trust key to the file
    V(.claude.json), for each of the O(folders) that has no such key there.
  - An existing key keeps its value. The rest of the file, its owner and its mode are left as they are. A missing file
    is created with nothing but these keys.
  - A home that a running session uses is left alone, because the session would overwrite the file. So is the home that
    O(active_link) leads to while any session runs. Run the module again once the sessions have ended.
  - If the homes share the file by links to O(shared_file), the keys are added there, once, and while no session runs.
  - Trust lets Claude Code run commands that the folder's own settings name. Give only folders whose content you trust.
  - The content of the files is never shown.
extends_documentation_fragment:
  - secuaas.claude.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The file holds an account's identity, which must not be shown.
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
    details:
      - Tested on Debian 12 and 13, made for Ubuntu 22.04 and 24.04 too.
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
  shared_file:
    description:
      - The file that the homes share, as an absolute path. In a home whose V(.claude.json) is a link with exactly this
        text, the link stays and the file that it leads to is used.
      - Any other link in place of V(.claude.json) is an error, and not followed.
    type: str
    version_added: 0.4.0
  owner:
    description:
      - The user, by name or number, who owns the homes.
      - If the module runs as root, a child process with only the ids and groups of this user reads and writes
        everything. Links that the user plants can therefore not make root read or write elsewhere.
      - In check mode, a user that does not exist yet counts as one that will; then nothing is read.
    type: str
    required: true
seealso:
  - module: secuaas.claude.claude_shared_symlinks
"""

EXAMPLES = r"""
- name: Make both accounts trust the folder of the sessions
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
  description: The result for every account home, in the order of O(account_homes).
  returned: always, but empty if the arguments are refused before anything is read
  type: list
  elements: dict
  contains:
    home:
      description: The account home, as given.
      type: str
      sample: /home/claude/.claude-compte1
    status:
      description:
        - V(ok) is a home in which no key was missing.
        - V(added) is a home in which keys were added. In check mode it is V(missing).
        - V(in_use) is a home that was left alone because of a running session.
        - V(error) is a home whose file could not be read, parsed or written, and was left as it was.
      type: str
      sample: added
    folders:
      description: The folders, with links in their paths followed, whose key was added. In check mode, that would be.
      type: list
      elements: str
      sample: [/srv/work]
    declined:
      description: The folders with a key that has another value than V(true), which was left as it is.
      type: list
      elements: str
      sample: []
    detail:
      description: The reason of V(in_use) and V(error).
      type: str
      sample: ""
failures:
  description: The errors, one text for each home with an error. Empty on success.
  returned: always
  type: list
  elements: str
  sample: []
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils import _account_trust, _run_as
from ansible_collections.secuaas.claude.plugins.module_utils._foreign_text import escaped


def _shown(report: _account_trust.HomeReport) -> dict[str, Any]:
    """Return a report in the form of an Ansible result; the folders' names may be another user's."""
    names = {key: [escaped(folder) for folder in getattr(report, key)] for key in ("folders", "declined")}
    return {**report._asdict(), **names}


def main() -> None:
    """Run the module."""
    required_paths = {"type": "list", "elements": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "account_homes": required_paths,
            "active_link": {"type": "str", "required": True},
            "folders": required_paths,
            "shared_file": {"type": "str"},
            "owner": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    homes, folders = module.params["account_homes"], module.params["folders"]
    active_link, owner = module.params["active_link"], module.params["owner"]
    shared_file = module.params["shared_file"]
    paths = [*homes, *folders, active_link, *filter(None, [shared_file])]
    unusable = [path for path in paths if not os.path.isabs(path) or "\0" in path]
    failures = [f"found {path!r}, expected an absolute path" for path in unusable]
    if not homes:
        failures.append("account_homes: found an empty list, expected at least one absolute path")
    user = _run_as.find_user(owner)
    if user is None and not module.check_mode:
        failures.append(f"owner: found no user {owner!r} on this host, expected one that exists; create it first")
    if failures:
        module.fail_json(msg="\n- ".join(["trust:", *failures]), homes=[], failures=failures)

    def work() -> list[_account_trust.HomeReport]:
        return _account_trust.seed(homes, folders, active_link, shared_file=shared_file, check_mode=module.check_mode)

    try:
        rows = _account_trust.foresee(homes, folders) if user is None else _run_as.run_as(user, work)
        reports = [_account_trust.HomeReport(*row) for row in rows]
    except _run_as.RunAsError as error:
        module.fail_json(msg=f"trust: {error}", homes=[], failures=[str(error)])
    failures = [f"{report.home}: {report.detail}" for report in reports if report.status == _account_trust.ERROR]
    result = {
        "changed": any(report.status in (_account_trust.ADDED, _account_trust.MISSING) for report in reports),
        "homes": [_shown(report) for report in reports],
        "failures": failures,
    }
    if failures:
        module.fail_json(msg="\n- ".join(["trust:", *failures]), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
