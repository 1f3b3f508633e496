# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the daemon and note what it asks tmux in a time that passes at once: ``resting_daemon.py FILE LOOKS ARGUMENT…``.

Each SIGUSR2 lets LOOKS times the longest common pause (`shared_wake.REST`) pass, from the middle of one to that of
another. Meanwhile the clocks stand still, and jump to the next timer whenever the daemon waits for nothing else: what
it does in that time is the same on a machine that is busy. FILE gets a line for each command, ``NAME PANE`` (``NAME -``
where it names no pane), and ``begin`` and ``over`` for each such time.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import sys
import time
from asyncio.base_events import BaseEventLoop
from collections.abc import Sequence
from typing import Any

LULL = 0.005  # seconds without any event, after which it is a timer that the daemon waits for
CLOCKS = (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME)
CLOCK_GETTIME, IN_THREAD = time.clock_gettime, BaseEventLoop.run_in_executor


class Notes:
    """The lines of the file."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def add(self, line: str) -> None:
        os.write(self._descriptor, f"{line}\n".encode())


class Rest:
    """The time that passes at once; ``pending`` is the number of answers of tmux or of a thread that are awaited."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._jumped = 0.0  # seconds
        self._stood: dict[int, float] | None = None  # what the clocks showed as they were stopped
        self._edges: list[tuple[float, str]] = []  # what is still to be noted, and at which time.monotonic()
        self.pending = 0

    def install(self) -> None:
        """Let the clocks of this process be those of `read`."""
        time.time = lambda: self.read(time.CLOCK_REALTIME)
        time.monotonic = lambda: self.read(time.CLOCK_MONOTONIC)
        time.clock_gettime = self.read

    def read(self, clock: int) -> float:
        """Return what a clock shows."""
        if clock not in CLOCKS:
            return CLOCK_GETTIME(clock)
        return (CLOCK_GETTIME(clock) if self._stood is None else self._stood[clock]) + self._jumped

    def begin(self, pause: float, looks: int) -> None:
        """Stop the clocks, and let so many pauses pass from the middle of the next one on."""
        self._stood = {clock: CLOCK_GETTIME(clock) for clock in CLOCKS}
        first = (time.monotonic() // pause + 1.5) * pause
        self._edges = [(first, "begin"), (first + looks * pause, "over")]

    @property
    def is_wanted(self) -> bool:
        """True until the end has come."""
        return self._stood is not None

    def jump(self, seconds: float) -> None:
        """Let so much time pass, to the next edge at most, unless an answer is awaited."""
        if self._stood is None or self.pending:
            return
        at, name = self._edges[0]
        self._jumped += min(seconds, at - time.monotonic())
        if time.monotonic() >= at:
            self._notes.add(name)
            self._edges.pop(0)
        if not self._edges:  # the clocks go on from what they show
            self._jumped -= CLOCK_GETTIME(time.CLOCK_MONOTONIC) - self._stood[time.CLOCK_MONOTONIC]
            self._stood = None


def selector_of(rest: Rest) -> type[selectors.BaseSelector]:
    """Return a selector that jumps to the next timer."""

    class Jumping(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[Any]:
            if timeout is None or timeout <= 0 or not rest.is_wanted:
                return super().select(timeout)
            found = super().select(min(timeout, LULL))
            if not found:
                rest.jump(timeout)
            return found

    return Jumping


def install(path: str, looks: int) -> None:
    """Note the commands from now on, and jump at each SIGUSR2."""
    notes = Notes(path)
    rest = Rest(notes)
    rest.install()
    selectors.DefaultSelector = selector_of(rest)

    from claude_failover.common.shared_wake import REST
    from claude_failover.tmux.connection import Connection

    run = Connection.run

    async def noted(self: Connection, commands: Sequence[Sequence[str]], timeout: float) -> list[list[str]]:
        for name, *arguments in commands:
            notes.add(f"{name} {arguments[arguments.index('-t') + 1] if '-t' in arguments else '-'}")
        rest.pending += 1
        try:
            return await run(self, commands, timeout)
        finally:
            rest.pending -= 1

    def in_thread(self: BaseEventLoop, *arguments: Any) -> asyncio.Future[Any]:
        def done(_future: asyncio.Future[Any]) -> None:
            rest.pending -= 1

        future = IN_THREAD(self, *arguments)
        rest.pending += 1
        future.add_done_callback(done)  # called in the loop, as what awaits the thread is
        return future

    Connection.run = noted
    BaseEventLoop.run_in_executor = in_thread
    signal.signal(signal.SIGUSR2, lambda _number, _frame: rest.begin(REST, looks))


if __name__ == "__main__":
    install(sys.argv[1], int(sys.argv[2]))
    from claude_failover import __main__ as program

    sys.exit(program.main(sys.argv[3:]))
