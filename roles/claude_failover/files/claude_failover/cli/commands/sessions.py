# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover sessions``: show the watched sessions."""

from __future__ import annotations

import argparse
from typing import Any

from ...common import clock
from .. import common, render


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "sessions",
        run,
        "show the watched sessions",
        "Show every watched session: its state and the reason, the account of its next request, and its conversation\n"
        "with the source that identified it.",
        [
            "claude-failover sessions",
            "claude-failover sessions --json | jq '.[] | select(.state == \"down\")'",
        ],
    )
    common.add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the sessions."""
    rows = common.request(arguments, "sessions")
    common.print_result(arguments, rows, lambda: render.sessions(rows, clock.wall(), **common.terminal_format()))
    return 0
