# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a YAML text into plain values, with the line of every key and every problem at once.

PyYAML's own constructor takes the last of two equal keys, expands nested aliases without limit, stops at the first
error, and prints the faulty line, which may hold a secret. So PyYAML only composes the text (its nodes are resolved
by the safe schema of YAML 1.1), and the values are built here.
"""

from __future__ import annotations

from typing import Any

import yaml

from .validators import Problem, join

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_VALUES = 100_000
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN = {"tag:yaml.org,2002:" + name for name in ("null", "bool", "int", "float", "str", "timestamp", "map", "seq")}


class YamlDocument:
    """A document that was read: ``value`` (None if it could not be), ``lines`` by key, and ``problems``."""

    def __init__(self) -> None:
        self.value: Any = None
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []

    def line_of(self, key: str) -> int | None:
        """Return the line of ``key``, or of the nearest key above it that the text has."""
        while key and key not in self.lines:
            cut = max(key.rfind("."), key.rfind("["))
            key = key[:cut] if cut > 0 else ""
        return self.lines.get(key)


def read(raw: str | bytes) -> YamlDocument:
    """Read one YAML document from ``raw`` (UTF-8). Errors of the text become problems of the document."""
    document = YamlDocument()
    text = _decode(raw, document)
    if text is None:
        return document
    try:
        if not _check_events(text, document):
            return document
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if _expanded(node, {}, set()) > MAX_VALUES:
                found = f"aliases that unfold to more than {MAX_VALUES} values"
                document.problems.append(Problem("", found, "a file that says each thing once"))
                return document
            document.value = _Builder(loader, document).build(node, "")
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        document.problems.append(_syntax(error))
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


def _check_events(text: str, document: YamlDocument) -> bool:
    """Return False for a text that is empty, has several documents or nests too deep. Raises YAMLError.

    Events come without recursion, unlike nodes.
    """
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                document.problems.append(Problem("", "a second YAML document", "one document", _line(event)))
                return False
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                found = f"values nested more than {MAX_DEPTH} deep"
                document.problems.append(Problem("", found, "a mapping as in the example", _line(event)))
                return False
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    if documents == 0:
        found = "nothing: the file is empty or holds only comments"
        document.problems.append(Problem("", found, "a mapping with accounts"))
        return False
    return True


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


def _expanded(node: Any, sizes: dict[int, int], open_nodes: set[int]) -> int:
    """Return the number of values that ``node`` expands to; one that contains itself counts as too many."""
    key = id(node)
    if key in open_nodes:
        return MAX_VALUES + 1
    if key not in sizes:
        open_nodes.add(key)
        children: list[Any] = []
        if isinstance(node, yaml.SequenceNode):
            children = node.value
        elif isinstance(node, yaml.MappingNode):
            children = [child for pair in node.value for child in pair]
        sizes[key] = 1 + sum(_expanded(child, sizes, open_nodes) for child in children)
        open_nodes.discard(key)
    return sizes[key]


def _syntax(error: yaml.YAMLError) -> Problem:
    """Return a syntax error as a problem that does not quote the text around it."""
    mark = getattr(error, "problem_mark", None)
    words = getattr(error, "problem", None) or getattr(error, "reason", None) or "something that is no YAML"
    where = "" if mark is None else f" in column {mark.column + 1}"
    context = getattr(error, "context", None)
    found = f"no valid YAML: {words}{where}" + (f" ({context})" if context else "")
    return Problem("", found, "YAML that can be read", None if mark is None else mark.line + 1)


class _Builder:
    """Build values from nodes, and record lines and problems by key."""

    def __init__(self, loader: Any, document: YamlDocument) -> None:
        self._loader = loader
        self._document = document

    def build(self, node: Any, key: str) -> Any:
        self._document.lines.setdefault(key, node.start_mark.line + 1)
        if node.tag not in _PLAIN:
            self._problem(key, f"the YAML tag {node.tag}", "a plain value", node)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, f"{key}[{index}]") for index, child in enumerate(node.value)]
        try:
            return self._loader.construct_object(node, deep=True)
        except (ValueError, OverflowError, yaml.YAMLError):
            kind = node.tag.rpartition(":")[2]
            found = f"a value that reads as {kind} and is none"
            self._problem(key, found, "a plain value; quote it if it is text", node)
            return None

    def _mapping(self, node: Any, key: str) -> dict[Any, Any]:
        own: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                self._merge(value_node, key, merged)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(key, "a key that is a list or a mapping", "keys that are text", key_node)
                continue
            name = self.build(key_node, f"{key} ")
            name_key = join(key, name)
            if name in own:
                first = self._document.lines.get(name_key)
                self._problem(name_key, f"the key a second time (first in line {first})", "each key once", key_node)
                continue
            self._document.lines[name_key] = key_node.start_mark.line + 1
            own[name] = self.build(value_node, name_key)
        return {**merged, **own}

    def _merge(self, node: Any, key: str, into: dict[Any, Any]) -> None:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for part in parts:
            if not isinstance(part, yaml.MappingNode):
                self._problem(join(key, "<<"), "no mapping", "an alias of a mapping", node)
                continue
            for name, value in self._mapping(part, key).items():
                into.setdefault(name, value)

    def _problem(self, key: str, found: str, expected: str, node: Any) -> None:
        problem = Problem(key.rstrip(), found, expected, node.start_mark.line + 1)
        if problem not in self._document.problems:
            self._document.problems.append(problem)
