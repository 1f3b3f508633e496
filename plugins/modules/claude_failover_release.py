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

import base64
import binascii
import os
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.secuaas.claude.plugins.module_utils import _host_files, _release_bundle, _release_store


def _argument_spec() -> dict[str, Any]:
    return {
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


_FOLDER_MODE = "0755"
_FILE_MODE = "0644"
_LAUNCHER_MODE = int("0755", 8)


def _text(data: bytes | None) -> str:
    return "" if data is None else data.decode("utf-8", "replace")


def _wanted(
    params: Mapping[str, Any], members: Mapping[str, bytes], layout: _release_store.Layout
) -> list[_host_files.Wanted]:
    """Return the Wanted of every file, the launcher last; ValueError where an option makes no sense."""
    contents = _release_bundle.below(members, _release_bundle.FILES)
    wanted = []
    for index, entry in enumerate(params["files"]):
        try:
            mode = int(entry["mode"] or (_FOLDER_MODE if entry["directory"] else _FILE_MODE), 8)
        except ValueError:
            raise ValueError(
                "mode of %s is %r; expected an octal number such as '0640'" % (entry["path"], entry["mode"])
            ) from None
        content = None if entry["directory"] else contents.get(str(index))
        if content is None and not entry["directory"]:
            raise ValueError("src of %s is missing; expected the name of a template" % entry["path"])
        wanted.append(_host_files.Wanted(entry["path"], content, mode, entry["owner"], entry["group"]))
    launcher = _release_store.launcher_text(layout).encode("utf-8")
    return [*wanted, _host_files.Wanted(params["launcher"], launcher, _LAUNCHER_MODE)]


def _file_diff(wanted: _host_files.Wanted, found: _host_files.Difference) -> dict[str, str]:
    lines = ["%s: %s\n" % (name, have) for name, have, _want in found.attributes]
    expected = ["%s: %s\n" % (name, want) for name, _have, want in found.attributes]
    changed = found.status in (_host_files.CREATED, _host_files.CONTENT)
    return {
        "before_header": wanted.path,
        "after_header": wanted.path,
        "before": "".join(lines) + (_text(found.before) if changed else ""),
        "after": "".join(expected)
        + (_text(wanted.content) if changed else "")
        + ("folder\n" if wanted.content is None and found.status == _host_files.CREATED else ""),
    }


def _release_diff(
    layout: _release_store.Layout, previous: str | None, folder: str, sources: Mapping[str, bytes]
) -> dict[str, str]:
    """Tell which files another release brings, by short digests."""

    def listing(target: str, files: Mapping[str, bytes]) -> str:
        lines = ["%s %s\n" % pair for pair in sorted(_release_store.digests(files).items())]
        return "current -> %s\n%s" % (target, "".join(lines))

    before = ""
    if previous is not None:
        installed = _release_store.is_there(layout, previous)
        files = _release_store.read_sources(layout.library(previous)) if installed else {}
        before = listing(layout.folder(previous), files)
    return {
        "before_header": layout.current,
        "after_header": layout.current,
        "before": before,
        "after": listing(layout.folder(folder), sources),
    }


def _validate(module: AnsibleModule, layout: _release_store.Layout, library: str, text: bytes) -> bool:
    """Return whether the new release could be asked; raises ReleaseError where it refuses the configuration."""
    wrong = _release_store.check_config(layout, library, text)
    if wrong is None:
        return True
    if module.check_mode and not _release_store.can_import(layout, "yaml"):
        return False  # python3-yaml is what the same play installs first
    raise _release_store.ReleaseError("The configuration is refused by the release; nothing was changed. %s" % wrong)


class _Plan(NamedTuple):
    """What an installation has to do, and how that is told. Making one changes nothing."""

    result: dict[str, Any]
    to_make: bool
    """Whether the release's folder has to be made."""
    to_check: list[bytes]
    """The texts of the configuration that the new release has to judge."""
    to_write: list[tuple[_host_files.Wanted, _host_files.Difference]]
    to_remove: list[str]


def _plan(
    module: AnsibleModule,
    layout: _release_store.Layout,
    name: str,
    sources: Mapping[str, bytes],
    wanted: list[_host_files.Wanted],
) -> _Plan:
    params = module.params
    previous = _release_store.read_current(layout)
    found = _release_store.find(layout, name, sources)
    folder = found.folder or _release_store.free_name(layout, name)
    # A folder that is gone is made again under its old name, to which the link still leads.
    switched = folder != previous or found.folder is None
    drift = list(found.problems)
    if previous is not None and not os.path.isabs(previous) and not _release_store.is_there(layout, previous):
        drift.append("%s: is missing" % layout.folder(previous))
    differences = [(item, _host_files.compare(item, owners_may_be_missing=module.check_mode)) for item in wanted]
    to_write = [(item, there) for item, there in differences if there.status != _host_files.OK]
    created = [item.path for item, there in to_write if there.status == _host_files.CREATED]
    updated = [item.path for item, there in to_write if there.status != _host_files.CREATED]
    rewritten = {
        item.path: item.content or b""
        for item, there in differences
        if switched or there.status in (_host_files.CREATED, _host_files.CONTENT)
    }
    read_at_start = [entry["path"] for entry in params["files"] if entry["restart"]]
    stale = _release_store.is_stale(layout, read_at_start)
    surplus = _release_store.surplus(layout, params["keep"], folder, _release_store.used_by_processes(layout))
    leftovers = _release_store.leftovers(layout)
    result = {
        "changed": bool(switched or to_write or surplus or leftovers),
        "release": folder,
        "path": layout.folder(folder),
        "previous": previous,
        "switched": switched,
        "restart": switched or stale or not set(read_at_start).isdisjoint(created + updated),
        "stale": stale,
        "drift": drift,
        "created": created,
        "updated": updated,
        "removed": surplus,
        "config_checked": False,
        "diff": ([_release_diff(layout, previous, folder, sources)] if switched else [])
        + [_file_diff(item, there) for item, there in to_write],
    }
    to_check = [rewritten[entry["path"]] for entry in params["files"] if entry["config"] and entry["path"] in rewritten]
    return _Plan(result, found.folder is None, to_check, to_write, surplus + leftovers)


def _present(module: AnsibleModule, layout: _release_store.Layout) -> dict[str, Any]:
    params = module.params
    try:
        members = _release_bundle.unpack(base64.b64decode(params["bundle"] or "", validate=True))
    except binascii.Error as error:
        raise _release_bundle.BundleError("the bundle is damaged: %s" % error) from error
    sources = _release_bundle.below(members, _release_bundle.LIBRARY)
    name = _release_bundle.release_name(sources)
    wanted = _wanted(params, members, layout)
    plan = _plan(module, layout, name, sources, wanted)
    if module.check_mode:
        _foresee(module, layout, sources, plan)
        return plan.result
    if not plan.result["changed"]:
        return plan.result
    with _release_store.exclusive(layout):
        # Another installation may have ended while this one waited for the lock.
        plan = _plan(module, layout, name, sources, wanted)
        _carry_out(module, layout, sources, plan)
    return plan.result


def _foresee(module: AnsibleModule, layout: _release_store.Layout, sources: Mapping[str, bytes], plan: _Plan) -> None:
    """Let the new release judge the configuration, though nothing of it is installed."""
    if not plan.to_check:
        return
    # Not the module's own temporary folder, which would stay on the host.
    with tempfile.TemporaryDirectory(prefix="claude-failover-check-") as scratch:
        library = layout.library(plan.result["release"])
        if plan.to_make:
            library = os.path.join(scratch, plan.result["release"], "lib")
            _release_store.write_sources(library, sources)
        plan.result["config_checked"] = all(_validate(module, layout, library, text) for text in plan.to_check)


def _carry_out(module: AnsibleModule, layout: _release_store.Layout, sources: Mapping[str, bytes], plan: _Plan) -> None:
    folder = plan.result["release"]
    staged = None
    try:
        if plan.to_make:
            staged = _release_store.stage(layout, folder, sources)
        for text in plan.to_check:
            library = os.path.join(staged, "lib") if staged else layout.library(folder)
            plan.result["config_checked"] = _validate(module, layout, library, text)
        if staged:
            _release_store.publish(layout, staged, folder)
            staged = None
    finally:
        if staged:
            _release_store.remove(layout, [os.path.basename(staged)])
    for item, there in plan.to_write:
        _host_files.apply(item, there)
    if plan.result["switched"]:
        _release_store.switch(layout, folder)
    _release_store.remove(layout, plan.to_remove)


def _absent(module: AnsibleModule, layout: _release_store.Layout) -> dict[str, Any]:
    params = module.params
    previous = _release_store.read_current(layout)
    launcher = params["launcher"]
    entries = [(entry["path"], False) for entry in params["files"] if not entry["directory"]]
    if os.path.isfile(launcher) and not os.path.islink(launcher):
        with open(launcher, "rb") as file:
            ours = _release_store.is_launcher(file.read())
        if ours:
            entries.append((launcher, False))
        else:
            module.warn("%s was not written by this collection, and is left as it is" % launcher)
    entries += [(entry["path"], True) for entry in reversed(params["files"]) if entry["directory"]]
    gone: list[str] = []
    for path, folder in entries:
        if _host_files.removable(path, folder=folder, leaving=tuple(gone)):
            gone.append(path)
    ours = previous is not None or os.path.isdir(layout.releases)
    result = {
        "changed": bool(gone or ours),
        "previous": previous,
        "removed": gone + ([layout.root] if ours else []),
        "diff": {
            "before": "".join("%s\n" % path for path in gone + ([layout.root] if ours else [])),
            "after": "",
        },
    }
    if not module.check_mode:
        for path in gone:
            _host_files.remove(path, folder=(path, True) in entries)
        if ours:
            _release_store.remove_all(layout)
    return result


def main() -> None:
    module = AnsibleModule(argument_spec=_argument_spec(), supports_check_mode=True)
    layout = _release_store.Layout(module.params["root"], module.params["python"])
    try:
        for option in ("root", "launcher", "python"):
            if not os.path.isabs(module.params[option]):
                raise ValueError("%s is %r; expected an absolute path" % (option, module.params[option]))
        if module.params["keep"] < 2:
            raise ValueError(
                "keep is %d; expected at least 2: the current release and the one before it" % module.params["keep"]
            )
        result = _present(module, layout) if module.params["state"] == "present" else _absent(module, layout)
    except (ValueError, _release_bundle.BundleError, _release_store.ReleaseError, _host_files.FileError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s" % (error.filename, error.strerror))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
