# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover stop``: end a session's program, and keep it down."""

from __future__ import annotations

import argparse
from typing import Any

from .. import session_command


def register(commands: Any) -> None:
    """Add the parser of the command."""
    session_command.add(
        commands,
        "stop",
        run,
        "end a session's program, and keep it down",
        "End a session's program, and keep it down, over restarts of the daemon too, until claude-failover restart.\n"
        "Its conversation stays. A session that the configuration names no more is ended for good. A session that has\n"
        "something under way (a turn, a question, a task, a draft) is refused; with --force its turn is ended in the\n"
        "middle.",
        ["claude-failover stop main", "claude-failover stop main --force    # in the middle of its turn"],
    )


def run(arguments: argparse.Namespace) -> int:
    """Stop a session. Raises FailoverError if it is refused or fails."""
    return session_command.request(arguments, "stop")
