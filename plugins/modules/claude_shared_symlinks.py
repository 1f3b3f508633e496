# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create the links by which the homes of several Claude Code accounts share one state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_shared_symlinks
short_description: Create the links by which Claude Code accounts share their state
version_added: 0.4.0
author:
  - secuaas.claude contributors (@secuaas)
description:
  - A conversation of Claude Code can continue under another account only if both accounts keep it in the same
    place. This module gives every account home a link to one shared directory for each of V(projects),
    V(session-env) and V(file-history), or for the given O(links), which may lead to files too.
  - Missing account homes, shared directories and files, and links are created. Everything else is left alone. A
    link that leads elsewhere, or a file or directory in the place of a link, is an error and never repaired,
    because it may hold the only copy of an account's sessions.
  - All accounts are processed before the module fails, and the failure lists every error.
  - Homes that were in use before are brought together by M(secuaas.claude.claude_shared_state_adopt).
extends_documentation_fragment:
  - secuaas.claude.attributes
attributes:
  check_mode:
    support: full
    details:
      - Fails on a divergence just as a real run does. Predicts missing rights and read-only file systems, but
        not a full disk.
  diff_mode:
    support: full
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
      - The configuration directories of the accounts, as absolute paths. V(~) and variables are not expanded
        but refused.
      - No two may be the same directory, and none may be inside the target of a link or contain one.
    type: list
    elements: str
    required: true
  shared_root:
    description:
      - The directory that holds the shared directories and files, which are named V(.claude-<name>-shared), without
        the dot of a name that begins with one.
      - Holds the targets of those O(links) that have no O(links[].target).
    type: str
    default: /home/ubuntu
  links:
    description:
      - The links that every account home must have.
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
          - The shared directory or file, as an absolute path. A link is right if its text is exactly this path.
          - The default is V(.claude-<name>-shared) under O(shared_root).
        type: str
      kind:
        description:
          - The kind of the target. It is created as such where it is missing; another kind is an error.
          - A file is created with the permissions 0600, and is empty. If O(links[].name) ends in C(.json), it holds
            C({}), and if it is C(keybindings.json), an empty list of C(bindings).
        type: str
        choices: [directory, file]
        default: directory
  owner:
    description:
      - The user, by name or number, who owns everything that is created. Existing entries keep their owner.
      - If the module runs as root, a child process with only the ids and groups of this user reads and creates
        everything. Links that the user plants can therefore not make root write elsewhere. The user must have
        write permission in the directory above each missing entry.
      - In check mode, a user that does not exist yet counts as one that will.
      - The default is the user as whom the module runs. Root is then refused where another user can change a folder
        of the paths.
    type: str
  group:
    description:
      - The group, by name or number, of everything that is created. With O(owner) it must be one of the groups
        of that user.
      - In check mode, a group that does not exist yet counts as one that will.
    type: str
  mode:
    description:
      - The permissions of created directories, in octal, whatever the umask. Existing directories keep theirs.
      - Write it in quotes, or YAML may read it as another number.
    type: raw
    default: '0700'
seealso:
  - module: secuaas.claude.claude_shared_state_adopt
  - module: ansible.builtin.file
"""

EXAMPLES = r"""
- name: Share the conversations of two accounts
  secuaas.claude.claude_shared_symlinks:
    account_homes:
      - /home/ubuntu/.claude-compte1
      - /home/ubuntu/.claude-compte2

- name: Share the conversations of another user's accounts, as root
  secuaas.claude.claude_shared_symlinks:
    account_homes:
      - /home/claude/.claude-compte1
      - /home/claude/.claude-compte2
    shared_root: /home/claude
    owner: claude
    group: claude
  become: true

- name: Share the status of running sessions and the settings too, and keep the conversations on another disk
  secuaas.claude.claude_shared_symlinks:
    account_homes: "{{ accounts }}"
    shared_root: /home/claude
    links:
      - name: session-env
      - name: file-history
      - name: sessions
      - name: settings.json
        kind: file
      - name: projects
        target: /srv/claude/projects
    owner: claude
