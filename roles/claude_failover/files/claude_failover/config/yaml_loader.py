# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a YAML text into plain values, with every problem at once, and the line of a key where one is asked for.

PyYAML's own constructor takes the last of two equal keys, expands nested aliases without limit, stops at the first
error, and prints the faulty line, which may hold a secret. So PyYAML only parses the text into events, and says by the
safe schema of YAML 1.1 what a plain value is; the values are built here, without its nodes, which take more memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from .validators import Problem, join

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_PLAIN = {_TAG + name for name in ("null", "bool", "int", "float", "str", "timestamp", "map", "seq")}


class YamlDocument:
    """A document that was read: ``value`` (None if it could not be) and ``problems``."""

    def __init__(self) -> None:
        self.value: Any = None
        self.problems: list[Problem] = []
        self._text: str | None = None
        self._lines: dict[str, int] | None = None

    def read(self, text: str) -> None:
        """Read ``text``; what makes it no document is the only problem."""
        try:
            self.value = _Builder(text, self.problems).document()
            self._text = text
        except _RefusedError as refused:
            self.problems = [refused.problem]
        except yaml.YAMLError as error:
            self.problems = [_syntax(error)]

    def line_of(self, key: str) -> int | None:
        """Return the line of ``key``, or of the nearest key above it that the text has; None for no document."""
        if self._text is None:
            return None
        if self._lines is None:
            self._lines = {}
            _Builder(self._text, [], self._lines).document()
        while key and key not in self._lines:
            cut = max(key.rfind("."), key.rfind("["))
            key = key[:cut] if cut > 0 else ""
        return self._lines.get(key)


def read(raw: str | bytes) -> YamlDocument:
    """Read one YAML document from ``raw`` (UTF-8). Errors of the text become problems of the document."""
    document = YamlDocument()
    text = _decode(raw, document)
    if text is not None:
        document.read(text)
    return document


def _decode(raw: str | bytes, document: YamlDocument) -> str | None:
    size = len(raw)
    if size > MAX_BYTES:
        document.problems.append(Problem("", f"{size} bytes or more", f"at most {MAX_BYTES} bytes"))
        return None
    if isinstance(raw, bytes):
        try:
            raw = raw.decode()
        except UnicodeDecodeError as error:
            found = f"byte 0x{raw[error.start]:02x} at offset {error.start}, which is no UTF-8"
            document.problems.append(Problem("", found, "YAML in UTF-8"))
            return None
    return raw[1:] if raw.startswith("\ufeff") else raw


def _syntax(error: yaml.YAMLError) -> Problem:
    """Return a syntax error as a problem that does not quote the text around it."""
    mark = getattr(error, "problem_mark", None)
    words = getattr(error, "problem", None) or getattr(error, "reason", None) or "something that is no YAML"
    where = "" if mark is None else f" in column {mark.column + 1}"
    context = getattr(error, "context", None)
    found = f"no valid YAML: {words}{where}" + (f" ({context})" if context else "")
    return Problem("", found, "YAML that can be read", None if mark is None else mark.line + 1)


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


