# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server of the control socket: one JSON request per line, one JSON answer per line.

No client can block another: each connection has a task of its own, every wait for a client is bounded, and a malformed
request gets an error. Access is decided by the peer's credentials (SO_PEERCRED, unix(7)).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import grp
import json
import logging
import os
import pwd
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import FailoverError

log = logging.getLogger(__name__)

MAX_LINE = 1 << 20  # bytes of a request, without its newline
MAX_CONNECTIONS = 256
READ_TIMEOUT = 60.0  # seconds within which a request must arrive
REFUSED_TIMEOUT = 5.0  # the same for a client without access
WRITE_TIMEOUT = 10.0  # seconds within which a client must read an answer
STOP_TIMEOUT = 5.0  # seconds that a stop waits for requests in progress
_BACKLOG = 512

_TYPE_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    type(None): "null",
}


@dataclass(frozen=True)
class Operation:
    """The handler of an operation, and the allowed types of each key of its requests."""

    handler: Callable[[dict[str, Any]], Awaitable[Any]]
    keys: Mapping[str, tuple[type, ...]]
    required: tuple[str, ...] = ()


class _BadRequest(Exception):
    """A malformed request; the text states what was found and what was expected."""


@dataclass(eq=False)
class _Connection:
    """A client; ``waiting_since`` (loop time, seconds) is None while a request of it is served."""

    task: asyncio.Task[None]
    writer: asyncio.StreamWriter
    waiting_since: float | None = None


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
        self._server: asyncio.AbstractServer | None = None
        self._inode: tuple[int, int] | None = None
        self._connections: set[_Connection] = set()

    def remove_stale(self) -> None:
        """Remove the socket that a dead daemon left behind.

        Raises FailoverError if something else is at the path, or a process listens there.
        """
        try:
            mode = os.lstat(self._path).st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise FailoverError(f"control socket {self._path}: {error.strerror}") from None
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
                raise FailoverError(
                    f"control socket {self._path}: cannot check whether it is in use ({reason})"
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
            self._inode = status.st_dev, status.st_ino
            if gid is not None:
                os.chown(self._path, -1, gid)
                os.chmod(self._path, 0o660)
            self._server = await asyncio.start_unix_server(
                self._on_connection, sock=listener, backlog=_BACKLOG, limit=MAX_LINE
            )
        except (OSError, ValueError) as error:
            listener.close()
            self._remove()
            raise FailoverError(f"control socket {self._path}: {self._explain(error)}") from None

    async def stop(self) -> None:
        """Stop listening, remove the socket, and wait up to `STOP_TIMEOUT` for requests in progress."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._remove()
        for connection in list(self._connections):
            if connection.waiting_since is not None:
                connection.task.cancel()
        tasks = [connection.task for connection in self._connections]
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
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
            if (status.st_dev, status.st_ino) == self._inode:
                os.unlink(self._path)
        except OSError:
            pass
        self._inode = None

    # -- connections ---------------------------------------------------------------------------------------

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that asyncio started has a task
        self._make_room()
        connection = _Connection(task, writer)
        self._connections.add(connection)
        try:
            await self._serve_requests(connection, reader)
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), WRITE_TIMEOUT)
        except (OSError, asyncio.TimeoutError):
            pass  # the client is gone, or does not read its answer
        except asyncio.CancelledError:
            pass  # at a stop, or to make room
        finally:
            self._connections.discard(connection)
            writer.transport.abort()

    def _make_room(self) -> None:
        """End the connection that has been idle longest if there are too many."""
        waiting = [each for each in self._connections if each.waiting_since is not None]
        if len(self._connections) >= MAX_CONNECTIONS and waiting:
            oldest = min(waiting, key=lambda each: each.waiting_since or 0)
            self._connections.discard(oldest)
            oldest.task.cancel()

    async def _serve_requests(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        writer = connection.writer
        refusal = await self._access_problem(writer)
        if refusal is not None:
            # A client that is cut off before it has sent its request may fail with a broken pipe instead.
            connection.waiting_since = asyncio.get_running_loop().time()
            with contextlib.suppress(_BadRequest):
                await asyncio.wait_for(_read_line(reader), REFUSED_TIMEOUT)
            await _send(writer, _failure(refusal, 1))
            return
        while True:
            connection.waiting_since = asyncio.get_running_loop().time()
            try:
                line = await asyncio.wait_for(_read_line(reader), READ_TIMEOUT)
            except _BadRequest as error:
                connection.waiting_since = None
                await _send(writer, _failure(str(error), 2))
                return
            connection.waiting_since = None
            if line is None:
                return
            if line.strip():
                await _send(writer, await self._answer(line))

    async def _access_problem(self, writer: asyncio.StreamWriter) -> str | None:
        """Return why the client has no access, or None if it has."""
        peer = writer.get_extra_info("socket")
        size = struct.calcsize("3i")
        _pid, uid, gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        if uid in (0, self._owner_uid):
            return None
        if self._group is not None:
            # User and group lookups may go over the network: not in the event loop.
            loop = asyncio.get_running_loop()
            if await loop.run_in_executor(None, is_member, uid, gid, self._group):
                return None
        log.warning("control socket: uid %d has no access", uid)
        group = f", and members of the group {self._group}" if self._group else ""
        return f"not allowed: found uid {uid}; only root, the daemon's user{group} may use this socket"

    async def _answer(self, line: bytes) -> bytes:
        """Return the answer to one request; never raises an Exception."""
        name = "?"
        try:
            name, operation, options = self._parse(line)
            result = await operation.handler(options)
            return _encode({"ok": True, "result": result})
        except _BadRequest as error:
            return _failure(str(error), 2)
        except FailoverError as error:
            return _failure(str(error), error.exit_code if error.exit_code in (1, 2) else 1)
        except Exception:
            log.exception("control socket: the operation %s failed: a bug", name)
            return _failure("internal error; the daemon's log has the details", 1)

    def _parse(self, line: bytes) -> tuple[str, Operation, dict[str, Any]]:
        """Return the name, the operation and the options of a request. Raises _BadRequest."""
        try:
            request = json.loads(line.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise _BadRequest(f"found a line that is not JSON ({error}); expected one JSON object") from None
        if not isinstance(request, dict):
            raise _BadRequest(f"found {_type_name(request)}; expected a JSON object")
        name = request.pop("op", None)
        known = ", ".join(sorted(self._operations))
        if not isinstance(name, str) or name not in self._operations:
            shown = json.dumps(name)[:60] if isinstance(name, str) else _type_name(name)
            raise _BadRequest(f"op: found {shown}; expected one of {known}")
        operation = self._operations[name]
        for key, value in request.items():
            if key not in operation.keys:
                expected = f"one of {', '.join(operation.keys)}" if operation.keys else "none"
                raise _BadRequest(f"{name}: found the unknown key {json.dumps(key)[:60]}; expected {expected}")
            if type(value) not in operation.keys[key]:
                expected = " or ".join(_TYPE_NAMES.get(kind, kind.__name__) for kind in operation.keys[key])
                raise _BadRequest(f"{name}: {key}: found {_type_name(value)}; expected {expected}")
        for key in operation.required:
            if key not in request:
                raise _BadRequest(f"{name}: found no key {key}; it is required")
        return name, operation, request


def is_member(uid: int, gid: int, group: str) -> bool:
    """Return True if user ``uid``, whose process has the primary group ``gid``, is a member of ``group``."""
    try:
        wanted = grp.getgrnam(group).gr_gid
        if gid == wanted:
            return True
        user = pwd.getpwuid(uid)
        return wanted in os.getgrouplist(user.pw_name, user.pw_gid)
    except (KeyError, OSError):
        return False


async def _read_line(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next line, or None at the end of the stream; the last line needs no newline.

    Raises _BadRequest as soon as a line is too long; nothing can be read after that.
    """
    try:
        return (await reader.readuntil(b"\n"))[:-1]
    except asyncio.IncompleteReadError as error:
        return error.partial or None
    except asyncio.LimitOverrunError:
        raise _BadRequest(f"found a request of more than {MAX_LINE} bytes; expected a shorter one") from None


async def _send(writer: asyncio.StreamWriter, answer: bytes) -> None:
    """Send one answer. Raises OSError; asyncio.TimeoutError if the client does not read it."""
    writer.write(answer)
    await asyncio.wait_for(writer.drain(), WRITE_TIMEOUT)


def _encode(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, allow_nan=False).encode() + b"\n"


def _failure(error: str, code: int) -> bytes:
    return _encode({"ok": False, "error": error, "code": code})


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), type(value).__name__)
