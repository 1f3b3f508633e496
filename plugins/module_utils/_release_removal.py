# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove every release with the launcher and the files of the installation."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils import (
    _host_files,
    _release_launcher,
    _release_store,
)
from ansible_collections.secuaas.claude.plugins.module_utils._release_installation import check_places
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout


def remove_installation(params: Mapping[str, Any], *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """Remove every release, the launcher and the files of ``params`` (the module's options); return its result.

    What the programs make (``disposable``) is removed after the programs, and so is not made anew. Calls ``warn`` for a
    launcher of somebody else. Raises ReleaseError, OSError.
    """
    layout = Layout(params["root"], params["python"])
    check_places([params["root"]], [params["launcher"], *(entry["path"] for entry in params["files"])])
    previous = _release_store.read_current(layout)
    files = _removable_files(params, warn)
    installed = previous is not None or os.path.isdir(layout.releases)
    folders = [entry for entry in reversed(params["files"]) if entry["directory"]]
    removed = list(files)
    for entry in folders:
        path = entry["path"]
        removed += _host_files.matching_files(path, entry.get("disposable") or ())
        if _host_files.is_removable(path, folder=True, removed=tuple(removed)):
            removed.append(path)
    shown = removed + ([layout.root] if installed else [])
    result = {
        "changed": bool(shown),
        "previous": previous,
        "removed": shown,
        "diff": {"before": "".join("%s\n" % path for path in shown), "after": ""},
    }
    if not check_mode:
        for path in files:
            _host_files.remove_file(path, folder=False)
        if installed:
            _release_store.remove_all(layout)
        for entry in folders:
            _host_files.remove_matching_files(entry["path"], entry.get("disposable") or ())
            _host_files.remove_file(entry["path"], folder=True)
    return result


def _removable_files(params: Mapping[str, Any], warn: Callable[[str], None]) -> list[str]:
    """Return the files of the installation that are on the host, the launcher last. Raises OSError."""
    paths = [
        entry["path"]
        for entry in params["files"]
        if not entry["directory"] and not _host_files.is_left(entry["path"], entry.get("mark"), warn)
    ]
    launcher = params["launcher"]
    if os.path.isfile(launcher) and not os.path.islink(launcher):
        with open(launcher, "rb") as file:
            ours = _release_launcher.is_launcher(file.read())
        if ours:
            paths.append(launcher)
        else:
            warn("%s was not written by this collection, and is left as it is" % launcher)
    return [path for path in paths if _host_files.is_removable(path, folder=False)]
