# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The series of a Grafana panel, with the words and colours that the panel gives to their values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_DURATIONS = (("weeks", 7 * 86400), ("days", 86400), ("hours", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True)
class Series:
    """A series: its name in the legend, labels, and values by moment (NaN is none)."""

    name: str
    labels: dict[str, str]
    values: dict[float, float]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.values[max(self.values)]

    def at(self, when: float) -> float | None:
        """Return the value of a moment; None if there is none."""
        return self.values.get(round(when, 3))


def series_of(panel: dict[str, Any], results: dict[str, list[dict[str, Any]]]) -> list[Series]:
    """Return the series of all queries of a panel."""
    found = []
    for target in panel["targets"]:
        for row in results[f"{panel['title']} {target['refId']}"]:
            labels = row["metric"]
            name = re.sub(
                r"\{\{\s*(\w+)\s*\}\}",
                lambda match, labels=labels: labels.get(match[1], ""),
                target.get("legendFormat", ""),
            )
            values = {round(float(when), 3): float(value) for when, value in row["values"] if value != "NaN"}
            if values:
                found.append(Series(name, labels, values))
    return found


def number(panel: dict[str, Any], value: float) -> str:
    """Return a value in the unit of its panel."""
    defaults = panel["fieldConfig"]["defaults"]
    unit = defaults.get("unit")
    if unit == "s":
        for name, seconds in _DURATIONS:
            if abs(value) >= seconds:
                return f"{_plain(value / seconds, 1)} {name}"
        return f"{_plain(value, 2)} s"
    return _plain(value, defaults.get("decimals", 1)) + (" %" if unit == "percent" else "")


def moment(seconds: float) -> str:
    """Return the time since the start."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def threshold_color(panel: dict[str, Any], value: float) -> str:
    """Return the colour of the highest threshold that a value reaches."""
    color = "#5B5B5B"
    for step in panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return color


def _plain(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
