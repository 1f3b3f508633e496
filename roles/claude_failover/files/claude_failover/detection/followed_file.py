# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A transcript that is followed through the replacement of its file.

A conversation's transcript only grows. A file that takes its place is a copy of it (a restore), which is not read
again, unless its beginning differs.
"""

from __future__ import annotations

import os
import stat
import time
from typing import Any

from ..claude.transcript import NotATranscriptError, TranscriptTail, open_below
from ..common.file_identity import FileIdentity, identity_of

HEAD = 256  # bytes by which a file's beginning is known
HOLD = 5.0  # seconds after which a copy that has stayed shorter is no longer one that is being written


class FollowedFile:
    """Reads the records that are added to ``folder/name``, from the byte ``start`` on.

    ``behind`` is true when the last `read` stopped at its limit, before the end.
    """

    def __init__(self, folder: str, name: str, start: int = 0, status: os.stat_result | None = None) -> None:
        self._folder = folder
        self._name = name
        self._start = start
        self._root = ""
        self._tail: TranscriptTail | None = None
        self._head = b""
        self._identity: FileIdentity | None = identity_of(status) if status is not None else None
        self._seen = _state(status) if status is not None else None
        self._shorter_since: float | None = None
        self.behind = False

    @property
    def holding(self) -> bool:
        """True while the file is a copy that has not reached the known position, and has to be read again later."""
        return self._shorter_since is not None

    @property
    def known(self) -> bool:
        """True if there is a position in it to remember, should the file be gone."""
        return self._position > 0

    @property
    def _position(self) -> int:
        return self._tail.position if self._tail is not None else self._start

    def changed(self, status: os.stat_result) -> bool:
        """Return True if the file has to be read again, by its status now."""
        return self.holding or self._seen != _state(status)

    def exists(self, root: str) -> bool:
        """Return True if there is a file at the path."""
        return os.path.lexists(os.path.join(root, self._folder, self._name))

    def move(self, folder: str) -> None:
        """Go on in a file of the same name in another folder."""
        self._start, self._tail, self._folder = self._position, None, folder

    def read(self, root: str, most: int) -> list[dict[str, Any]]:
        """Return the records completed since the last call, of up to about ``most`` bytes.

        Raises NotATranscriptError, OSError.
        """
        self.behind = False
        status = os.lstat(os.path.join(root, self._folder, self._name))
        if not stat.S_ISREG(status.st_mode):
            raise NotATranscriptError("is not a regular file")
        replaced = self._identity not in (None, identity_of(status)) or status.st_size < self._position
        if replaced and not self._take_replacement(root, status):
            return []
        if self._tail is None or self._root != root:
            self._tail, self._root = TranscriptTail(root, self._folder, self._name, self._position), root
        records = list(self._tail.read(most))
        self.behind = self._tail.behind
        if len(self._head) < min(HEAD, status.st_size):
            self._head = self._read_head(root)
        self._identity, self._seen = identity_of(status), _state(status)
        return records

    def _take_replacement(self, root: str, status: os.stat_result) -> bool:
        """Choose where to go on in another file; return False while that cannot be told."""
        start = self._position
        head = self._read_head(root)
        if self._head and not (self._head.startswith(head) or head.startswith(self._head)):
            start = 0  # another conversation's
        elif status.st_size < start:
            now = time.monotonic()
            self._shorter_since = self._shorter_since or now
            if now - self._shorter_since < HOLD:
                return False
            start = status.st_size  # an older copy
        self._shorter_since = None
        self._start, self._tail, self._head = start, None, head
        self._identity = identity_of(status)
        return True

    def _read_head(self, root: str) -> bytes:
        descriptor = open_below(root, self._folder, self._name)
        try:
            return os.pread(descriptor, HEAD, 0)
        finally:
            os.close(descriptor)


def _state(status: os.stat_result) -> tuple[int, int, int, int]:
    return (*identity_of(status), status.st_size, status.st_mtime_ns)
