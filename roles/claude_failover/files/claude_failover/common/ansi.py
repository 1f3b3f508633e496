# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert captured terminal lines to plain text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .text import whole_number

#: Cursor movements become blanks (to the right, to a column) or a line break (down, to a row).
_FORWARD = re.compile(r"(?:\x1b\[|\x9b)([0-9]*)C")
_COLUMN = re.compile(r"(?:\x1b\[|\x9b)([0-9]*)[G`]")
_LINE_BREAK = re.compile(r"(?:\x1b\[|\x9b)[0-9;]*[BEHf]|\x1b[DE]|\r\n|[\r\n\x0b\x0c\x85]")
_ESCAPE = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, links
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, attributes, modes
    r"|\x1b[ -/]*[0-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2060\ufeff]")
_BLANKS = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
#: Columns; the cursor never moves beyond.
_MAX_COLUMNS = 1000


def plain(line: str) -> str:
    """Return a line without escapes and control characters; cursor movements to the right become blanks."""
    parts: list[str] = []
    width = position = 0
    for found in re.finditer(f"{_FORWARD.pattern}|{_COLUMN.pattern}", line):
        piece = _clean(line[position : found.start()])
        parts.append(piece)
        width += len(piece)
        columns = whole_number(found.group(found.lastindex or 1) or "1", _MAX_COLUMNS) or 0
        column = width + columns if found.group(1) is not None else columns - 1
        gap = max(0, min(column, _MAX_COLUMNS) - width)
        parts.append(" " * gap)
        width += gap
        position = found.end()
    parts.append(_clean(line[position:]))
    return "".join(parts).rstrip()


def plain_lines(lines: Iterable[str]) -> list[str]:
    """Return the lines of a screen as plain text, split at line breaks and at cursor movements to another row.

    A trailing carriage return is part of a CR LF and adds no line.
    """
    return [plain(piece) for line in lines for piece in _LINE_BREAK.split(line.rstrip("\r"))]


def _clean(text: str) -> str:
    return _CONTROL.sub("", _BLANKS.sub(" ", _ESCAPE.sub("", text).expandtabs(8)))


def indent_of(line: str) -> int:
    """Return the number of leading blanks."""
    return len(line) - len(line.lstrip(" "))
