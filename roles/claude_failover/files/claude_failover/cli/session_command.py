# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that act on one session: their parser, and their request."""

from __future__ import annotations

import argparse
from typing import Any

from ..common.text import one_line
from . import common

TIMEOUT = 60.0  # seconds for the daemon's answer; a program that ignores signals takes up to 40


def add(commands: Any, name: str, handler: common.Handler, brief: str, description: str, examples: list[str]) -> None:
    """Add the parser of a command."""
    parser = common.add_command(commands, name, handler, brief, description, examples)
    parser.add_argument("name", metavar="NAME", help="session name, as shown by status")
    parser.add_argument("--force", action="store_true", help="also in the middle of a turn, which is lost")
    common.add_json_option(parser)


def request(arguments: argparse.Namespace, op: str) -> int:
    """Request the operation and print its result; returns 0. Raises FailoverError, UsageError."""
    options = {"session": arguments.name, "force": arguments.force}
    row = common.request(arguments, op, options, timeout=TIMEOUT)
    common.print_result(arguments, row, lambda: one_line(f"session {row['session']}: {row['detail']}"))
    return 0
