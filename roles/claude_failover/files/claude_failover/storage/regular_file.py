# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open regular files only, and never wait.

The daemon has one thread, and opening a FIFO blocks until somebody writes to it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a symlink",
}
MAX_BYTES = 64 << 20  # of a file that is read whole
_BLOCK = 64 << 10  # bytes that are read at once from the end of a file
_ALWAYS = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_ATTEMPTS = 8


class NotARegularFileError(OSError):
    """The path leads to something other than a regular file; ``kind`` names it ("a FIFO")."""

    def __init__(self, path: str, mode: int) -> None:
        self.kind = _KINDS.get(stat.S_IFMT(mode), "a device")
        super().__init__(f"{path} is {self.kind}, not a regular file")


class TooLargeError(NotARegularFileError):
    """The file is larger than any that this daemon reads whole; ``kind`` says so."""

    def __init__(self, path: str) -> None:
        super().__init__(path, 0)
        self.kind = f"a file of more than {MAX_BYTES} bytes"
        self.args = (f"{path} is {self.kind}",)


def open_regular(path: str, flags: int = os.O_RDONLY, mode: int = 0o600, *, dir_fd: int | None = None) -> int:
    """Open a regular file with ``flags`` of open(2); return its descriptor.

    Nothing else is opened, not even for a moment: to open a device can do something (a watchdog, a tape). Links are
    followed unless the flags have O_NOFOLLOW; with O_CREAT a link that leads nowhere is none to follow.
    Raises NotARegularFileError, OSError; ValueError for an impossible path (a NUL in it).
    """
    for _attempt in range(_ATTEMPTS):
        try:
            entry = os.open(path, os.O_PATH | os.O_CLOEXEC | flags & os.O_NOFOLLOW, dir_fd=dir_fd)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            try:
                return os.open(path, flags | os.O_EXCL | _ALWAYS, mode, dir_fd=dir_fd)
            except FileExistsError:
                if flags & os.O_EXCL:
                    raise
                continue  # made meanwhile
        try:
            return _open_entry(entry, path, flags)
        finally:
            os.close(entry)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)


def _open_entry(entry: int, path: str, flags: int) -> int:
    """Open the regular file that the descriptor ``entry`` (O_PATH) names; the path may lead elsewhere by now."""
    found = os.fstat(entry).st_mode
    if not stat.S_ISREG(found):
        raise NotARegularFileError(path, found)
    if flags & os.O_EXCL:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    try:
        return os.open(f"/proc/self/fd/{entry}", flags & ~(os.O_NOFOLLOW | os.O_CREAT) | _ALWAYS)
    except OSError as error:
        error.filename = path
        raise


def read_regular(path: str, limit: int = -1, flags: int = os.O_RDONLY) -> bytes:
    """Return the content of a regular file: its first ``limit`` bytes, or all of it if ``limit`` is negative.

    Links are followed unless ``flags`` have O_NOFOLLOW. Raises NotARegularFileError; TooLargeError for a file of more
    than `MAX_BYTES` without a limit; OSError; ValueError for an impossible path (a NUL in it).
    """
    with open(open_regular(path, flags), "rb") as stream:
        content = stream.read(limit if limit >= 0 else MAX_BYTES + 1)
    if limit < 0 and len(content) > MAX_BYTES:
        raise TooLargeError(path)
    return content


def lines_from_end(path: str) -> Iterator[bytes]:
    """Yield the lines of a regular file without their ends, the last one first.

    No more is read than is asked for, whatever the file's size. Links are followed. Raises NotARegularFileError,
    OSError; ValueError for an impossible path (a NUL in it).
    """
    with open(open_regular(path), "rb", buffering=0) as stream:
        begin = os.fstat(stream.fileno()).st_size
        parts: list[bytes] = []  # of the line whose begin is to be read, the last one first
        ended = False
        while begin > 0:
            size = min(_BLOCK, begin)
            begin -= size
            first, *others = os.pread(stream.fileno(), size, begin).split(b"\n")
            if others:
                last = others.pop() + b"".join(reversed(parts))
                if ended or last:  # nothing follows the end of the last line
                    yield last
                ended, parts = True, []
                yield from reversed(others)
            parts.append(first)
        if parts:
            yield b"".join(reversed(parts))


def require_replaceable(path: str) -> None:
    """Check that a new file may take the place of what is at ``path``: nothing, or a regular file.

    Raises NotARegularFileError, OSError.
    """
    try:
        found = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found):
        raise NotARegularFileError(path, found)
