# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bound on the sessions that are resumed at the same time, which follows what the machine bears.

A Claude Code that wakes takes processor time: it reads the prompt, starts its hooks, sends a request. Too many at once
are each so slow that a delivery gives up. So a batch begins with a few for each core; each delivery that is as quick as
on an idle machine lets one more in, and one that is slow halves the bound. On a machine that others keep busy each one
is slow, however few there are: so the quickest of the batch is what the others are held against. One that fails counts
as slow, unless another was quick in its time: then the fault is its session's.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
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
    """Slots for resumptions, given in the order in which they were first asked for.

    ``bound`` is how many there are now. Those that are open at the same time, asleep or not, are one batch.
    """

    def __init__(self, cores: int | None = None) -> None:
        cores = cores or len(os.sched_getaffinity(0))
        self._most = max(LEAST, min(MOST, MOST_PER_CORE * cores))
        self._first = max(LEAST, min(self._most, FIRST_PER_CORE * cores))
        self._taken = 0
        self._open = 0
        self._places = itertools.count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []  # a heap
        self._begin_batch()

    def _begin_batch(self) -> None:
        """Forget what the deliveries told: the next ones can be of other sessions, on a busier machine."""
        self.bound = self._first
        self._slow_since: float | None = None  # loop time of the last halving
        self._quick_at: float | None = None  # loop time of the end of the last quick delivery
        self._best: float | None = None  # seconds of the quickest delivery

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Hold a slot; waits until one is free."""
        slot = Slot(self, next(self._places))
        self._open += 1
        try:
            await slot.take()
            yield slot
        finally:
            slot.give_back()
            self._open -= 1
            if not self._open:
                self._begin_batch()

    def report(self, seconds: float, *, failed: bool = False) -> None:
        """Adapt the bound to a delivery that has ended and took so long."""
        now = asyncio.get_running_loop().time()
        begun = now - seconds
        if failed:
            quick, slow = False, self._quick_at is None or self._quick_at < begun
        else:
            self._best = best = min(seconds, self._best or seconds)
            quick, slow = seconds <= max(QUICK, QUICK_TO_BEST * best), seconds >= max(SLOW, SLOW_TO_BEST * best)
        if quick:
            self.bound, self._quick_at = min(self._most, self.bound + 1), now
        elif slow and (self._slow_since is None or begun >= self._slow_since):
            # Those that were begun before the last halving say nothing of the bound since.
            self.bound, self._slow_since = max(LEAST, self.bound // 2), now
        self._give()

    async def take(self, place: int) -> None:
        """Wait until a slot is free, and nobody of an earlier place waits for one."""
        if self._taken < self.bound and not self._waiting:
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (place, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given, and is not used
                self.give_back()
            raise

    def give_back(self) -> None:
        """Free a slot that was taken."""
        self._taken -= 1
        self._give()

    def _give(self) -> None:
        while self._waiting and self._taken < self.bound:
            _place, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._taken += 1
                turn.set_result(None)


class Slot:
    """The slot of one resumption, which keeps its place in their order while it sleeps."""

    def __init__(self, slots: ResumeSlots, place: int) -> None:
        self._slots = slots
        self._place = place
        self._is_held = False

    async def take(self) -> None:
        """Wait for the slot."""
        await self._slots.take(self._place)
        self._is_held = True

    def give_back(self) -> None:
        """Give the slot to another, if it is held."""
        if self._is_held:
            self._is_held = False
            self._slots.give_back()

    async def sleep(self, seconds: float) -> None:
        """Sleep without the slot, for what the machine does not work for this session, and wait for it again."""
        self.give_back()
        await asyncio.sleep(seconds)
        await self.take()
