# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the disk to the plan of an adoption; reads only, and follows no link.

What cannot be read is an AdoptionError: a plan that passes over it would leave it behind.
"""

from __future__ import annotations

import collections
import errno
import os
import stat
from collections.abc import Callable
from typing import BinaryIO

from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import (
    ASIDE,
    DIFFERENT,
    EXTENSION,
    FILE,
    FOLDER,
    LINK,
    MISSING,
    OTHER,
    PREFIX,
    SAME,
    AdoptionError,
    Node,
    Tree,
)
from ansible_collections.secuaas.claude.plugins.module_utils._state_file import StateFileError, read_regular
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import FIRST_CONTENTS

_CHUNK = 1 << 20


class DiskView:
    """The disk as it is; a View. ``progress`` is called for each entry, and for each chunk of what is compared."""

    def __init__(self, progress: Callable[[], None] = lambda: None) -> None:
        self.progress = progress

    def kind(self, path: str) -> str:
        """Return the kind of an entry."""
        self.progress()
        try:
            return _kind_of(os.lstat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return MISSING
        except OSError as error:
            raise _unreadable(path, error) from None

    def text(self, path: str) -> str:
        """Return the text of a link."""
        return os.readlink(path)

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, none if it is missing."""
        try:
            return sorted(os.listdir(path))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(path, error) from None

    def tree(self, path: str, left_out: frozenset[str] = frozenset()) -> Tree:
        """Return everything below a folder but the names ``left_out`` at its top; nothing if it is missing."""
        found: Tree = {}
        pending = collections.deque(name for name in self.names(path) if name not in left_out)
        while pending:
            entry = pending.popleft()
            origin = os.path.join(path, entry)
            node = found[entry] = self._node(origin)
            if node.kind == FOLDER:
                pending += [os.path.join(entry, name) for name in self.names(origin)]
            elif node.kind == FILE and not os.access(origin, os.R_OK, effective_ids=True):
                raise AdoptionError([f"{origin}: this user may not read it; expected a file of the user"])
        return found

    def listing(self, path: str) -> Tree:
        """Return what is directly in a folder; nothing if it is missing."""
        return {name: self._node(os.path.join(path, name)) for name in self.names(path)}

    def _node(self, path: str) -> Node:
        kind = self.kind(path)
        if kind == MISSING:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)  # it was there when it was listed
        return Node(kind, path, self.text(path) if kind == LINK else "")

    def read(self, path: str) -> bytes:
        """Return the content of a file of settings or state."""
        try:
            file = read_regular(path)
        except StateFileError as error:
            raise AdoptionError([str(error)]) from None
        except OSError as error:
            raise _unreadable(path, error) from None
        return b"" if file is None else file.raw

    def relation(self, path: str, other: str) -> str:
        """Return the relation of the content of the file ``path`` to that of ``other``.

        What a shared file is made with is the beginning of every content.
        """
        try:
            with open_regular(path) as one, open_regular(other) as two:
                while True:
                    self.progress()
                    chunk = one.read(_CHUNK)
                    there = two.read(_CHUNK)
                    if chunk != there:
                        break
                    if not chunk:
                        return SAME
                begins = one.tell() == len(chunk)
                if there.startswith(chunk) or (begins and chunk in FIRST_CONTENTS):
                    return PREFIX
                return EXTENSION if chunk.startswith(there) or (begins and there in FIRST_CONTENTS) else DIFFERENT
        except OSError as error:
            raise _unreadable(path, error) from None

    def is_kept(self, path: str) -> bool:
        """Return True if an original with a dated name beside ``path`` is the same file."""
        folder, own = os.path.split(path)
        return any(
            name.startswith(own + ASIDE) and os.path.samestat(os.lstat(os.path.join(folder, name)), os.lstat(path))
            for name in self.names(folder)
        )

    def can_be_renamed(self, path: str, new: str) -> bool:
        """Return True if both are on one file system, and ``path`` is not the root of one."""
        try:
            devices = {os.lstat(path).st_dev, *(os.stat(os.path.dirname(place)).st_dev for place in (path, new))}
        except OSError as error:
            raise _unreadable(path, error) from None
        return len(devices) == 1

    def can_be_kept(self, path: str) -> bool:
        """Return True if the file or link can get a second name: a file of another user only if it can be written."""
        try:
            status = os.lstat(path)
        except OSError as error:
            raise _unreadable(path, error) from None
        is_own = status.st_uid == os.geteuid()
        is_writable = stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK | os.W_OK, effective_ids=True)
        return (is_own or is_writable) and self.can_be_renamed(path, path)


def open_regular(path: str) -> BinaryIO:
    """Open a regular file for reading, without following a link. Raises OSError."""
    stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(None, "it is no regular file", path)
    return stream


def _kind_of(mode: int) -> str:
    kinds = ((stat.S_ISDIR, FOLDER), (stat.S_ISREG, FILE), (stat.S_ISLNK, LINK))
    return next((kind for matches, kind in kinds if matches(mode)), OTHER)


def _unreadable(path: str, error: OSError) -> AdoptionError:
    return AdoptionError([f"{error.filename or path}: {error.strerror or type(error).__name__}"])
