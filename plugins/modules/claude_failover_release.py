# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install or remove a release of the failover daemon and its files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_failover_release
short_description: Install a release of the failover daemon and its files
version_added: 0.4.0
author:
  - secuaas.claude contributors (@secuaas)
description:
  - Installs the daemon of the role P(secuaas.claude.claude_failover#role), as it is in this collection on the
    controller, on a managed host, together with its configuration and units, in one transfer and one module call.
  - The controller packs the daemon. A release is named by its version and the hash of its content, so that equal
    code has an equal name wherever it is packed.
  - The host unpacks the release into a folder of its own beside the existing ones, byte-compiles and verifies it, and
    then replaces the link C(current) in one step. A running process keeps the release that it was started from.
  - A release folder that was tampered with is drift. It is reported and replaced by an intact folder beside it, but
    never repaired in place.
  - The new release validates the configuration, and looks whether its daemon could start on the host, before anything
    is changed.
  - A release keeps the O(files) that it was installed with, in a file that only root can read, and they come back with
    it.
extends_documentation_fragment:
  - secuaas.claude.attributes
attributes:
  check_mode:
    support: full
    details:
      - The new release validates the configuration and looks at the host in check mode too, from a temporary folder.
        Where the host lacks what the daemon needs, as before the first deployment, it does not; see RV(config_checked).
  diff_mode:
    support: full
  idempotent:
    support: full
  action:
    description: Has an action plugin that runs on the controller.
    support: full
  platform:
    support: full
    platforms: posix
requirements:
  - Python 3.9 or newer on the managed host
options:
  state:
    description:
      - V(present) installs everything that is missing or differs.
      - V(absent) removes every release, the link, the launcher and the O(files). Folders are removed only if they are
        empty.
      - V(rolled_back) goes back to O(release), with the files that it was installed with, which it validates first.
        Files that belong to the release in use alone are removed. A host that was rolled back already stays as it is,
        unless O(release) names another one.
      - V(undone) takes the last installation back in the same way, for a release or a configuration with which the
        daemon does not become ready. It fails if that installation replaced none; see RV(replaced).
    type: str
    choices: [present, absent, rolled_back, undone]
    default: present
  release:
    description:
      - With O(state=rolled_back), the name of the release to go back to, which has to be kept on the host.
      - The default is the release that was used before the one in use, without those that were V(undone).
    type: str
  reason:
    description: The reason for a rollback, in words, for reports. See RV(rolled_back).
    type: str
    default: asked for
  root:
    description:
      - The folder that holds the releases and the link to the current one, as an absolute path.
      - Root is refused where this folder, or one that holds the O(launcher) or one of the O(files), lies below a folder
        of another user.
    type: path
    default: /opt/claude-failover
  launcher:
    description: The command that starts the current release, as an absolute path.
    type: path
    default: /usr/local/bin/claude-failover
  python:
    description:
      - The Python that runs the daemon, version 3.9 or newer, as an absolute path.
      - The user of the module runs it too.
    type: path
    default: /usr/bin/python3
  keep:
    description:
      - The number of releases to keep, including the current one. At least 2, so that the previous one always stays.
      - A release that a running process was started from is always kept.
    type: int
    default: 3
  files:
    description:
      - Files and folders that belong to the installation, in the order of their creation.
      - With O(state=absent) only O(files[].path), O(files[].directory), O(files[].mark) and
        O(files[].disposable) are used. V(rolled_back) and V(undone) go by the files that were recorded.
      - A symbolic link or another kind of entry at such a path is an error and is left as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The path on the host. Missing parent folders are created.
        type: path
        required: true
      src:
        description:
          - The template on the controller, searched for as M(ansible.builtin.template) does.
          - Required unless O(files[].directory).
        type: str
      directory:
        description: Whether it is a folder.
        type: bool
        default: false
      owner:
        description: The user, by name or number, who owns it. The default is the user as whom the module runs.
        type: str
      group:
        description: The group, by name or number, that owns it. The default is the group of the module's process.
        type: str
      mode:
        description: The mode, as an octal number in quotes. The default is V(0755) for a folder, V(0644) for a file.
        type: str
      config:
        description: Whether it is the daemon's configuration, which the new release validates before any change.
        type: bool
        default: false
      restart:
        description: Whether the daemon reads it at its start, so that a change of it makes a RV(restart) necessary.
        type: bool
        default: false
      mark:
        description:
          - A text that every file of the installation at this path has. What is there without it is somebody else's. It
            is neither replaced nor removed, and a warning names it.
        type: str
      disposable:
        description:
          - Shell patterns of the names of files that the programs of the installation make in the folder.
          - With O(state=absent) they are removed, after the programs. Links and other kinds of entries stay.
        type: list
        elements: str
        default: []
  user:
    description:
      - The user, by name or number, as whom the daemon runs. With it a process of another user is no daemon for
        RV(stale).
      - With it and a configuration, the release looks in the name of this user whether the daemon could start; see
        RV(conditions).
      - A user that does not exist runs no daemon.
    type: str
  unit:
    description:
      - The systemd unit that runs the daemon, such as V(claude-failover.service). With it a process outside of the
        control group of the unit is no daemon for RV(stale). Leave it out on a host without systemd.
    type: str
  bundle:
    description: The packed release. The action plugin sets it and replaces a value given here.
    type: str
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

- name: Go back to the release before
  secuaas.claude.claude_failover_release:
    state: rolled_back
  register: rolled_back
  notify: Restart the daemon

- name: Remove the daemon and its configuration
  secuaas.claude.claude_failover_release:
    state: absent
    files:
      - path: /etc/claude-failover
        directory: true
      - path: /etc/claude-failover/config.yml
"""

RETURN = r"""
release:
  description: The name of the release, or that of its folder where a tampered folder was replaced.
  returned: unless O(state=absent)
  type: str
  sample: 0.4.0-2f9c01d77ab3
path:
  description: The folder of the release.
  returned: unless O(state=absent)
  type: str
  sample: /opt/claude-failover/releases/0.4.0-2f9c01d77ab3
previous:
  description:
    - The name of the release that C(current) led to before. V(null) if there was no such link.
    - The path that C(current) led to if it was not that of a release.
  returned: success
  type: str
  sample: 0.4.0-91b6d2aa04e5
switched:
  description: Whether C(current) was changed to lead to another release. In check mode, whether it would be.
  returned: unless O(state=absent)
  type: bool
  sample: true
restart:
  description:
    - Whether the daemon needs a restart, because its release or a file of O(files[].restart) was changed, or because of
      RV(stale). In check mode, whether it would need one.
    - The module does not restart the daemon.
  returned: unless O(state=absent)
  type: bool
  sample: true
stale:
  description:
    - Whether a daemon was running from another release than C(current) led to, or since before the last write to a file
      of O(files[].restart). An earlier run that failed before the restart leaves such a daemon.
    - Only a daemon that the launcher has started as C(claude-failover run) counts, of the O(user) and in the O(unit) if
      they are given.
  returned: unless O(state=absent)
  type: bool
  sample: false
drift:
  description: The defects of folders of this release, and of the release in use.
  returned: when O(state=present)
  type: list
  elements: str
  sample: ['/opt/claude-failover/releases/0.4.0-2f9c01d77ab3/lib/claude_failover/daemon.py: content differs']
created:
  description: The paths of files, folders and launcher that were created. In check mode, that would be.
  returned: unless O(state=absent)
  type: list
  elements: str
  sample: [/etc/claude-failover/config.yml]
updated:
  description: The paths of those whose content, owner, group or mode was changed. In check mode, that would be.
  returned: unless O(state=absent)
  type: list
  elements: str
  sample: []
removed:
  description: The names of the pruned releases, or without O(state=present) the paths, that were removed. In check
    mode, that would be.
  returned: success
  type: list
  elements: str
  sample: [0.3.9-0c11f0b24e7d]
conditions:
  description:
    - What is not right on the host for a start of the daemon, with what mends it. The module fails where the
      C(level) of one is V(error), and changes nothing.
    - What the same call makes or gives to the O(user) is left out.
  returned: when O(state=present)
  type: list
  elements: dict
  sample:
    - name: metrics
      level: warning
      found: the folder of metrics.textfile, /var/lib/node_exporter, cannot be used (No such file or directory)
      expected: a folder that claude may write to
      mend: sudo install -d -o claude /var/lib/node_exporter
      path: /var/lib/node_exporter
      text: the folder of metrics.textfile, /var/lib/node_exporter, cannot be used (No such file or directory); …
replaced:
  description:
    - Whether the installation has taken the place of another release or of other files, which O(state=undone) brings
      back. In check mode, whether it would.
    - Also true where an earlier run did that, and broke before the daemon was restarted.
  returned: unless O(state=absent)
  type: bool
  sample: true
rolled_back:
  description:
    - The rollback that the host is in, V(null) if it is in none. An installation ends it.
    - Its keys are C(left) (the release that was left), C(release) (the one that came back), C(time), C(reason), and
      C(state), the O(state) of the module. Both are one release where only its files went back.
  returned: unless O(state=absent)
  type: dict
  sample:
    left: 0.4.0-2f9c01d77ab3
    release: 0.4.0-91b6d2aa04e5
    time: '2026-11-26T08:00:00Z'
    reason: it did not become ready
    state: undone
restored:
  description: Those of RV(created) and RV(updated) that are on the host as they came back with the release.
  returned: when O(state=present)
  type: list
  elements: str
  sample: [/etc/claude-failover/config.yml]
config_checked:
  description: Whether the new release has validated the configuration. It does so if either of the two is new.
  returned: unless O(state=absent)
  type: bool
  sample: true
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils._host_files import HostFileError
from ansible_collections.secuaas.claude.plugins.module_utils._release_bundle import BundleError
from ansible_collections.secuaas.claude.plugins.module_utils._release_host import HostError
from ansible_collections.secuaas.claude.plugins.module_utils._release_installation import install_release
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import ReleaseError
from ansible_collections.secuaas.claude.plugins.module_utils._release_removal import remove_installation
from ansible_collections.secuaas.claude.plugins.module_utils._release_rollback import roll_back

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["present", "absent", "rolled_back", "undone"], "default": "present"},
    "release": {"type": "str"},
    "reason": {"type": "str", "default": "asked for"},
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
            "mark": {"type": "str"},
            "disposable": {"type": "list", "elements": "str", "default": []},
        },
    },
    "user": {"type": "str"},
    "unit": {"type": "str"},
    # Hidden for its size, which would fill the host's journal; it is no secret.
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
            result = install_release(module.params, check_mode=module.check_mode, warn=module.warn)
        elif module.params["state"] == "absent":
            result = remove_installation(module.params, check_mode=module.check_mode, warn=module.warn)
        else:
            result = roll_back(module.params, check_mode=module.check_mode, warn=module.warn)
    except HostError as error:
        foreseen = error.result if module.check_mode else {"conditions": error.result["conditions"]}
        module.fail_json(msg=str(error), **foreseen)
    except (ValueError, BundleError, ReleaseError, HostFileError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s" % (error.filename, error.strerror))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
