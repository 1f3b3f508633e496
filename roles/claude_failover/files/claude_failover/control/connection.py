# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client's connection to the control socket, and the memory that all of them may take."""

from __future__ import annotations

import asyncio
import logging
import socket

from .requests import BadRequest

log = logging.getLogger(__name__)

MAX_LINE = 1 << 20  # bytes of a request, without its newline
MAX_UNFINISHED = 8 << 20  # bytes of unfinished requests of all clients together
_CHUNK = 1 << 16  # bytes per read


class UnfinishedRequests:
    """The bytes of requests that are not complete yet, of all connections. The largest one pays for the sum."""

    def __init__(self, limit: int = MAX_UNFINISHED) -> None:
        self._limit = limit
        self._sizes: dict[ClientConnection, int] = {}

    def keep(self, connection: ClientConnection, size: int) -> None:
        """Record the size of a connection's unfinished request; end the largest ones until the sum is in bounds."""
        self._sizes[connection] = size
        while sum(self._sizes.values()) > self._limit:
            largest = max(self._sizes, key=self._sizes.__getitem__)
            size = self._sizes.pop(largest)
            log.warning(
                "control socket: unfinished requests of more than %d bytes; ended the largest one, of %d bytes",
                self._limit,
                size,
            )
            largest.end()

    def forget(self, connection: ClientConnection) -> None:
        """Take a connection out of the sum."""
        self._sizes.pop(connection, None)


class ClientConnection:
    """A client; ``waiting_since`` (loop time, seconds) is None while a request of it is served."""

    def __init__(self, peer: socket.socket, unfinished: UnfinishedRequests, waiting_since: float) -> None:
        self.peer = peer
        self.task: asyncio.Task[None] | None = None
        self.waiting_since: float | None = waiting_since
        self._unfinished = unfinished
        self._received = bytearray()

    def end(self) -> None:
        """End the connection, and free what it has sent."""
        self._received = bytearray()
        if self.task is not None:
            self.task.cancel()

    async def read_line(self) -> bytes | None:
        """Return the next line, or None at the end of the stream; the last line needs no newline.

        Raises BadRequest as soon as a line is too long; nothing can be read after that. Raises OSError.
        """
        loop = asyncio.get_running_loop()
        searched = 0
        while True:
            end = self._received.find(b"\n", searched)
            if end >= 0 or len(self._received) > MAX_LINE:
                break
            searched = len(self._received)
            self._unfinished.keep(self, searched)
            chunk = await loop.sock_recv(self.peer, _CHUNK)
            if not chunk:
                end = len(self._received)
                break
            self._received += chunk
        self._unfinished.forget(self)
        if not 0 <= end <= MAX_LINE:
            self._received = bytearray()
            raise BadRequest(f"found a request of more than {MAX_LINE} bytes; expected a shorter one")
        line = bytes(self._received[:end])
        at_end = end == len(self._received)
        self._received = self._received[end + 1 :]
        return None if at_end and not line else line

    async def discard_line(self) -> None:
        """Read up to the end of a line, or of the stream, and keep nothing. Raises OSError."""
        loop = asyncio.get_running_loop()
        for _read in range(MAX_LINE // _CHUNK):
            chunk = await loop.sock_recv(self.peer, _CHUNK)
            if not chunk or b"\n" in chunk:
                return

    async def send(self, answer: bytes, timeout: float) -> None:
        """Send one answer. Raises OSError; asyncio.TimeoutError if the client does not read it."""
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self.peer, answer), timeout)

    def close(self) -> None:
        """Close the connection."""
        self._unfinished.forget(self)
        self._received = bytearray()
        self.peer.close()
