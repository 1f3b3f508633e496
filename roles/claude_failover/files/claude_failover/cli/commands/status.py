# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover status``: show accounts, sessions and the last switch."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from ...common import clock
from ...common.errors import FailoverError, NotRunning
from ...common.text import printable
from .. import common, render
from ..times import moment
from ..watch import loop

WATCH_INTERVAL = 2.0  # seconds


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "status",
        run,
        "show accounts, sessions and the last switch",
        "Show the active account, the state of every account and session, and the last switch. Times are UTC.\n\n"
        "With --watch it is shown until q or Ctrl-C, with bars, what is open, and the sessions worst first; they can "
        "be scrolled, and / filters them by name, state, account, folder or reason. Without python3-rich, and where "
        "standard output is no terminal, the page is printed every two seconds instead.",
        [
            "claude-failover status                        # once",
            "claude-failover status --watch                # until q",
            "claude-failover status --json | jq .accounts  # for a script",
        ],
    )
    common.add_json_option(parser)
    parser.add_argument(
        "--watch", action="store_true", help="show it until q or Ctrl-C; with --json, one document per line"
    )


def run(arguments: argparse.Namespace) -> int:
    """Show the status once, or until Ctrl-C."""

    def draw() -> str:
        document = common.request(arguments, "status")
        if arguments.json:
            return common.format_json(document, indent=None if arguments.watch else 2)
        terminal = common.terminal_format()
        height = (
            os.get_terminal_size(sys.stdout.fileno()).lines - 1 if arguments.watch and terminal["columns"] else None
        )
        return render.status(document, clock.wall(), **terminal, height=height)

    if not arguments.watch:
        common.print_text(draw())
        return 0
    if not arguments.json and loop.is_possible():
        return loop.run(lambda op, options: common.request(arguments, op, options), WATCH_INTERVAL)
    return _watch(draw, clear=sys.stdout.isatty() and not arguments.json)


def _watch(draw: Callable[[], str], *, clear: bool) -> int:
    """Draw until Ctrl-C. Waits for a daemon that stops meanwhile; raises NotRunning if none runs at first."""
    text = draw()
    try:
        while True:
            # Cursor home, erase the rest of each line, then the rest of the screen: no flicker.
            framed = "\x1b[H" + text.rstrip("\n").replace("\n", "\x1b[K\n") + "\x1b[K\n\x1b[J"
            common.print_text(framed if clear else text)
            sys.stdout.flush()
            time.sleep(WATCH_INTERVAL)
            try:
                text = draw()
            except NotRunning as error:
                text = printable(f"{moment(clock.iso(clock.wall()), clock.wall())}: {error}") if clear else ""
                if not clear:
                    common.print_message(str(error))
            except FailoverError as error:
                common.print_message(str(error))
    except KeyboardInterrupt:
        return 0
