# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover history``: show the switches, newest first."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ...common import clock
from ...common.limit_words import limit_word
from ...common.text import one_line
from .. import common
from ..layout import Cell, fits, paragraphs, table
from ..times import moment

DEFAULT_LIMIT = 20
_AGE = re.compile(r"(?<=\dZ) \((?:in .*|.* ago|now)\)$")
_TONES = {"switched": "good", "stayed": "warn", "refused": "warn", "failed": "bad"}


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "history",
        run,
        "show the switches, newest first",
        "Show the switches, including refused and failed ones: reason, accounts, trigger and outcome. --json prints\n"
        "the full records with the result for every session, as in switches.jsonl in the daemon's state folder.",
        ["claude-failover history", "claude-failover history -n 1 --json"],
    )
    parser.add_argument(
        "-n",
        dest="number",
        metavar="N",
        type=_number,
        default=DEFAULT_LIMIT,
        help=f"number of switches (default: {DEFAULT_LIMIT})",
    )
    common.add_json_option(parser)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number, 1 or more")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Show the history."""
    rows = common.request(arguments, "history", {"limit": arguments.number})
    common.print_result(arguments, rows, lambda: page(rows, clock.wall(), **common.terminal_format()))
    return 0


_HEAD = ("TIME", "REASON", "ACCOUNTS", "OUTCOME", "LIMIT", "RESETS", "TRIGGER", "SESSIONS", "TOOK")
_WHOLE = ("TIME", "ACCOUNTS", "OUTCOME", "RESETS")


def page(rows: Sequence[Mapping[str, Any]], now: datetime, *, columns: int | None = None, colour: bool = False) -> str:
    """Return the table of switches, with their details below it; in a narrow terminal without how long ago they were,
    or as a list."""
    if not rows:
        return "No switches yet."
    cells = [_cells(row, now) for row in rows]
    shown = table(_HEAD, cells, columns=columns, colour=colour, whole=_HEAD)
    if not fits(shown, columns):
        short = [[Cell(_without_age(cell.text), cell.tone) for cell in line] for line in cells]
        shown = table(_HEAD, short, columns=columns, colour=colour, whole=_WHOLE)
    if not fits(shown, columns):
        shown = paragraphs([line for row in cells for line in _list(row)], columns, colour)
    details = [
        Cell(one_line(f"{moment(row.get('time'), now)}: {_text(row['detail'])}")) for row in rows if row.get("detail")
    ]
    indented = [Cell(f"  {line.text}") for line in details]
    return shown + (f"\n\n{paragraphs(indented, columns, colour)}" if details else "")


def _cells(row: Mapping[str, Any], now: datetime) -> list[Cell]:
    outcome, sessions = _text(row.get("outcome")), row.get("sessions")
    return [
        Cell(moment(row.get("time"), now)),
        Cell(_text(row.get("reason"))),
        Cell(f"{_text(row.get('from_account'))} -> {_text(row.get('to_account'))}", "strong"),
        Cell(outcome, _TONES.get(outcome, "")),
        Cell(limit_word(row.get("limit"))),
        Cell(moment(row.get("resets_at"), now)),
        Cell(_text(row.get("trigger_session"))),
        Cell(str(len(sessions)) if isinstance(sessions, list) else "-"),
        Cell(f"{row['seconds']:.1f} s" if isinstance(row.get("seconds"), (int, float)) else "-"),
    ]


def _without_age(text: str) -> str:
    return _AGE.sub("", text)


def _list(row: Sequence[Cell]) -> list[Cell]:
    """Return the lines of one switch."""
    time, reason, accounts, outcome, limit, resets, trigger, _sessions, took = (one_line(cell.text) for cell in row)
    why = reason if limit == "-" else f"{reason}, {limit} until {resets}, seen in {trigger}"
    return [Cell(f"{time}: {outcome}", row[3].tone), Cell(f"  {accounts}", "strong"), Cell(f"  {why}; took {took}")]


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
