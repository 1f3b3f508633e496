# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Group the writes of documents: what many sessions change within a moment is stored by one write a document."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

INTERVAL = 0.01  # seconds between two groups
SHARE = 3  # a slow disk gets this many times the duration of a group to rest, so that it does not hold up the daemon
MOST = 0.1  # seconds of that rest


class GroupedWrites:
    """The documents that have changed and are about to be stored.

    The first change is stored in the next pass of the event loop, with all that changes until then; those that follow
    within `INTERVAL` of it make the next group. Documents are stored in the order in which they were first marked.
    ``attempt`` stores one, and keeps what the disk refuses: see `PendingWrites.attempt`.
    """

    def __init__(
        self,
        attempt: Callable[[str, Callable[[], None], str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._attempt = attempt
        self._now = now
        self._marked: dict[str, tuple[Callable[[], None], str]] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None  # in which the next group is due
        self._timer: asyncio.TimerHandle | None = None
        self._rests_until = float("-inf")

    def mark(self, key: str, write: Callable[[], None], what: str = "") -> None:
        """Note that a document has changed, to be stored soon; at once where no event loop runs."""
        self._marked[key] = write, what
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if self._timer is None or self._loop is not loop:
            self._waiting = [waiting for waiting in self._waiting if waiting.get_loop() is loop]
            self._loop = loop
            self._timer = loop.call_later(max(0.0, self._rests_until - self._now()), self.flush)

    def flush(self) -> None:
        """Store everything that is marked, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._marked:
            return
        began = self._now()
        waiting, self._waiting = self._waiting, []
        try:
            while self._marked:
                key = next(iter(self._marked))
                write, what = self._marked.pop(key)
                self._attempt(key, write, what)
        finally:
            ended = self._now()
            self._rests_until = ended + min(MOST, max(INTERVAL, SHARE * (ended - began)))
            for each in waiting:
                if not each.done():
                    each.set_result(None)

    async def settle(self) -> None:
        """Wait until everything that is marked now is stored, or was refused by the disk and is kept in memory.

        What is about to be acted on is on the disk first by this.
        """
        if self._marked:
            stored = asyncio.get_running_loop().create_future()
            self._waiting.append(stored)
            await stored
