# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover history``: show the switches, newest first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ...common import clock
from ...common.limit_words import limit_word
from ...common.text import one_line
from .. import common
from ..render import Cell, moment, table

DEFAULT_LIMIT = 20
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


def page(rows: Sequence[Mapping[str, Any]], now: datetime, *, columns: int | None = None, colour: bool = False) -> str:
    """Return the table of switches, with their details below it."""
    if not rows:
        return "No switches yet."
    cells, details = [], []
    for row in rows:
        outcome = _text(row.get("outcome"))
        sessions = row.get("sessions")
        cells.append(
            [
                Cell(moment(row.get("time"), now)),
                Cell(_text(row.get("reason"))),
                Cell(f"{_text(row.get('from_account'))} -> {_text(row.get('to_account'))}", "strong"),
                Cell(outcome, _TONES.get(outcome, "")),
                Cell(limit_word(row.get("limit"))),
                Cell(_text(row.get("trigger_session"))),
                Cell(str(len(sessions)) if isinstance(sessions, list) else "-"),
                Cell(f"{row['seconds']:.1f} s" if isinstance(row.get("seconds"), (int, float)) else "-"),
            ]
        )
        if row.get("detail"):
            details.append(f"  {one_line(moment(row.get('time'), now))}: {one_line(_text(row['detail']))}")
    head = ("TIME", "REASON", "ACCOUNTS", "OUTCOME", "LIMIT", "TRIGGER", "SESSIONS", "TOOK")
    return table(head, cells, columns=columns, colour=colour) + ("\n\n" + "\n".join(details) if details else "")


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
