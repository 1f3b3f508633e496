# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install a release with its files: plan, predict, carry out."""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils import (
    _host_files,
    _release_bundle,
    _release_launcher,
    _release_processes,
    _release_python,
    _release_record,
    _release_store,
)
from ansible_collections.secuaas.claude.plugins.module_utils._path_owner import (
    ROOT,
    describe_owner,
    is_left_to_a_group,
    path_owner,
)
from ansible_collections.secuaas.claude.plugins.module_utils._release_host import HostError, look_at_host
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout, ReleaseError
from ansible_collections.secuaas.claude.plugins.module_utils._release_record import (
    Installation,
    InstalledFile,
    ReleaseRecord,
    Rollback,
)

_FOLDER_MODE = "0755"
_FILE_MODE = "0644"
_LAUNCHER_MODE = 0o755


class InstallationPlan(NamedTuple):
    """Steps of an installation, and the module's result."""

    result: dict[str, Any]
    to_stage: bool
    """True if the release's folder has to be created."""
    configs: list[bytes]
    """Configurations for the new release to look at the host with."""
    to_validate: list[bytes]
    """Those of them for the new release to validate."""
    to_write: list[tuple[_host_files.FileSpec, _host_files.Difference]]
    to_prune: list[str]
    to_record: list[tuple[str, ReleaseRecord]]
    """Releases and their new records; that of a release in use so far comes first."""
    rollback: Rollback | None
    """The rollback that the host is in, and that ends with the installation."""


