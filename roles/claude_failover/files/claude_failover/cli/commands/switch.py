# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover switch``: switch to another account."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...common import clock
from ...common.text import one_line
from .. import common
from ..layout import Cell, table
from ..times import with_moments

TIMEOUT = 90.0  # seconds; a switch may wait for a login refresh


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "switch",
        run,
        "switch to another account now",
        "Point the active link at ACCOUNT, or at the account that the daemon would choose; running sessions move with\n"
        "it. The cooldown is ignored. A switch to the active account does nothing (exit 0). An exhausted account\n"
        "needs --force. Divergent links and a dead login are refused even with --force. An account whose name is an\n"
        "address can be called by the label that events and metrics have for it, such as account-2.",
        [
            "claude-failover switch --dry-run          # where would one lead, and why?",
            "claude-failover switch compte2 --reason 'compte1 is needed elsewhere'",
            "claude-failover switch compte2 --force    # although it is exhausted",
        ],
    )
    parser.add_argument(
        "account", metavar="ACCOUNT", nargs="?", help="target account, by its name or label (default: by the strategy)"
    )
    parser.add_argument("--reason", metavar="R", help="reason to record in the history")
    parser.add_argument("--dry-run", action="store_true", help="show what would happen and why, and change nothing")
    parser.add_argument("--force", action="store_true", help="allow an account that is exhausted or banned")
    common.add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Request a switch and print the result; returns 0. Raises FailoverError if it was refused or failed."""
    options: dict[str, Any] = {"dry_run": arguments.dry_run, "force": arguments.force}
    for key in ("account", "reason"):
        if getattr(arguments, key) is not None:
            options[key] = getattr(arguments, key)
    record = common.request(arguments, "switch", options, timeout=TIMEOUT)
    common.print_result(arguments, record, lambda: explain(record, clock.wall()))
    return 0


def explain(record: Mapping[str, Any], now: datetime) -> str:
    """Describe the result of a switch or of a dry run."""
    dry = bool(record.get("dry_run"))
    origin, target = one_line(str(record.get("from_account"))), one_line(str(record.get("to_account")))
    outcome = record.get("outcome")
    if outcome == "switched":
        head = f"would switch from {origin} to {target}" if dry else f"switched from {origin} to {target}"
    elif outcome == "stayed":
        head = f"{'would stay' if dry else 'stayed'} with {target}"
    else:
        head = f"would be {outcome}" if dry else str(outcome)
    detail = with_moments(one_line(str(record.get("detail") or "")), now)
    by_hand = outcome == "switched" and not dry and detail.startswith("by hand")
    lines = [f"{one_line(head)}{' ' if by_hand else ': '}{detail}"]
    rows = record.get("candidates")
    if isinstance(rows, list) and rows:
        cells = [
            [
                Cell(str(row.get("account"))),
                Cell("yes" if row.get("eligible") else "no"),
                Cell(with_moments(str(row.get("why")), now)),
            ]
            for row in rows
            if isinstance(row, dict)
        ]
        lines += ["", table(("ACCOUNT", "ELIGIBLE", "REASON"), cells)]
    return "\n".join(lines)
