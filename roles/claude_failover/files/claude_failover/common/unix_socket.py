# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about unix sockets (unix(7))."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_CREDENTIALS = struct.Struct("3i")  # struct ucred


class PeerCredentials(NamedTuple):
    """Process, user and group of the other end of a connection (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


def listener_pid(path: str) -> int:
    """Return the process that listens on the socket at ``path``.

    Never waits. Raises BlockingIOError if the queue of the listener is full, OSError if nothing can be reached there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.setblocking(False)
        probe.connect(path)
        return credentials_of(probe).pid


def credentials_of(peer: socket.socket) -> PeerCredentials:
    """Return the credentials of a connected peer. Raises OSError."""
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return PeerCredentials(*_CREDENTIALS.unpack(raw))
