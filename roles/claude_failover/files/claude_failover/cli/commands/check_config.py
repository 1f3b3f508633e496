# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover check-config``: check a configuration and report every error."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .. import common


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "check-config",
        run,
        "check a configuration and report every error",
        "Check a configuration and report every error with its file, line and key. Nothing is changed, and the daemon\n"
        "is not contacted.",
        ["claude-failover check-config", "claude-failover check-config new.yml", "… | claude-failover check-config -"],
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="file to check, - for standard input (default: as --config)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check a configuration; returns 0 if it is valid. Raises ConfigError."""
    if arguments.file == "-":
        from ...config.loader import parse
        from ...config.yaml_loader import MAX_BYTES

        config = parse(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
    else:
        if arguments.file is not None:
            arguments.config = arguments.file
        config = common.load_config(arguments)
    counts = [_count(len(config.accounts), "account"), _count(len(config.sessions), "session")]
    common.print_text(f"{config.path}: valid: {', '.join(counts)}")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
