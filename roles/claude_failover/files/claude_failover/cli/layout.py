# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lay out text and tables for a terminal of a width (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from ..common.columns import width
from ..common.text import one_line

_COLOURS = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "strong": "1"}
_PAINTED = re.compile("\x1b\\[[0-9;]*m")
_NARROWEST = 8


class Cell(NamedTuple):
    """A table cell, or a line: its text and its tone, ``good``, ``bad``, ``warn``, ``dim``, ``strong`` or empty."""

    text: str
    tone: str = ""


def fit(text: str, columns: int) -> str:
    """Return ``text`` cut to at most ``columns`` columns, with ``…`` at the cut."""
    if width(text) <= columns:
        return text
    return text[: _fitting(text, columns - 1)] + "…"


def _fitting(text: str, columns: int) -> int:
    """Return how many of the first characters take at most ``columns`` columns."""
    used = 0
    for number, character in enumerate(text):
        used += width(character)
        if used > columns:
            return number
    return len(text)


def wrap(text: str, columns: int | None, indent: str = "") -> list[str]:
    """Return ``text`` in lines of at most ``columns`` columns, all but the first behind ``indent``; nothing is lost."""
    if columns is None or width(text) <= columns:
        return [text]
    lines, line, used = [], "", 0  # used: the width of the line, which is not counted anew for each of its pieces
    for word in re.findall(r"\s*\S+", text):
        if line.strip() and used + width(word) > columns:
            lines.append(line)
            line = indent + word.lstrip()
            used = width(line)
        else:
            line += word
            used += width(word)
        while used > columns > len(indent) + 1:
            kept = _fitting(line, columns)
            lines.append(line[:kept])
            used += len(indent) - width(line[:kept])
            line = indent + line[kept:]
    return [*lines, line]


def paint(text: str, tone: str, colour: bool) -> str:
    """Return ``text`` in the colour of ``tone`` if ``colour`` is true."""
    return f"\x1b[{_COLOURS[tone]}m{text}\x1b[0m" if colour and tone and text else text


def paragraphs(lines: Sequence[Cell], columns: int | None, colour: bool) -> str:
    """Return lines, each wrapped and in its tone."""
    return "\n".join(paint(piece, line.tone, colour) for line in lines for piece in wrap(line.text, columns, "  "))


def fits(page: str, columns: int | None) -> bool:
    """Return whether no line of a page is wider than the terminal."""
    return columns is None or all(width(_PAINTED.sub("", line)) <= columns for line in page.splitlines())


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    columns: int | None = None,
    colour: bool = False,
    whole: Collection[str] = (),
) -> str:
    """Return an aligned table, narrowed to ``columns`` where possible.

    The columns titled in ``whole`` are never cut; for them, others but the first are left out from the right on.
    """
    texts = [[one_line(cell.text) for cell in row] for row in rows]
    natural = [max(map(width, column)) for column in zip(head, *texts)]
    shown = list(range(len(head)))
    while True:
        widths = _narrowed(
            {index: natural[index] for index in shown}, columns, [head[index] in whole for index in shown]
        )
        optional = [index for index in shown[1:] if head[index] not in whole]
        if columns is None or not whole or not optional or sum(widths.values()) + 2 * (len(widths) - 1) <= columns:
            break
        shown.remove(optional[-1])
    lines = [_line([(head[index], "dim") for index in shown], widths, colour)]
    for row, row_texts in zip(rows, texts):
        lines.append(_line([(row_texts[index], row[index].tone) for index in shown], widths, colour))
    return "\n".join(lines)


def _narrowed(widths: dict[int, int], columns: int | None, whole: Sequence[bool]) -> dict[int, int]:
    """Return the widths of columns, those that may be cut narrowed to fit, the widest first."""
    widths = dict(widths)
    free = [index for index, kept in zip(widths, whole) if not kept]
    while columns is not None and free and sum(widths.values()) + 2 * (len(widths) - 1) > columns:
        widest = max(free, key=widths.__getitem__)
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _line(cells: Sequence[tuple[str, str]], widths: dict[int, int], colour: bool) -> str:
    parts = []
    for (text, tone), columns in zip(cells, widths.values()):
        fitted = fit(text, columns)
        parts.append(paint(fitted, tone, colour) + " " * (columns - width(fitted)))
    return "  ".join(parts).rstrip()
