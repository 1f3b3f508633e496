# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server of the control socket: one JSON request per line, one JSON answer per line.

No client can block another: each connection has a task of its own, every wait for a client is bounded, and so is what
all of them together take of memory and descriptors. A malformed request gets an error. `access` decides who may ask.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import grp
import logging
import os
import resource
import socket
import stat
import time
from collections.abc import Mapping

from ..common.errors import FailoverError, failure_of
from ..common.file_identity import FileIdentity, identity_of
from .access import access_problem
from .connection import ClientConnection, UnfinishedRequests
from .requests import BadRequest, Operation, answer_to, failure

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256
DESCRIPTORS_SHARE = 4  # the clients get at most one in so many of the descriptors that the process may have
ACCEPT_PAUSE = 0.5  # seconds until the next try to accept a client
SPARED = 0.05  # seconds for which a client is not ended although it is silent: its request may not be read yet
LOG_INTERVAL = 10.0  # seconds between two log lines about malformed requests
READ_TIMEOUT = 60.0  # seconds within which a request must arrive
REFUSED_TIMEOUT = 5.0  # the same for a client without access
WRITE_TIMEOUT = 10.0  # seconds within which a client must read an answer
STOP_TIMEOUT = 5.0  # seconds that a stop waits for requests in progress
_BACKLOG = 512


