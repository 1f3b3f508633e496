# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of single values, apart from what is checked with them.

A check is a function of a value and of its place (the key, and the list that problems go to); it returns the
checked value or raises ``ValidationError``. A section hands each of its keys to a check, takes the default where that
fails, and goes on, so that one reading finds every problem.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ..common.text import printable, shorten

T = TypeVar("T")
_SHOWN = 60


class Problem(NamedTuple):
    """One thing that is wrong: ``key`` (empty for the whole file), what was found, what was expected."""

    key: str
    found: str
    expected: str
    line: int | None = None


class ValidationError(Exception):
    """A value is not what its check expects. Both texts are for the operator; neither shows a secret."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found = found
        self.expected = expected


class AlreadyReported(Exception):
    """A value cannot be used, and its problems are already in the list."""


class Location(NamedTuple):
    """Where a value stands, and where its problems go."""

    key: str
    problems: list[Problem]

    def item(self, index: int) -> Location:
        """Return the place of one item of this list."""
        return Location(f"{self.key}[{index}]", self.problems)

    def below(self, name: Any) -> Location:
        """Return the place of one key of this mapping."""
        return Location(join(self.key, name), self.problems)

    def reject(self, found: str, expected: str) -> None:
        """Note a problem here."""
        self.problems.append(Problem(self.key, found, expected))


def join(key: str, name: Any) -> str:
    """Return the key of ``name`` in the mapping ``key``: ``failover.cooldown``."""
    word = name if isinstance(name, str) and name.isprintable() and 0 < len(name) <= _SHOWN else describe(name)
    return f"{key}.{word}" if key else word


Check = Callable[[Any, Location], T]


def describe(value: Any, *, secret: bool = False) -> str:
    """Say what a value is, shortened and printable; of a secret only its kind."""
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


def unknown_key(name: Any, known: Sequence[str]) -> str:
    """Say what was expected in place of an unknown key, with the likeliest known one."""
    close = difflib.get_close_matches(str(name).lower(), known, 1, 0.6)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"one of {', '.join(known)}{hint}"


class Section:
    """The mapping at one place, of which every key is known.

    ``value`` is whatever was read there; anything but a mapping is a problem and counts as empty.
    """

    def __init__(self, value: Any, place: Location, known: Sequence[str]) -> None:
        self.place = place
        self.broken = not isinstance(value, dict)
        self._value: dict[Any, Any] = {} if self.broken else value
        if self.broken:
            place.reject(describe(value, secret=True), f"a mapping with the keys {', '.join(known)}")
        for name in self._value:
            if name not in known:
                place.below(name).reject("an unknown key", unknown_key(name, known))

    def __contains__(self, name: str) -> bool:
        return name in self._value

    def raw(self, name: str) -> Any:
        """Return what was read for ``name``, unchecked; None if nothing was."""
        return self._value.get(name)

    def get(self, name: str, check: Check[T], default: T) -> T:
        """Return the checked value of ``name``; ``default`` if it is absent or wrong (then noted)."""
        if name not in self._value:
            return default
        return self._checked(name, check, default)

    def require(self, name: str, check: Check[T], stand_in: T, expected: str) -> T:
        """Return the checked value of ``name``; ``stand_in`` if it is wrong or absent (both noted)."""
        if name not in self._value:
            if not self.broken:
                self.place.below(name).reject("nothing: the key is missing", expected)
            return stand_in
        return self._checked(name, check, stand_in)

    def _checked(self, name: str, check: Check[T], default: T) -> T:
        place = self.place.below(name)
        try:
            return check(self._value[name], place)
        except ValidationError as bad:
            place.reject(bad.found, bad.expected)
        except AlreadyReported:
            pass
        return default


def text(value: Any, _place: Location) -> str:
    """Check for text that is not empty and holds no control character."""
    return _text(value, secret=False)


def hidden_text(value: Any, _place: Location) -> str:
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


def boolean(value: Any, _place: Location) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise ValidationError(describe(value), "true or false")
    return value


def number(low: float, high: float, unit: str = "") -> Check[float]:
    """Return a check for a number from ``low`` to ``high``, both included."""
    expected = f"a number from {low:g} to {high:.15g}{' ' + unit if unit else ''}"

    def check(value: Any, _place: Location) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValidationError(describe(value), expected)
        if not low <= value <= high or (isinstance(value, float) and math.isnan(value)):
            raise ValidationError(describe(value), expected)
        return value

    return check


def integer(low: int, high: int) -> Check[int]:
    """Return a check for a whole number from ``low`` to ``high``, both included."""
    expected = f"a whole number from {low} to {high}"

    def check(value: Any, _place: Location) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValidationError(describe(value), expected)
        return value

    return check


def choice(*names: str) -> Check[str]:
    """Return a check for one of ``names``."""

    def check(value: Any, _place: Location) -> str:
        if not isinstance(value, str) or value not in names:
            close = difflib.get_close_matches(str(value).lower(), names, 1, 0.6)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValidationError(describe(value), f"one of {', '.join(names)}{hint}")
        return value

    return check


def optional(check: Check[T]) -> Check[T | None]:
    """Return a check that also takes null."""

    def checked(value: Any, place: Location) -> T | None:
        if value is None:
            return None
        try:
            return check(value, place)
        except ValidationError as bad:
            raise ValidationError(bad.found, f"{bad.expected}, or null") from None

    return checked


def list_of(check: Check[T], what: str, *, least: int = 0, secret: bool = False) -> Check[tuple[T, ...]]:
    """Return a check for a list whose every item passes ``check``; ``what`` says what such a list is."""

    def checked(value: Any, place: Location) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValidationError(describe(value, secret=secret), what)
        if len(value) < least:
            raise ValidationError("an empty list" if not value else describe(value), f"{what}, at least {least}")
        items: list[T] = []
        for index, item in enumerate(value):
            at = place.item(index)
            try:
                items.append(check(item, at))
            except ValidationError as bad:
                at.reject(bad.found, bad.expected)
            except AlreadyReported:
                pass
        if len(items) != len(value):
            raise AlreadyReported
        return tuple(items)

    return checked


def path(value: Any, place: Location) -> str:
    """Check for an absolute path that is written out in full; returns it without trailing or double slashes."""
    written = exact_path(value, place)
    parts = [part for part in written.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts)


def exact_path(value: Any, _place: Location) -> str:
    """Check for an absolute path that is written out in full; returns it as it was written."""
    expected = "an absolute path, written out in full"
    try:
        written = _text(value, secret=False)
    except ValidationError as bad:
        raise ValidationError(bad.found, expected) from None
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


def socket_path(value: Any, place: Location) -> str:
    """Check for an absolute path that fits a Unix socket: 107 bytes (sun_path of unix(7) is 108 with its NUL)."""
    written = path(value, place)
    size = len(written.encode())
    if size > 107:
        raise ValidationError(f"a path of {size} bytes", "at most 107 bytes, for the path of a Unix socket")
    return written
