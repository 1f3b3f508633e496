# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of the failover: none while nothing is under way, and one at once when something is told."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from datetime import timedelta

import pytest
from switch_world import Harness, World, minutes, turns, use, wait_until

from claude_failover.common import entry_notices
from claude_failover.failover import policy, rounds
from claude_failover.switching import open_records

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def harness(tmp_path):
    return Harness(World(tmp_path))


@pytest.fixture
def counted(harness, monkeypatch):
    """The rounds of the loop, of which a tick would make many."""
    monkeypatch.setattr(rounds, "TICK", 0.001)
    found = []
    run_round = harness.failover.run_round

    async def run_and_count():
        found.append(len(found))
        await run_round()

    monkeypatch.setattr(harness.failover, "run_round", run_and_count)
    return found


def run(harness, scenario):
    async def looped():
        loop = asyncio.ensure_future(harness.failover.run())
        try:
            await scenario()
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)

    asyncio.run(looped())


def flip(world, name):
    """Do what ``ln -sfn`` does."""
    os.unlink(world.link)
    os.symlink(world.home(name), world.link)


def test_nothing_is_looked_for_while_nothing_is_under_way(harness, counted):
    run(harness, turns)
    assert len(counted) <= 2


async def with_threshold(harness):
    harness.configure(proactive_threshold=90)
    use(harness.world, a=50, b=10)


async def with_failback(harness):
    harness.configure(failback=True)


async def held_out(harness):
    """The active account is held out, and no other one can be used."""
    one, other = harness.world.config.accounts
    harness.world.configure(accounts=(dataclasses.replace(one, enabled=False), other))
    os.unlink(harness.world.credentials("b"))


async def on_standby(harness):
    one, other = harness.world.config.accounts
    harness.world.configure(accounts=(dataclasses.replace(one, standby=True), other))


async def until_the_reset(harness):
    os.unlink(harness.world.credentials("b"))
    harness.record_evidence(harness.world.evidence("main"))
    await harness.settle()
    assert harness.world.log()[-1]["outcome"] == "stayed"


async def until_the_retry(harness):
    harness.failover._policy._retry_at = time.monotonic() + 100
    harness.record_evidence(harness.world.evidence("main"))
    await harness.settle()
    assert list(harness.failover.resume_queue.limited()) == ["main"]
    assert harness.world.log() == []


async def suspended(harness):
    os.unlink(harness.world.link)
    os.symlink(harness.world.folder, harness.world.link)


async def advised(harness):
    harness.configure(automatic=False)
    harness.record_evidence(harness.world.evidence("main"))
    await harness.settle()
    assert harness.failover.status()["advised_switch"]


@pytest.mark.parametrize(
    "state",
    [with_threshold, with_failback, held_out, on_standby, until_the_reset, until_the_retry, suspended, advised],
    ids=lambda state: state.__name__,
)
def test_what_is_waited_for_does_not_make_rounds(harness, counted, state):
    """For hours: each round looks at every session."""

    async def scenario():
        await state(harness)
        await turns(20)
        before = len(counted)
        await turns()
        assert len(counted) <= before + 1

    run(harness, scenario)


def test_a_wait_for_a_reset_ends_at_its_time(harness):
    async def delays():
        await until_the_reset(harness)
        waits = harness.failover._delay()
        harness.world.now += minutes(90)
        return waits, harness.failover._delay()

    assert asyncio.run(delays()) == (rounds.WAITING_INTERVAL, 1.0)  # the margin of a reset


def test_a_switch_that_failed_is_tried_again_at_its_time(harness):
    async def delay():
        await until_the_retry(harness)
        harness.failover._policy._retry_at = time.monotonic() + 0.5
        return harness.failover._delay()

    assert 0.1 < asyncio.run(delay()) <= 0.5


def test_a_session_that_is_set_aside_is_looked_at_at_its_reset(harness):
    async def delay():
        evidence = harness.world.evidence("main", reset=minutes(90))
        harness.failover.resume_queue.add(evidence, None, doubted="a", why="refused in doubt")
        harness.world.now += minutes(90)
        return harness.failover._delay()

    assert asyncio.run(delay()) == 1.0  # the margin of a reset


def test_a_record_that_waits_for_answers_is_looked_at_all_the_time(harness, monkeypatch):
    """Its end is what the operator is told of; an answer tells nobody."""
    monkeypatch.setattr(open_records, "ANSWERS", 1000.0)
    harness.configure(failback=True)

    async def delay():
        harness.record_evidence(harness.world.evidence("main"))
        await harness.settle()
        assert harness.world.log() == [] and harness.failover.resume_queue.limited() == {}
        return harness.failover._delay()

    assert asyncio.run(delay()) == rounds.TICK


@pytest.mark.parametrize("what", ["check of the accounts", "attempt", "reset of another limit"])
def test_what_comes_in_a_wait_for_a_reset_has_its_moment(harness, monkeypatch, what):
    monkeypatch.setattr(policy, "_ACCOUNT_CHECK_INTERVAL", 5.0)

    async def delay():
        await until_the_reset(harness)
        harness.failover._policy._accounts_checked_at = time.monotonic()
        before = harness.failover._delay()
        if what == "check of the accounts":
            harness.failover._policy._accounts_checked_at -= 4.5
        elif what == "attempt":
            harness.failover.resume_queue._retry_at["other"] = time.monotonic() + 0.5
        else:
            evidence = harness.world.evidence("other", limit="seven_day_opus", reset=minutes(5))
            harness.failover.resume_queue.add(evidence, "a")
            harness.world.now = evidence.verdict.resets_at + timedelta(seconds=0.5)  # with the margin of a second
        return before, harness.failover._delay()

    before, last = asyncio.run(delay())
    assert 4.0 < before <= rounds.WAITING_INTERVAL
    assert 0.1 < last <= 0.5


def test_a_flip_by_hand_is_noticed_although_no_round_is_due(harness, counted):
    async def scenario():
        await turns()
        before = len(counted)
        flip(harness.world, "b")
        await wait_until(harness.world.log)
        assert before <= 2

    run(harness, scenario)
    assert [(row["reason"], row["to_account"]) for row in harness.world.log()] == [("external", "b")]


def test_without_inotify_a_flip_by_hand_is_looked_for(harness, counted, monkeypatch):
    def refuse():
        raise OSError(24, "none is left")

    monkeypatch.setattr(entry_notices, "Inotify", refuse)

    async def scenario():
        await turns(20)
        flip(harness.world, "b")
        await wait_until(harness.world.log)

    run(harness, scenario)
    assert len(counted) > 2


def test_a_write_that_the_disk_refuses_begins_the_rounds(harness, counted):
    def refuse():
        raise OSError(28, "No space left on device")

    async def scenario():
        await turns()
        before = len(counted)
        harness.failover._unsaved.attempt("a document", refuse)
        await wait_until(lambda: len(counted) > before + 3)
        harness.failover._unsaved.discard("a document")

    run(harness, scenario)
    assert counted
