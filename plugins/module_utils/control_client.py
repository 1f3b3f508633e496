# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client of the daemon's control socket.

The daemon's commands import this module too: standard library only, no Ansible import.
"""

from __future__ import annotations

import errno
import json
import math
import os
import socket
import time
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils._path_owner import (
    ROOT,
    PathOwner,
    describe_owner,
    path_owner,
)

DEFAULT_SOCKET = "/run/claude-failover/control.sock"
_CHUNK = 1 << 16  # bytes that are read at once
MAX_ANSWER = 64 << 20
_SOCKET_BYTES = 107
_DIGITS = 20  # of the largest number, or of the smallest with its sign
_MAX_DEPTH = 200  # twice that of the daemon


class ControlError(Exception):
    """A request failed; ``code`` is the exit code to end with: 1 refused or failed, 2 wrong use."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class NotRunning(ControlError):
    """Nobody listens on the control socket."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 3)


class NoAnswer(ControlError):
    """The daemon may have got the request, and its answer is lost: whether it was carried out is not known."""


def request(
    op: str,
    options: dict[str, Any] | None = None,
    *,
    socket_path: str = DEFAULT_SOCKET,
    timeout: float = 10.0,
) -> Any:
    """Send ``op`` with ``options`` to the daemon and return its result.

    ``timeout`` (seconds) bounds the whole exchange. Raises NotRunning; NoAnswer after the request was sent; and
    ControlError for every other failure: a refusal, no right to use the socket.
    """
    line = json.dumps(dict(options or {}, op=op), allow_nan=False).encode() + b"\n"
    if len(os.fsencode(socket_path)) > _SOCKET_BYTES:
        raise ControlError(
            f"{socket_path}: found a socket path of {len(os.fsencode(socket_path))} bytes, expected at most "
            f"{_SOCKET_BYTES}",
            2,
        )
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(timeout)
            _connect(connection, socket_path)
        except OSError as error:
            raise _connection_error(socket_path, error) from None
        try:
            answer = _exchange(connection, line, deadline)
        except socket.timeout:
            raise NoAnswer(f"{socket_path}: the daemon did not answer within {timeout:g} s") from None
        except OSError as error:
            raise NoAnswer(f"{socket_path}: the connection was lost: {error.strerror or error}") from None
    return _parse_answer(socket_path, answer)


def _connect(connection: socket.socket, path: str) -> None:
    """Connect to the socket at ``path``. Raises OSError, ControlError.

    Where another user decides where the path leads, root connects to a socket of that user's only: by a link root
    could be led to any other. Where several users do, it connects to none.
    """
    owner = path_owner(path) if os.geteuid() == ROOT else PathOwner(ROOT, path)
    if owner.uid == ROOT:
        connection.connect(path)
        return
    if owner.uid is None:
        raise ControlError(
            f"{path}: {describe_owner(owner)}; expected a socket in a folder that only root or one user can change. "
            "Nothing was sent: run this as the daemon's user"
        )
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor).st_uid
        if found != owner.uid:
            raise ControlError(
                f"{path}: found a socket of the user {found}, and {describe_owner(owner)}; expected one of the same. "
                "Nothing was sent: look at the path"
            )
        connection.connect(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _connection_error(path: str, error: OSError) -> ControlError:
    if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR):
        return NotRunning(f"the daemon is not running: nobody listens on {path}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return ControlError(
            f"{path}: this user may not use the control socket; root, the daemon's user and the members of "
            "control_group may. Run it as root (sudo claude-failover ...), or have control_group set to a group of "
            "yours"
        )
    return ControlError(f"{path}: cannot connect: {error.strerror or error}")


def _exchange(connection: socket.socket, line: bytes, deadline: float) -> bytes:
    """Send a line and return the answer's line without its newline. Raises OSError."""
    try:
        connection.sendall(line)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the daemon may have answered before it closed
    answer = bytearray()
    while b"\n" not in answer[-_CHUNK:]:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise socket.timeout
        connection.settimeout(remaining)
        chunk = connection.recv(_CHUNK)
        if not chunk:
            raise ConnectionError("the daemon closed it without an answer")
        answer += chunk
        if len(answer) > MAX_ANSWER:
            raise ConnectionError(f"an answer of more than {MAX_ANSWER} bytes")
    return bytes(answer[: answer.index(b"\n")])


def _parse_answer(path: str, line: bytes) -> Any:
    """Return the result of an answer, with None for each number that could not be shown or written again.

    Raises ControlError for an error, and for a line that is no answer.
    """
    try:
        answer = json.loads(line, parse_int=_int64, parse_float=_finite, parse_constant=_finite)
        _check_depth(answer)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and answer.get("ok") is True:
        return answer.get("result")
    if isinstance(answer, dict) and answer.get("ok") is False and isinstance(answer.get("error"), str):
        code = answer.get("code")
        raise ControlError(answer["error"], code if code in (1, 2) else 1)
    raise ControlError(f"{path}: found an answer that is none of the daemon's; expected one JSON object")


def _int64(text: str) -> int | None:
    """Return an integer; None for one of more than 64 bits, which no float can hold."""
    number = int(text) if len(text) <= _DIGITS else 1 << 64
    return number if -(1 << 63) <= number < 1 << 64 else None


def _finite(text: str) -> float | None:
    """Return a number; None for one that JSON cannot hold."""
    number = float(text)
    return number if math.isfinite(number) else None


def _check_depth(answer: Any) -> None:
    """Raise ValueError for an answer that is nested more deeply than can be written again."""
    level = [answer]
    for _depth in range(_MAX_DEPTH):
        lists = [value for value in level if isinstance(value, list)]
        objects = [value.values() for value in level if isinstance(value, dict)]
        level = [item for values in (*lists, *objects) for item in values]
        if not level:
            return
    raise ValueError(f"found more than {_MAX_DEPTH} levels")
