# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of a module to the daemon, within one bound of time, and answers that a result may hold."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils._foreign_text import escaped
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import (
    DEFAULT_SOCKET,
    ControlError,
    NoAnswer,
    request,
)

MAX_TIMEOUT = 86400
_MAX_DEPTH = 30


class DaemonClient:
    """Sends requests to the daemon; ``timeout`` (seconds) bounds all of them together."""

    def __init__(
        self,
        socket_path: str,
        timeout: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        send: Callable[..., Any] = request,
    ) -> None:
        """Raise ControlError for a path that is not absolute, and for a bound that is none."""
        if not os.path.isabs(socket_path) or "\0" in socket_path or not _is_encodable(socket_path):
            raise ControlError(f"control_socket: found {readable(socket_path)!r}, expected an absolute path", 2)
        if not 0 < timeout <= MAX_TIMEOUT:
            raise ControlError(f"timeout: found {timeout}, expected a number of seconds from 1 to {MAX_TIMEOUT}", 2)
        self._socket_path, self._timeout = socket_path, timeout
        self._monotonic, self._send = monotonic, send
        self._end = monotonic() + timeout

    @property
    def remaining(self) -> float:
        """The seconds that are left, 0 or more."""
        return max(0.0, self._end - self._monotonic())

    def ask(self, op: str, options: Mapping[str, Any] | None = None, *, at_most: float | None = None) -> Any:
        """Send a request and return its result, as `displayable` makes it; ``at_most`` (seconds) bounds this one.

        Raises NotRunning, NoAnswer, ControlError, as `control_client.request` does.
        """
        remaining = self.remaining
        if remaining <= 0:
            raise NoAnswer(f"the daemon did not answer within {self._timeout} s")
        bound = remaining if at_most is None else min(remaining, at_most)
        return displayable(self._send(op, dict(options or {}), socket_path=self._socket_path, timeout=round(bound, 2)))


def socket_options(timeout: int) -> dict[str, dict[str, Any]]:
    """Return the argument spec of the options that every module which asks the daemon has."""
    return {
        "control_socket": {"type": "str", "default": DEFAULT_SOCKET},
        "timeout": {"type": "int", "default": timeout},
    }


def displayable(value: Any, depth: int = 0) -> Any:
    """Return an answer whose texts a terminal can show, and whose numbers JSON has. Raises ControlError.

    Whoever listens on the socket may be a daemon of another release, or none.
    """
    if depth > _MAX_DEPTH:
        raise ControlError(f"the daemon's answer: found more than {_MAX_DEPTH} levels, expected fewer")
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {readable(str(key)): displayable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [displayable(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def readable(text: str) -> str:
    """Return a text with escapes for whatever a terminal interprets or hides, and for what is no UTF-8."""
    return escaped(text.encode("utf-8", "backslashreplace").decode())


def expect_rows(op: str, value: Any, *keys: str) -> list[dict[str, Any]]:
    """Return an answer that is a list of objects with these texts. Raises ControlError."""
    if not isinstance(value, list):
        raise ControlError(_unexpected(op, f"found {type(value).__name__}, expected a list"))
    return [expect_object(op, row, *keys) for row in value]


def expect_object(op: str, value: Any, *keys: str) -> dict[str, Any]:
    """Return an answer that is an object with these texts. Raises ControlError."""
    if not isinstance(value, dict):
        raise ControlError(_unexpected(op, f"found {type(value).__name__}, expected an object"))
    for key in keys:
        if not isinstance(value.get(key), str):
            raise ControlError(_unexpected(op, f"found {type(value.get(key)).__name__} at {key}, expected a text"))
    return value


def _unexpected(op: str, problem: str) -> str:
    return (
        f"the daemon's answer to {op}: {problem}; is the daemon of another release? Restart it, or look who listens on "
        "its control socket"
    )


def _is_encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True
