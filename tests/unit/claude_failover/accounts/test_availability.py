# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import os
from datetime import timedelta

import pytest
from switch_world import T0, World, minutes

from claude_failover.accounts.selection import AccountState


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, "abc")


def exhaust(world, limit="five_hour", **resets):
    for name, reset in resets.items():
        world.exhaustion.record(name, limit, T0 + reset, now=T0)


def state_of(world, name, limit="five_hour"):
    return next(state for state in world.switcher.availability.states(limit) if state.name == name)


def usable_from(world, limit="five_hour"):
    return world.switcher.availability.usable_from(limit)


def test_the_first_reset_of_any_account_makes_one_usable(world):
    exhaust(world, a=minutes(30), b=minutes(10), c=minutes(20))
    assert usable_from(world) == T0 + minutes(10)


def test_without_a_limit_there_is_no_reset_to_wait_for(world):
    assert usable_from(world) is None


def test_a_models_limit_is_waited_for_only_by_those_that_hit_it(world):
    exhaust(world, "opus", a=minutes(30), b=minutes(10), c=minutes(20))
    assert usable_from(world, "opus") == T0 + minutes(10)
    assert usable_from(world, "sonnet") is None


def test_the_reset_of_an_account_with_a_dead_login_is_not_waited_for(world):
    exhaust(world, a=minutes(30), b=minutes(10), c=minutes(20))
    world.log_in("b", "")
    assert usable_from(world) == T0 + minutes(20)


def test_the_reset_of_an_account_with_wrong_links_is_not_waited_for(world):
    exhaust(world, a=minutes(30), b=minutes(10), c=minutes(20))
    world.break_link("b")
    assert usable_from(world) == T0 + minutes(20)


@pytest.mark.parametrize(("since", "counts"), [(-0.5, True), (0.5, True), (1.0, False)])
def test_a_limit_counts_until_a_second_after_its_reset(world, since, counts):
    exhaust(world, a=minutes(10), b=minutes(10), c=minutes(10))
    world.now = T0 + minutes(10) + timedelta(seconds=since)
    assert usable_from(world) == (T0 + minutes(10) if counts else None)


@pytest.mark.parametrize(("since", "exhausted"), [(-0.5, True), (0.5, True), (1.0, False)])
def test_an_account_is_exhausted_until_a_second_after_its_reset(world, since, exhausted):
    exhaust(world, a=minutes(10))
    world.now = T0 + minutes(10) + timedelta(seconds=since)
    assert world.switcher.availability.is_exhausted("a", "five_hour") is exhausted


def test_the_state_of_an_account_is_all_that_is_recorded_of_it(world):
    row = {"used_percentage": 42, "resets_at": (T0 + minutes(60)).timestamp()}
    world.usage.record("b", {"five_hour": row})
    world.log_in("b", "")
    world.break_link("b")
    exhaust(world, b=minutes(10))
    world.exhaustion.ban("b", "its links failed", T0 + minutes(5), now=T0)
    found = state_of(world, "b")
    assert "projects" in found.links
    assert found == AccountState(
        "b",
        login="expired",
        links=found.links,
        exhausted=True,
        exhausted_until=T0 + minutes(10),
        any_limit=True,
        ban="its links failed, until 2026-11-22T20:05:00.000Z",
        used={"five_hour": 42},
        resets_at=T0 + minutes(60),
    )
    assert state_of(world, "c") == AccountState("c")
    apart = {"enabled": False, "standby": True, "proactive_threshold": 60}
    world.configure(accounts=(*world.config.accounts[:2], dataclasses.replace(world.config.accounts[2], **apart)))
    assert state_of(world, "c") == AccountState("c", enabled=False, standby=True, threshold=60)


def test_a_missing_link_is_not_created_by_reading_the_state(world):
    path = os.path.join(world.home("b"), "projects")
    os.unlink(path)
    state_of(world, "b")
    assert not os.path.lexists(path)


@pytest.mark.parametrize(("since", "limited"), [(-0.5, True), (0.5, True), (1.0, False)])
def test_the_state_shows_a_limit_until_a_second_after_its_reset(world, since, limited):
    exhaust(world, b=minutes(10))
    world.now = T0 + minutes(10) + timedelta(seconds=since)
    found = state_of(world, "b")
    assert (found.exhausted, found.any_limit) == (limited, limited)
    assert found.exhausted_until == (T0 + minutes(10) if limited else None)


def test_a_models_limit_exhausts_an_account_for_that_model_only(world):
    exhaust(world, "opus", b=minutes(10))
    found = {limit: state_of(world, "b", limit) for limit in ("opus", "sonnet", None)}
    assert {limit: state.exhausted for limit, state in found.items()} == {"opus": True, "sonnet": False, None: False}
    assert all(state.any_limit for state in found.values())


def test_a_selection_goes_by_its_arguments_and_the_strategy(tmp_path):
    world = World(tmp_path, "abc", strategy="headroom")
    select = world.switcher.availability.select
    assert select(None).target == "b"
    world.usage.record("b", {"five_hour": {"used_percentage": 50, "resets_at": (T0 + minutes(60)).timestamp()}})
    assert (select(None).target, select(None, only="b").target) == ("c", "b")
    assert select(None, only="b", below=50).target is None
    exhaust(world, "opus", b=minutes(10), c=minutes(10))
    assert (select(None).target, select(None, clean=True).target) == ("c", None)
    assert (select("opus").target, select("opus", force=True).target) == (None, "c")
