# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover queue``: the tasks, and what became of them."""

from __future__ import annotations

import argparse
from typing import Any

from ...common import clock
from .. import common, render


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "queue",
        run,
        "the tasks, and what became of them",
        "Show every task that waits or is under way, and the last 200 that are over. A task is queued, then sent,\n"
        "accepted (a turn began), and done or failed. One that has been sent cannot be cancelled.",
        [
            "claude-failover queue",
            "claude-failover queue --json | jq '.[] | select(.state == \"failed\")'",
            "claude-failover queue --cancel 3f2a9c1e",
        ],
    )
    parser.add_argument("--cancel", metavar="ID", help="cancel a task that is queued")
    common.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the tasks, or cancel one."""
    if arguments.cancel is not None:
        row = common.ask(arguments, "queue", {"cancel": arguments.cancel})
        if arguments.json:
            common.show_json(row)
        else:
            common.show(render.task(row))
        return 0
    rows = common.ask(arguments, "queue")
    if arguments.json:
        common.show_json(rows)
    else:
        common.show(render.tasks(rows, clock.now(), **common.page()))
    return 0
