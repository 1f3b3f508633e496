# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover history``: the switches, newest first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ...common import clock
from ...common.errors import UsageError
from ...common.text import one_line
from .. import common
from ..render import Cell, moment, table

NUMBER = 20
_TONES = {"switched": "good", "stayed": "warn", "refused": "warn", "failed": "bad"}


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "history",
        run,
        "the switches, newest first",
        "Show the switches that were made, and those that were not: why, from which account to which, what triggered\n"
        "them, and what became of every session. With --json everything that was recorded; the same records are in\n"
        "switches.jsonl in the daemon's state folder.",
        ["claude-failover history", "claude-failover history -n 1 --json"],
    )
    parser.add_argument(
        "-n", dest="number", metavar="N", type=_number, default=NUMBER, help=f"how many (default {NUMBER})"
    )
    common.add_json(parser)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1 on")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Show the history; returns 0."""
    rows = common.ask(arguments, "history", {"limit": arguments.number})
    if not isinstance(rows, list):
        raise UsageError(f"the daemon answered with {type(rows).__name__}, expected a list: is it another version?")
    if arguments.json:
        common.show_json(rows)
    else:
        common.show(page(rows, clock.now(), **common.page()))
    return 0


def page(rows: Sequence[Mapping[str, Any]], now: datetime, *, columns: int | None = None, colour: bool = False) -> str:
    """Return the table of switches, and below it what there is to say of each."""
    if not rows:
        return "No switches yet."
    cells, notes = [], []
    for row in rows:
        outcome = _text(row.get("outcome"))
        sessions = row.get("sessions")
        cells.append(
            [
                Cell(moment(row.get("time"), now)),
                Cell(_text(row.get("reason"))),
                Cell(f"{_text(row.get('from_account'))} -> {_text(row.get('to_account'))}", "strong"),
                Cell(outcome, _TONES.get(outcome, "")),
                Cell(_text(row.get("limit"))),
                Cell(_text(row.get("trigger_session"))),
                Cell(str(len(sessions)) if isinstance(sessions, list) else "-"),
                Cell(f"{row['seconds']:.1f} s" if isinstance(row.get("seconds"), (int, float)) else "-"),
            ]
        )
        if row.get("detail"):
            notes.append(f"  {one_line(moment(row.get('time'), now))}: {one_line(_text(row['detail']))}")
    head = ("TIME", "REASON", "ACCOUNTS", "OUTCOME", "LIMIT", "SESSION", "CARRIED", "TOOK")
    return table(head, cells, columns=columns, colour=colour) + ("\n\n" + "\n".join(notes) if notes else "")


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
