# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of the failover: none while nothing is under way, and one at once when something is told."""

from __future__ import annotations

import asyncio
import os

import pytest
from switch_world import Harness, World, turns, wait_until

from claude_failover.common import entry_notices
from claude_failover.failover import controller, rounds

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def harness(tmp_path):
    return Harness(World(tmp_path))


@pytest.fixture
def counted(harness, monkeypatch):
    """The rounds of the loop, of which a tick would make many."""
    monkeypatch.setattr(controller, "TICK", 0.001)
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
