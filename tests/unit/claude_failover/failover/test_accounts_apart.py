# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test accounts that are set apart: held out, on standby, with a threshold of their own."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from switch_world import T0, Harness, World, minutes, settle, use

from claude_failover.accounts.active_link import default_account, ensure_active
from claude_failover.common.errors import Refused
from claude_failover.config.model import Account

pytestmark = pytest.mark.usefixtures("quick")


def begin(folder, names="abc", failover=(), **apart):
    """Return a harness; ``apart`` are the keys of accounts that are set apart, by their names."""
    world = World(folder, names, cooldown=0, **dict(failover))
    set_apart(world, **apart)
    return Harness(world)


def set_apart(world, **apart):
    accounts = [dataclasses.replace(each, **apart.get(each.name, {})) for each in world.config.accounts]
    world.configure(accounts=tuple(accounts))


def exhaust(world, *names, reset=600):
    for name in names:
        world.exhaustion.record(name, "five_hour", T0 + minutes(reset), now=T0)


def flips(world):
    rows = [row for row in world.log() if row["outcome"] == "switched"]
    return [(row["reason"], row["from_account"], row["to_account"]) for row in rows]


# -- held out ------------------------------------------------------------------------------------------------------


def test_no_switch_leads_to_an_account_that_is_held_out(tmp_path):
    harness = begin(tmp_path, b={"enabled": False})
    settle(harness, harness.world.evidence())
    assert flips(harness.world) == [("limit", "a", "c")]
    exhaust(harness.world, "a", "c")
    with pytest.raises(Refused, match=r"b: held out by the configuration \(enabled: false\)"):
        asyncio.run(harness.failover.switch())


def test_an_account_that_is_held_out_can_be_forced_by_its_name_only(tmp_path):
    harness = begin(tmp_path, "ab", b={"enabled": False})
    with pytest.raises(Refused):
        asyncio.run(harness.failover.switch(force=True))
    with pytest.raises(Refused, match="To switch all the same: --force"):
        asyncio.run(harness.failover.switch("b"))
    asyncio.run(harness.failover.switch("b", force=True))
    harness.idle = True
    settle(harness, after=minutes(5))
    assert harness.world.active == "b", "the operator's choice holds"


def test_an_account_that_is_held_out_while_active_is_left_at_the_end_of_a_turn(tmp_path):
    harness = begin(tmp_path)
    set_apart(harness.world, a={"enabled": False})
    exhaust(harness.world, "b")
    settle(harness)
    assert flips(harness.world) == []
    harness.failover._policy.turn_ended = True
    settle(harness)
    assert flips(harness.world) == [("proactive", "a", "c")]
    assert "a is held out by the configuration" in harness.world.log()[0]["detail"]
    harness.idle = True
    settle(harness, after=minutes(5))
    assert len(harness.world.log()) == 1


def test_without_another_account_one_that_is_held_out_stays(tmp_path):
    harness = begin(tmp_path, "ab", a={"enabled": False})
    exhaust(harness.world, "b")
    harness.idle = True
    settle(harness)
    assert harness.world.log() == []


def test_the_reset_of_an_account_that_is_held_out_is_not_waited_for(tmp_path):
    world = begin(tmp_path, "abc", b={"enabled": False}).world
    exhaust(world, "a", "c", reset=90)
    exhaust(world, "b", reset=10)
    assert world.switcher.availability.usable_from("five_hour") == T0 + minutes(90)


# -- standby -------------------------------------------------------------------------------------------------------


def test_an_account_on_standby_is_taken_only_when_all_others_are_out(tmp_path):
    harness = begin(tmp_path, b={"standby": True})
    select = harness.world.switcher.availability.select
    assert (select(None).target, select(None).reason_of("b")) == (
        "c",
        "on standby, for when all other accounts are out",
    )
    assert select(None, only="b").target == "b"
    settle(harness, harness.world.evidence("one", reset=minutes(60)))
    settle(harness, harness.world.evidence("two", reset=minutes(90)), after=minutes(5))
    assert flips(harness.world) == [("limit", "a", "c"), ("limit", "c", "b")]


