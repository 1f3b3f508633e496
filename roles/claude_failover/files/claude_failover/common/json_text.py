# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON from elsewhere, and JSON for elsewhere. All of the daemon's JSON goes through these functions.

A value that was parsed here can always be rendered again: in a state document, in ``status --json``, in the record of
``notify.command``.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Callable

from .text import SPECIAL, encodable

MAX_DEPTH = 100
_MAX_DIGITS = 20  # of a whole number, with its sign
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonError(ValueError):
    """The text is no JSON, or holds a value that no JSON of Claude Code or of this daemon has."""


def parse(raw: bytes | str) -> Any:
    """Return the value of a JSON text; lone surrogates become U+FFFD.

    Raises JsonError for bytes that are no UTF-8, ``NaN`` and ``Infinity``, numbers beyond 64 bits, a key that an
    object holds twice, and values nested more than `MAX_DEPTH` deep.
    """
    return _parsed(raw, _DECODER)


def parse_outline(raw: bytes | str) -> Any:
    """Return the value of a JSON text without what it says: of each text and list in an object, whether it is empty.

    Raises JsonError, as `parse`.
    """
    return _parsed(raw, _OUTLINE_DECODER)


def _parsed(raw: bytes | str, decoder: json.JSONDecoder) -> Any:
    try:
        text = raw.decode() if isinstance(raw, bytes) else encodable(raw)
        value = decoder.decode(text)
    except JsonError:
        raise
    except ValueError as error:
        raise JsonError(str(error)) from None
    except RecursionError:
        raise JsonError(f"values nested more than {MAX_DEPTH} deep") from None
    if _SURROGATE_ESCAPE.search(text) or text.count("[") + text.count("{") > MAX_DEPTH:
        return _checked(value, MAX_DEPTH)
    return value


def render(value: Any, *, indent: int | None = None, terminal: bool = False, sort_keys: bool = False) -> str:
    """Return a value as JSON; lone surrogates become U+FFFD, everything else is written as it is.

    For a ``terminal``, what that interprets or hides is escaped instead. Raises ValueError for a number that JSON
    lacks, TypeError for a type that it lacks: bugs of the caller.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, sort_keys=sort_keys)
    return SPECIAL.sub(_escape, text) if terminal else encodable(text)


def _escape(found: re.Match[str]) -> str:
    character = found.group()  # a line break is one between values, for those within texts are escaped already
    return character if character in "\n\t" else json.dumps(character)[1:-1]


def _checked(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, (dict, list)):
        if not depth:
            raise JsonError(f"values nested more than {MAX_DEPTH} deep")
        if isinstance(value, list):
            return [_checked(item, depth - 1) for item in value]
        return {encodable(key): _checked(item, depth - 1) for key, item in value.items()}
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise JsonError("an object that holds a key twice")
    return found


def _outline(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, (dict, int, float)) else bool(value) for key, value in _object(pairs).items()
    }


def _integer(text: str) -> int:
    number = int(text) if len(text) <= _MAX_DIGITS else 1 << 64
    if not -(1 << 63) <= number < 1 << 64:
        raise JsonError(f"a number of {len(text)} digits, beyond 64 bits")
    return number


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonError(f"the number {text[:30]}, beyond 64 bits")
    return number


def _constant(name: str) -> None:
    raise JsonError(f"{name} is not JSON")


def _decoder(of_object: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=of_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
    )


_DECODER = _decoder(_object)
_OUTLINE_DECODER = _decoder(_outline)
