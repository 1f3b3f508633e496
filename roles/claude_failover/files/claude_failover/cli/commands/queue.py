# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover queue``: show the tasks and their states."""

from __future__ import annotations

import argparse
from typing import Any

from ...common import clock
from .. import common, render


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "queue",
        run,
        "show the tasks and their states",
        "Show every waiting and running task, and the last 200 that ended. A task is queued, then sent, accepted (a\n"
        "turn began), and done or failed. A task that was sent cannot be cancelled.",
        [
            "claude-failover queue",
            "claude-failover queue --json | jq '.[] | select(.state == \"failed\")'",
            "claude-failover queue --cancel 3f2a9c1e",
        ],
    )
    parser.add_argument("--cancel", metavar="ID", help="cancel a queued task")
    common.add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the tasks, or cancel one. Raises FailoverError if the task cannot be cancelled."""
    if arguments.cancel is not None:
        row = common.request(arguments, "queue", {"cancel": arguments.cancel})
        common.print_result(arguments, row, lambda: render.task(row))
        return 0
    rows = common.request(arguments, "queue")
    common.print_result(arguments, rows, lambda: render.tasks(rows, clock.wall(), **common.terminal_format()))
    return 0
