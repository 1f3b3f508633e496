# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read regular files only, without blocking.

The daemon has one thread, and opening a FIFO blocks until somebody writes to it.
"""

from __future__ import annotations

import errno
import os
import stat

_KINDS = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}


class NotARegularFileError(OSError):
    """The path leads to something other than a regular file; ``kind`` names it ("a FIFO")."""

    def __init__(self, path: str, mode: int) -> None:
        self.kind = _KINDS.get(stat.S_IFMT(mode), "a device")
        super().__init__(f"{path} is {self.kind}, not a regular file")


def read_regular(path: str, limit: int = -1) -> bytes:
    """Return the content of a regular file, at most ``limit`` bytes unless ``limit`` is negative.

    Links are followed. Raises NotARegularFileError, OSError; ValueError for an impossible path (a NUL in it).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, or a device without a driver
            raise NotARegularFileError(path, os.stat(path).st_mode) from None
        raise
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise NotARegularFileError(path, mode)
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(limit)
    finally:
        os.close(descriptor)
