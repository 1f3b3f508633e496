# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover run``: run the daemon in the foreground."""

from __future__ import annotations

import argparse
from typing import Any

from .. import common, other_user


def register(commands: Any) -> None:
    """Add the parser of the command."""
    common.add_command(
        commands,
        "run",
        run,
        "run the daemon in the foreground",
        "Run the daemon in the foreground until SIGTERM or SIGINT. It validates the shared links first and refuses to\n"
        "start if one diverges. Stopping it stops no tmux session. SIGHUP reloads the configuration. Run this as the\n"
        "sessions' user; root gets the line to run instead.",
        ["claude-failover run", "claude-failover --config ./config.yml run"],
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon until it is stopped. Raises Refused."""
    config = common.load_config(arguments)
    sockets = [config.control_socket, config.tmux.socket]
    other_user.refuse_root([*config.link_places, config.active_link, config.state_dir, *sockets], arguments, "run")
    from ... import daemon

    return daemon.run(config)
