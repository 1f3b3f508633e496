# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File whose room is held in advance, so that a small document outlives a kill while the disk is full."""

from __future__ import annotations

import errno
import os

from .regular_file import open_regular, read_regular

SIZE = 64 << 10  # bytes: the counts of some 300 sessions
_FORMER_SIZE = 16 << 10  # of an earlier release


class Reserve:
    """The file; it holds blanks, or the document that the disk has no other room for."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._room = 0  # bytes that are held
        self._used = True  # until `clear` or a look at it

    def hold(self) -> None:
        """Take the room on the disk, unless it is held; of a full one less, if that is held. Raises OSError."""
        descriptor = open_regular(self.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW)
        try:
            size = os.fstat(descriptor).st_size
            try:
                while size < SIZE:
                    size += os.pwrite(descriptor, b" " * (SIZE - size), size)
                os.fsync(descriptor)
            except OSError:
                if size < _FORMER_SIZE:
                    raise
            self._room = min(size, SIZE)
        finally:
            os.close(descriptor)

    def write(self, data: bytes) -> None:
        """Store a document in the held room. Raises OSError."""
        if len(data) > self._room:
            raise OSError(errno.EFBIG, f"found {len(data)} bytes, expected at most {self._room}", self.path)
        self._used = True
        descriptor = open_regular(self.path, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            os.pwrite(descriptor, data.ljust(self._room), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> bytes:
        """Return the document, empty if there is none. Raises OSError."""
        found = read_regular(self.path, SIZE).strip()
        self._used = bool(found)
        return found

    def clear(self) -> None:
        """Forget the document, which is stored in its own place. Raises OSError."""
        if self._used:
            self.write(b"")
            self._used = False
