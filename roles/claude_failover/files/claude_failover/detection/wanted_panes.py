# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panes that a search is for: of few of many the windows are named, else the server goes through all."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Callable, Optional

from ..common.event_wait import wait_for_event
from ..common.shared_wake import REST, shared_pause, sleep_together
from ..sessions.tracked_session import TrackedSession

#: Seconds without any notice after which is looked whether a search is needed.
IDLE_INTERVAL = 3 * REST


def named(wanted: Collection[TrackedSession], count: int) -> Optional[Sequence[str]]:
    """Return the panes of the sessions that a search is for, None to search those of all ``count`` sessions."""
    panes = [tracked.pane.pane_id for tracked in wanted if tracked.pane is not None]
    return panes if 2 * len(panes) < count else None


class SearchPause:
    """The pause between two searches, which lasts while none is needed."""

    def __init__(self) -> None:
        self._event: Optional[asyncio.Event] = None

    def end(self) -> None:
        """Look again whether a search is needed."""
        if self._event is not None:
            self._event.set()

    async def wait(self, interval: float, is_needed: Callable[[], bool]) -> None:
        """Wait for about the interval, see `sleep_together`, and on until a search is needed."""
        if self._event is None:
            self._event = asyncio.Event()
        await sleep_together(interval)
        while not is_needed():
            self._event.clear()
            await wait_for_event(self._event, shared_pause(IDLE_INTERVAL))
