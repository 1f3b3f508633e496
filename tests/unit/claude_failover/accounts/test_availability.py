# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta

import pytest
from switch_world import T0, World, minutes


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, "abc")


def exhaust(world, limit="five_hour", **resets):
    for name, reset in resets.items():
        world.exhaustion.record(name, limit, T0 + reset, now=T0)


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
