# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the reason of a session that stands at a limit, and that no switch moves."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from switch_world import Harness, World, minutes

from claude_failover.claude.turns import TurnEvent


@pytest.fixture
def limited(tmp_path):
    harness = Harness(World(tmp_path))

    async def go_on():
        own = dataclasses.replace(harness.world.evidence("mine", reset=minutes(10)), config_dir=harness.world.home("b"))
        harness.record_evidence(own)
        await harness.settle()

    asyncio.run(go_on())
    return harness


def turn(harness, kind):
    harness.failover.on_turn(TurnEvent("mine", None, kind, harness.world.now))
    return harness.failover.own_limit("mine")


def test_a_session_under_a_home_of_its_own_says_that_it_is_limited(limited):
    why = limited.failover.own_limit("mine")
    assert why.startswith("it has hit the 5-hour limit of b, until 2026-11-22T20:10:00.000Z; it stays with that login")
    assert (limited.world.active, limited.failover.resume_queue.limited()) == ("a", {})
    assert limited.failover.own_limit("main") is None
    limited.world.now += minutes(11)
    assert limited.failover.own_limit("mine") is None


@pytest.mark.parametrize(("kind", "over"), [("failure", False), ("prompt", True), ("stop", True), ("end", True)])
def test_it_is_said_until_the_session_asks_again(limited, kind, over):
    assert (turn(limited, kind) is None) is over
