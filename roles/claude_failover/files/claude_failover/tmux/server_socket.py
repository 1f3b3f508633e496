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

from ..common.file_identity import FileIdentity, identity_of
from ..common.unix_socket import listener_pid


class ServerSocket:
    """The socket at ``path`` of the server ``pid``, as it is at the time of the connection."""

    def __init__(self, path: str, pid: int | None) -> None:
        self._path = path
        self._pid = pid
        self._identity = _identity(path)

    def check(self) -> str | None:
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
        try:
            listener = listener_pid(self._path)
        except BlockingIOError:
            return None  # told apart at the next check
        except OSError as error:
            return f"another socket is in the place of the server's, and cannot be used: {error.strerror}"
        if listener != self._pid:
            return f"found process {listener} listening on the socket, expected the server {self._pid}"
        self._identity = identity
        return None


def _identity(path: str) -> FileIdentity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return identity_of(status)
