# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``run``, ``check-config``, ``reload`` and ``version``: the daemon itself."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from ... import VERSION
from ...common.text import printable
from .. import common


def register(commands: Any) -> None:
    """Add the parsers of this group."""
    common.add(
        commands,
        "run",
        run,
        "the daemon, in the foreground",
        "Run the daemon in the foreground, until SIGTERM or SIGINT. It validates the shared links first and\n"
        "refuses to start on a divergence. Ending it ends no tmux session. SIGHUP reloads the configuration.",
        ["claude-failover run", "claude-failover --config ./config.yml run"],
    )
    check = common.add(
        commands,
        "check-config",
        check_config,
        "every error of a configuration at once",
        "Read a configuration and say everything that is wrong with it, by file, line and key. Nothing is\n"
        "changed and the daemon is not asked.",
        ["claude-failover check-config", "claude-failover check-config new.yml", "… | claude-failover check-config -"],
    )
    check.add_argument("file", metavar="FILE", nargs="?", help="the file to check; - for standard input")
    common.add(
        commands,
        "reload",
        reload,
        "make the daemon read its configuration again",
        "Make the daemon read its configuration again. One that is wrong, or that needs a restart, is refused\n"
        "and the old one stays.",
        ["claude-failover check-config && claude-failover reload"],
    )
    common.add(
        commands,
        "version",
        version,
        "version and release",
        "Print the version, and the release that this program was installed as.",
        ["claude-failover version"],
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon."""
    config = common.load_config(arguments)
    from ... import daemon

    return daemon.run(config)


def check_config(arguments: argparse.Namespace) -> int:
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


def reload(arguments: argparse.Namespace) -> int:
    """Make the daemon reload."""
    result = common.ask(arguments, "reload", timeout=60)
    path = result.get("reloaded") if isinstance(result, dict) else None
    common.show(printable(f"The daemon has read {path or 'its configuration'} again."))
    return 0


def version(_arguments: argparse.Namespace) -> int:
    """Print version and release."""
    common.show(f"claude-failover {VERSION} ({release()})")
    return 0


def release() -> str:
    """Return the name of the release that this file belongs to, or that it is a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    library = os.path.dirname(package)
    folder = os.path.dirname(library)
    if os.path.basename(library) == "lib" and os.path.basename(os.path.dirname(folder)) == "releases":
        return f"release {os.path.basename(folder)}"
    return f"not installed, run from {library}"
