# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bound on the sessions that are resumed at the same time, which follows what the machine bears.

A Claude Code that wakes takes processor time: it reads the prompt, starts its hooks, sends a request. Too many at once
are each so slow that a delivery gives up. So a batch begins with a few for each core; each delivery that is as quick as
on an idle machine lets one more in, and one that is slow halves the bound. On a machine that others keep busy each one
is slow, however few there are: so the quickest of the batch is what the others are held against.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LEAST = 4
FIRST_PER_CORE = 4  # at the begin of a batch
MOST_PER_CORE = 16
MOST = 64  # all of them share one connection to tmux
#: Seconds of a delivery. With a light program it takes 0.3; the earliest timeout of one is at 3.
QUICK, SLOW = 1.5, 3.0
#: The same, as multiples of the quickest delivery of the batch, where that is more.
QUICK_TO_BEST, SLOW_TO_BEST = 1.5, 3.0


class ResumeSlots:
    """Slots for resumptions, given in the order in which they are asked for.

    ``bound`` is how many there are now.
    """

    def __init__(self, cores: int | None = None) -> None:
        cores = cores or len(os.sched_getaffinity(0))
        self._most = max(LEAST, min(MOST, MOST_PER_CORE * cores))
        self._first = max(LEAST, min(self._most, FIRST_PER_CORE * cores))
        self.bound = self._first
        self._taken = 0
        self._slow_since: float | None = None  # loop time of the last halving
        self._best: float | None = None  # seconds of the quickest delivery of the batch
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot; waits until one is free."""
        if self._taken >= self.bound or self._waiting:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # it was given, and is not used
                    self._release()
                raise
        else:
            self._taken += 1
        try:
            yield
        finally:
            self._release()

    def report(self, seconds: float, *, failed: bool = False) -> None:
        """Adapt the bound to a delivery that has ended and took so long; one that has ``failed`` was slow."""
        now = asyncio.get_running_loop().time()
        if not failed:
            self._best = min(seconds, self._best or seconds)
        best = self._best or 0.0
        if not failed and seconds <= max(QUICK, QUICK_TO_BEST * best):
            self.bound = min(self._most, self.bound + 1)
        elif (failed or seconds >= max(SLOW, SLOW_TO_BEST * best)) and (
            self._slow_since is None or now - seconds >= self._slow_since
        ):
            # Those that were begun before the last halving say nothing of the bound since.
            self.bound, self._slow_since = max(LEAST, self.bound // 2), now
        self._give()

    def _release(self) -> None:
        self._taken -= 1
        self._give()
        if not self._taken:  # the next batch can be of other sessions, on a busier machine
            self.bound, self._slow_since, self._best = self._first, None, None

    def _give(self) -> None:
        while self._waiting and self._taken < self.bound:
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
