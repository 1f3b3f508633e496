# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exit of a pane's program: its status, and what was on the screen."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
from collections.abc import Iterable

from ..tmux.client import Pane, Tmux

log = logging.getLogger(__name__)

# Appended by tmux (3.3a) to the last line of a program that has ended.
_DEAD_PANE_NOTE = re.compile(r"Pane is dead( \([^()]*\))?$")
STATUS_TRIES, STATUS_DELAY = 10, 0.02  # reads of an exit status, and seconds between them


def describe_exit(pane: Pane) -> str:
    """Describe how a pane's program ended."""
    if pane.exit_signal:
        return f"ended by signal {pane.exit_signal}"
    return f"exited with status {pane.exit_status}" if pane.exit_status is not None else "ended"


def output_of(lines: Iterable[str]) -> list[str]:
    """Return the lines of a dead pane that its program printed."""
    return [line for line in (_DEAD_PANE_NOTE.sub("", line.strip()).strip() for line in lines) if line]


async def await_exit_status(tmux: Tmux, pane: Pane) -> Pane:
    """Return the pane with its program's exit status, within a bound.

    tmux 3.3a marks a pane dead once its terminal is closed, a moment before it has the exit status; on a busy
    host it can miss the exit of a child until the next SIGCHLD makes it reap all of them.
    """
    for attempt in range(STATUS_TRIES):
        if pane.exit_status is not None or pane.exit_signal is not None:
            break
        if attempt == STATUS_TRIES // 2:
            _make_tmux_reap_children(tmux)
        await asyncio.sleep(STATUS_DELAY)
        pane = next((item for item in await tmux.panes() if item.pane_id == pane.pane_id), pane)
    return pane


def _make_tmux_reap_children(tmux: Tmux) -> None:
    """Send the tmux server a SIGCHLD, on which it does nothing else."""
    if tmux.server_pid is not None:
        try:
            os.kill(tmux.server_pid, signal.SIGCHLD)
        except OSError as error:
            log.debug("cannot send SIGCHLD to the tmux server: %s", error)
