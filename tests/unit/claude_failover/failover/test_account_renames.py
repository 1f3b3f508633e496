# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is known of an account whose name the configuration changes: it stays with the home."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from switch_world import T0, Harness, World, minutes

from claude_failover.accounts.login_watch import LoginWatch
from claude_failover.accounts.renames import AccountRenames
from claude_failover.claude.identity import Identity
from claude_failover.common import clock
from claude_failover.sessions.prompt_budget import MOST, PromptBudget


class Renaming:
    """A harness whose accounts can get other names, with a watch of the logins and a budget of prompts."""

    def __init__(self, folder, how, **failover):
        self.how = how
        self.world = World(folder, "abc", cooldown=0, **failover)
        self.harness = Harness(self.world)
        self.start()

    def start(self):
        """Make the parts as `composition.parts` does."""
        world = self.world
        renames = AccountRenames(world.config_holder, world.store)
        self.harness.start()
        self.warned = []
        self.watch = LoginWatch(world.config_holder, world.store, world.logins, lambda: None, self.warned.append)
        self.budget = PromptBudget(world.store, lambda _session: self.harness.failover.active_account())
        renames.parts = [
            self.harness.failover.rename_accounts,
            self.budget.rename_accounts,
            self.watch.rename_accounts,
        ]
        renames.apply()

    def rename(self, **names):
        """Give accounts other names, by a reload or while no daemon runs; their homes stay."""
        accounts = [
            dataclasses.replace(each, name=names.get(each.name, each.name)) for each in self.world.config.accounts
        ]
        self.world.configure(accounts=tuple(accounts))
        if self.how == "restart":
            self.world.start()
            self.start()
            asyncio.run(self.harness.failover.recover())
        self.settle()

    def settle(self, *evidence):
        async def go_on():
            self.harness.record_evidence(*evidence)
            await self.harness.settle()

        asyncio.run(go_on())


@pytest.fixture(params=["reload", "restart"])
def renaming(tmp_path, request):
    found = Renaming(tmp_path, request.param)
    found.settle()
    return found


def outcomes(world):
    return [(row["reason"], row["from_account"], row["to_account"], row["outcome"]) for row in world.log()]


def test_an_active_account_that_is_renamed_is_no_flip_by_hand(renaming):
    renaming.rename(a="work")
    assert outcomes(renaming.world) == []
    assert renaming.world.switcher.flip_log.linked_account == "work"
    assert renaming.harness.failover.active_account() == "work"


def test_a_flip_by_hand_is_one_all_the_same(renaming):
    renaming.rename(a="work")
    renaming.world.flip_by_hand("b")
    renaming.settle()
    assert outcomes(renaming.world) == [("external", "work", "b", "switched")]


def test_what_is_known_stays_with_the_home(renaming):
    world = renaming.world
    world.exhaustion.record("a", "five_hour", T0 + minutes(600), now=T0)
    world.exhaustion.ban("a", "its links were divergent", T0 + minutes(60), now=T0)
    world.usage.record("a", {"five_hour": {"used_percentage": 41, "resets_at": (T0 + minutes(600)).timestamp()}})
    world.logins.record_rejection(world.config.account("a"))
    world.switcher.availability.identities.record("a", Identity(account_uuid="1", address="a@example.org"))
    renaming.rename(a="work")
    availability = renaming.harness.failover.switcher.availability
    assert availability.exhaustion.status("work", None, T0).exhausted
    assert availability.exhaustion.ban_of("work", T0) is not None
    assert availability.usage.percent("work", T0) == {"five_hour": 41.0}
    assert availability.logins.state(world.config.account("work")) == "expired"
    assert availability.identities.get("work").address == "a@example.org"
    assert availability.identities.get("a") is None


def test_names_can_be_exchanged(renaming):
    world = renaming.world
    world.exhaustion.record("a", "five_hour", T0 + minutes(600), now=T0)
    renaming.rename(a="b", b="a")
    exhaustion = renaming.harness.failover.switcher.availability.exhaustion
    assert [name for name in "abc" if exhaustion.status(name, None, T0).exhausted] == ["b"]
    assert renaming.harness.failover.active_account() == "b"
    assert outcomes(world) == []


def test_an_earlier_account_of_that_name_leaves_nothing_to_it(renaming):
    renaming.world.exhaustion.record("old", "five_hour", T0 + minutes(600), now=T0)
    renaming.rename(a="old")
    assert not renaming.harness.failover.switcher.availability.exhaustion.status("old", None, T0).exhausted


def test_another_home_under_the_same_name_is_no_rename(renaming):
    world = renaming.world
    world.exhaustion.record("c", "five_hour", T0 + minutes(600), now=T0)
    accounts = [each for each in world.config.accounts if each.name != "c"]
    world.configure(accounts=(*accounts, dataclasses.replace(world.config.account("c"), home=world.home("d"))))
    renaming.rename()
    assert renaming.harness.failover.switcher.availability.exhaustion.status("c", None, T0).exhausted


def test_a_session_that_stands_at_the_limit_of_a_renamed_account_is_not_prompted_under_it(renaming):
    world = renaming.world
    for name in "bc":
        world.exhaustion.record(name, "five_hour", T0 + minutes(300), now=T0)
    renaming.settle(world.evidence())
    assert renaming.harness.resumer.resumed == []
    renaming.rename(a="work")
    assert renaming.harness.resumer.resumed == []
    world.now += minutes(91)
    renaming.settle()
    assert renaming.harness.resumer.resumed == ["main"]


def test_a_login_that_ends_is_not_told_again_under_another_name(renaming):
    renaming.world.log_in("a", ends_at=clock.wall() + timedelta(days=2))
    renaming.watch.check()
    assert [warning.days for warning in renaming.warned] == [3]
    renaming.warned.clear()
    renaming.rename(a="work")
    renaming.watch.check()
    assert renaming.warned == []


def test_the_prompts_of_an_account_are_counted_under_its_new_name(renaming):
    assert [renaming.budget.take("main", "continue") for _key in range(MOST)] == [None] * MOST
    renaming.rename(a="work")
    assert f"{MOST} under work" in renaming.budget.refusal("main")
