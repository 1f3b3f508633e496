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

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a symlink",
}
MAX_BYTES = 64 << 20  # of a file that is read whole
_ALWAYS = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


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

    Links are followed unless the flags have O_NOFOLLOW. Raises NotARegularFileError, OSError; ValueError for an
    impossible path (a NUL in it).
    """
    try:
        descriptor = os.open(path, flags | _ALWAYS, mode, dir_fd=dir_fd)
    except OSError as error:
        # ENXIO, ENODEV: a socket, or a device without a driver. ELOOP: a link, with O_NOFOLLOW.
        if error.errno in (errno.ENXIO, errno.ENODEV, errno.EISDIR, errno.ELOOP):
            follow = not flags & os.O_NOFOLLOW and error.errno != errno.ELOOP
            found = os.stat(path, dir_fd=dir_fd, follow_symlinks=follow).st_mode
            if not stat.S_ISREG(found) and (flags & os.O_NOFOLLOW or not stat.S_ISLNK(found)):
                raise NotARegularFileError(path, found) from None
        raise
    found = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(found):
        os.close(descriptor)
        raise NotARegularFileError(path, found)
    return descriptor


def read_regular(path: str, limit: int = -1) -> bytes:
    """Return the content of a regular file: its first ``limit`` bytes, or all of it if ``limit`` is negative.

    Links are followed. Raises NotARegularFileError; TooLargeError for a file of more than `MAX_BYTES` without a limit;
    OSError; ValueError for an impossible path (a NUL in it).
    """
    with open(open_regular(path), "rb") as stream:
        content = stream.read(limit if limit >= 0 else MAX_BYTES + 1)
    if limit < 0 and len(content) > MAX_BYTES:
        raise TooLargeError(path)
    return content


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
