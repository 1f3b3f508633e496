# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawing of a Grafana dashboard, which docs/monitoring.md shows."""

from __future__ import annotations

import os
import sys
from typing import Any
from xml.etree import ElementTree

import pytest
from import_path import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "pictures"))

from dashboard_svg import draw
from panel_values import number

HOSTILE = "<script>alert(1)</script>\"'&]]>\x1b[31m"
SVG = "{http://www.w3.org/2000/svg}"


def panel(kind: str, **defaults: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "title": HOSTILE,
        "gridPos": {"x": 0, "y": 0, "w": 24, "h": 8},
        "targets": [{"refId": "A", "legendFormat": "{{ name }}"}],
        "fieldConfig": {"defaults": {"min": 0, "max": 100, **defaults}},
    }


def drawn(shown: dict[str, Any], *values: str) -> ElementTree.Element:
    """Return the picture of one panel with one series, a value every 5 seconds."""
    series = [{"metric": {"name": HOSTILE}, "values": [[5.0 * at, value] for at, value in enumerate(values)]}]
    dashboard = {"title": HOSTILE, "panels": [shown]}
    results = {f"{HOSTILE} A": series if values else []}
    return ElementTree.fromstring(draw(dashboard, results, 0.0, 10.0, 5))  # noqa: S314 (our own text)


def texts(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", ["stat", "bargauge", "table", "timeseries"])
def test_words_of_titles_and_labels_stay_words(kind: str) -> None:
    picture = drawn(panel(kind), "1", "2", "3")
    assert {part.tag for part in picture.iter()} <= {
        SVG + name for name in ("svg", "title", "rect", "path", "text", "polyline", "polygon")
    }
    assert any(text.startswith("<script>alert(1)") for text in texts(picture))


@pytest.mark.parametrize("kind", ["stat", "bargauge", "table", "timeseries"])
def test_a_panel_without_a_series_says_so(kind: str) -> None:
    assert "No data" in texts(drawn(panel(kind)))


def test_a_line_rises_with_its_values() -> None:
    (line,) = drawn(panel("timeseries"), "1", "2", "3").iter(f"{SVG}polyline")
    heights = [float(point.split(",")[1]) for point in line.get("points", "").split()]
    assert len(heights) == 3 and heights == sorted(heights, reverse=True)


def test_a_bar_is_drawn_where_something_happened() -> None:
    plain = len(list(drawn(panel("timeseries"), "0", "2", "0").iter(f"{SVG}rect")))
    bars = panel("timeseries", custom={"drawStyle": "bars"})
    assert len(list(drawn(bars, "0", "2", "0").iter(f"{SVG}rect"))) == plain + 1


def test_a_gauge_has_the_colour_of_its_threshold() -> None:
    steps = [{"value": None, "color": "#000001"}, {"value": 75, "color": "#000002"}]
    for value, color in (("74", "#000001"), ("75", "#000002")):
        rects = drawn(panel("bargauge", thresholds={"steps": steps}), value).iter(f"{SVG}rect")
        assert color in [rect.get("fill") for rect in rects]


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        ("s", 0.25, "0.25 s"),
        ("s", 5400, "1.5 hours"),
        ("s", 20 * 86400, "2.9 weeks"),
        ("percent", 91, "91 %"),
        ("short", 3.0, "3"),
        ("short", 1.26, "1.3"),
    ],
)
def test_a_value_has_its_unit(unit: str, value: float, words: str) -> None:
    assert number(panel("stat", unit=unit), value) == words
