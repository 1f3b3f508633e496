# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover sessions``: the sessions that are watched."""

from __future__ import annotations

import argparse
from typing import Any

from ...common import clock
from .. import common, render


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "sessions",
        run,
        "the sessions that are watched",
        "Show every session that is watched: its state and why, the account that its next request is made with,\n"
        "and its conversation with how that is known.",
        ["claude-failover sessions", "claude-failover sessions --json | jq '.[] | select(.state == \"down\")'"],
    )
    common.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the sessions."""
    rows = common.ask(arguments, "sessions")
    if arguments.json:
        common.show_json(rows)
    else:
        common.show(render.sessions(rows, clock.now(), **common.page()))
    return 0
