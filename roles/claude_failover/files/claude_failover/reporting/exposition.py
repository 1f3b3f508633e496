# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text format of Prometheus: metrics with their help, type, samples and escaped labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from ..common.text import decoded, shorten

PREFIX = "claude_failover_"
MAX_LABEL = 200  # characters of a label's value

Sample = tuple[Mapping[str, str], float]


class Histogram:
    """Observations counted by upper bounds in rising order, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.sum = 0.0
        self._counts = [0] * (len(self.bounds) + 1)  # the last one: above every bound

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """The number of observations."""
        return sum(self._counts)

    def buckets(self) -> list[tuple[str, int]]:
        """Return each bound as text, ``+Inf`` last, with the number of observations up to it."""
        names = [*(_number(bound) for bound in self.bounds), "+Inf"]
        return [(name, sum(self._counts[: index + 1])) for index, name in enumerate(names)]


class Exposition:
    """The text of a metrics file; every name gets `PREFIX`."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __str__(self) -> str:
        return "".join(line + "\n" for line in self._lines)

    def gauge(self, name: str, help_text: str, samples: Iterable[Sample]) -> None:
        """Add a gauge; without samples nothing is written."""
        self._add(name, help_text, "gauge", [_line(name, labels, value) for labels, value in samples])

    def counter(self, name: str, help_text: str, samples: Iterable[Sample]) -> None:
        """Add a counter, whose name ends in ``_total``; without samples nothing is written."""
        self._add(name, help_text, "counter", [_line(name, labels, value) for labels, value in samples])

    def histogram(self, name: str, help_text: str, histogram: Histogram) -> None:
        """Add a histogram with its buckets, its sum and its count."""
        lines = [_line(f"{name}_bucket", {"le": bound}, count) for bound, count in histogram.buckets()]
        lines += [_line(f"{name}_sum", {}, histogram.sum), _line(f"{name}_count", {}, histogram.count)]
        self._add(name, help_text, "histogram", lines)

    def _add(self, name: str, help_text: str, kind: str, lines: Sequence[str]) -> None:
        if lines:
            escaped = help_text.replace("\\", "\\\\").replace("\n", "\\n")
            self._lines += [f"# HELP {PREFIX}{name} {escaped}", f"# TYPE {PREFIX}{name} {kind}", *lines]


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    pairs = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
    return f"{PREFIX}{name}{'{' + pairs + '}' if pairs else ''} {_number(value)}"


def _label(text: str) -> str:
    text = decoded(shorten(text, MAX_LABEL).encode(errors="backslashreplace"))  # the file is UTF-8
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return f"{value:.15g}"
