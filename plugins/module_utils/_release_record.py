# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember the files that each release was installed with, and that a host was rolled back.

``<root>/releases/<name>/files.json`` holds the files of a release outside of its folder (configuration, settings,
units, launcher) as they were installed with it last. They may hold secrets: only root can read it.
``<root>/rollback.json`` says which release was left for which one.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils import _host_files
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout, ReleaseError

RECORD = "files.json"
_RECORD_MODE = 0o600
_ROLLBACK_MODE = 0o644


class InstalledFile(NamedTuple):
    """A file that belongs to an installation."""

    spec: _host_files.FileSpec
    config: bool = False
    """True for the daemon's configuration."""
    restart: bool = False
    """True if the daemon reads it at its start."""
    mark: str | None = None
    """Text without which the file is somebody else's, None for a file that is the installation's in any case."""


class Installation(NamedTuple):
    """A release, and the files that it was installed with."""

    release: str
    files: list[InstalledFile]


class ReleaseRecord(NamedTuple):
    """The files of a release, and the installation that was replaced by them."""

    files: list[InstalledFile]
    replaced: Installation | None = None
    failed: bool = False
    """True if it was taken back: the daemon did not become ready with it."""


class Rollback(NamedTuple):
    """A rollback: the release that was left, the one that came back, the time, the reason, and the state of the module.

    Both are one release where only its files went back. The state is ``rolled_back`` or ``undone``.
    """

    left: str
    release: str
    time: str
    reason: str
    state: str


def read_record(layout: Layout, name: str) -> ReleaseRecord | None:
    """Return the record of a release, None if it has none, as one that an older collection installed.

    Raises ReleaseError for one that cannot be understood, OSError.
    """
    document = _read_json(record_path(layout, name))
    if document is None:
        return None
    try:
        replaced = document["replaced"]
        return ReleaseRecord(
            _decode_files(document["files"]),
            None if replaced is None else Installation(str(replaced["release"]), _decode_files(replaced["files"])),
            bool(document.get("failed")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReleaseError(
            "%s is no list of the files of a release (%r); install the release again"
            % (record_path(layout, name), error)
        ) from error


def write_record(layout: Layout, name: str, record: ReleaseRecord) -> None:
    """Store the record of a release, durably. Raises OSError."""
    replaced = record.replaced
    document = {
        "files": [_encode_file(file) for file in record.files],
        "replaced": None
        if replaced is None
        else {"release": replaced.release, "files": [_encode_file(file) for file in replaced.files]},
        "failed": record.failed,
    }
    _write_json(record_path(layout, name), document, _RECORD_MODE)


def read_from_host(files: Sequence[InstalledFile]) -> list[InstalledFile]:
    """Return those of the files that exist, with the content, mode and owner that they have. Raises OSError."""
    found = []
    for file in files:
        try:
            status = os.lstat(file.spec.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISREG(status.st_mode):
            with open(file.spec.path, "rb") as stream:
                content = stream.read()
            spec = _host_files.FileSpec(
                file.spec.path, content, stat.S_IMODE(status.st_mode), str(status.st_uid), str(status.st_gid)
            )
            found.append(file._replace(spec=spec))
    return found


def read_rollback(layout: Layout) -> Rollback | None:
    """Return the rollback that the host is in, None if it is in none. Raises OSError."""
    try:
        document = _read_json(layout.rollback)
        return None if document is None else Rollback(*(str(document[key]) for key in Rollback._fields))
    except (ReleaseError, KeyError, TypeError):
        return None  # only words for a report are lost


def write_rollback(layout: Layout, rollback: Rollback | None) -> None:
    """Store the rollback that the host is in; with None, that it is in none. Raises OSError."""
    if rollback is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(layout.rollback)
    else:
        _write_json(layout.rollback, rollback._asdict(), _ROLLBACK_MODE)


def record_path(layout: Layout, name: str) -> str:
    """Return the path of the record of a release."""
    return os.path.join(layout.folder(name), RECORD)


def _read_json(path: str) -> Any:
    """Return the document of a file; None if there is none. Raises ReleaseError, OSError."""
    try:
        with open(path, "rb") as file:
            return json.load(file)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ReleaseError("%s cannot be read (%s); install the release again" % (path, error)) from error


def _write_json(path: str, document: Mapping[str, Any], mode: int) -> None:
    spec = _host_files.FileSpec(path, json.dumps(document, indent=1).encode("ascii") + b"\n", mode)
    _host_files.apply(spec, _host_files.compare(spec))


def _encode_file(file: InstalledFile) -> dict[str, Any]:
    content = (file.spec.content or b"").decode("utf-8", "surrogateescape")
    return {
        **file.spec._asdict(),
        "content": content,
        "config": file.config,
        "restart": file.restart,
        "mark": file.mark,
    }


def _decode_files(entries: Sequence[Mapping[str, Any]]) -> list[InstalledFile]:
    """Return the files of a document. Raises KeyError, TypeError, ValueError, AttributeError."""
    return [
        InstalledFile(
            _host_files.FileSpec(
                str(entry["path"]),
                entry["content"].encode("utf-8", "surrogateescape"),
                int(entry["mode"]),
                entry["owner"],
                entry["group"],
            ),
            bool(entry["config"]),
            bool(entry["restart"]),
            entry.get("mark"),
        )
        for entry in entries
    ]
