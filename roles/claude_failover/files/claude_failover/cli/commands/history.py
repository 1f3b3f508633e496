# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover history``: show the switches, newest first."""

from __future__ import annotations

import argparse
from typing import Any

from ...common import clock
from ...common.suggestions import did_you_mean
from ...common.text import one_line, whole_number
from .. import common, history_page
from ..document import mappings

DEFAULT_LIMIT = 20
SEARCHED = 1000  # records that --session looks through


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "history",
        run,
        "show the switches, newest first",
        "Show the switches, newest first, refused and failed ones too: when, from which account to which, why (which "
        "session reached which limit, and when that resets), how long it took, and what became of each session.\n\n"
        "--json prints the full records, as in switches.jsonl in the daemon's state folder.",
        [
            "claude-failover history                   # the last 20",
            "claude-failover history --session main    # those that concern a session",
            "claude-failover history -n 1 --json       # the newest, all that is known",
        ],
    )
    parser.add_argument(
        "-n",
        dest="number",
        metavar="N",
        type=_number,
        default=DEFAULT_LIMIT,
        help=f"number of switches (default: {DEFAULT_LIMIT})",
    )
    parser.add_argument("--session", metavar="NAME", help="only switches that concern this session, and its own fate")
    common.add_json_option(parser)


def _number(text: str) -> int:
    number = whole_number(text)
    if not number:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number, 1 or more")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Show the history."""
    session: str | None = arguments.session
    limit = arguments.number if session is None else max(arguments.number, SEARCHED)
    rows = common.request(arguments, "history", {"limit": limit})
    if session is not None:
        found = [row for row in rows if history_page.concerns(row, session)][: arguments.number]
        if not found and not arguments.json:
            running = {str(row.get("name")) for row in mappings(common.request(arguments, "sessions"))}
            hint = (
                did_you_mean(session, {*history_page.session_names(rows), *running}) if session not in running else ""
            )
            common.print_text(one_line(f"No switches that concern the session {session}{hint}"))
            return 0
        rows = found
    terminal = common.terminal_format()
    common.print_result(arguments, rows, lambda: history_page.page(rows, clock.wall(), session=session, **terminal))
    return 0
