# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover check-config``: check a configuration and report every error."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ...common import clock
from ...common.text import counted
from .. import common, host_look

if TYPE_CHECKING:
    from ...config.model import Config


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "check-config",
        run,
        "check a configuration and report every error",
        "Check a configuration and report every error with its file, line and key. With --host, look also whether the\n"
        "daemon could start here with it: the links, folders and programs, each with what mends it; root looks as the\n"
        "sessions' user. Nothing is changed, and the daemon is not contacted.",
        [
            "claude-failover check-config",
            "claude-failover check-config --host new.yml    # could it start with it?",
            "… | claude-failover check-config -",
        ],
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="file to check, - for standard input (default: as --config)"
    )
    parser.add_argument("--host", action="store_true", help="look also whether the daemon could start here")
    parser.add_argument(
        "--no-programs", action="store_true", help="with --host: start no program, not even for its version"
    )
    common.add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check a configuration; returns 0 if it is valid, with ``--host`` 1 for an error. Raises ConfigError, Refused."""
    config = _load(arguments)
    findings = host_look.findings(config, arguments, programs=not arguments.no_programs) if arguments.host else []
    counts = [counted(len(config.accounts), "account"), counted(len(config.sessions), "session")]
    if arguments.json:
        common.print_json({"config": config.path, **host_look.document(findings)})
    else:
        common.print_text(f"{config.path}: valid: {', '.join(counts)}")
        if findings:
            common.print_text(host_look.page(findings, clock.wall()))
    return host_look.exit_code(findings)


def _load(arguments: argparse.Namespace) -> Config:
    if arguments.file != "-":
        if arguments.file is not None:
            arguments.config = arguments.file
        return common.load_config(arguments)
    from ...config.loader import parse
    from ...config.yaml_loader import MAX_BYTES

    return parse(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
