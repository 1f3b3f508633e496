# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket of a tmux server that is connected already: still there, and still that server's.

A connection outlives its socket, which others need to reach the server by. tmux makes a removed one again on SIGUSR1
(tmux(1)).
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from typing import Optional


class ServerSocket:
    """The socket at ``path`` of the server ``pid``, as it is at the time of the connection."""

    def __init__(self, path: str, pid: Optional[int]) -> None:
        self._path = path
        self._pid = pid
        self._identity = _identity(path)

    def check(self) -> Optional[str]:
        """Return the reason if the path no longer leads to the server; make a removed socket again."""
        identity = _identity(self._path)
        if self._pid is None or (identity is not None and identity == self._identity):
            return None
        if identity is None:
            try:
                os.kill(self._pid, signal.SIGUSR1)
            except OSError as error:
                return f"the socket was removed, and the server cannot be told to make it again: {error.strerror}"
            return None  # it is there at the next check
        listener = listener_pid(self._path)
        if listener != self._pid:
            return f"found process {listener or 'none'} listening on the socket, expected the server {self._pid}"
        self._identity = identity
        return None


def _identity(path: str) -> Optional[tuple[int, int]]:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def listener_pid(path: str) -> Optional[int]:
    """Return the process that listens on a unix socket, or None (SO_PEERCRED, unix(7))."""
    size = struct.calcsize("3i")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
            pid, _uid, _gid = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        except OSError:
            return None
    return int(pid)
