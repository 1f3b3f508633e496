# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End the program of a session: cleanly, or with SIGKILL where that is allowed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time

from ..common.errors import FailoverError
from ..common.event_wait import wait_for_event
from ..common.processes import Process, is_alive, read
from .tracked_session import TrackedSession

TERM_WAIT = 10.0  # seconds for the Claude CLI to end after SIGTERM, which takes 0.15 to 1.5 s (2.1.330)
KILL_WAIT = 5.0  # the same after SIGKILL
POLL = 0.05  # seconds between two looks at what a program does


async def end_claude(tracked: TrackedSession, *, force: bool) -> None:
    """End the Claude CLI of a session; ``force`` allows SIGKILL.

    Raises FailoverError when it does not end: Claude Code would start a second one on the same conversation (2.1.330).
    """
    signals = [(signal.SIGTERM, TERM_WAIT), *([(signal.SIGKILL, KILL_WAIT)] if force else [])]
    if tracked.claude is not None and not await _end(tracked.claude, signals):
        more = "" if force else f" within {TERM_WAIT:.0f} s; --force kills it, in the middle of what it does"
        raise FailoverError(f"the Claude CLI of session {tracked.name} (pid {tracked.claude.pid}) does not end{more}")


async def end_program(tracked: TrackedSession, *, force: bool) -> None:
    """End everything that runs in a session's pane: the Claude CLI, and then the pane's own program.

    An interactive shell ignores SIGTERM, and ends on SIGHUP, as when its terminal is closed. Raises FailoverError.
    """
    await end_claude(tracked, force=force)
    pane = read(tracked.pane.pid) if tracked.pane is not None and tracked.up else None
    if pane is None:
        return
    signals = [(signal.SIGTERM, KILL_WAIT), (signal.SIGHUP, KILL_WAIT)]
    if not await _end(pane, [*signals, *([(signal.SIGKILL, KILL_WAIT)] if force else [])]):
        more = "" if force else "; --force kills it"
        raise FailoverError(f"the program of session {tracked.name} (pid {pane.pid}) does not end{more}")


async def _end(process: Process, signals: list[tuple[signal.Signals, float]]) -> bool:
    for number, bound in signals:
        if not is_alive(process.pid, process.start):
            return True
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return True
        if await _wait_until_ended(process, bound):
            return True
    return False


async def _wait_until_ended(process: Process, bound: float) -> bool:
    end = time.monotonic() + bound
    await _wait_for_notice(process, bound)
    while is_alive(process.pid, process.start):
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(POLL)
    return True


async def _wait_for_notice(process: Process, seconds: float) -> None:
    """Wait for the kernel to tell that a process has ended; returns at once where it does not tell.

    That is before Linux 5.3, in a Python that was built on an older one, and where a filter of system calls refuses it.
    """
    if not hasattr(os, "pidfd_open"):
        return
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    try:
        if is_alive(process.pid, process.start):  # else another process can have the pid
            with contextlib.suppress(OSError):
                loop.add_reader(descriptor, ended.set)
                await wait_for_event(ended, seconds)
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
