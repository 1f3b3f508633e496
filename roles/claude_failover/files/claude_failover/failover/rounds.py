# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of the failover: when the next one is due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from typing import Callable

from ..common.entry_notices import EntryNotices
from ..common.event_wait import wait_for_event
from ..common.shared_wake import REST, shared_pause

log = logging.getLogger(__name__)

#: Seconds between two rounds while something is under way, or while nobody tells of a flip by hand.
TICK = 1.0
#: The same while sessions wait for an account: resets and checks have a deadline; what nobody tells of is a login.
WAITING_INTERVAL = 5.0
#: The same while a switch without a limit is looked out for: turns and figures are told, so what nobody tells of is a
#: session that became idle without a turn, or another account that can be used again.
WATCHING_INTERVAL = REST
#: The same while nothing is: what is due by then has a deadline or is told. A watch that no longer tells is made anew.
IDLE_INTERVAL = 2 * REST
_SHORTEST = 0.01  # seconds


def next_delay(*, under_way: bool, waiting: bool, watching: bool, due: Iterable[float]) -> float:
    """Return the seconds to the next round, where nothing is told before. Needs a running event loop.

    Args:
        under_way: whether it can find something to do at any moment, of which nobody tells.
        waiting: whether sessions wait for an account, or the operator is waited for.
        watching: whether a switch without a limit can become due.
        due: the seconds to each moment that changes a decision; a past one is left out.
    """
    if under_way:
        longest = TICK
    elif waiting:
        longest = WAITING_INTERVAL
    else:
        longest = shared_pause(WATCHING_INTERVAL if watching else IDLE_INTERVAL)
    return min([longest, *[max(_SHORTEST, delay) for delay in due if delay > 0]])


async def run_rounds(
    run_round: Callable[[], Awaitable[None]],
    delay: Callable[[], float],
    wake: asyncio.Event,
    notices: EntryNotices,
) -> None:
    """Run rounds until cancelled: when ``wake`` is set, and after a ``delay``, or a tick."""
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
            await wait_for_event(wake, delay() if told and not failed else min(TICK, delay()))
            wake.clear()
    finally:
        notices.close()
