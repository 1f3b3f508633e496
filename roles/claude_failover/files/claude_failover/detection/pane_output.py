# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time of the last output in each pane, by one listing for all that search the panes at the same moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from ..sessions.tracked_session import TrackedSession
from ..tmux.client import Tmux
from .wanted_panes import named

#: Seconds for which a listing is that of a moment.
FRESH = 0.25
#: Seconds between two listings of every pane, between which only those with output since are listed.
FULL_INTERVAL = 60.0


@dataclass(frozen=True)
class Output:
    """A listing: the epoch second before it, and that of the last output by pane."""

    at: int
    last: Mapping[str, int]

    def is_newer(self, tracked: TrackedSession, than: int) -> bool:
        """Return whether a session has shown anything from an epoch second on, also if nothing is known of it."""
        return tracked.pane is not None and self.last.get(tracked.pane.pane_id, self.at) >= than


@dataclass(frozen=True)
class _Listing:
    """A listing of some panes, or of all, and its beginning on the monotonic clock."""

    began: float
    panes: Optional[frozenset[str]]
    output: Output

    def covers(self, panes: Optional[Sequence[str]]) -> bool:
        """Return whether all these panes were listed; None: every one."""
        return self.panes is None or (panes is not None and self.panes.issuperset(panes))


class PaneOutput:
    """Lists the panes with output; of all panes only those with output since the last time."""

    def __init__(self, tmux: Tmux) -> None:
        self._tmux = tmux
        self._lock: Optional[asyncio.Lock] = None
        self._latest: Optional[_Listing] = None
        self._every: dict[str, int] = {}  # of all panes
        self._every_at = 0  # epoch second
        self._full_at: Optional[float] = None  # time.monotonic()

    async def of(self, wanted: Collection[TrackedSession], count: int) -> Output:
        """Return the last output of some of ``count`` sessions. Raises TmuxError."""
        if not wanted:
            return Output(int(time.time()), {})
        panes, asked = named(wanted, count), time.monotonic()
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            latest = self._latest
            if latest is None or latest.began < asked - FRESH or not latest.covers(panes):
                began = time.monotonic()
                output = await self._list(panes)
                latest = self._latest = _Listing(began, None if panes is None else frozenset(panes), output)
        return latest.output

    async def _list(self, panes: Optional[Sequence[str]]) -> Output:
        at, now = int(time.time()), time.monotonic()
        if panes is not None:
            return Output(at, await self._tmux.activity(panes))
        # tmux dates a pane's activity by the wall clock.
        if at < self._every_at or self._full_at is None or now - self._full_at >= FULL_INTERVAL:
            self._every = await self._tmux.activity()
            self._full_at = now
        else:
            self._every = {**self._every, **await self._tmux.activity(since=self._every_at - 1)}
        self._every_at = at
        return Output(at, self._every)
