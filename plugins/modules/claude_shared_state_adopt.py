# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopt the home of a machine on which Claude Code is in use."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_shared_state_adopt
short_description: Make the Claude Code home of a machine in use that of the first account
version_added: 0.4.0
author:
  - secuaas.claude contributors (@secuaas)
description:
  - On a machine where Claude Code is in use, O(active_link) is a folder, and conversations lie in it. This module makes
    that folder the home of the first account, puts the link in its place, and moves what O(links) names in every
    account home, conversations and the person's settings, to the shared targets.
  - Nothing is lost. A copy is compared with its original, and the original stays under a name that ends in
    V(.before-adoption-) and the date, beside the place that it had, with all that it held, API keys too. It may be
    removed once everything works and the daemon has started. Only the login, V(.credentials.json), is moved by a
    rename, so that it never exists twice.
  - Of two files of one name the longer one stays if the other is its beginning. Otherwise both stay, that of a later
    home as V(<name>.kept-<home>), and a notice tells it. The home in use comes before the accounts, in their order.
    What a shared file is made with, such as an empty JSON object, counts as the beginning of every file.
  - Deny rules of a V(settings.json) that is kept so are not in force. That is told before everything else, by the name
    of the file, and again by each run until they are in the one that is used, or the kept one is gone.
  - A file of a home that a command in the shared V(settings.json) or V(.claude.json) names by O(active_link), and that
    another home lacks, such as the script of a hook, is told by its name, and again by each run until no home lacks it.
    It may be moved to V(hooks), which homes can share, or to a folder outside of the homes.
  - The state file beside the folder, V(~/.claude.json), is copied into the home, and replaced by a link to the copy, so
    that a session started by hand sees the same. Where the homes share it, that is a link to the shared file. If the
    home has a state file already, the keys that it lacks are added, but none that holds an API key.
  - A V(.claude.json) that O(links) names becomes that of all homes. It has the keys of every home, the identity of the
    active account only, and no API key. A server or another entry is never made of two.
  - If the first account's home exists too, what it holds is brought into the home in use.
  - A link of a dotfiles manager in the place of an entry that is to be shared is refused, with the way to share what it
    leads to, which is then neither moved nor changed. A relative link in the home is refused where the first account's
    home is in another folder, so that it would lead elsewhere.
  - Refused, before anything is touched, while a session of Claude Code uses one of the homes, if a link leads
    elsewhere, if both homes hold a login, if a home holds V(.config.json), which Claude Code reads instead of its state
    file, if a folder that is to hold a home is missing, or if there is no space for the copies.
  - A run that was interrupted is finished by the next one. A second run changes nothing.
extends_documentation_fragment:
  - secuaas.claude.attributes
attributes:
  check_mode:
    support: full
    details:
      - The result names every file that a run would touch.
  diff_mode:
    support: full
    details:
      - Shows the steps, with the names of files and never their content.
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
    details:
      - Tested on Debian 12 and 13, made for Ubuntu 22.04 and 24.04 too.
options:
  account_homes:
    description:
      - The configuration directories of the accounts, as absolute paths.
      - The folder at O(active_link) becomes the first one. Of the others, those that exist are looked at for
        what O(links) names.
    type: list
    elements: str
    required: true
  active_link:
    description:
      - The link to the home of the active account, as an absolute path; the folder that Claude Code uses so far.
      - Its state file is looked for beside it only where its name is V(.claude).
    type: str
    required: true
  shared_root:
    description: The directory that holds the shared folders, which are named V(.claude-<name>-shared).
    type: str
    default: /home/ubuntu
  links:
    description:
      - The links that every account home must have, to shared folders and files.
      - Targets and links that are missing are made in every home that exists. A login or a lock is refused.
      - The default is the three that Claude Code needs, V(session-env), V(file-history) and V(projects).
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the link in the account home.
        type: str
        required: true
      target:
        description:
          - The shared folder or file, as an absolute path.
          - The default is V(.claude-<name>-shared) under O(shared_root).
        type: str
      kind:
        description:
          - What the target is, and what is expected in the place of the link. Of a V(file) that is shared only its
            owner has rights.
        type: str
        choices: [directory, file]
        default: directory
  owner:
    description:
      - The user, by name or number, who owns the homes.
      - If the module runs as root, a child process with only the ids and groups of this user reads and writes
        everything. Links that the user plants can therefore not make root read or write elsewhere.
      - In check mode, a user that does not exist yet counts as one that will, and has nothing to adopt.
    type: str
    required: true
seealso:
  - module: secuaas.claude.claude_shared_symlinks
