# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test waiting for an event."""

from __future__ import annotations

import asyncio

import pytest

from claude_failover.common.event_wait import wait_for_event


@pytest.mark.parametrize("turns", range(6))
def test_a_cancellation_is_not_lost_whenever_it_comes(turns: int) -> None:
    async def loop_for_ever(event: asyncio.Event) -> None:
        while True:
            await wait_for_event(event, 60)
            event.clear()

    async def run() -> None:
        event = asyncio.Event()
        task = asyncio.ensure_future(loop_for_ever(event))
        await asyncio.sleep(0)
        event.set()
        for _turn in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _pending = await asyncio.wait({task}, timeout=1)
        assert done and task.cancelled()

    asyncio.run(run())


def test_it_says_whether_the_event_came() -> None:
    async def run() -> tuple[bool, bool]:
        event = asyncio.Event()
        late = await wait_for_event(event, 0.001)
        event.set()
        return late, await wait_for_event(event, 60)

    assert asyncio.run(run()) == (False, True)