def test_an_account_on_standby_is_left_when_another_one_has_reset(tmp_path):
    harness = begin(tmp_path, a={"standby": True})
    exhaust(harness.world, "c", reset=60)
    asyncio.run(harness.failover.switch("b"))
    harness.world.now += minutes(1)
    settle(harness, harness.world.evidence(reset=minutes(30)))
    assert flips(harness.world)[1:] == [("limit", "b", "a")]
    settle(harness, after=minutes(40))
    assert harness.world.active == "a", "a session works"
    harness.idle = True
    settle(harness)
    assert flips(harness.world)[2:] == [("failback", "a", "b")]


def test_standby_that_was_chosen_by_hand_is_kept(tmp_path):
    harness = begin(tmp_path, b={"standby": True})
    asyncio.run(harness.failover.switch("b"))
    harness.idle = True
    settle(harness, after=minutes(5))
    assert harness.world.active == "b"


def test_no_failback_and_no_proactive_switch_to_standby(tmp_path):
    harness = begin(tmp_path, failover={"failback": True, "proactive_threshold": 50}, a={"standby": True})
    asyncio.run(harness.failover.switch("b"))
    harness.world.now += minutes(1)
    settle(harness, harness.world.evidence())
    harness.idle = True
    use(harness.world, c=99)
    settle(harness, after=minutes(5))
    assert flips(harness.world)[1:] == [("limit", "b", "c")]


def test_usable_standby_comes_before_an_exhausted_account_that_is_forced(tmp_path):
    harness = begin(tmp_path, b={"standby": True})
    exhaust(harness.world, "c")
    assert harness.world.switcher.availability.select("five_hour", force=True).target == "b"


# -- thresholds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "own", "of_all", "target"),
    [
        ({"a": 60}, {"a": 60}, None, "b"),
        ({"a": 59}, {"a": 60}, None, None),
        ({"a": 95}, {}, 90, "b"),
        ({"a": 95}, {"a": 99}, 90, None),
        ({"a": 95, "b": 40}, {"b": 30}, 90, "c"),
        ({"a": 95, "b": 92}, {"b": 95}, 90, "b"),
        ({"a": 60, "b": 70}, {"a": 60}, None, "c"),
    ],
)
def test_an_account_has_a_threshold_of_its_own(tmp_path, used, own, of_all, target):
    apart = {name: {"proactive_threshold": percent} for name, percent in own.items()}
    harness = begin(tmp_path, failover={"proactive_threshold": of_all}, **apart)
    use(harness.world, **used)
    harness.failover._policy.turn_ended = True
    settle(harness)
    assert [row["to_account"] for row in harness.world.log()] == ([target] if target else [])


def test_a_failback_is_below_the_accounts_own_threshold(tmp_path):
    harness = begin(tmp_path, failover={"failback": True}, a={"proactive_threshold": 50})
    settle(harness, harness.world.evidence(reset=minutes(10)))
    harness.idle = True
    use(harness.world, a=50)
    settle(harness, after=minutes(20))
    assert flips(harness.world) == [("limit", "a", "b")]
    set_apart(harness.world, a={"proactive_threshold": None})
    settle(harness, after=minutes(5))
    assert flips(harness.world)[1:] == [("failback", "b", "a")]


# -- the link at the first start -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("apart", "first"),
    [
        ([{}, {}], "a"),
        ([{"standby": True}, {}], "b"),
        ([{"enabled": False}, {}], "b"),
        ([{"enabled": False}, {"standby": True}], "b"),
        ([{"standby": True}, {"standby": True}], "a"),
    ],
)
def test_the_link_is_made_for_the_first_account_that_is_not_set_apart(tmp_path, apart, first):
    accounts = [Account(name, str(tmp_path / name), **keys) for name, keys in zip("ab", apart)]
    for account in accounts:
        (tmp_path / account.name).mkdir()
    assert default_account(accounts).name == first
    assert ensure_active(str(tmp_path / "link"), accounts)
    assert (tmp_path / "link").resolve().name == first