"""

EXAMPLES = r"""
- name: Adopt the home of a user who has used Claude Code so far
  secuaas.claude.claude_shared_state_adopt:
    account_homes:
      - /home/ubuntu/.claude-compte1
      - /home/ubuntu/.claude-compte2
    active_link: /home/ubuntu/.claude
    owner: ubuntu
  become: true

- name: Bring the settings of its accounts together too
  secuaas.claude.claude_shared_state_adopt:
    account_homes:
      - /home/ubuntu/.claude-compte1
      - /home/ubuntu/.claude-compte2
    active_link: /home/ubuntu/.claude
    links:
      - {name: session-env}
      - {name: file-history}
      - {name: projects}
      - {name: skills}
      - {name: settings.json, kind: file}
      - {name: .claude.json, kind: file}
    owner: ubuntu
  become: true
"""

RETURN = r"""
steps:
  description:
    - The steps that were done, in order, also before a failure. In check mode, those that a run would do.
    - A file in a home is named by the path that the home has at that step.
  returned: always
  type: list
  elements: dict
  contains:
    action:
      description:
        - V(make_folder), V(make_file), V(copy) and V(make_link) make an entry where there was none.
        - V(extend) replaces a file by one of which it is the beginning.
        - V(keep) gives a file a second, dated name, before V(write) replaces a state file by a merged one, or
          V(replace) replaces a file by a link.
        - V(move) renames a file or a folder.
        - V(clear) removes what an interrupted run has left of a file that it was writing.
      type: str
      sample: copy
    path:
      description: The entry that the step makes, replaces or removes.
      type: str
      sample: /home/ubuntu/.claude-projects-shared/-srv-work/0d3c.jsonl
    source:
      description: The path that it is made from, or the text of a link. Empty where there is none.
      type: str
      sample: /home/ubuntu/.claude/projects/-srv-work/0d3c.jsonl
    line:
      description: The step in words.
      type: str
      sample: copy /home/ubuntu/.claude.json -> /home/ubuntu/.claude/.claude.json
notices:
  description:
    - What the operator has to know. Deny rules that are not in force, scripts that a home lacks, files that are both
      kept, entries that are not copied and stay with the original, and the names of keys that are not merged.
  returned: always
  type: list
  elements: str
  sample: []
failures:
  description: The reasons why the machine is not adopted, or why the run has stopped. Empty on success.
  returned: always
  type: list
  elements: str
  sample: []
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_run import (
    adopt,
    cli_users,
    packed,
    root_problems,
    unpacked,
)
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import AdoptionRequest
from ansible_collections.secuaas.claude.plugins.module_utils._run_as import Progress, RunAsError, find_user, run_as
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import DEFAULT_SHARED_ROOT, required_links

DEADLINE = 3600.0
"""Seconds for the whole adoption; the copies of a year of conversations take minutes; the next run does the rest."""
IDLE = 300.0
"""Seconds for a step, such as the copy of a conversation: the user can stop the process that does it."""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "account_homes": {"type": "list", "elements": "str", "required": True},
            "active_link": {"type": "str", "required": True},
            "shared_root": {"type": "str", "default": DEFAULT_SHARED_ROOT},
            "links": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "target": {"type": "str"},
                    "kind": {"type": "str", "choices": ["directory", "file"], "default": "directory"},
                },
            },
            "owner": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    owner = module.params["owner"]
    request = AdoptionRequest(
        homes=tuple(module.params["account_homes"]),
        active_link=module.params["active_link"],
        links=required_links(module.params["shared_root"], module.params["links"]),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    user = find_user(owner)
    result: dict[str, Any] = {"steps": [], "notices": [], "failures": []}
    if user is not None:
        result["failures"] = root_problems(request, user.pw_uid)
        try:
            if not result["failures"]:
                seen, progress = cli_users(request), Progress(IDLE)

                def work() -> str:
                    return packed(adopt(request, check_mode=module.check_mode, seen=seen, progress=progress))

                result = unpacked(run_as(user, work, DEADLINE, progress))
        except RunAsError as error:
            result["failures"] = [f"{error}; run again: nothing is lost, and the next run does the rest"]
    elif not module.check_mode:
        result["failures"] = [f"owner: found no user {owner!r} on this host, expected one that exists; create it first"]
    result["changed"] = bool(result["steps"])
    if module._diff and result["steps"]:
        result["diff"] = {"prepared": "".join(step["line"] + "\n" for step in result["steps"])}
    if result["failures"]:
        module.fail_json(msg="\n- ".join(["adopt:", *result["failures"]]), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