class _RefusedError(Exception):
    """A text is no document. ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.found)
        self.problem = problem


class _Anchor(NamedTuple):
    """The value that aliases stand for, the number of values in it, and the lines of its keys."""

    value: Any
    is_scalar: bool
    size: int
    key: str
    lines: dict[str, int]


class _Builder:
    """Build values from events, and record problems by key, and lines where ``lines`` is given."""

    def __init__(self, text: str, problems: list[Problem], lines: dict[str, int] | None = None) -> None:
        self._events = iter(yaml.parse(text, Loader=_Loader))
        self._schema = _Loader("")
        self._problems = problems
        self._lines = lines
        self._anchors: dict[str, _Anchor | None] = {}  # None while the value is being built
        self._count = self._depth = 0

    def document(self) -> Any:
        """Return the only document's value. Raises _RefusedError, YAMLError."""
        value, documents = None, 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _RefusedError(Problem("", "a second YAML document", "one document", _line(event)))
                value = self._value(next(self._events), "")
        if documents == 0:
            found = "nothing: the file is empty or holds only comments"
            raise _RefusedError(Problem("", found, "a mapping with accounts"))
        return value

    def _value(self, event: Any, key: str) -> Any:
        """Build the value of ``key``, which begins with ``event``."""
        if self._lines is not None:
            self._lines.setdefault(key, _line(event))
        return self._built(event, key)

    def _built(self, event: Any, key: str) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, key)
        return self._anchored(event, key) if event.anchor is not None else self._own(event, key)

    def _own(self, event: Any, key: str) -> Any:
        self._add(1)
        return self._scalar(event, key) if isinstance(event, yaml.ScalarEvent) else self._collection(event, key)

    def _anchored(self, event: Any, key: str) -> Any:
        if event.anchor in self._anchors:
            raise yaml.MarkedYAMLError(problem="found an anchor a second time", problem_mark=event.start_mark)
        self._anchors[event.anchor] = None
        before, lines = self._count, self._lines
        self._lines = None if lines is None else {}
        value, within = self._own(event, key), self._lines or {}
        self._anchors[event.anchor] = _Anchor(value, self._is_scalar(event), self._count - before, key, within)
        self._lines = lines
        if lines is not None:
            lines.update(within)
        return value

    def _alias(self, event: Any, key: str) -> Any:
        if event.anchor not in self._anchors:
            raise yaml.MarkedYAMLError(problem="found an undefined alias", problem_mark=event.start_mark)
        anchor = self._anchors[event.anchor]
        if anchor is None:  # within what it stands for
            raise _too_many()
        self._add(anchor.size)
        if self._lines is not None:
            for name in anchor.lines:
                self._lines.setdefault(key + name[len(anchor.key) :], anchor.lines[name])
        return anchor.value

    def _add(self, values: int) -> None:
        self._count += values
        if self._count > MAX_VALUES:
            raise _too_many()

    def _scalar(self, event: Any, key: str) -> Any:
        tag = self._tag(event)
        if not self._is_plain(tag, key, event):
            return None
        try:
            return self._schema.construct_document(
                yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark, style=event.style)
            )
        except (ValueError, OverflowError, LookupError, AttributeError, yaml.YAMLError):  # also for !!int '', !!bool x
            found = f"a value that reads as {tag.rpartition(':')[2]} and is none"
            self._problem(key, found, "a plain value; quote it if it is text", event)
            return None

    def _collection(self, event: Any, key: str) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            found = f"values nested more than {MAX_DEPTH} deep"
            raise _RefusedError(Problem("", found, "a mapping as in the example", _line(event)))
        is_plain = self._is_plain(self._tag(event), key, event)
        value: Any = self._list(key) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(key)
        self._depth -= 1
        return value if is_plain else None

    def _list(self, key: str) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, f"{key}[{len(values)}]"))
        return values

    def _mapping(self, key: str) -> dict[Any, Any]:
        own: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        lines: dict[Any, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and self._tag(event) == _MERGE:
                self._merge(key, merged)
                continue
            is_scalar = self._is_scalar(event)
            name = self._built(event, key)
            if not is_scalar:
                self._problem(key, "a key that is a list or a mapping", "keys that are text", event)
                self._built(next(self._events), key)
                continue
            name_key = join(key, name)
            if name in own:
                found = f"the key a second time (first in line {lines[name]})"
                self._problem(name_key, found, "each key once", event)
                self._built(next(self._events), name_key)
                continue
            lines[name] = _line(event)
            if self._lines is not None:
                self._lines[name_key] = lines[name]
            own[name] = self._built(next(self._events), name_key)
        return {**merged, **own}

    def _merge(self, key: str, into: dict[Any, Any]) -> None:
        """Take in the value of a ``<<``: the keys of one mapping or of several."""
        event = next(self._events)
        value = self._built(event, key)
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                self._problem(join(key, "<<"), "no mapping", "an alias of a mapping", event)
                continue
            for name in part:
                into.setdefault(name, part[name])

    def _tag(self, event: Any) -> str:
        """Return the tag that a value is written with, or the one that it resolves to."""
        if event.tag not in (None, "!"):
            return str(event.tag)
        if isinstance(event, yaml.ScalarEvent):
            return str(self._schema.resolve(yaml.ScalarNode, event.value, event.implicit))
        return _TAG + ("seq" if isinstance(event, yaml.SequenceStartEvent) else "map")

    def _is_scalar(self, event: Any) -> bool:
        if isinstance(event, yaml.AliasEvent):
            anchor = self._anchors.get(str(event.anchor))
            return anchor is not None and anchor.is_scalar
        return isinstance(event, yaml.ScalarEvent)

    def _is_plain(self, tag: str, key: str, event: Any) -> bool:
        """Return whether a value is of the schema; one that is not is a problem."""
        if tag in _PLAIN:
            return True
        self._problem(key, f"the YAML tag {tag}", "a plain value", event)
        return False

    def _problem(self, key: str, found: str, expected: str, event: Any) -> None:
        problem = Problem(key, found, expected, _line(event))
        if problem not in self._problems:
            self._problems.append(problem)


def _too_many() -> _RefusedError:
    found = f"aliases that unfold to more than {MAX_VALUES} values"
    return _RefusedError(Problem("", found, "a file that says each thing once"))
