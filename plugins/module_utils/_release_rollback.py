# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go back to a release that is kept on the host, with the files that it was installed with."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils import (
    _host_files,
    _release_installation,
    _release_processes,
    _release_python,
    _release_record,
    _release_store,
)
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout, ReleaseError
from ansible_collections.secuaas.claude.plugins.module_utils._release_record import (
    Installation,
    InstalledFile,
    ReleaseRecord,
    Rollback,
)

_COPY_NUMBER = re.compile(r"\.[0-9]+\Z")  # of a folder that has taken the place of one that was tampered with


class RollbackPlan(NamedTuple):
    """Steps of a rollback, and the module's result."""

    result: dict[str, Any]
    target: Installation
    to_write: list[tuple[InstalledFile, _host_files.Difference]]
    to_remove: list[str]
    to_record: list[tuple[str, ReleaseRecord]]
    rollback: Rollback | None


def roll_back(params: Mapping[str, Any], *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """Go back as ``params`` (the module's options) say; return the module's result.

    The state ``rolled_back`` leads to the release ``release``, by default to the one before; a host that was rolled
    back already stays as it is. The state ``undone`` takes the last installation back, of which only the files may
    differ. Calls ``warn`` for a marked file that is somebody else's by now.

    Raises ReleaseError, HostFileError, OSError.
    """
    layout = Layout(params["root"], params["python"])
    _release_installation.check_places([params["root"]], [])
    plan = _plan(layout, params, check_mode, warn)
    if check_mode or not plan.result["changed"]:
        return plan.result
    with _release_store.lock(layout):
        plan = _plan(layout, params, check_mode, lambda _told: None)
        # First, so that after a run that breaks the next one goes the same way.
        for name, record in plan.to_record:
            _release_record.write_record(layout, name, record)
        _release_record.write_rollback(layout, plan.rollback)
        for file, difference in plan.to_write:
            _host_files.apply(file.spec, difference)
        for path in plan.to_remove:
            _host_files.remove_file(path, folder=False)
        if plan.result["switched"]:
            _release_store.switch(layout, plan.target.release)
            if params["state"] == "undone":
                _release_store.make_oldest(layout, plan.result["previous"])
    return plan.result


def _plan(layout: Layout, params: Mapping[str, Any], check_mode: bool, warn: Callable[[str], None]) -> RollbackPlan:
    """Compare the host with the installation to go back to, and validate it; change nothing."""
    current = _release_store.read_current(layout)
    if current is None or not _release_store.is_installed(layout, current):
        raise ReleaseError(
            "%s leads to no release, so there is none to go back from; expected the role to have installed one"
            % layout.current
        )
    record = _release_record.read_record(layout, current)
    was = _release_record.read_rollback(layout)
    if was is not None and was.release != current:
        was = None
    undo = params["state"] == "undone"
    target = _replaced(layout, record) if undo else _wanted(layout, params["release"], current, was)
    files = target.files
    paths = {file.spec.path for file in files}
    _release_installation.check_places([], sorted(paths))
    former = [file for file in record.files if file.spec.path not in paths] if record is not None else []
    left = {file.spec.path for file in [*files, *former] if _host_files.is_left(file.spec.path, file.mark, warn)}
    differences = [
        (file, _host_files.compare(file.spec, owners_may_be_missing=check_mode))
        for file in files
        if file.spec.path not in left
    ]
    to_write = [(file, difference) for file, difference in differences if difference.status != _host_files.OK]
    gone = [file.spec.path for file in former if file.spec.path not in left]
    to_remove = [path for path in gone if _host_files.is_removable(path, folder=False)]
    switched = target.release != current
    changed = bool(switched or to_write or to_remove)
    if changed:
        _validate(layout, target)
    read_at_start = {file.spec.path for file in files if file.restart}
    service = _release_processes.service_of(params.get("user"), params.get("unit"))
    stale = _release_processes.is_stale(layout, sorted(read_at_start), service=service)
    untried = not switched and stale and _release_installation.is_untried(layout, current, service)
    created = [file.spec.path for file, difference in to_write if difference.status == _host_files.CREATED]
    updated = [file.spec.path for file, difference in to_write if difference.status != _host_files.CREATED]
    rollback = _next_rollback(current, target.release, was, params) if switched or undo else was
    result = {
        "changed": changed,
        "release": target.release,
        "path": layout.folder(target.release),
        "previous": current,
        "switched": switched,
        "restart": switched or stale or not read_at_start.isdisjoint(created + updated),
        "stale": stale,
        "created": created,
        "updated": updated,
        "removed": to_remove,
        "config_checked": changed,
        "replaced": not undo and record is not None and (changed or untried),
        "rolled_back": None if rollback is None else rollback._asdict(),
        "configurations": [file.spec.path for file in files if file.config],
        "diff": [
            *([_switch_diff(layout, current, target.release)] if switched else []),
            *(_release_installation.file_diff(file.spec, difference) for file, difference in to_write),
            *({"before_header": path, "after_header": path, "before": "file\n", "after": ""} for path in to_remove),
        ],
    }
    replaced = None if undo or record is None else Installation(current, record.files)
    to_record = [(target.release, ReleaseRecord(files, replaced))]
    if undo and switched and record is not None:
        to_record.append((current, record._replace(failed=True)))
    return RollbackPlan(result, target, to_write, to_remove, to_record, rollback)


def _replaced(layout: Layout, record: ReleaseRecord | None) -> Installation:
    """Return the installation that the last one replaced. Raises ReleaseError."""
    if record is None or record.replaced is None:
        raise ReleaseError("the last installation replaced no other one, so there is none to go back to")
    if not _release_store.is_installed(layout, record.replaced.release):
        raise ReleaseError(
            "the release %s, which the last installation replaced, is no longer kept" % record.replaced.release
        )
    return record.replaced


def _wanted(layout: Layout, name: str | None, current: str, was: Rollback | None) -> Installation:
    """Return the installation of the release ``name``, by default of the one before. Raises ReleaseError."""
    kept = _release_store.list_folders(layout)
    if name is None:
        if was is not None and was.state == "rolled_back":
            name = current  # rolled back already
        else:
            own = _COPY_NUMBER.sub("", current)
            others = [folder for folder in kept if _COPY_NUMBER.sub("", folder) != own]
            name = next((folder for folder in others if not _has_failed(layout, folder)), None)
        if name is None:
            raise ReleaseError(
                "%s holds no other release to go back to that was not taken back before; expected one beside %s of: %s"
                % (layout.releases, current, ", ".join(kept))
            )
    if name not in kept:
        raise ReleaseError("there is no release %r on this host; expected one of %s" % (name, ", ".join(kept)))
    record = _release_record.read_record(layout, name)
    if record is None:
        raise ReleaseError(
            "of the release %s it is not known with which configuration it was installed: its collection did not "
            "record that. Install it again with that collection." % name
        )
    return Installation(name, record.files)


def _has_failed(layout: Layout, name: str) -> bool:
    record = _release_record.read_record(layout, name)
    return record is not None and record.failed


def _validate(layout: Layout, target: Installation) -> None:
    """Refuse a release that is not whole, or that refuses its configuration. Raises ReleaseError."""
    library = layout.library(target.release)
    wrong = _release_store.verify(layout.folder(target.release), _release_store.read_sources(library), layout.python)
    if wrong:
        raise ReleaseError(
            "the release %s is not whole; nothing was changed. %s"
            % (target.release, "; ".join("%s: %s" % (os.path.join(library, path), why) for path, why in wrong))
        )
    for file in target.files:
        if file.config:
            problem = _release_python.config_problem(layout.python, library, file.spec.content or b"")
            if problem is not None:
                raise _release_installation.refused_config(problem)


def _next_rollback(current: str, release: str, was: Rollback | None, params: Mapping[str, Any]) -> Rollback | None:
    """Return the rollback that the host is in afterwards, None where it is back at the release that was left."""
    if was is not None and was.left == release != current:
        return None
    left = was.left if was is not None and was.state == "rolled_back" else current
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Rollback(left, release, now, params["reason"], params["state"])


def _switch_diff(layout: Layout, current: str, release: str) -> dict[str, str]:
    """Return the diff of ``current``; its releases are whole, and named by their content."""
    before, after = ("current -> %s\n" % layout.folder(name) for name in (current, release))
    return {"before_header": layout.current, "after_header": layout.current, "before": before, "after": after}
