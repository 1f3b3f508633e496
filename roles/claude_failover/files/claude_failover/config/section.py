# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the dataclass of a section from a mapping, following the metadata of its fields.

A field that is a configuration key has ``metadata=key(check)``; its name is the key, its default the default, and a
field without a default is a required key.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from ..common.suggestions import did_you_mean
from .validators import AlreadyReported, Check, Location, ValidationError, describe

T = TypeVar("T")
_METADATA = "key"


class Key(NamedTuple):
    """The metadata of a configuration key.

    ``expected`` names the value that a required key lacks, and ``stand_in`` takes its place where it is missing or
    wrong, so that the rest can be checked. With ``given`` (the name of another key of the section) ``check`` and
    ``default_for`` are functions of that key's value, which return the check and the default.
    """

    check: Callable[..., Any]
    expected: str
    stand_in: Any
    given: str | None
    default_for: Callable[[Any], Any] | None


def key(
    check: Callable[..., Any],
    *,
    expected: str = "",
    stand_in: Any = "",
    given: str | None = None,
    default_for: Callable[[Any], Any] | None = None,
) -> dict[str, Any]:
    """Return the metadata that make a dataclass field a configuration key. For the arguments see ``Key``."""
    return {_METADATA: Key(check, expected, stand_in, given, default_for)}


def keys(model: Any) -> dict[str, dataclasses.Field[Any]]:
    """Return the fields of the dataclass ``model`` that are configuration keys, by name."""
    return {field.name: field for field in dataclasses.fields(model) if _METADATA in field.metadata}


def key_of(field: dataclasses.Field[Any]) -> Key:
    """Return the metadata of a field that ``keys`` returned."""
    found: Key = field.metadata[_METADATA]
    return found


def default_of(field: dataclasses.Field[Any]) -> Any:
    """Return the default of ``field``, or ``dataclasses.MISSING`` for a required key."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def read(model: type[T], value: Any, location: Location, **attributes: Any) -> T:
    """Build a ``model`` from the mapping ``value``, and report every problem with it at ``location``.

    ``attributes`` are the values of the fields that are no keys. A key that is absent or wrong gets its default, a
    required one its stand-in.
    """
    fields = keys(model)
    section = Section(value, location, tuple(fields))
    values = dict(attributes)
    for name in _reading_order(fields):
        values[name] = _value(section, fields[name], values)
    return model(**values)


def mapping(model: type[T]) -> Check[T]:
    """Return a check for a mapping with the keys of the dataclass ``model``, which it returns as one."""

    def check(value: Any, location: Location) -> T:
        return read(model, value, location)

    return check


def _reading_order(fields: dict[str, dataclasses.Field[Any]]) -> list[str]:
    """Return the keys in the order of their fields, after those that a field before them is given."""
    seen: set[str] = set()
    early: set[str] = set()
    for name, field in fields.items():
        seen.add(name)
        given = key_of(field).given
        if given is not None and given not in seen:
            early.add(given)
    return sorted(fields, key=lambda name: name not in early)


def _value(section: Section, field: dataclasses.Field[Any], values: dict[str, Any]) -> Any:
    """Return the value of one key; ``values`` holds those of the keys that were read before."""
    metadata, default = key_of(field), default_of(field)
    check = metadata.check
    if metadata.given is not None:
        check = check(values[metadata.given])
        if metadata.default_for is not None:
            default = metadata.default_for(values[metadata.given])
    if default is dataclasses.MISSING:
        return section.require(field.name, check, metadata.stand_in, metadata.expected)
    return section.get(field.name, check, default)


class Section:
    """A mapping at one location, of which every key is known.

    Anything but a mapping is reported and counts as empty.
    """

    def __init__(self, value: Any, location: Location, known: Sequence[str]) -> None:
        self._location = location
        self._broken = not isinstance(value, dict)
        self._value: dict[Any, Any] = {} if self._broken else value
        if self._broken:
            location.reject(describe(value, secret=True), f"a mapping with the keys {', '.join(known)}")
        for name in self._value:
            if name not in known:
                expected = f"one of {', '.join(known)}{did_you_mean(name, known)}"
                location.below(name).reject("an unknown key", expected)

    def get(self, name: str, check: Check[T], default: T) -> T:
        """Return the checked value of ``name``; ``default`` if it is absent or wrong (then reported)."""
        if name not in self._value:
            return default
        return self._checked(name, check, default)

    def require(self, name: str, check: Check[T], stand_in: T, expected: str) -> T:
        """Return the checked value of ``name``; ``stand_in`` if it is absent or wrong (both reported)."""
        if name not in self._value:
            if not self._broken:
                self._location.below(name).reject("nothing: the key is missing", expected)
            return stand_in
        return self._checked(name, check, stand_in)

    def _checked(self, name: str, check: Check[T], default: T) -> T:
        location = self._location.below(name)
        try:
            return check(self._value[name], location)
        except ValidationError as error:
            location.reject(error.found, error.expected)
        except AlreadyReported:
            pass
        return default
