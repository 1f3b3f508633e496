# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover switch``: to another account, by hand."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ...common.text import one_line
from .. import common
from ..render import Cell, table

#: Seconds to wait for the answer: a login that is being refreshed is waited for first.
TIMEOUT = 90.0


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "switch",
        run,
        "switch to another account now",
        "Point the active link at ACCOUNT, or at the account that the daemon would choose; running sessions move with\n"
        "it. The cooldown does not matter here, and to the active account there is nothing to do (exit 0). An\n"
        "exhausted account needs --force. Nothing gets past wrong links or a dead login.",
        [
            "claude-failover switch --dry-run",
            "claude-failover switch compte2 --reason 'compte1 is needed elsewhere'",
            "claude-failover switch compte2 --force",
        ],
    )
    parser.add_argument("account", metavar="ACCOUNT", nargs="?", help="the account (default: the next by the strategy)")
    parser.add_argument("--reason", metavar="R", help="why, for the history")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen and why, and change nothing")
    parser.add_argument("--force", action="store_true", help="also to an account that is exhausted or barred")
    common.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask for the switch and say what came of it; returns 0. Raises FailoverError when it was refused or failed."""
    options: dict[str, Any] = {"dry_run": arguments.dry_run, "force": arguments.force}
    for key in ("account", "reason"):
        if getattr(arguments, key) is not None:
            options[key] = getattr(arguments, key)
    record = common.ask(arguments, "switch", options, timeout=TIMEOUT)
    if arguments.json:
        common.show_json(record)
    else:
        common.show(explain(record))
    return 0


def explain(record: Mapping[str, Any]) -> str:
    """Return what came of a switch, or of a dry run, in words."""
    dry = bool(record.get("dry_run"))
    origin, target = one_line(str(record.get("from_account"))), one_line(str(record.get("to_account")))
    outcome = record.get("outcome")
    if outcome == "switched":
        head = f"would switch from {origin} to {target}" if dry else f"switched from {origin} to {target}"
    elif outcome == "stayed":
        head = f"{'would stay' if dry else 'stayed'} with {target}"
    else:
        head = f"would be {outcome}" if dry else str(outcome)
    lines = [f"{one_line(head)}: {one_line(str(record.get('detail') or ''))}"]
    rows = record.get("candidates")
    if isinstance(rows, list) and rows:
        cells = [
            [Cell(str(row.get("account"))), Cell("yes" if row.get("eligible") else "no"), Cell(str(row.get("why")))]
            for row in rows
            if isinstance(row, dict)
        ]
        lines += ["", table(("ACCOUNT", "CAN BE TAKEN", "WHY"), cells)]
    return "\n".join(lines)
