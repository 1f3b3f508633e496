# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover run``: run the daemon in the foreground."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...common.errors import PassingFault
from .. import common, other_user

if TYPE_CHECKING:
    from ...config.model import Config


def register(commands: Any) -> None:
    """Add the parser of the command."""
    common.add_command(
        commands,
        "run",
        run,
        "run the daemon in the foreground",
        "Run the daemon in the foreground until SIGTERM or SIGINT. It validates the shared links first and refuses to\n"
        "start if one diverges. Stopping it stops no tmux session. SIGHUP reloads the configuration. Run this as the\n"
        "sessions' user; root gets the line to run instead.\n\n"
        "Exit code 1 or 2 means that a person has to mend something; 75 that something is missing, full, read-only or\n"
        "used up, and that a later start can succeed, which systemd makes by itself.",
        ["claude-failover run", "claude-failover --config ./config.yml run    # with another configuration"],
        common.EXIT_CODES.replace("  3   the daemon is not running\n", "").replace(
            "  70  a bug", "  70  a bug\n  75  a passing fault: to be tried again"
        ),
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon until it is stopped. Raises Refused, PassingFault."""
    # One that arrives before the daemon handles it, or while it ends, asks for nothing: the file is about to be read.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    try:
        config = common.load_config(arguments)
        other_user.refuse_root([*_written(config), *_programs(config), *_worked_in(config)], arguments, "run")
        from ... import daemon

        return daemon.run(config)
    except (OSError, MemoryError) as error:
        # At the start the daemon itself tells what is wrong; later, and at its end, a fault of the system passes.
        raise PassingFault(str(error) or "out of memory") from error


def _written(config: Config) -> list[str]:
    """Return the paths that the daemon writes to."""
    sockets = [config.control_socket, config.tmux.socket]
    metrics = [config.metrics.textfile] if config.metrics.textfile else []
    return [*config.link_places, config.active_link, config.state_dir, *sockets, *metrics]


def _worked_in(config: Config) -> list[str]:
    """Return the folders in which sessions work: Claude Code takes its settings from there, and changes their files."""
    return [session.cwd for session in config.sessions]


def _programs(config: Config) -> Iterator[str]:
    """Yield the programs that the daemon starts, and that it has started in its sessions."""
    import shutil

    path = other_user.session_environment()["PATH"]
    named = [(config.tmux.binary, path), *((words[0], path) for words in [config.notify.command] if words)]
    named += [("apprise", path)] if config.notify.urls else []
    named += [(session.command[0], session.env.get("PATH", path)) for session in config.sessions]
    for name, folders in named:
        program = shutil.which(name, path=folders)
        if program is not None:
            yield program
