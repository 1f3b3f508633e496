# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the links by which the homes of several Claude Code accounts share one state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_shared_symlinks
short_description: Make the links by which Claude Code accounts share their state
version_added: 0.4.0
author:
  - secuaas.claude contributors (@secuaas)
description:
  - A conversation of Claude Code can be carried on under another account only if both accounts keep it in
    the same place. This module gives every account home a link to one shared directory for each of
    V(projects), V(session-env) and V(file-history), or for the O(links) you name.
  - Account homes, shared directories and links that are missing are created. Everything else is left alone.
    A link that leads elsewhere, or a file or directory in the place of a link, is an error and never
    repaired, for it may hold the only copy of an account's sessions.
  - All accounts are seen to before the module fails, and the failure names everything that is wrong.
extends_documentation_fragment:
  - secuaas.claude.attributes
attributes:
  check_mode:
    support: full
    details:
      - Fails on a divergence just as a real run does. Foresees missing rights and read-only file systems,
        but not a full disk.
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
    details:
      - Debian 12 and 13, Ubuntu 22.04 and 24.04 are tested.
options:
  account_homes:
    description:
      - The configuration directories of the accounts, as absolute paths. Neither V(~) nor variables are
        expanded, and both are refused.
      - No two may be the same directory, and none may lie in the target of a link or hold one.
    type: list
    elements: str
    required: true
  shared_root:
    description:
      - The directory that holds the shared directories, which are named V(.claude-<name>-shared).
      - Says where the targets of O(links) are that name none.
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
          - The shared directory, as an absolute path. A link is right if its text is exactly this.
          - The default is V(.claude-<name>-shared) under O(shared_root).
        type: str
  owner:
    description:
      - The user, by name or number, who is to own what is created. What exists keeps its owner.
      - If the module runs as root, everything is looked at and created by a child process that has the ids
        and groups of this user only. Links that the user plants can therefore not make root write
        elsewhere. The directory above whatever is missing must be one in which this user may write.
      - In check mode, a user that does not exist yet is taken for one that will.
      - The default is the user as whom the module runs. As root, leave it at that only where root alone can
        write.
    type: str
  group:
    description:
      - The group, by name or number, of what is created. With O(owner) it must be one of the groups of that
        user.
      - In check mode, a group that does not exist yet is taken for one that will.
    type: str
  mode:
    description:
      - The permissions of the directories that are created, in octal, whatever the umask. What exists keeps
        its own.
      - Write it in quotes, lest YAML read it as another number.
    type: raw
    default: '0700'
seealso:
  - module: ansible.builtin.file
"""

EXAMPLES = r"""
- name: Let two accounts share their conversations
  secuaas.claude.claude_shared_symlinks:
    account_homes:
      - /home/ubuntu/.claude-compte1
      - /home/ubuntu/.claude-compte2

- name: Do so for a user of its own, as root
  secuaas.claude.claude_shared_symlinks:
    account_homes:
      - /home/claude/.claude-compte1
      - /home/claude/.claude-compte2
    shared_root: /home/claude
    owner: claude
    group: claude
  become: true

- name: Share the files of running sessions too, and keep the conversations on another disk
  secuaas.claude.claude_shared_symlinks:
    account_homes: "{{ accounts }}"
    shared_root: /home/claude
    links:
      - name: session-env
      - name: file-history
      - name: sessions
      - name: projects
        target: /srv/claude/projects
    owner: claude
"""

RETURN = r"""
links:
  description: Every link of every account home, in the order of O(account_homes) and O(links).
  returned: always, but empty if the arguments are refused before anything is looked at
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
      description: Where the link is.
      type: str
      sample: /home/ubuntu/.claude-compte1/projects
    target:
      description: What the text of the link must be.
      type: str
      sample: /home/ubuntu/.claude-projects-shared
    found:
      description:
        - What was there before. The text of a link, or in words what stood in its place. V(null) for
          nothing.
        - Bytes that are not UTF-8 are shown as V(\\xNN).
      type: str
      sample: /home/ubuntu/.claude-projects-shared
    status:
      description:
        - V(ok) is a link that was right.
        - V(created) is one that was missing and has been made. In check mode it is V(missing).
        - V(divergent) is a link to something else, and V(not_a_symlink) something else than a link; both
          are left as they are.
        - V(error) is a link that could not be looked at or made, or whose target is no directory.
      type: str
      sample: ok
created:
  description: Every directory and link that was created, in order. In check mode, that would be.
  returned: always
  type: list
  elements: str
  sample:
    - /home/ubuntu/.claude-compte2
    - /home/ubuntu/.claude-compte2/projects
failures:
  description: What is wrong, each with what was found, what was expected and what to do. Empty on success.
  returned: always
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    DEFAULT_SHARED_ROOT,
    SharedSymlinkError,
    parse_mode,
    required_links,
    result_of,
    validate_all,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "account_homes": {"type": "list", "elements": "str", "required": True},
            "shared_root": {"type": "str", "default": DEFAULT_SHARED_ROOT},
            "links": {
                "type": "list",
                "elements": "dict",
                "options": {"name": {"type": "str", "required": True}, "target": {"type": "str"}},
            },
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "raw", "default": "0700"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        reports = validate_all(
            options["account_homes"],
            required_links(options["shared_root"], options["links"]),
            check_mode=module.check_mode,
            owner=options["owner"],
            group=options["group"],
            mode=parse_mode(options["mode"]),
        )
    except SharedSymlinkError as exc:
        module.fail_json(msg=str(exc), failures=exc.failures, **result_of(exc.reports))
    module.exit_json(failures=[], **result_of(reports))


if __name__ == "__main__":
    main()
