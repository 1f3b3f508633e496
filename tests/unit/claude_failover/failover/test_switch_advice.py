# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test a daemon whose switches are made by hand only (``failover.automatic: false``)."""

from __future__ import annotations

import asyncio

import pytest
from switch_world import NOW, T0, Harness, World, minutes

from claude_failover.failover import resume_queue
from claude_failover.reporting.events import advice_event
from claude_failover.switching import open_records


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(open_records, "STRAGGLERS", 0.0)
    monkeypatch.setattr(open_records, "ANSWERS", 0.0)
    monkeypatch.setattr(resume_queue, "_RESUME_INTERVAL", 0.0)


class ByHand:
    """A harness whose switches are made by hand; ``told`` are the advices, None for the end of one."""

    def __init__(self, folder, **failover):
        self.told = []
        self.world = World(folder, "abc", automatic=False, **failover)
        self.harness = Harness(self.world, on_advice=self.told.append)

    def settle(self, *evidence, after=NOW):
        self.world.now += after

        async def go_on():
            self.harness.record_evidence(*evidence)
            await self.harness.settle()

        asyncio.run(go_on())

    @property
    def advised(self):
        """Reason, origin and target of the advice in the status; None without one."""
        row = self.harness.failover.status()["advised_switch"]
        return None if row is None else (row["reason"], row["from_account"], row["to_account"])

    def use(self, **used):
        for name, percent in used.items():
            row = {"used_percentage": percent, "resets_at": (T0 + minutes(60)).timestamp()}
            self.world.usage.record(name, {"five_hour": row})


@pytest.fixture
def by_hand(tmp_path):
    return ByHand(tmp_path)


def test_a_limit_is_told_once_and_the_link_stays(by_hand, caplog):
    by_hand.settle(by_hand.world.evidence("one"), by_hand.world.evidence("two"))
    by_hand.settle(after=minutes(2))
    assert (by_hand.world.active, by_hand.world.log(), by_hand.harness.resumer.resumed) == ("a", [], [])
    assert by_hand.advised == ("limit", "a", "b")
    status = by_hand.harness.failover.status()
    assert (status["automatic"], status["advised_switch"]["since"]) == (False, "2026-11-22T20:00:00.000Z")
    assert [advice.key for advice in by_hand.told] == [("limit", "a", "b")]
    told = "a switch from a to b is due (limit, 5-hour, one), and failover.automatic is false: claude-failover switch b"
    assert caplog.text.count(told) == 1


def test_a_switch_by_hand_resumes_the_sessions_and_ends_the_advice(by_hand):
    by_hand.settle(by_hand.world.evidence("one"))
    asyncio.run(by_hand.harness.failover.switch("c"))
    by_hand.settle()
    assert (by_hand.world.active, by_hand.harness.resumer.resumed) == ("c", ["one"])
    assert (by_hand.advised, by_hand.told[1:]) == (None, [None])


def test_a_flip_by_hand_is_a_switch_by_hand_too(by_hand):
    by_hand.settle(by_hand.world.evidence("one"))
    by_hand.world.flip_by_hand("b")
    by_hand.settle()
    assert (by_hand.advised, by_hand.harness.resumer.resumed) == (None, ["one"])


def test_at_the_reset_of_the_active_account_the_sessions_go_on_and_no_switch_is_due(by_hand):
    by_hand.settle(by_hand.world.evidence("one", reset=minutes(10)))
    by_hand.settle(after=minutes(11))
    by_hand.settle()
    assert (by_hand.world.active, by_hand.harness.resumer.resumed, by_hand.advised) == ("a", ["one"], None)


def test_where_no_account_can_be_used_the_reset_is_waited_for(by_hand):
    for name in "bc":
        by_hand.world.exhaustion.record(name, "five_hour", T0 + minutes(20), now=T0)
    by_hand.settle(by_hand.world.evidence("one", reset=minutes(60)))
    assert ([row["outcome"] for row in by_hand.world.log()], by_hand.advised) == (["stayed"], None)
    by_hand.settle(after=minutes(21))
    assert (by_hand.advised, by_hand.world.active) == (("reset", "a", "b"), "a")


def test_an_advice_follows_the_accounts(by_hand):
    by_hand.settle(by_hand.world.evidence("one"))
    by_hand.world.log_in("b", "")
    by_hand.settle(after=minutes(1))
    assert by_hand.advised == ("limit", "a", "c")
    by_hand.world.log_in("c", "")
    by_hand.settle(after=minutes(1))
    assert by_hand.advised is None
    assert [advice and advice.key[2] for advice in by_hand.told] == ["b", "c", None]


def test_a_threshold_is_told_without_waiting_for_the_end_of_a_turn(tmp_path):
    by_hand = ByHand(tmp_path, proactive_threshold=90)
    by_hand.use(a=95)
    by_hand.settle()
    by_hand.settle(after=minutes(5))
    assert (by_hand.world.active, by_hand.advised) == ("a", ("proactive", "a", "b"))
    assert len(by_hand.told) == 1
    by_hand.settle(after=minutes(60))
    assert (by_hand.advised, by_hand.told[1:]) == (None, [None])


def test_a_failback_is_told_while_sessions_work(tmp_path):
    by_hand = ByHand(tmp_path, failback=True, cooldown=0)
    by_hand.harness.configure(automatic=True)
    by_hand.settle(by_hand.world.evidence("one", reset=minutes(10)))
    assert by_hand.world.active == "b"
    by_hand.harness.configure(automatic=False)
    by_hand.settle(after=minutes(20))
    by_hand.settle(after=minutes(1))
    assert (by_hand.world.active, by_hand.advised) == ("b", ("failback", "b", "a"))
    assert len(by_hand.told) == 1


def test_the_switch_is_made_when_it_may_be(by_hand):
    by_hand.settle(by_hand.world.evidence("one"))
    by_hand.harness.configure(automatic=True)
    by_hand.settle()
    assert (by_hand.world.active, by_hand.advised, by_hand.told[-1]) == ("b", None, None)
    assert by_hand.harness.failover.status()["automatic"] is True


def test_the_event_of_an_advice(by_hand):
    by_hand.settle(by_hand.world.evidence("one"))
    event = advice_event(by_hand.told[0])
    assert (event["event"], event["state"], event["severity"]) == ("switch_advised", "begins", "warning")
    assert (event["session"], event["account"], event["details"]["to_account"]) == ("one", "a", "b")
    assert event["summary"].endswith("claude-failover switch b")
    over = advice_event(None)
    assert (over["state"], over["severity"], over["summary"]) == ("over", "info", "no switch is due any more")
