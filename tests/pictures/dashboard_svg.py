# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Grafana dashboard as an SVG that loads nothing: each panel in its place, with the series of its queries.

It shows what Grafana would, more simply: stat, bargauge, table and timeseries, with thresholds, units, legends, and the
transformation "organize".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from panel_values import Series, moment, number, series_of, threshold_color

COLUMN, ROW, GAP = 50, 24, 6  # pixels of the grid
LINE = 17  # pixels between two lines of text
CHARACTER = 7.2  # pixels of an average character of a text of 12 pixels, also in bold
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D31", "#5B5B5B")  # colour-blind safe
INK, PALE, EDGE = "#1f2328", "#636c76", "#d1d9e0"


@dataclass(frozen=True)
class Box:
    """A place in the picture."""

    x: float
    y: float
    width: float
    height: float


def draw(
    dashboard: dict[str, Any], results: dict[str, list[dict[str, Any]]], start: float, end: float, step: int
) -> str:
    """Return the picture; ``results`` has the series of each query, by title of the panel and refId."""
    panels = dashboard["panels"]
    width = 24 * COLUMN + GAP
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * ROW + GAP
    font = 'font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {font}>',
        f"<title>{_escaped(dashboard['title'])}</title>",
        f'<rect width="{width}" height="{height}" fill="#f4f5f5"/>',
    ]
    for panel in panels:
        parts += _panel(panel, series_of(panel, results), start, end, step)
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: dict[str, Any], series: list[Series], start: float, end: float, step: int) -> list[str]:
    at = panel["gridPos"]
    box = Box(at["x"] * COLUMN + GAP, at["y"] * ROW + GAP, at["w"] * COLUMN - GAP, at["h"] * ROW - GAP)
    inner = Box(box.x + 8, box.y + 26, box.width - 16, box.height - 32)
    parts = [
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="3" fill="#fff" stroke="{EDGE}"/>',
        _text(box.x + 8, box.y + 17, panel["title"], width=box.width - 16, extra='font-weight="bold"'),
    ]
    if not series:
        return [*parts, _text(inner.x + inner.width / 2, inner.y + inner.height / 2, "No data", anchor="middle")]
    kind = panel["type"]
    if kind == "timeseries":
        return parts + _timeseries(panel, series, inner, (start, end, step))
    drawn = {"stat": _stat, "bargauge": _bargauge, "table": _table}[kind]
    return parts + drawn(panel, series, inner)


def _stat(panel: dict[str, Any], series: list[Series], box: Box) -> list[str]:
    parts: list[str] = []
    width = box.width / len(series)
    for index, one in enumerate(series):
        x = box.x + index * width
        color = threshold_color(panel, one.last)
        shape = f'x="{x:.1f}" y="{box.y}" width="{width - 3:.1f}" height="{box.height}"'
        parts.append(f'<rect {shape} rx="3" fill="{color}"/>')
        middle = x + (width - 3) / 2
        value, look = number(panel, one.last), 'font-size="24" font-weight="bold"'
        y = box.y + box.height / 2 + (2 if len(series) > 1 else 9)
        parts.append(_text(middle, y, value, color="#fff", anchor="middle", extra=look))
        if len(series) > 1:
            parts.append(_text(middle, y + 20, one.name, color="#fff", anchor="middle", width=width))
    return parts


def _bargauge(panel: dict[str, Any], series: list[Series], box: Box) -> list[str]:
    parts: list[str] = []
    defaults = panel["fieldConfig"]["defaults"]
    label, figure = 170, 50
    full = box.width - label - figure
    height = min(box.height / len(series), 30)
    for index, one in enumerate(series):
        y = box.y + index * height
        share = min(max((one.last - defaults["min"]) / (defaults["max"] - defaults["min"]), 0), 1)
        parts.append(_text(box.x, y + height / 2 + 4, one.name, width=label - 6))
        for width, color in ((full, "#eceef0"), (full * share, threshold_color(panel, one.last))):
            shape = f'x="{box.x + label}" y="{y + 3:.1f}" width="{width:.1f}" height="{height - 6:.1f}"'
            parts.append(f'<rect {shape} fill="{color}"/>')
        parts.append(_text(box.x + box.width, y + height / 2 + 4, number(panel, one.last), anchor="end"))
    return parts


