# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endless loops that run beside each other, until one ends or all are cancelled."""

from __future__ import annotations

import asyncio

import pytest

from claude_failover.common.background_loops import BackgroundLoops
from claude_failover.common.repeated_faults import RepeatedFaults


async def endless() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise ValueError("found a bug")


async def ended() -> None:
    pass


@pytest.mark.parametrize(("loop", "why"), [(broken, "found a bug"), (ended, "None")])
def test_a_loop_that_ends_by_itself_is_a_bug(loop, why) -> None:
    async def scenario() -> None:
        loops = BackgroundLoops(RepeatedFaults())
        loops.start({"endless": endless, "other": loop})
        try:
            with pytest.raises(RuntimeError, match=f"the task other ended: .*{why}"):
                await loops.wait(asyncio.Event())
        finally:
            await loops.cancel()

    asyncio.run(scenario())


def test_a_stop_ends_the_wait_and_cancel_the_loops() -> None:
    async def scenario() -> None:
        loops, stop = BackgroundLoops(RepeatedFaults()), asyncio.Event()
        loops.start({"endless": endless})
        stop.set()
        await loops.wait(stop)
        await loops.cancel()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(scenario())
