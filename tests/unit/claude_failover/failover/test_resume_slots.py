# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio

import pytest
from skipped_time import SkippedTime

from claude_failover.failover.resume_slots import QUICK, SLOW, ResumeSlots


def most_at_once(slots, seconds, best=None, sessions=200):
    """Resume sessions that each take that long as reported; return how many there were at most at the same time.

    ``best`` is what the quickest took before.
    """
    running, most = 0, 0

    async def one():
        nonlocal running, most
        async with slots.slot():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            slots.report(seconds)
            running -= 1

    async def all_of_them():
        slots._best = best
        await asyncio.gather(*[one() for _session in range(sessions)])

    asyncio.run(all_of_them())
    assert running == 0
    return most


@pytest.mark.parametrize(("cores", "light", "middling"), [(1, 16, 4), (2, 32, 8), (8, 64, 32), (64, 64, 64)])
def test_light_sessions_get_as_many_slots_as_the_cores_bear(cores, light, middling):
    assert most_at_once(ResumeSlots(cores), 0.3) == light
    assert most_at_once(ResumeSlots(cores), (QUICK + SLOW) / 2, best=0.3) == middling
    assert most_at_once(ResumeSlots(cores), 5.0, best=0.3) <= middling


def test_where_others_keep_the_machine_busy_all_are_slow_and_the_bound_grows_all_the_same():
    assert most_at_once(ResumeSlots(2), 5.0) == 32


def test_a_delivery_that_fails_halves_the_bound_however_soon():
    async def run():
        slots = ResumeSlots(4)
        async with slots.slot():
            slots.report(0.2, failed=True)
            return slots.bound

    assert asyncio.run(run()) == 8


def test_a_delivery_that_fails_while_another_is_quick_tells_nothing_of_the_machine():
    """An editor that takes the keys lets a delivery fail after 6.5 s, on an idle machine too."""

    async def run():
        slots = ResumeSlots(4)
        async with slots.slot():
            await asyncio.sleep(5.0)  # of a made-up time
            slots.report(0.3)
            await asyncio.sleep(1.5)
            slots.report(6.5, failed=True)
            beside = slots.bound
            await asyncio.sleep(6.6)
            slots.report(6.5, failed=True)
            return beside, slots.bound

    assert SkippedTime().run(run()) == (17, 8)


def test_slow_deliveries_halve_the_bound_once_for_all_that_ran_and_never_below_four():
    async def run():
        slots = ResumeSlots(8)
        found = [slots.bound]
        loop = asyncio.get_running_loop()
        async with slots.slot():
            slots._best = 0.3
            for _halving in range(4):
                for _delivery in range(8):  # all were begun before the first of them ended
                    slots.report(SLOW + 1)
                found.append(slots.bound)
                slots._slow_since = loop.time() - SLOW - 2  # the next ones are begun after it
        return found

    assert ResumeSlots(4).bound == 16
    assert asyncio.run(run()) == [32, 16, 8, 4, 4]


def test_a_batch_begins_anew_with_a_few():
    async def run():
        slots = ResumeSlots(2)
        async with slots.slot():
            for _delivery in range(20):
                slots.report(0.2)
            grown = slots.bound
        return grown, slots.bound

    assert asyncio.run(run()) == (28, 8)


def test_a_batch_goes_on_while_one_of_it_sleeps():
    async def run():
        slots = ResumeSlots(2)
        async with slots.slot() as slot:
            for _delivery in range(20):
                slots.report(0.2)
            await slot.sleep(30.0)
            return slots.bound

    assert SkippedTime().run(run()) == 28


def test_who_sleeps_has_no_slot_and_keeps_its_place():
    order, most = [], 0

    async def one(slots, number):
        nonlocal most
        async with slots.slot() as slot:
            if number < 3:
                await slot.sleep(1.0)
            order.append(number)
            most = max(most, slots._taken)
            await asyncio.sleep(2.0)  # of a made-up time

    async def run():
        slots = ResumeSlots(1)
        await asyncio.gather(*[one(slots, number) for number in range(12)])
        return slots._taken

    assert SkippedTime().run(run()) == 0
    assert order == [3, 4, 5, 6, 0, 1, 2, 7, 8, 9, 10, 11]
    assert most == 4


@pytest.mark.parametrize("at", [0.5, 1.5])
def test_a_session_that_is_cancelled_in_its_sleep_or_after_it_takes_no_slot(at):
    async def sleeps(slots):
        async with slots.slot() as slot:
            await slot.sleep(1.0)

    async def works(slots):
        async with slots.slot():
            await asyncio.sleep(2.0)  # of a made-up time

    async def run():
        slots = ResumeSlots(1)
        asleep = asyncio.ensure_future(sleeps(slots))
        working = [asyncio.ensure_future(works(slots)) for _slot in range(8)]
        await asyncio.sleep(at)
        asleep.cancel()
        await asyncio.gather(asleep, *working, return_exceptions=True)
        return slots._taken, asyncio.get_running_loop().time()

    assert SkippedTime().run(run()) == (0, 4.0)


def test_slots_are_given_in_the_order_in_which_they_are_asked_for():
    order = []

    async def one(slots, number):
        async with slots.slot():
            order.append(number)
            await asyncio.sleep(0)

    async def run():
        slots = ResumeSlots(1)
        await asyncio.gather(*[one(slots, number) for number in range(30)])

    asyncio.run(run())
    assert order == list(range(30))


def test_a_cancelled_wait_takes_no_slot():
    async def run():
        slots = ResumeSlots(1)
        held = [slots.slot() for _slot in range(4)]
        for slot in held:
            await slot.__aenter__()
        wanted = [slots.slot() for _slot in range(3)]
        waits = [asyncio.ensure_future(slot.__aenter__()) for slot in wanted]
        await asyncio.sleep(0)
        waits[0].cancel()
        await held[0].__aexit__(None, None, None)  # given to the second wait
        waits[1].cancel()  # before it has seen that
        await asyncio.gather(*waits[:2], return_exceptions=True)
        await asyncio.wait_for(waits[2], 5)
        assert slots._taken == 4

    asyncio.run(run())
