# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: claude_failover_release
short_description: Installs a release of the failover daemon and the files that go with it
version_added: 0.4.0
description:
  - Brings the daemon of the role P(secuaas.claude.claude_failover#role), as it is in this collection on the
    controller, to a managed host, together with its configuration and units, in one transfer and one module call.
  - The controller packs the daemon. A release is named after its version and the hash of its content, so that
    equal code has an equal name wherever it is packed.
  - The host unpacks it into a folder of its own beside the releases that are there, byte-compiles and verifies it,
    and only then lets the link C(current) lead to it, in one step. A process that runs keeps the release that it
    was started from.
  - A release folder that was tampered with is drift. It is reported, and replaced by an intact one beside it; it is
    never mended in place.
  - A configuration is validated by the new release before anything is changed.
options:
  state:
    description:
      - V(present) installs what is missing or differs.
      - V(absent) removes every release, the link, the launcher and O(files), and folders only where they are then
        empty.
    type: str
    choices: [present, absent]
    default: present
  root:
    description: The folder that holds the releases and the link to the current one.
    type: path
    default: /opt/claude-failover
  launcher:
    description: The command that starts the current release.
    type: path
    default: /usr/local/bin/claude-failover
  python:
    description: The Python that runs the daemon; 3.9 or newer.
    type: path
    default: /usr/bin/python3
  keep:
    description:
      - How many releases stay, the current one included; at least 2, so that the one before it always stays.
      - A release that a running process was started from stays in any case.
    type: int
    default: 3
  files:
    description:
      - Files and folders that go with the release, in the order in which they are to be made.
      - With O(state=absent) only O(files[].path) and O(files[].directory) are looked at.
      - A symbolic link or anything else of another kind in the place of one is an error, and is left as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where it lies on the host; folders above it that are missing are made.
        type: path
        required: true
      src:
        description:
          - The template on the controller, searched as M(ansible.builtin.template) does.
          - Required unless O(files[].directory).
        type: str
      directory:
        description: Whether it is a folder.
        type: bool
        default: false
      owner:
        description: Name of the user that owns it; by default the user that the module runs as.
        type: str
      group:
        description: Name of the group that owns it; by default that of the process.
        type: str
      mode:
        description: Its mode, as an octal number in quotes; by default V(0755) for a folder, V(0644) for a file.
        type: str
      config:
        description: Whether it is the daemon's configuration, which the new release validates before anything changes.
        type: bool
        default: false
      restart:
        description: Whether the daemon reads it when it starts, so that RV(restart) takes account of it.
        type: bool
        default: false
  bundle:
    description: What the controller packed. Set by the action plugin, which replaces a value given here.
    type: str
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the host.
    support: full
    details:
      - The configuration is validated in check mode as well, by the new release in a temporary folder, unless the host
        lacks what the daemon needs (such as before the first deployment); RV(config_checked) tells.
  diff_mode:
    description: Returns what has changed, or would change, file by file.
    support: full
  idempotent:
    description: When run twice in a row outside check mode with the same arguments, the second run changes nothing.
    support: full
  action:
    description: Has a part that runs on the controller.
    support: full
  platform:
    description: Where it can be used.
    platforms: posix
    support: full
requirements:
  - Python 3.9 or newer on the managed host
author:
  - secuaas.claude contributors (@secuaas)
seealso:
  - module: secuaas.claude.claude_shared_symlinks
"""

EXAMPLES = r"""
- name: Install the daemon and its configuration
  secuaas.claude.claude_failover_release:
    files:
      - path: /etc/claude-failover
        directory: true
      - path: /etc/claude-failover/config.yml
        src: config.yml.j2
        group: ubuntu
        mode: '0640'
        config: true
        restart: true
  register: installed
  changed_when: installed is changed or installed.restart
  notify: Restart the daemon

- name: Remove it
  secuaas.claude.claude_failover_release:
    state: absent
    files:
      - path: /etc/claude-failover
        directory: true
      - path: /etc/claude-failover/config.yml
"""

RETURN = r"""
release:
  description: Name of the release; the folder's name where a tampered folder had to be replaced.
  returned: when O(state=present)
  type: str
  sample: 0.4.0-2f9c01d77ab3
path:
  description: Its folder.
  returned: when O(state=present)
  type: str
  sample: /opt/claude-failover/releases/0.4.0-2f9c01d77ab3
previous:
  description:
    - Name of the release that C(current) led to before; none where there was none.
    - Where C(current) led elsewhere, it is the path.
  returned: success
  type: str
  sample: 0.4.0-91b6d2aa04e5
switched:
  description: Whether C(current) was, or would be, made to lead to another release.
  returned: when O(state=present)
  type: bool
  sample: true
restart:
  description:
    - Whether the daemon has to be restarted, since O(files[].restart) or its release was, or would be, changed, or
      since RV(stale).
    - The module does not restart it.
  returned: when O(state=present)
  type: bool
  sample: true
stale:
  description:
    - Whether a daemon was running that was started from another release than C(current) led to, or before a file of
      O(files[].restart) was last written. An earlier run that broke before the restart leaves one.
    - Only a daemon that the launcher started as C(claude-failover run) is looked at.
  returned: when O(state=present)
  type: bool
  sample: false
drift:
  description: What is wrong with folders of this release, or with the one in use.
  returned: when O(state=present)
  type: list
  elements: str
  sample: ['/opt/claude-failover/releases/0.4.0-2f9c01d77ab3/lib/claude_failover/cli.py: content differs']
created:
  description: Paths of the files, folders and launcher that were, or would be, made.
  returned: when O(state=present)
  type: list
  elements: str
  sample: [/etc/claude-failover/config.yml]
updated:
  description: Paths of those that were there and were, or would be, changed in content, owner, group or mode.
  returned: when O(state=present)
  type: list
  elements: str
  sample: []
removed:
  description: Names of the old releases, or with O(state=absent) paths, that were, or would be, removed.
  returned: success
  type: list
  elements: str
  sample: [0.3.9-0c11f0b24e7d]
config_checked:
  description: Whether the new release has validated the configuration. It does where either is new.
  returned: when O(state=present)
  type: bool
  sample: true
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils._host_files import HostFileError
from ansible_collections.secuaas.claude.plugins.module_utils._release_bundle import BundleError
from ansible_collections.secuaas.claude.plugins.module_utils._release_installation import (
    install_release,
    remove_installation,
)
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import ReleaseError

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "root": {"type": "path", "default": "/opt/claude-failover"},
    "launcher": {"type": "path", "default": "/usr/local/bin/claude-failover"},
    "python": {"type": "path", "default": "/usr/bin/python3"},
    "keep": {"type": "int", "default": 3},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "src": {"type": "str"},
            "directory": {"type": "bool", "default": False},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "str"},
            "config": {"type": "bool", "default": False},
            "restart": {"type": "bool", "default": False},
        },
    },
    # Never shown: it is no secret, but large, and would fill the host's journal.
    "bundle": {"type": "str", "no_log": True},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        for option in ("root", "launcher", "python"):
            if not os.path.isabs(module.params[option]):
                raise ValueError("%s is %r; expected an absolute path" % (option, module.params[option]))
        if module.params["keep"] < 2:
            raise ValueError(
                "keep is %d; expected at least 2: the current release and the one before it" % module.params["keep"]
            )
        if module.params["state"] == "present":
            result = install_release(module.params, check_mode=module.check_mode)
        else:
            result = remove_installation(module.params, check_mode=module.check_mode, warn=module.warn)
    except (ValueError, BundleError, ReleaseError, HostFileError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s" % (error.filename, error.strerror))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