def install_release(params: Mapping[str, Any], *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """Install the release of ``params`` (the module's options) and its files; return the module's result.

    Calls ``warn`` for users whose processes cannot be looked at. Raises ValueError, BundleError, ReleaseError,
    HostFileError, OSError.
    """
    layout = Layout(params["root"], params["python"])
    check_places([params["root"]], [params["launcher"], *(entry["path"] for entry in params["files"])])
    try:
        members = _release_bundle.unpack(base64.b64decode(params["bundle"] or "", validate=True))
    except binascii.Error as error:
        raise _release_bundle.BundleError("the bundle is damaged: %s" % error) from error
    sources = _release_bundle.members_below(members, _release_bundle.LIBRARY)
    name = _release_bundle.release_name(sources)
    specs = _file_specs(params, members, layout, warn)
    plan = _plan_installation(params, layout, name, sources, specs, check_mode, warn)
    if check_mode or not plan.result["changed"]:
        _predict_validation(params, layout, sources, plan, check_mode)
        return plan.result
    with _release_store.lock(layout):
        # Another installation may have ended while this one waited for the lock.
        plan = _plan_installation(params, layout, name, sources, specs, check_mode, warn)
        _carry_out(params, layout, sources, plan)
    return plan.result


def check_places(folders: Sequence[str], paths: Sequence[str]) -> None:
    """Refuse, as root, folders and places of files where another user could lead root elsewhere.

    A group to which the administrator has left a folder, such as staff in /usr/local, is trusted with it.
    Raises ReleaseError, OSError.
    """
    if os.geteuid() != ROOT:
        return
    for path in [*folders, *map(os.path.dirname, paths)]:
        owner = path_owner(path)
        if owner.uid != ROOT and not is_left_to_a_group(owner):
            raise ReleaseError(
                "%s: %s, who could lead root elsewhere below it; expected a folder of root's. Nothing was changed."
                % (path, describe_owner(owner))
            )


def _file_specs(
    params: Mapping[str, Any], members: Mapping[str, bytes], layout: Layout, warn: Callable[[str], None]
) -> list[_host_files.FileSpec]:
    """Return the specification of every file, the launcher last; those that are somebody else's are left out.

    Raises ValueError for an impossible option, OSError.
    """
    contents = _release_bundle.members_below(members, _release_bundle.FILES)
    specs = []
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
        if not _host_files.is_left(entry["path"], entry.get("mark"), warn):
            specs.append(_host_files.FileSpec(entry["path"], content, mode, entry["owner"], entry["group"]))
    launcher = _release_launcher.launcher_text(layout).encode("utf-8")
    return [*specs, _host_files.FileSpec(params["launcher"], launcher, _LAUNCHER_MODE)]


def _plan_installation(
    params: Mapping[str, Any],
    layout: Layout,
    name: str,
    sources: Mapping[str, bytes],
    specs: list[_host_files.FileSpec],
    check_mode: bool,
    warn: Callable[[str], None],
) -> InstallationPlan:
    """Compare the host with the release and the specifications; change nothing."""
    previous = _release_store.read_current(layout)
    found = _release_store.find_intact(layout, name, sources)
    folder = found.folder or _release_store.free_name(layout, name)
    # A folder that is gone is created again by its old name, to which the link still leads.
    switched = folder != previous or found.folder is None
    drift = list(found.problems)
    if previous is not None and not os.path.isabs(previous) and not _release_store.is_installed(layout, previous):
        drift.append("%s: is missing" % layout.folder(previous))
    differences = [(spec, _host_files.compare(spec, owners_may_be_missing=check_mode)) for spec in specs]
    to_write = [(spec, difference) for spec, difference in differences if difference.status != _host_files.OK]
    created = [spec.path for spec, difference in to_write if difference.status == _host_files.CREATED]
    updated = [spec.path for spec, difference in to_write if difference.status != _host_files.CREATED]
    configs = {entry["path"] for entry in params["files"] if entry["config"]}
    with_config = [(spec, difference) for spec, difference in differences if spec.path in configs]
    read_at_start = [entry["path"] for entry in params["files"] if entry["restart"]]
    service = _release_processes.service_of(params.get("user"), params.get("unit"))
    stale = _release_processes.is_stale(layout, read_at_start, service=service)
    in_use = _release_processes.releases_in_use(layout, warn=warn)
    prunable = _release_store.prunable(layout, params["keep"], folder, in_use)
    leftovers = _release_store.leftovers(layout)
    to_record, replaced = _plan_records(layout, previous, folder, _installed_files(params, specs), warn)
    replaced = replaced or (previous == folder and stale and is_untried(layout, folder, service))
    rollback = _release_record.read_rollback(layout)
    configurations = [entry["path"] for entry in params["files"] if entry["config"]]
    result = {
        "changed": bool(switched or to_write or prunable or leftovers or to_record or rollback),
        "release": folder,
        "path": layout.folder(folder),
        "previous": previous,
        "switched": switched,
        "restart": switched or stale or not set(read_at_start).isdisjoint(created + updated),
        "stale": stale,
        "drift": drift,
        "created": created,
        "updated": updated,
        "removed": prunable,
        "config_checked": False,
        "conditions": [],
        "replaced": replaced,
        "rolled_back": None,
        "restored": [],
        "configurations": configurations,
        "diff": [
            *([release_diff(layout, previous, folder, sources)] if switched else []),
            *(file_diff(spec, difference) for spec, difference in to_write),
        ],
    }
    if rollback is not None and rollback.release == previous:
        result["rolled_back"] = rollback._asdict()
        files = [spec.path for spec, _difference in to_write if spec.content is not None]
        result["restored"] = _restored(_readable_record(layout, previous, warn), files)
    return InstallationPlan(
        result,
        found.folder is None,
        [spec.content or b"" for spec, _difference in with_config],
        [
            spec.content or b""
            for spec, difference in with_config
            if switched or difference.status in (_host_files.CREATED, _host_files.CONTENT)
        ],
        to_write,
        prunable + leftovers,
        to_record,
        rollback,
    )


def _installed_files(params: Mapping[str, Any], specs: Sequence[_host_files.FileSpec]) -> list[InstalledFile]:
    flags = {entry["path"]: (entry["config"], entry["restart"], entry.get("mark")) for entry in params["files"]}
    return [InstalledFile(spec, *flags.get(spec.path, ())) for spec in specs if spec.content is not None]


def _plan_records(
    layout: Layout,
    previous: str | None,
    folder: str,
    files: list[InstalledFile],
    warn: Callable[[str], None],
) -> tuple[list[tuple[str, ReleaseRecord]], bool]:
    """Return the records to write, and whether the installation replaces another one that can come back.

    A release that an older collection installed has no record: its files are recorded as they are on the host. So are
    those of one whose record cannot be read, which ``warn`` is called for.
    """
    to_record: list[tuple[str, ReleaseRecord]] = []
    record = _readable_record(layout, folder, warn)
    replaced = None if record is None or previous != folder else record.replaced
    found = False
    if previous is not None and _release_store.is_installed(layout, previous):
        former = _readable_record(layout, previous, warn)
        if former is None and previous != folder:
            former = ReleaseRecord(_release_record.read_from_host(files))
            to_record.append((previous, former))
        if former is not None and (previous != folder or former.files != files):
            replaced, found = Installation(previous, former.files), True
    new = ReleaseRecord(files, replaced)
    if record != new:
        to_record.append((folder, new))
    return to_record, found


def is_untried(layout: Layout, name: str, service: _release_processes.Service | None) -> bool:
    """Return True if the last installation of a release replaced another one, and the daemon runs from before it.

    A run that breaks before the restart leaves such a daemon, and the way back. Raises OSError.
    """
    try:
        record = _release_record.read_record(layout, name)
    except ReleaseError:
        return False
    if record is None or record.replaced is None or not _release_store.is_installed(layout, record.replaced.release):
        return False
    return _release_processes.is_stale(layout, [_release_record.record_path(layout, name)], service=service)


def _readable_record(layout: Layout, name: str, warn: Callable[[str], None]) -> ReleaseRecord | None:
    try:
        return _release_record.read_record(layout, name)
    except ReleaseError as error:
        warn("%s; it is written anew" % error)
        return None


def _restored(record: ReleaseRecord | None, paths: Sequence[str]) -> list[str]:
    """Return those of the paths that are on the host as the release had them: it came back with them."""
    if record is None:
        return []
    specs = {file.spec.path: file.spec for file in record.files}
    return [
        path
        for path in paths
        if (
            _host_files.compare(specs[path], owners_may_be_missing=True).status == _host_files.OK
            if path in specs
            else not os.path.lexists(path)
        )
    ]


def _predict_validation(
    params: Mapping[str, Any], layout: Layout, sources: Mapping[str, bytes], plan: InstallationPlan, check_mode: bool
) -> None:
    """Validate the configuration with the new release from a temporary folder, and look at the host with it.

    Raises ReleaseError.
    """
    if not plan.configs:
        return
    # Not the module's own temporary folder, which would stay on the host.
    with tempfile.TemporaryDirectory(prefix="claude-failover-check-") as scratch:
        library = layout.library(plan.result["release"])
        if plan.to_stage:
            library = os.path.join(scratch, plan.result["release"], "lib")
            _release_store.write_sources(library, sources)
            _release_store.make_readable(scratch)  # for the daemon's user, who looks at the host with it
        for text in plan.to_validate:
            problem = _release_python.config_problem(layout.python, library, text)
            if problem is not None:
                if not _release_python.can_import(layout.python, "yaml"):
                    return  # an earlier task of the same play installs python3-yaml
                raise refused_config(problem)
            plan.result["config_checked"] = True
        # An earlier task of the same play installs tmux.
        _require_conditions(params, layout, library, plan, ["tmux_program"] if check_mode else [])


def _require_conditions(
    params: Mapping[str, Any], layout: Layout, library: str, plan: InstallationPlan, installed: Sequence[str] = ()
) -> None:
    """Refuse what the release in ``library`` could not start with; ``installed`` are conditions to leave out.

    Raises HostError, ReleaseError.
    """
    if params.get("user") is None:
        return
    made = {*plan.result["created"], *plan.result["updated"]}
    for text in plan.configs:
        found = look_at_host(layout.python, library, text, params["user"])
        plan.result["conditions"] += [row for row in found if row["path"] not in made and row["name"] not in installed]
    if any(finding["level"] == "error" for finding in plan.result["conditions"]):
        raise HostError(plan.result)


def _carry_out(params: Mapping[str, Any], layout: Layout, sources: Mapping[str, bytes], plan: InstallationPlan) -> None:
    """Stage and publish the release, write the files, switch and prune. Raises ReleaseError, HostFileError, OSError."""
    folder = plan.result["release"]
    staged = None
    try:
        if plan.to_stage:
            staged = _release_store.stage(layout, folder, sources)
        library = os.path.join(staged, "lib") if staged else layout.library(folder)
        for text in plan.to_validate:
            problem = _release_python.config_problem(layout.python, library, text)
            if problem is not None:
                raise refused_config(problem)
            plan.result["config_checked"] = True
        _require_conditions(params, layout, library, plan)
        if staged:
            _release_store.publish(layout, staged, folder)
            staged = None
    finally:
        if staged:
            _release_store.remove_folders(layout, [os.path.basename(staged)])
    # The record of a release in use is written before anything that it describes is changed, and that of the new one
    # before it is switched to: a run that breaks leaves the way back.
    for name, record in plan.to_record:
        if name != folder:
            _release_record.write_record(layout, name, record)
    for spec, difference in plan.to_write:
        _host_files.apply(spec, difference)
    for name, record in plan.to_record:
        if name == folder:
            _release_record.write_record(layout, name, record)
    if plan.result["switched"]:
        _release_store.switch(layout, folder)
    _release_record.write_rollback(layout, None)
    _release_store.remove_folders(layout, plan.to_prune)


def refused_config(problem: str) -> ReleaseError:
    """Return the error of a configuration that a release refuses."""
    return ReleaseError("The configuration is refused by the release; nothing was changed. %s" % problem)


def file_diff(spec: _host_files.FileSpec, difference: _host_files.Difference) -> dict[str, str]:
    """Return the diff of one file: attributes that differ, then the content if it does."""
    before = "".join("%s: %s\n" % (name, found) for name, found, _expected in difference.attributes)
    after = "".join("%s: %s\n" % (name, expected) for name, _found, expected in difference.attributes)
    if difference.status in (_host_files.CREATED, _host_files.CONTENT):
        before += _decode(difference.before)
        after += _decode(spec.content)
    if spec.content is None and difference.status == _host_files.CREATED:
        after += "folder\n"
    return {"before_header": spec.path, "after_header": spec.path, "before": before, "after": after}


def release_diff(layout: Layout, previous: str | None, folder: str, sources: Mapping[str, bytes]) -> dict[str, str]:
    """Return the diff of ``current``: its target, and a short digest of each file."""

    def listing(target: str, files: Mapping[str, bytes]) -> str:
        lines = ["%s %s\n" % pair for pair in sorted(_release_store.digests(files).items())]
        return "current -> %s\n%s" % (target, "".join(lines))

    before = ""
    if previous is not None:
        installed = _release_store.is_installed(layout, previous)
        files = _release_store.read_sources(layout.library(previous)) if installed else {}
        before = listing(layout.folder(previous), files)
    return {
        "before_header": layout.current,
        "after_header": layout.current,
        "before": before,
        "after": listing(layout.folder(folder), sources),
    }


def _decode(data: bytes | None) -> str:
    return "" if data is None else data.decode("utf-8", "replace")