"""

RETURN = r"""
links:
  description: Every link of every account home, in the order of O(account_homes) and O(links).
  returned: always, but empty if the arguments are refused before anything is read
  type: list
  elements: dict
  contains:
    account_home:
      description: The account home, as given.
      type: str
      sample: /home/ubuntu/.claude-compte1
    name:
      description: The name of the link.
      type: str
      sample: projects
    path:
      description: The path of the link.
      type: str
      sample: /home/ubuntu/.claude-compte1/projects
    target:
      description: The text that the link must have.
      type: str
      sample: /home/ubuntu/.claude-projects-shared
    found:
      description:
        - The previous entry. The text of a link, or in words the kind of another entry. V(null) for no entry.
        - Control characters and what a terminal hides are shown as escapes such as V(\\n), and bytes that are not UTF-8
          as V(\\xNN).
      type: str
      sample: /home/ubuntu/.claude-projects-shared
    status:
      description:
        - V(ok) is a link that was right.
        - V(created) is a link that was missing and was created. In check mode it is V(missing).
        - V(divergent) is a link with another text, and V(not_a_symlink) is an entry that is no link. Both are
          left as they are.
        - V(error) is a link that could not be read or created, or whose target is of another kind.
      type: str
      sample: ok
    kind:
      description: The kind of the target, V(directory) or V(file).
      type: str
      sample: directory
created:
  description: Every directory, file and link that was created, in order. In check mode, that would be.
  returned: always
  type: list
  elements: str
  sample:
    - /home/ubuntu/.claude-compte2
    - /home/ubuntu/.claude-compte2/projects
failures:
  description: The errors, each with what was found, what was expected and what to do. Empty on success.
  returned: always
  type: list
  elements: str
  sample: []
"""

import os
from collections.abc import Iterable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils._path_owner import ROOT, describe_owner, path_owner
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    DEFAULT_SHARED_ROOT,
    DIRECTORY,
    KINDS,
    NOT_A_SYMLINK,
    SharedSymlinkError,
    parse_mode,
    required_links,
    result_of,
    validate_all,
)

ADOPT = (
    "\nThe playbook secuaas.claude.adopt (playbooks/adopt.yml) brings homes in use together, once the sessions in them "
    "have ended, and loses nothing; with --check it tells what it would do"
)
"""What the failure ends with where an entry of a home is in a link's place."""


def check_only_root_decides(paths: Iterable[str]) -> None:
    """Refuse paths that another user than root can lead elsewhere. Raises SharedSymlinkError."""
    try:
        owners = [path_owner(path) for path in paths if os.path.isabs(path) and "\0" not in path]
    except OSError as error:
        raise SharedSymlinkError([f"{error.filename!r} cannot be followed: {error.strerror}"]) from None
    problems = [
        f"owner: found none, and {describe_owner(owner)}; expected owner to name the user of the accounts, because "
        "root makes nothing in a folder that somebody else can change"
        for owner in owners
        if owner.uid != ROOT
    ]
    if problems:
        raise SharedSymlinkError(dict.fromkeys(problems))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "account_homes": {"type": "list", "elements": "str", "required": True},
            "shared_root": {"type": "str", "default": DEFAULT_SHARED_ROOT},
            "links": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "target": {"type": "str"},
                    "kind": {"type": "str", "default": DIRECTORY, "choices": list(KINDS)},
                },
            },
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "raw", "default": "0700"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        links = required_links(options["shared_root"], options["links"])
        if options["owner"] is None and os.geteuid() == ROOT:
            check_only_root_decides([*options["account_homes"], *(link.target for link in links)])
        reports = validate_all(
            options["account_homes"],
            links,
            check_mode=module.check_mode,
            owner=options["owner"],
            group=options["group"],
            mode=parse_mode(options["mode"]),
        )
    except SharedSymlinkError as exc:
        result = result_of(exc.reports)
        in_use = any(link["status"] == NOT_A_SYMLINK for link in result["links"])
        module.fail_json(msg=str(exc) + (ADOPT if in_use else ""), failures=exc.failures, **result)
    module.exit_json(failures=[], **result_of(reports))


if __name__ == "__main__":
    main()
