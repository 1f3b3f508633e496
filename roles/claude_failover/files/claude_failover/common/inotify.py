# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Non-blocking inotify(7) for an event loop.

Reports an overflow of the kernel's queue, after which everything has to be read again; the packaged python3-watchdog
hides it, and needs a thread for each folder tree.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MODIFY = 0x00000002
MOVED_FROM = 0x00000040
MOVED_TO = 0x00000080
CREATE = 0x00000100
DELETE = 0x00000200
DELETE_SELF = 0x00000400
MOVE_SELF = 0x00000800
UNMOUNT = 0x00002000
OVERFLOW = 0x00004000
IGNORED = 0x00008000
ONLYDIR = 0x01000000
DONT_FOLLOW = 0x02000000
ISDIR = 0x40000000

_HEADER = struct.Struct("iIII")
_BUFFER = 65536


@dataclass(frozen=True)
class InotifyEvent:
    """An event for ``name`` in the folder of ``watch``; ``mask`` is a combination of the constants above."""

    watch: int
    mask: int
    name: str


class Inotify:
    """An inotify instance. ``fileno`` becomes readable when there are events; `read` never blocks."""

    def __init__(self) -> None:
        """Raises OSError, for instance at the limit fs.inotify.max_user_instances."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify_init1")

    def fileno(self) -> int:
        """Return the file descriptor to wait on."""
        return self._descriptor

    def watch(self, folder: str, mask: int) -> int:
        """Watch a folder; returns the number by which its events name it. Raises OSError."""
        return self._checked(
            self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), ctypes.c_uint32(mask | ONLYDIR)), folder
        )

    def unwatch(self, watch: int) -> None:
        """End a watch; one that has ended already is ignored."""
        with contextlib.suppress(OSError):
            self._checked(self._libc.inotify_rm_watch(self._descriptor, watch), str(watch))

    def read(self) -> Iterator[InotifyEvent]:
        """Yield the events since the last call."""
        while True:
            try:
                data = os.read(self._descriptor, _BUFFER)
            except BlockingIOError:
                return
            offset = 0
            while offset < len(data):
                watch, mask, _cookie, length = _HEADER.unpack_from(data, offset)
                offset += _HEADER.size
                name = data[offset : offset + length].rstrip(b"\0")
                offset += length
                yield InotifyEvent(watch, mask, os.fsdecode(name))

    def close(self) -> None:
        """Close the instance, which ends all watches."""
        os.close(self._descriptor)

    @staticmethod
    def _checked(result: int, subject: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), subject)
        return result


def describe(error: OSError) -> str:
    """Return the reason of an error for an operator; inotify's own uses of EMFILE and ENOSPC name their limits."""
    if error.errno == errno.EMFILE:
        return "no inotify instance is left (fs.inotify.max_user_instances), or no file descriptor"
    if error.errno == errno.ENOSPC:
        return "no inotify watch is left (fs.inotify.max_user_watches)"
    return error.strerror or str(error)
