# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transcript on the disk, read without trusting it: only what is new, or only its end.

A transcript is named by a hook's payload or found in a folder that the sessions' user can write to, so it is
opened below the shared ``projects`` folder without following links, and only as a regular file, without
blocking: a FIFO or a device in its place is passed over.
"""

from __future__ import annotations

import glob
import json
import os
import stat
from collections.abc import Iterator
from typing import Any

CHUNK = 1 << 20  # bytes read at a time
LINE_LIMIT = 4 << 20  # bytes; a longer line (a tool's output) is passed over without being kept in memory
TAIL = 4 << 20  # bytes at the end in which the newest turn is looked for


class NotATranscriptError(Exception):
    """The path is outside of the shared folder, or leads to something that is no regular file."""


def paths_of(projects: str, uuid: str) -> list[str]:
    """Return where a conversation's transcript stands below ``projects``; nowhere before its first turn."""
    return glob.glob(os.path.join(glob.escape(projects), "*", glob.escape(uuid) + ".jsonl"))


def locate(projects: str, path: str) -> tuple[str, str]:
    """Return the folder and the file name below ``projects`` that a transcript's path means.

    The path usually goes through an account home, whose ``projects`` is a link to the shared folder, so its last
    two parts are what counts. Raises NotATranscript.
    """
    folder, name = os.path.split(path)
    folder = os.path.basename(folder)
    if not name.endswith(".jsonl") or folder in ("", ".", "..") or "\0" in path:
        raise NotATranscriptError(f"{path!r} is no transcript below {projects}")
    return folder, name


def open_below(projects: str, folder: str, name: str) -> int:
    """Open ``projects/folder/name`` for reading; returns the descriptor. Raises NotATranscript, OSError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    inside = os.open(projects, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        below = os.open(folder, flags | os.O_DIRECTORY, dir_fd=inside)
        try:
            descriptor = os.open(name, flags, dir_fd=below)
        finally:
            os.close(below)
    finally:
        os.close(inside)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotATranscriptError(f"{os.path.join(projects, folder, name)} is no regular file")
    return descriptor


class TranscriptTail:
    """The end of one growing transcript.

    It gives each complete line once, from the byte ``start`` on. A file that was truncated or replaced is read
    from its beginning again.
    """

    def __init__(self, projects: str, folder: str, name: str, start: int) -> None:
        """Raises NotATranscript, OSError."""
        self._place = (projects, folder, name)
        self.behind = False  # whether the last `read` came to its bound before it came to the end
        self._partial = b""
        self._offset = start
        descriptor = open_below(*self._place)
        try:
            found = os.fstat(descriptor)
            self._inode = (found.st_dev, found.st_ino)
            # A line that was begun before ``start`` is not ours to read: its first half is missing.
            self._skipping = start > 0 and os.pread(descriptor, 1, start - 1) != b"\n"
        finally:
            os.close(descriptor)

    def read(self, most: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the records that have been completed since.

        It stops after ``most`` bytes, rounded up to whole pieces, and is then ``behind``; None reads to the end.
        Raises NotATranscript, OSError.
        """
        self.behind = False
        descriptor = open_below(*self._place)
        try:
            found = os.fstat(descriptor)
            if (found.st_dev, found.st_ino) != self._inode or found.st_size < self._offset:
                self._inode, self._offset = (found.st_dev, found.st_ino), 0
                self._partial, self._skipping = b"", False
            end = None if most is None else self._offset + most
            while end is None or self._offset < end:
                data = os.pread(descriptor, CHUNK, self._offset)
                if not data:
                    return
                self._offset += len(data)
                yield from self._lines(data)
            self.behind = True
        finally:
            os.close(descriptor)

    def _lines(self, data: bytes) -> Iterator[dict[str, Any]]:
        *complete, rest = data.split(b"\n")
        for line in complete:
            whole = self._partial + line
            self._partial = b""
            if self._skipping or len(whole) > LINE_LIMIT:
                self._skipping = False
                continue
            yield from parse(whole)
        self._partial += rest
        if len(self._partial) > LINE_LIMIT:
            self._partial, self._skipping = b"", True


def last_records(projects: str, folder: str, name: str) -> list[dict[str, Any]]:
    """Return the records at the end of a transcript, oldest first: as many as stand in its last 4 MiB.

    Raises NotATranscript, OSError.
    """
    descriptor = open_below(projects, folder, name)
    try:
        size = os.fstat(descriptor).st_size
        begin = max(0, size - TAIL)
        data = b""
        while len(data) < size - begin:
            more = os.pread(descriptor, CHUNK, begin + len(data))
            if not more:
                break
            data += more
    finally:
        os.close(descriptor)
    lines = data.split(b"\n")
    # The first may be the end of a longer line, and what follows the last line break is not complete yet.
    return [record for line in lines[1 if begin else 0 : -1] for record in parse(line)]


def read_conversation(projects: str, uuid: str) -> list[dict[str, Any]]:
    """Return the records at the end of a conversation's transcript, oldest first; none where there is no transcript."""
    for path in paths_of(projects, uuid):
        try:
            return last_records(projects, *locate(projects, path))
        except (OSError, NotATranscriptError):
            continue
    return []


def parse(line: bytes) -> Iterator[dict[str, Any]]:
    """Yield the record of a line, if it is one."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):  # a line of many brackets is none of Claude Code's, and spoils no other
        return
    if isinstance(record, dict):
        yield record
