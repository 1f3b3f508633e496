# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover status``: accounts, sessions, the last switch."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from ...common import clock
from ...common.errors import FailoverError, NotRunning
from ...common.text import printable
from .. import common, render

INTERVAL = 2.0  # seconds between two looks of --watch


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "status",
        run,
        "accounts, sessions, the last switch",
        "Show which account is active, how each account and each session stands, and the last switch. Times are\n"
        "UTC. With --watch the page is drawn again every two seconds until Ctrl-C.",
        ["claude-failover status", "claude-failover status --watch", "claude-failover status --json | jq .accounts"],
    )
    common.add_json(parser)
    parser.add_argument("--watch", action="store_true", help="keep showing it; with --json, one document a line")


def run(arguments: argparse.Namespace) -> int:
    """Show the status, once or again and again."""

    def draw() -> str:
        document = common.ask(arguments, "status")
        if arguments.json:
            return common.as_json(document, indent=None if arguments.watch else 2)
        return render.status(document, clock.now(), **common.page())

    if not arguments.watch:
        common.show(draw())
        return 0
    return _watch(draw, clear=sys.stdout.isatty() and not arguments.json)


def _watch(draw: Callable[[], str], *, clear: bool) -> int:
    """Draw until Ctrl-C. A daemon that goes away meanwhile is waited for; one that is not there is not."""
    text = draw()
    try:
        while True:
            # Home, the page with each line's rest erased, the rest of the screen erased: nothing flickers.
            framed = "\x1b[H" + text.rstrip("\n").replace("\n", "\x1b[K\n") + "\x1b[K\n\x1b[J"
            common.show(framed if clear else text)
            sys.stdout.flush()
            time.sleep(INTERVAL)
            try:
                text = draw()
            except NotRunning as error:
                text = printable(f"{clock.iso(clock.now())} {error}") if clear else ""
                if not clear:
                    common.note(str(error))
            except FailoverError as error:
                common.note(str(error))
    except KeyboardInterrupt:
        return 0