def _table(panel: dict[str, Any], series: list[Series], box: Box) -> list[str]:
    organize: dict[str, Any] = {}
    for step in panel.get("transformations", []):
        organize = step["options"] if step["id"] == "organize" else organize
    left_out, renamed = organize.get("excludeByName", {}), organize.get("renameByName", {})
    columns = [name for name in sorted({name for one in series for name in one.labels}) if not left_out.get(name)]
    rows = [[one.labels.get(name, "") for name in columns] for one in series]
    if not left_out.get("Value"):
        columns.append("Value")
        rows = [[*row, number(panel, one.last)] for row, one in zip(rows, series)]
    parts: list[str] = []
    width = box.width / len(columns)
    bottom = box.y + box.height
    for index, name in enumerate(columns):
        x = box.x + index * width
        title = _text(x, box.y + 10, renamed.get(name, name), color=PALE, width=width, extra='font-weight="bold"')
        parts.append(title)
    for line, row in enumerate(rows, 1):
        y = box.y + 12 + line * LINE
        if y + LINE > bottom and line < len(rows):
            parts.append(_text(box.x, y, f"and {len(rows) - line + 1} more", color=PALE))
            break
        parts += [_text(box.x + index * width, y, cell, width=width) for index, cell in enumerate(row)]
    return parts


def _timeseries(panel: dict[str, Any], series: list[Series], box: Box, times: tuple[float, float, int]) -> list[str]:
    start, end, step = times
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    bars = custom.get("drawStyle") == "bars"
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    plot = Box(box.x + 46, box.y, box.width - 52, box.height - 22 - LINE)
    moments = [start + index * step for index in range(int((end - start) / step) + 1)]
    floors = dict.fromkeys(moments, 0.0)
    shapes: list[tuple[str, list[tuple[float, float, float]]]] = []  # colour; moment, floor and top
    for index, one in enumerate(series):
        points = []
        for when in moments:
            value = one.at(when)
            if value is not None:
                points.append((when, floors[when], floors[when] + value))
                if stacked:
                    floors[when] += value
        shapes.append((COLORS[index % len(COLORS)], points))
    top = max((high for _color, points in shapes for _when, _low, high in points), default=0) * 1.1 or 1.0

    def x(when: float) -> float:
        return plot.x + (when - start) / max(end - start, 1) * plot.width

    def y(value: float) -> float:
        return plot.y + plot.height - value / top * plot.height

    parts = _axes(panel, plot, top, start, end)
    for color, points in reversed(shapes):
        if bars:
            wide = plot.width / len(moments) * 0.8
            for when, low, high in points:
                if high > low:
                    shape = f'x="{x(when) - wide / 2:.1f}" y="{y(high):.1f}" width="{wide:.1f}"'
                    parts.append(f'<rect {shape} height="{y(low) - y(high):.1f}" fill="{color}"/>')
            continue
        line = " ".join(f"{x(when):.1f},{y(high):.1f}" for when, _low, high in points)
        if custom.get("fillOpacity"):
            floor = " ".join(f"{x(when):.1f},{y(low):.1f}" for when, low, _high in reversed(points))
            opacity = custom["fillOpacity"] / 100
            parts.append(f'<polygon points="{line} {floor}" fill="{color}" fill-opacity="{opacity}"/>')
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.5"/>')
    return parts + _legend(series, box)


def _axes(panel: dict[str, Any], plot: Box, top: float, start: float, end: float) -> list[str]:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = plot.y + plot.height * (1 - share)
        parts.append(f'<path d="M{plot.x} {y:.1f}h{plot.width:.1f}" stroke="{EDGE}"/>')
        label = number(panel, top * share)
        parts.append(_text(plot.x - 5, y + 4, label, color=PALE, anchor="end"))
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        label = moment((end - start) * share)
        parts.append(_text(plot.x + plot.width * share, plot.y + plot.height + 15, label, color=PALE, anchor=anchor))
    return parts


def _legend(series: list[Series], box: Box) -> list[str]:
    parts: list[str] = []
    x, y = box.x, box.y + box.height
    for index, one in enumerate(series):
        wide = 22 + len(one.name) * CHARACTER
        if x + wide > box.x + box.width - 60 and index < len(series) - 1:
            return [*parts, _text(x, y, f"and {len(series) - index} more", color=PALE)]
        parts.append(f'<path d="M{x:.1f} {y - 4:.1f}h10" stroke="{COLORS[index % len(COLORS)]}" stroke-width="3"/>')
        parts.append(_text(x + 14, y, one.name))
        x += wide
    return parts


def _text(
    x: float, y: float, words: str, *, color: str = INK, anchor: str = "start", width: float = 0, extra: str = ""
) -> str:
    """Return a line of text, cut to a width if one is given."""
    if width and len(words) > width / CHARACTER:
        words = words[: max(int(width / CHARACTER) - 1, 1)] + "…"
    look = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}"{look}{" " + extra if extra else ""}>{_escaped(words)}</text>'


def _escaped(words: str) -> str:
    """Return words as XML has them, which knows no control characters."""
    return escape(re.sub(r"[\x00-\x1f\x7f]", " ", words))
