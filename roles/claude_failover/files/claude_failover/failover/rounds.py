# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of the failover: when the next one is due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Callable

from ..common.entry_notices import EntryNotices
from ..common.event_wait import wait_for_event
from ..common.shared_wake import REST, shared_pause

log = logging.getLogger(__name__)

#: Seconds between two rounds while something is under way, or while nobody tells of a flip by hand.
TICK = 1.0
#: The same while nothing is: what is due by then has a deadline or is told. A watch that no longer tells is made anew.
IDLE_INTERVAL = 2 * REST


async def run_rounds(
    run_round: Callable[[], Awaitable[None]],
    delay: Callable[[float], float],
    wake: asyncio.Event,
    notices: EntryNotices,
) -> None:
    """Run rounds until cancelled: when ``wake`` is set, and after ``delay`` of the longest wait."""
    try:
        while True:
            told, failed = notices.watch(), False
            try:
                await run_round()
            except OSError as error:
                log.error("failover: %s; it is tried again", error)
                failed = True
            except Exception:  # a bug must not end the failover for good: the next round starts from the state
                log.exception("failover: a bug; it is tried again")
                failed = True
            await wait_for_event(wake, delay(shared_pause(IDLE_INTERVAL) if told and not failed else TICK))
            wake.clear()
    finally:
        notices.close()
