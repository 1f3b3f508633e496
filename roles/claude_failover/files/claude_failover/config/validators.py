# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of general values: text, numbers, paths, lists; and the problems that checks report.

A check is a function of a value and of its location (the key, and the list that problems go to); it returns the
checked value, raises ``ValidationError``, or raises ``AlreadyReported`` after it added its problems to the list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ..common.suggestions import did_you_mean
from ..common.text import printable, shorten

T = TypeVar("T")
_SHOWN = 60


class Problem(NamedTuple):
    """One error of a configuration: its key (empty for the whole file), what was found, what was expected."""

    key: str
    found: str
    expected: str
    line: int | None = None


class ValidationError(Exception):
    """A value is not what its check expects. Both texts are meant for the operator and show no secret."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found = found
        self.expected = expected


class AlreadyReported(Exception):
    """A value cannot be used, and its problems are already in the list."""


class Location(NamedTuple):
    """The key of a value, and the list that its problems go to."""

    key: str
    problems: list[Problem]

    def item(self, index: int) -> Location:
        """Return the location of one item of this list."""
        return Location(f"{self.key}[{index}]", self.problems)

    def below(self, name: Any) -> Location:
        """Return the location of one key of this mapping."""
        return Location(join(self.key, name), self.problems)

    def reject(self, found: str, expected: str) -> None:
        """Report a problem with the value."""
        self.problems.append(Problem(self.key, found, expected))


def join(key: str, name: Any) -> str:
    """Return the key of ``name`` in the mapping ``key``: ``failover.cooldown``."""
    word = name if isinstance(name, str) and name.isprintable() and 0 < len(name) <= _SHOWN else describe(name)
    return f"{key}.{word}" if key else word


Check = Callable[[Any, Location], T]


def describe(value: Any, *, secret: bool = False) -> str:
    """Return a description of a value, shortened and printable; of a secret only its kind."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "a boolean" if secret else f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        try:
            number = repr(value)
        except ValueError:  # Python 3.11 and later write no integers of more than 4300 digits
            number = "of thousands of digits"
        return "a number" if secret else f"the number {shorten(number, 30)}"
    if isinstance(value, str):
        if secret:
            return "text (not shown)"
        return repr(shorten(value, _SHOWN)) if value else "empty text"
    if isinstance(value, Mapping):
        return f"a mapping of {len(value)}"
    if isinstance(value, Sequence):
        return f"a list of {len(value)}"
    return f"a {type(value).__name__}" if secret else f"the {type(value).__name__} {shorten(str(value), _SHOWN)}"


def text(value: Any, _location: Location) -> str:
    """Check for text that is not empty and holds no control character."""
    return _text(value, secret=False)


def hidden_text(value: Any, _location: Location) -> str:
    """Check for text that can be an argument or a variable: any but with NUL or newline; it is never shown."""
    if not isinstance(value, str):
        raise ValidationError(describe(value, secret=True), "text" + _quote_hint(value))
    _without(value, lambda character: character in "\n\0" or "\ud800" <= character < "\ue000")
    return value


def _text(value: Any, *, secret: bool) -> str:
    if not isinstance(value, str):
        raise ValidationError(describe(value, secret=secret), "text" + _quote_hint(value))
    if not value.strip():
        raise ValidationError(
            describe(value, secret=secret) if value == "" else "only blanks", "text that is not empty"
        )
    _without(value, lambda character: character in "\n\t" or character != printable(character))
    return value


def _quote_hint(value: Any) -> str:
    simple = value is not None and not isinstance(value, (dict, list))
    return "; put it between quotes if it is meant as text" if simple else ""


def _without(value: str, refused: Callable[[str], bool]) -> None:
    for position, character in enumerate(value):
        if refused(character):
            names = {"\n": "a newline", "\0": "a NUL character", "\t": "a tab"}
            found = names.get(character, f"the character U+{ord(character):04X}")
            raise ValidationError(f"{found} at position {position}", "text on one line without such characters")


def boolean(value: Any, _location: Location) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise ValidationError(describe(value), "true or false")
    return value


def number(low: float, high: float, unit: str = "") -> Check[float]:
    """Return a check for a number from ``low`` to ``high``, both included."""
    expected = f"a number from {low:g} to {high:.15g}{' ' + unit if unit else ''}"

    def check(value: Any, _location: Location) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValidationError(describe(value), expected)
        if not low <= value <= high or (isinstance(value, float) and math.isnan(value)):
            raise ValidationError(describe(value), expected)
        return value

    return check


def integer(low: int, high: int) -> Check[int]:
    """Return a check for a whole number from ``low`` to ``high``, both included."""
    expected = f"a whole number from {low} to {high}"

    def check(value: Any, _location: Location) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValidationError(describe(value), expected)
        return value

    return check


class Choice:
    """A check for one of ``names``."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, value: Any, _location: Location) -> str:
        if not isinstance(value, str) or value not in self.names:
            expected = f"one of {', '.join(self.names)}{did_you_mean(value, self.names)}"
            raise ValidationError(describe(value), expected)
        return value


def optional(check: Check[T]) -> Check[T | None]:
    """Return a check that also accepts null."""

    def checked(value: Any, location: Location) -> T | None:
        if value is None:
            return None
        try:
            return check(value, location)
        except ValidationError as error:
            raise ValidationError(error.found, f"{error.expected}, or null") from None

    return checked


def list_of(check: Check[T], what: str, *, least: int = 0, secret: bool = False) -> Check[tuple[T, ...]]:
    """Return a check for a list whose every item passes ``check``; ``what`` describes such a list."""

    def checked(value: Any, location: Location) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValidationError(describe(value, secret=secret), what)
        if len(value) < least:
            raise ValidationError("an empty list" if not value else describe(value), f"{what}, at least {least}")
        items: list[T] = []
        for index, item in enumerate(value):
            at = location.item(index)
            try:
                items.append(check(item, at))
            except ValidationError as error:
                at.reject(error.found, error.expected)
            except AlreadyReported:
                pass
        if len(items) != len(value):
            raise AlreadyReported
        return tuple(items)

    return checked


def path(value: Any, location: Location) -> str:
    """Check for an absolute path that is written out in full; returns it without trailing or double slashes."""
    written = exact_path(value, location)
    parts = [part for part in written.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts)


def exact_path(value: Any, _location: Location) -> str:
    """Check for an absolute path that is written out in full; returns it as it was written."""
    expected = "an absolute path, written out in full"
    try:
        written = _text(value, secret=False)
    except ValidationError as error:
        raise ValidationError(error.found, expected) from None
    shown = describe(written)
    if not written.startswith("/"):
        raise ValidationError(f"{shown}, which is no absolute path", expected)
    if "~" in written or "$" in written:
        raise ValidationError(f"{shown} with a '~' or '$', which nothing here expands", expected)
    if ".." in written.split("/"):
        raise ValidationError(f"{shown} with a '..'", expected)
    if len(written.encode()) > 4095 or any(len(part.encode()) > 255 for part in written.split("/")):
        raise ValidationError(f"{shown}, of {len(written)} characters", f"{expected}, short enough for the file system")
    return written


def socket_path(value: Any, location: Location) -> str:
    """Check for an absolute path that fits a Unix socket: 107 bytes (sun_path of unix(7) is 108 with its NUL)."""
    written = path(value, location)
    size = len(written.encode())
    if size > 107:
        raise ValidationError(f"a path of {size} bytes", "at most 107 bytes, for the path of a Unix socket")
    return written
