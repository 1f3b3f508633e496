# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover check-config``: every error of a configuration at once."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .. import common


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "check-config",
        run,
        "every error of a configuration at once",
        "Read a configuration and say everything that is wrong with it, by file, line and key. Nothing is\n"
        "changed and the daemon is not asked.",
        ["claude-failover check-config", "claude-failover check-config new.yml", "… | claude-failover check-config -"],
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="the file to check; - for standard input")


def run(arguments: argparse.Namespace) -> int:
    """Check a configuration."""
    if arguments.file == "-":
        from ...config.model import parse

        config = parse(sys.stdin.buffer.read((1 << 20) + 1), "standard input")
    else:
        if arguments.file is not None:
            arguments.config = arguments.file
        config = common.load_config(arguments)
    counts = [_count(len(config.accounts), "account"), _count(len(config.sessions), "session")]
    common.show(f"{config.path}: right: {', '.join(counts)}")
    return 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
