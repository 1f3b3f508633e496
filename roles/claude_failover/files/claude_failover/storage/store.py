# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable state of the daemon: JSON documents and JSON Lines logs.

A document is ``{"version": 1, "data": …}``. One that is torn, foreign or of a newer version is renamed to
``*.set-aside`` and logged; it never crashes the daemon and is never deleted. One with an invalid part is copied.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
from collections.abc import Iterator
from typing import Any, Callable, TypeVar

from ..common import json_text
from ..common.text import shorten
from .files import append_line, copy_aside, make_folder, set_aside, write_atomic
from .grouped_writes import GroupedWrites
from .pending_writes import PendingWrites
from .regular_file import NotARegularFileError, lines_from_end, read_regular
from .reserve import Reserve

log = logging.getLogger(__name__)

T = TypeVar("T")

VERSION = 1
_MOST_WRITES = 1 << 53  # of one document; a larger number was not counted


class Store:
    """Documents (``<name>.json``) and logs (``<name>.jsonl``) in one folder.

    ``folder`` is an absolute path; it is created (0700) if it is missing. ``unsaved`` are the documents that are newer
    in memory than on the disk.
    """

    def __init__(self, folder: str) -> None:
        """Raises OSError if the folder cannot be created."""
        make_folder(folder)
        self.folder = folder
        self.unsaved = PendingWrites()
        self._soon = GroupedWrites(self.unsaved.attempt)
        self._reported: set[str] = set()  # logs whose invalid lines were reported
        self._reserves: dict[str, Reserve] = {}
        self._numbers: dict[str, int] = {}  # of the newest write of each document with a reserve

    def path(self, name: str) -> str:
        """Return the path of the document ``name``."""
        return os.path.join(self.folder, name + ".json")

    def log_path(self, name: str) -> str:
        """Return the path of the log ``name``."""
        return os.path.join(self.folder, name + ".jsonl")

    def reserve(self, name: str) -> None:
        """Hold room for the document ``name``, to be called before it is loaded.

        On a full disk it is then stored there, so that it outlives a kill; it stays in ``unsaved`` all the same.
        """
        reserve = Reserve(os.path.join(self.folder, name + ".reserve"))
        try:
            reserve.hold()
        except OSError as error:
            log.warning("no room can be held for the document %s, for a full disk: %s", name, error)
        else:
            self._reserves[name] = reserve

    def load(self, name: str, default: Any) -> Any:
        """Return the document ``name``, or ``default`` if there is no usable one.

        The type of ``default`` is the expected one: a document of another type is foreign.
        Raises OSError if the file exists and cannot be read.
        """
        return self.load_envelope(name, default)["data"]

    def load_envelope(self, name: str, default: Any) -> dict[str, Any]:
        """Return the document ``name`` with the keys that were saved beside its ``data``; see `load`.

        Of the document and what its reserve holds the newer one counts: a kill can come before the reserve is cleared.
        """
        document = self._stored(name, default)
        reserved = self._reserved(name)
        if isinstance(reserved.get("data"), type(default)) and _number(reserved) >= _number(document):
            log.warning("%s: the disk was full; going on from what was stored in its reserve", name)
            document = reserved
        self._numbers[name] = _number(document)
        return document

    def _stored(self, name: str, default: Any) -> dict[str, Any]:
        path = self.path(name)
        raw = _read(path)
        if raw is None:
            return {"data": default}
        reason = "cannot be read as JSON"
        try:
            document = json_text.parse(raw)
            if not isinstance(document, dict) or not isinstance(document.get("version"), int):
                reason = "is not a document of this daemon"
            elif document["version"] > VERSION:
                reason = f"has version {document['version']}, newer than {VERSION}"
            elif not isinstance(document.get("data"), type(default)):
                reason = f"holds a {type(document.get('data')).__name__} instead of a {type(default).__name__}"
            else:
                return document
        except json_text.JsonError:
            pass
        set_aside(path, reason)
        return {"data": default}

    def read_part(self, name: str, what: str, read: Callable[[Any], T], value: Any) -> T | None:
        """Return ``read(value)`` for a part of the document ``name``, or None if the part is invalid.

        ``read`` raises KeyError, TypeError, ValueError or AttributeError for an invalid value. It is logged as
        ``what``, and the document is copied, as the next `save` will not contain the part.
        """
        try:
            return read(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("%s: %s is invalid and ignored: %s", name, what, shorten(repr(error), 300))
            self.copy_aside(name)
            return None

    def copy_aside(self, name: str) -> None:
        """Copy the document ``name`` to ``*.set-aside`` before a `save` that drops a part of it.

        Failures are logged only: on a full disk that `save` fails too.
        """
        try:
            copy_aside(self.path(name), "has an invalid part")
        except OSError as error:
            log.error("%s cannot be copied aside: %s", self.path(name), error)

    def save(self, name: str, data: Any, **beside: Any) -> None:
        """Replace the document ``name``, durably. Raises OSError; then the old one is unchanged.

        The keys ``beside`` the data are not read by releases that do not know them.
        """
        reserve = self._reserves.get(name)
        if reserve is not None:
            beside["number"] = self._numbers[name] = self._numbers.get(name, 0) + 1
        text = _rendered({"version": VERSION, **beside}, data).encode()
        try:
            write_atomic(self.path(name), text)
        except OSError:
            if reserve is not None:
                with contextlib.suppress(OSError):  # the first error decides
                    reserve.write(text)
            raise
        if reserve is not None:
            reserve.clear()

    def _reserved(self, name: str) -> dict[str, Any]:
        """Return the document in the reserve of ``name``, an empty one if there is none of this version."""
        reserve = self._reserves.get(name)
        try:
            document = json_text.parse(reserve.read()) if reserve is not None else {}
        except (OSError, json_text.JsonError):  # blank, or torn by a power cut: the document itself counts
            return {}
        return document if isinstance(document, dict) and document.get("version") == VERSION else {}

    def keep(self, name: str, document: Callable[[], Any], what: str = "") -> None:
        """Store the document ``name`` as ``document`` returns it, now or as soon as the disk takes it.

        What the disk refuses is kept in memory, logged as ``what``, and stored by ``unsaved.retry`` or the next `keep`.
        """
        self.flush()  # what was changed before is on the disk before
        self.unsaved.attempt(name, lambda: self.save(name, document()), what or f"the document {name}")

    def keep_soon(self, name: str, document: Callable[[], Any], what: str = "") -> None:
        """Store the document as `keep` does, together with whatever changes within some 10 ms.

        What must be on the disk before it is acted on needs `settle`, or `flush`.
        """
        self._soon.mark(name, lambda: self.save(name, document()), what or f"the document {name}")

    async def settle(self) -> None:
        """Wait until what `keep_soon` was given is on the disk, or was refused by it."""
        await self._soon.settle()

    def flush(self) -> None:
        """Store what `keep_soon` was given, now."""
        self._soon.flush()

    def close(self) -> None:
        """Store what is left, for the last time; what is lost with the process is logged."""
        self.flush()
        self.unsaved.close()

    def append(self, name: str, record: dict[str, Any]) -> None:
        """Add one record to the log ``name``, durably. Raises OSError."""
        path = self.log_path(name)
        if os.path.islink(path):
            set_aside(path, "is a symlink, and a log is not written through one")
        append_line(path, json_text.render(record))

    def newest_records(
        self, name: str, limit: int, is_valid: Callable[[dict[str, Any]], bool] = lambda _record: True
    ) -> list[dict[str, Any]]:
        """Return up to ``limit`` records of the log ``name``, as `records_from_end` yields them. Raises OSError."""
        return list(itertools.islice(self.records_from_end(name, is_valid), limit))

    def records_from_end(
        self, name: str, is_valid: Callable[[dict[str, Any]], bool] = lambda _record: True
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of the log ``name``, newest first; no more of it is read than is asked for.

        Torn lines and records for which ``is_valid`` is false are skipped, stay in the file and are logged once.
        Raises OSError if the file exists and cannot be read.
        """
        path = self.log_path(name)
        skipped = 0
        try:
            for line in _newest_lines(path):
                record = _record(line)
                if record is not None and is_valid(record):
                    yield record
                else:
                    skipped += 1
        finally:
            if skipped and name not in self._reported:
                self._reported.add(name)
                log.warning("%s: skipped lines that are torn or not records of this daemon: %d", path, skipped)

    def holds(self, name: str, identity: str, limit: int) -> bool:
        """Return whether one of the last ``limit`` lines of the log ``name`` is the record with this ``id``.

        Raises OSError if the file exists and cannot be read.
        """
        needle = json_text.render(identity).encode()  # most lines need not be parsed
        lines = (line for line in itertools.islice(_newest_lines(self.log_path(name)), limit) if needle in line)
        return any(record is not None and record.get("id") == identity for record in map(_record, lines))


def _rendered(beside: dict[str, Any], data: Any) -> str:
    """Return the text of a document, with a line for each item of its data.

    Indented further it would take twenty times as long: the encoder in C does not indent.
    """
    if data and isinstance(data, dict):
        lines = [f"{json_text.render(str(key))}: {json_text.render(value)}" for key, value in data.items()]
        text = "{\n  " + ",\n  ".join(lines) + "\n }"
    elif data and isinstance(data, list):
        text = "[\n  " + ",\n  ".join(map(json_text.render, data)) + "\n ]"
    else:
        text = json_text.render(data)
    head = [f" {json_text.render(key)}: {json_text.render(value)}" for key, value in beside.items()]
    return "{\n" + ",\n".join([*head, f' "data": {text}']) + "\n}\n"


def _read(path: str) -> bytes | None:
    """Return the content of a file; None if there is none, or what is there was set aside. Raises OSError."""
    with _reading(path):
        return read_regular(path)
    return None


def _newest_lines(path: str) -> Iterator[bytes]:
    """Yield the lines of a log, the last one first; none if there is none, or it was set aside. Raises OSError."""
    with _reading(path):
        yield from lines_from_end(path)


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    """Read a file in the body, which ends where there is none, or what is there was set aside. Raises OSError."""
    try:
        yield
    except NotARegularFileError as error:
        set_aside(path, f"is {error.kind}")
    except OSError as error:
        if error.errno == errno.EACCES:
            raise OSError(error.errno, _unreadable(path), path) from None
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        if os.path.islink(path):
            set_aside(path, "is a symlink that leads nowhere")


def _number(document: dict[str, Any]) -> int:
    """Return the number of the write that stored a document; 0 if it has none, as of an older release, or no such."""
    found = document.get("number")
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < _MOST_WRITES else 0


def _unreadable(path: str) -> str:
    user = os.geteuid()
    try:
        status = os.stat(path)
    except OSError:
        return f"cannot be read; expected a file of the user {user} in a folder of this user"
    return (
        f"cannot be read: found the owner {status.st_uid} and the mode {status.st_mode & 0o7777:04o}; expected a file "
        f"of the user {user}, mode 0600. Give it back to that user, or move it away and lose what it holds"
    )


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json_text.parse(line)
    except json_text.JsonError:
        return None
    return record if isinstance(record, dict) else None


# Readers for `Store.read_part`. Each raises TypeError for a value of another type.


def as_list(value: Any) -> list[Any]:
    """Return the value, which must be a list."""
    if not isinstance(value, list):
        raise TypeError(f"found {type(value).__name__}, expected a list")
    return value


def as_items(value: Any) -> list[tuple[str, Any]]:
    """Return the items of the value, which must be an object."""
    if not isinstance(value, dict):
        raise TypeError(f"found {type(value).__name__}, expected an object")
    return list(value.items())


def as_optional_text(value: Any) -> str | None:
    """Return the value, which must be a text or null."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"found {type(value).__name__}, expected a text")
    return value
