# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of the control socket: parse one line, run its operation, return the line of the answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common import json_text
from ..common.errors import FailoverError
from ..common.text import shorten

log = logging.getLogger(__name__)

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


class BadRequest(Exception):
    """A malformed request; the text states what was found and what was expected."""


async def answer_to(line: bytes, operations: Mapping[str, Operation]) -> bytes:
    """Return the answer to one request. Raises BadRequest for a malformed one, and no other Exception."""
    name, operation, options = _parse(line, operations)
    try:
        result = await operation.handler(options)
        return _encode({"ok": True, "result": result})
    except FailoverError as error:
        return failure(str(error), error.exit_code if error.exit_code in (1, 2) else 1)
    except OSError as error:
        log.error("control socket: the operation %s failed: %s", name, error)
        return failure(f"{name} could not be done: {error}", 1)
    except Exception:  # a bug in one operation must not end the connection
        log.exception("control socket: the operation %s failed: a bug", name)
        return failure("internal error; the daemon's log has the details", 1)


def failure(error: str, code: int) -> bytes:
    """Return the answer to a request that failed; ``code`` is the exit code for the client."""
    return _encode({"ok": False, "error": error, "code": code})


def _encode(answer: dict[str, Any]) -> bytes:
    return json_text.render(answer).encode() + b"\n"


def _parse(line: bytes, operations: Mapping[str, Operation]) -> tuple[str, Operation, dict[str, Any]]:
    """Return the name, the operation and the options of a request. Raises BadRequest."""
    try:
        request = json_text.parse(line)
    except json_text.JsonError as error:
        raise BadRequest(f"found a line that is not JSON ({error}); expected one JSON object") from None
    if not isinstance(request, dict):
        raise BadRequest(f"found {_type_name(request)}; expected a JSON object")
    name = request.pop("op", None)
    known = ", ".join(sorted(operations))
    if not isinstance(name, str) or name not in operations:
        shown = _quoted(name) if isinstance(name, str) else _type_name(name)
        raise BadRequest(f"op: found {shown}; expected one of {known}")
    operation = operations[name]
    for key, value in request.items():
        if key not in operation.keys:
            expected = f"one of {', '.join(operation.keys)}" if operation.keys else "none"
            raise BadRequest(f"{name}: found the unknown key {_quoted(key)}; expected {expected}")
        if type(value) not in operation.keys[key]:
            expected = " or ".join(_TYPE_NAMES.get(kind, kind.__name__) for kind in operation.keys[key])
            raise BadRequest(f"{name}: {key}: found {_type_name(value)}; expected {expected}")
    for key in operation.required:
        if key not in request:
            raise BadRequest(f"{name}: found no key {key}; it is required")
    return name, operation, request


def _quoted(text: str) -> str:
    return json_text.render(shorten(text, 60))


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), type(value).__name__)
