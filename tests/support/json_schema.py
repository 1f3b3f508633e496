# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small checker of documents against a JSON Schema, for the keywords that docs/events.schema.json uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_ABOUT = {"$schema", "$id", "title", "description"}
_KNOWN = {
    *_ABOUT,
    *("type", "enum", "const", "pattern", "minLength", "minimum"),
    *("required", "properties", "additionalProperties", "items", "allOf", "if", "then"),
}


def errors(value: Any, schema: Mapping[str, Any], where: str = "$") -> Iterator[str]:
    """Yield what is wrong with a value. Raises ValueError for a keyword that this checker does not know."""
    unknown = set(schema) - _KNOWN
    if unknown:
        raise ValueError(f"{where}: found the keywords {sorted(unknown)}, expected some of {sorted(_KNOWN)}")
    if "type" in schema and not any(_is_a(value, name) for name in _listed(schema["type"])):
        yield f"{where}: found {value!r}, expected {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: found {value!r}, expected one of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: found {value!r}, expected {schema['const']!r}"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        yield f"{where}: found {value!r}, expected at least {schema['minLength']} characters"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{where}: found {value!r}, expected {schema['pattern']}"
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        yield f"{where}: found {value!r}, expected at least {schema['minimum']}"
    if isinstance(value, dict):
        yield from _object_errors(value, schema, where)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from errors(item, schema["items"], f"{where}[{index}]")
    for part in schema.get("allOf", ()):
        yield from errors(value, part, where)
    if "then" in schema and not list(errors(value, schema.get("if", {}), where)):
        yield from errors(value, schema["then"], where)


def _object_errors(value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}: found no {name!r}"
    for name, item in value.items():
        if name in known:
            yield from errors(item, known[name], f"{where}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{where}: found {name!r}, expected one of {sorted(known)}"


def _listed(names: Any) -> list[str]:
    return names if isinstance(names, list) else [names]


def _is_a(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
