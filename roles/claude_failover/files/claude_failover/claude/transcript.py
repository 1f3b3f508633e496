# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read transcripts: new records as a file grows, or the records at its end.

A transcript's path comes from a hook's payload or from a folder that the sessions' user can write to. It is opened
below the shared ``projects`` folder, without following links, only as a regular file and without blocking: a FIFO or a
device is skipped.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..common import json_text
from ..common.file_identity import identity_of
from ..common.text import decoded
from ..storage.regular_file import NotARegularFileError, open_regular

log = logging.getLogger(__name__)

#: Of a conversation; its transcript has it as a name.
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

MOST_FOLDERS = 20_000  # of `projects` that are searched for a transcript
CHUNK = 1 << 20  # bytes per read
LINE_LIMIT = 4 << 20  # bytes; a longer line (a tool's output) is skipped without being kept in memory
TAIL = 4 << 20  # bytes at the end that are searched for the newest turn
_BLOCK = 8 << 10  # bytes of the first read from the end; each further one is twice as large

#: Whether the last records of a transcript, oldest first, suffice.
Enough = Callable[[Sequence[Mapping[str, Any]]], bool]

_told: set[str] = set()  # the folders `projects` with too many folders


class NotATranscriptError(Exception):
    """The path is outside the shared folder or is not a regular file."""


def paths_of(projects: str, uuid: str) -> list[str]:
    """Return the paths of a conversation's transcript below ``projects``; none before its first turn.

    At most `MOST_FOLDERS` folders are searched; that there are more is logged once.
    """
    if os.path.basename(uuid) != uuid:
        return []
    found = []
    try:
        with os.scandir(projects) as entries:
            for number, entry in enumerate(entries):
                if number >= MOST_FOLDERS:
                    _tell_too_many(projects)
                    break
                path = os.path.join(entry.path, uuid + ".jsonl")
                if not entry.name.startswith(".") and os.path.lexists(path):
                    found.append(path)
    except OSError:
        return []  # no folder yet, or none that this user may read
    return found


def _tell_too_many(projects: str) -> None:
    if projects not in _told:
        _told.add(projects)
        log.error(
            "transcripts: found more than %d folders in %s; a transcript in one of the others is found only where a "
            "hook has named it: remove those that are not needed",
            MOST_FOLDERS,
            projects,
        )


def locate(projects: str, path: str) -> tuple[str, str]:
    """Return the folder and the file name of a transcript below ``projects``.

    The path usually goes through an account home, whose ``projects`` is a link to the shared folder, so only its last
    two parts count. Raises NotATranscriptError.
    """
    folder, name = os.path.split(path)
    folder = os.path.basename(folder)
    if not name.endswith(".jsonl") or folder in ("", ".", "..") or "\0" in path:
        raise NotATranscriptError(f"{path!r} is not a transcript below {projects}")
    return folder, name


