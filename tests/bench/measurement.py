# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times, medians, growth, tables and documents: what every bench of this folder is made of.

A bench is a file ``bench_NAME.py`` with

* ``TITLE``, a string of one line, which ``run.py`` reads without importing the file;
* ``measure``, which returns the rows. Each of its parameters has a default and becomes an option (``rounds: int = 5``
  is ``--rounds 5``); the defaults make the short run, which is whole all the same. It prints nothing on standard
  output;
* ``main(TITLE, measure)`` at its end, under ``if __name__ == "__main__"``.

A row is a flat dictionary. Its first keys name the case; the unit of a figure ends its key (``_ms``, ``_s``,
``_mib``, ``_percent`` of one core). Rows with the same keys that follow each other are one table. Two ways are
compared in one run, turn by turn, and told as a ``ratio``; growth is told as an ``exponent``. A case that cannot be
measured here has a ``note``; where nothing can, ``measure`` raises Skip.

The standard library only, as for the benches, but where their docstring says so.
"""

from __future__ import annotations

import argparse
import inspect
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Union

Value = Union[str, int, float, bool, None]
Row = dict[str, Value]
Measure = Callable[..., list[Row]]

SKIPPED = 75  # exit code of a bench that cannot be measured here: EX_TEMPFAIL
_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000}
_UNITS = {**{unit: unit for unit in _PER_SECOND}, "mib": "MiB", "percent": "%"}


class Skip(Exception):
    """Nothing of a bench can be measured here; the text says what is missing, and what to do."""


# --- figures ---------------------------------------------------------------------------------------------------------


def timed(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Return the seconds of each call of each way, which take turns, so that what else runs here meets all alike."""
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-warm_up, rounds):
        for name, call in ways.items():
            seconds = timed(call)
            if number >= 0:
                samples[name].append(seconds)
    return samples


def quartiles(samples: Sequence[float]) -> tuple[float, float, float]:
    """Return first quartile, median and third quartile; of a single sample three times that."""
    if len(samples) == 1:
        return samples[0], samples[0], samples[0]
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return low, median, high


def summary(samples: Sequence[float], unit: str = "ms") -> Row:
    """Return median, quartiles and number of samples, told in ``unit``; those of a unit of time are in seconds."""
    low, median, high = (rounded(_PER_SECOND.get(unit, 1) * value) for value in quartiles(samples))
    return {f"median_{unit}": median, f"low_{unit}": low, f"high_{unit}": high, "samples": len(samples)}


def ratio(samples: Sequence[float], base: Sequence[float]) -> float:
    """Return the median of samples over that of others."""
    return rounded(statistics.median(samples) / statistics.median(base))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the p of ``value = c * size ** p`` that fits best by least squares of the logarithms.

    1 is growth in proportion, 0 none, 2 that with the square. A size of 0 has no logarithm, and is left out.
    """
    points = [(math.log(size), math.log(value)) for size, value in zip(sizes, values) if size > 0 and value > 0]
    if len({x for x, _y in points}) < 2:
        raise ValueError(f"found the sizes {list(sizes)}; expected two different ones above 0")
    middle_x, middle_y = (statistics.fmean(axis) for axis in zip(*points))
    above = math.fsum((x - middle_x) * (y - middle_y) for x, y in points)
    return rounded(above / math.fsum((x - middle_x) ** 2 for x, _y in points))


def rounded(value: float, digits: int = 3) -> float:
    """Return a figure with no more digits than it is good for."""
    return float(f"{value:.{digits}g}") if abs(value) < 1000 else float(round(value))


# --- processes -------------------------------------------------------------------------------------------------------


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used, with that of its children that have ended.

    Its own by its own clock (clock_getcpuclockid(3)), that of its children in ticks of the kernel.
    """
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
        fields = stream.read().rsplit(")", 1)[1].split()
    return time.clock_gettime((~pid << 3) | 2) + sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> dict[str, float]:
    """Return ``rss_mib``, the memory of a process, and ``pss_mib``, with what it shares counted in parts."""
    found = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as stream:
        for line in stream:
            name, _colon, rest = line.partition(":")
            if name in ("Rss", "Pss"):
                found[f"{name.lower()}_mib"] = rounded(int(rest.split()[0]) / 1024)
    return found


# --- tables and documents --------------------------------------------------------------------------------------------


def table(rows: Iterable[Row]) -> str:
    """Return the rows as text: one table for those of the same keys that follow each other."""
    groups: list[list[Row]] = []
    for row in rows:
        if groups and list(groups[-1][0]) == list(row):
            groups[-1].append(row)
        else:
            groups.append([row])
    return "\n\n".join(_group(group) for group in groups)


def _group(rows: list[Row]) -> str:
    names = list(rows[0])
    cells = [[_head(name) for name in names], *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    words = [any(isinstance(row[name], str) for row in rows) for name in names]
    lines = []
    for line in cells:
        placed = [cell.ljust(width) if left else cell.rjust(width) for cell, width, left in zip(line, widths, words)]
        lines.append("  ".join(placed).rstrip())
    return "\n".join(lines)


def _head(name: str) -> str:
    words, _line, unit = name.rpartition("_")
    return f"{words} {_UNITS[unit]}".replace("_", " ") if words and unit in _UNITS else name.replace("_", " ")


def _cell(value: Value) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write_document(path: str, document: Mapping[str, Any]) -> None:
    """Write one object of JSON."""
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1)
        stream.write("\n")


# --- the command line of a bench -------------------------------------------------------------------------------------


def main(title: str, measure: Measure, arguments: Sequence[str] | None = None) -> None:
    """Measure with the options of the command line, print the table, and write the document where it is wanted.

    Exits with SKIPPED where nothing can be measured.
    """
    path = os.path.abspath(sys.argv[0])
    parser = argparse.ArgumentParser(description=title, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write the rows to it", default=argparse.SUPPRESS)
    parameters = inspect.signature(measure).parameters.values()
    for parameter in parameters:
        _add_option(parser, parameter.name, parameter.default)
    options = vars(parser.parse_args(arguments))
    document: dict[str, Any] = {"bench": os.path.basename(path)[len("bench_") : -len(".py")], "title": title}
    begun = time.monotonic()
    try:
        rows = measure(**{parameter.name: options[parameter.name] for parameter in parameters})
        document.update(options={parameter.name: options[parameter.name] for parameter in parameters}, rows=rows)
        print(table(rows))
    except Skip as reason:
        document.update(skipped=str(reason), rows=[])
        print(f"SKIPPED, NOT MEASURED: {reason}")
    document["seconds"] = round(time.monotonic() - begun, 1)
    if "json" in options:
        write_document(options["json"], document)
    if "skipped" in document:
        sys.exit(SKIPPED)


def _add_option(parser: argparse.ArgumentParser, name: str, default: object) -> None:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=" ")
    elif isinstance(default, (tuple, list)):
        parser.add_argument(flag, nargs="+", type=type(default[0]), default=default, help=" ")
    else:
        parser.add_argument(flag, type=str if default is None else type(default), default=default, help=" ")