class ControlServer:
    """Listens on ``path`` and serves ``operations``.

    Root, ``owner_uid`` and the members of ``group`` (primary or supplementary) have access. The caller holds the
    daemon's locks.
    """

    def __init__(self, path: str, operations: Mapping[str, Operation], *, group: str | None, owner_uid: int) -> None:
        self._path = path
        self._operations = operations
        self._group = group
        self._owner_uid = owner_uid
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._identity: FileIdentity | None = None
        self._connections: set[ClientConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unfinished = UnfinishedRequests()
        self._malformed_since = 0
        self._malformed_logged_at = float("-inf")

    def remove_stale(self) -> None:
        """Remove the socket that a dead daemon left behind.

        Raises FailoverError if something else is at the path, or a process listens there.
        """
        try:
            mode = os.lstat(self._path).st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise failure_of(error, f"control socket {self._path}: {error.strerror}") from None
        if not stat.S_ISSOCK(mode):
            raise FailoverError(
                f"control socket {self._path}: found a file that is not a socket, left as it is; move it away, or set "
                "another control_socket"
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            try:
                probe.connect(self._path)
            except ConnectionRefusedError:
                os.unlink(self._path)
                return
            except OSError as error:
                reason = error.strerror or str(error)
                raise failure_of(
                    error, f"control socket {self._path}: cannot check whether it is in use ({reason})"
                ) from None
        raise FailoverError(f"control socket {self._path}: another process listens there; end it first")

    async def start(self) -> None:
        """Start listening. Raises FailoverError."""
        gid = self._group_id()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            old_mask = os.umask(0o177)  # no access for others before owner and mode are set
            try:
                listener.bind(self._path)
            finally:
                os.umask(old_mask)
            status = os.lstat(self._path)
            self._identity = identity_of(status)
            if gid is not None:
                os.chown(self._path, -1, gid)
                os.chmod(self._path, 0o660)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except (OSError, ValueError) as error:
            listener.close()
            self._remove()
            message = f"control socket {self._path}: {self._explain(error)}"
            raise (failure_of(error, message) if isinstance(error, OSError) else FailoverError(message)) from None
        self._listener = listener
        self._accepting = asyncio.get_running_loop().create_task(self._accept(listener))

    async def stop(self) -> None:
        """Stop listening, remove the socket, and wait up to `STOP_TIMEOUT` for requests in progress."""
        if self._accepting is not None and self._listener is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._listener.close()
            self._accepting = self._listener = None
        self._remove()
        for connection in list(self._connections):
            if connection.waiting_since is not None:
                connection.end()
        if self._tasks:
            _done, late = await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _group_id(self) -> int | None:
        if self._group is None:
            return None
        try:
            return grp.getgrnam(self._group).gr_gid
        except KeyError:
            raise FailoverError(
                f"control_group: found no group {self._group!r} on this host; create it, or set another one"
            ) from None

    def _explain(self, error: Exception) -> str:
        number = error.errno if isinstance(error, OSError) else None
        folder = os.path.dirname(self._path)
        if number == errno.ENOENT:
            return f"its folder {folder} does not exist (under systemd RuntimeDirectory= creates it); create it"
        if number == errno.EACCES:
            return f"this user may not write to {folder}"
        if number == errno.EADDRINUSE:
            return "something exists at that path already"
        if number == errno.EPERM:
            return f"this user may not give the socket to the group {self._group}: it is not a member"
        return str(error)

    def _remove(self) -> None:
        """Remove the socket, unless another one was created at the path since."""
        try:
            status = os.lstat(self._path)
            if identity_of(status) == self._identity:
                os.unlink(self._path)
        except OSError:
            pass
        self._identity = None

    # -- connections ---------------------------------------------------------------------------------------

    async def _accept(self, listener: socket.socket) -> None:
        """Accept clients until cancelled; while no more can be had, those that wait longest make room."""
        loop = asyncio.get_running_loop()
        failed = False
        while True:
            try:
                await self._make_room()
                peer, _address = await loop.sock_accept(listener)
                if failed:
                    log.info("control socket: clients are accepted again")
                failed = False
            except OSError as error:
                if not failed:
                    log.error("control socket: no client can be accepted for now: %s", error)
                failed = True
                self._end_longest_waiting()
                await asyncio.sleep(ACCEPT_PAUSE)
                continue
            peer.setblocking(False)
            connection = ClientConnection(peer, self._unfinished, waiting_since=loop.time())
            connection.task = loop.create_task(self._serve(connection))
            connection.task.add_done_callback(functools.partial(self._on_end, connection))
            self._connections.add(connection)
            self._tasks.add(connection.task)
            # Else all clients that wait already would be accepted before the first one is served.
            await asyncio.sleep(0)

    async def _make_room(self) -> None:
        """End the connections that have been idle longest while there are too many; wait if none is idle."""
        most = min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // DESCRIPTORS_SHARE)
        while len(self._tasks) >= most:
            self._end_longest_waiting()
            await asyncio.wait(self._tasks, timeout=SPARED, return_when=asyncio.FIRST_COMPLETED)

    def _end_longest_waiting(self) -> None:
        """End the connection that has been idle longest, if one is idle."""
        until = asyncio.get_running_loop().time() - SPARED
        waiting = [each for each in self._connections if each.waiting_since is not None and each.waiting_since <= until]
        if waiting:
            oldest = min(waiting, key=lambda each: each.waiting_since or 0)
            self._connections.discard(oldest)
            oldest.end()

    async def _serve(self, connection: ClientConnection) -> None:
        """Serve one client until it goes."""
        try:
            await self._serve_requests(connection)
        except (OSError, asyncio.TimeoutError):
            pass  # the client is gone, or does not read its answer

    def _on_end(self, connection: ClientConnection, task: asyncio.Task[None]) -> None:
        """Close a connection, also one whose task was cancelled before it began."""
        self._connections.discard(connection)
        self._tasks.discard(task)
        connection.close()
        if not task.cancelled() and task.exception() is not None:
            log.error("control socket: a bug", exc_info=task.exception())

    async def _serve_requests(self, connection: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        refusal = await access_problem(connection.peer, self._owner_uid, self._group)
        if refusal is not None:
            # A client that is cut off before it has sent its request may fail with a broken pipe instead.
            connection.waiting_since = loop.time()
            await asyncio.wait_for(connection.discard_line(), REFUSED_TIMEOUT)
            await connection.send(failure(refusal, 1), WRITE_TIMEOUT)
            return
        while True:
            connection.waiting_since = loop.time()
            try:
                line = await asyncio.wait_for(connection.read_line(), READ_TIMEOUT)
            except BadRequest as error:
                connection.waiting_since = None
                await connection.send(self._malformed(error), WRITE_TIMEOUT)
                return
            connection.waiting_since = None
            if line is None:
                return
            if line.strip():
                try:
                    answer = await answer_to(line, self._operations)
                except BadRequest as error:
                    answer = self._malformed(error)
                await connection.send(answer, WRITE_TIMEOUT)

    def _malformed(self, error: BadRequest) -> bytes:
        """Return the answer to a malformed request, and log it: a hook reads no answer."""
        self._malformed_since += 1
        now = time.monotonic()
        if now - self._malformed_logged_at >= LOG_INTERVAL:
            log.warning("control socket: malformed requests: %d; the last one: %s", self._malformed_since, error)
            self._malformed_since, self._malformed_logged_at = 0, now
        return failure(str(error), 2)
