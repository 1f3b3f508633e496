# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about unix sockets (unix(7))."""

from __future__ import annotations

import socket
import struct


def listener_pid(path: str) -> int:
    """Return the process that listens on the socket at ``path`` (SO_PEERCRED).

    Never waits. Raises BlockingIOError if the queue of the listener is full, OSError if nothing can be reached there.
    """
    size = struct.calcsize("3i")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.setblocking(False)
        probe.connect(path)
        pid, _uid, _gid = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(pid)
