# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the types in the daemon's answers that the commands rely on (pure).

Whoever listens on the socket may be a daemon of another release, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.errors import FailoverError

# A shape is _TEXT, _TEXT_OR_NULL, an object with at least these keys, or a list whose items have one shape.
_TEXT = "a text"
_TEXT_OR_NULL = "a text or null"
_SESSION = {"name": _TEXT, "state": _TEXT}
_RECORD = {"outcome": _TEXT}
_TASK = {
    **dict.fromkeys(("id", "state", "created_at", "prompt"), _TEXT),
    **dict.fromkeys(("session", "detail"), _TEXT_OR_NULL),
}
_HANDLED = {"session": _TEXT, "state": _TEXT, "uuid": _TEXT_OR_NULL, "detail": _TEXT}
_RESULTS: Mapping[str, Any] = {
    "status": {"accounts": [{"name": _TEXT}], "sessions": [_SESSION]},
    "sessions": [_SESSION],
    "history": [_RECORD],
    "switch": _RECORD,
    "dispatch": _TASK,
    "queue": [_TASK],
    "reload": {"reloaded": _TEXT},
    "restart": _HANDLED,
    "stop": _HANDLED,
}

_NAMES = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


def check_answer(op: str, options: Mapping[str, Any], result: Any) -> Any:
    """Return the result of an operation. Raises FailoverError if it is not what the operation answers."""
    shape = _TASK if op == "queue" and "cancel" in options else _RESULTS[op]
    problem = _problem(result, shape, "")
    if problem is not None:
        raise FailoverError(
            f"the daemon's answer to {op}: {problem}; is the daemon of another release? Restart it, or look who "
            "listens on its control socket"
        )
    return result


def _problem(value: Any, shape: Any, place: str) -> str | None:
    """Return what was found and expected at the first place that has another shape, None if there is none."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return _differs(value, place, "an object")
        for key, inner in shape.items():
            if key not in value:
                return f"found no {key}{_at(place)}, expected one"
            problem = _problem(value[key], inner, f"{place}.{key}")
            if problem is not None:
                return problem
        return None
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _differs(value, place, "a list")
        problems = (_problem(item, shape[0], f"{place}[{index}]") for index, item in enumerate(value))
        return next((problem for problem in problems if problem is not None), None)
    if isinstance(value, str) or (value is None and shape == _TEXT_OR_NULL):
        return None
    return _differs(value, place, shape)


def _differs(value: Any, place: str, expected: str) -> str:
    return f"found {_NAMES.get(type(value), 'null')}{_at(place)}, expected {expected}"


def _at(place: str) -> str:
    return f" at {place.lstrip('.')}" if place else ""
