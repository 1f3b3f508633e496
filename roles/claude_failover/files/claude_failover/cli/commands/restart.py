# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover restart``: start a session again in its conversation."""

from __future__ import annotations

import argparse
from typing import Any

from .. import session_command


def register(commands: Any) -> None:
    """Add the parser of the command."""
    session_command.add(
        commands,
        "restart",
        run,
        "start a session again in its conversation",
        "End a session's program, and start it as it is configured now, in the same conversation. One that is down,\n"
        "or was stopped by hand, is started. A session that has something under way (a turn, a question, a task, a\n"
        "draft) is refused; with --force its turn is ended in the middle.",
        [
            "claude-failover restart main",
            "claude-failover restart main --force    # in the middle of its turn",
        ],
    )


def run(arguments: argparse.Namespace) -> int:
    """Restart a session. Raises FailoverError if it is refused or fails."""
    return session_command.request(arguments, "restart")