def open_below(projects: str, folder: str, name: str) -> int:
    """Open ``projects/folder/name`` for reading; return the descriptor. Raises NotATranscriptError, OSError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    root = os.open(projects, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        parent = os.open(folder, flags | os.O_DIRECTORY, dir_fd=root)
        try:
            return open_regular(name, flags, dir_fd=parent)
        except NotARegularFileError as error:
            found = f"{os.path.join(projects, folder, name)} is {error.kind}"
            raise NotATranscriptError(f"{found}, not a regular file") from None
        finally:
            os.close(parent)
    finally:
        os.close(root)


class TranscriptTail:
    """Reader of a growing transcript.

    Yields the record of each complete line once, from the byte offset ``start`` on (counted from the end where it is
    negative); of those lines only that hold the bytes ``wanted``. A truncated or replaced file is read again from its
    beginning. Between two calls of `read` nothing of the file is kept in memory.
    """

    def __init__(self, projects: str, folder: str, name: str, start: int, wanted: bytes = b"") -> None:
        """Record the file's identity. Raises NotATranscriptError, OSError."""
        self._location = (projects, folder, name)
        self._wanted = wanted
        self.behind = False  # the last `read` stopped at its limit, before the end
        self._partial = b""
        descriptor = open_below(*self._location)
        try:
            found = os.fstat(descriptor)
            self._identity = identity_of(found)
            self._offset = start if start >= 0 else max(0, found.st_size + start)
            # Skip a line that begins before ``start``.
            self._skipping = self._offset > 0 and os.pread(descriptor, 1, self._offset - 1) != b"\n"
        finally:
            os.close(descriptor)

    @property
    def position(self) -> int:
        """The byte after the last complete line that was read, where another reader has to start."""
        return self._offset - len(self._partial)

    def read(self, most: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the records completed since the last call.

        Stops after ``most`` bytes, at the end of the chunk that completes a line, and is then ``behind``; None reads to
        the end. Raises NotATranscriptError, OSError.
        """
        self.behind = False
        descriptor = open_below(*self._location)
        try:
            found = os.fstat(descriptor)
            if identity_of(found) != self._identity or found.st_size < self._offset:
                self._identity, self._offset = identity_of(found), 0
                self._partial, self._skipping = b"", False
            end = None if most is None else self._offset + most
            begin = self._offset
            while end is None or self._offset < end or self._offset - len(self._partial) == begin:
                data = os.pread(descriptor, CHUNK, self._offset)
                if not data:
                    return
                self._offset += len(data)
                yield from self._lines(data)
            self.behind = True
        finally:
            # An unfinished line is read again.
            self._offset -= len(self._partial)
            self._partial = b""
            os.close(descriptor)

    def _lines(self, data: bytes) -> Iterator[dict[str, Any]]:
        if self._wanted and self._wanted not in self._partial + data:
            data = data[max(0, data.rfind(b"\n")) :]  # the end of a line that is not wanted, and what follows it
        *complete, rest = data.split(b"\n")
        for line in complete:
            whole = self._partial + line
            self._partial = b""
            if self._skipping or len(whole) > LINE_LIMIT:
                self._skipping = False
                continue
            if self._wanted in whole:
                yield from parse(whole)
        self._partial += rest
        if self._skipping or len(self._partial) > LINE_LIMIT:
            self._partial, self._skipping = b"", True


def last_records(projects: str, folder: str, name: str, enough: Enough | None = None) -> list[dict[str, Any]]:
    """Return the records in the last 4 MiB of a transcript, oldest first, or fewer that are ``enough``.

    It is read backwards in blocks: what is asked of a transcript of megabytes is mostly in its last kilobytes. Raises
    NotATranscriptError, OSError.
    """
    descriptor = open_below(projects, folder, name)
    try:
        end = os.fstat(descriptor).st_size
        first, block = max(0, end - TAIL), _BLOCK
        records: list[dict[str, Any]] = []
        rest: bytes | None = None  # the line that begins before what was read; None before the last complete line
        while end > first:
            start = max(first, end - block)
            data = b""
            while len(data) < end - start and (
                more := os.pread(descriptor, end - start - len(data), start + len(data))
            ):
                data += more
            if len(data) < end - start:
                break  # truncated meanwhile
            end, block = start, 2 * block
            if rest is None:
                data = data[: data.rfind(b"\n") + 1]  # what follows is incomplete
                if not data:
                    continue
            lines = (data + (rest or b"")).split(b"\n")
            rest = lines.pop(0) + b"\n" if start > 0 else b""
            found = [record for line in lines for record in parse(line)]
            records[:0] = found
            if found and enough is not None and enough(records):
                break
    finally:
        os.close(descriptor)
    return records


def read_conversation(projects: str, uuid: str, enough: Enough | None = None) -> list[dict[str, Any]]:
    """Return the last records of a conversation's transcript, as `last_records` does; [] without a readable one."""
    for path in paths_of(projects, uuid):
        try:
            return last_records(projects, *locate(projects, path), enough)
        except (OSError, NotATranscriptError):
            continue
    return []


def sizes_of(projects: str, uuid: str) -> list[tuple[int, int]]:
    """Return inode and size of a conversation's transcripts, which change whenever a record is written."""
    found = []
    for path in paths_of(projects, uuid):
        try:
            status = os.stat(path)
        except OSError:
            continue
        found.append((status.st_ino, status.st_size))
    return found


def parse(line: bytes) -> Iterator[dict[str, Any]]:
    """Yield the record of a line, if it is a JSON object."""
    try:
        record = json_text.parse(decoded(line))
    except json_text.JsonError:
        return
    if isinstance(record, dict):
        yield record
