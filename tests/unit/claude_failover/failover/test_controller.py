# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import dataclasses
import errno
import json
import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from switch_world import TOKEN, Harness, World, minutes, wait_until

from claude_failover.claude.turns import TurnEvent
from claude_failover.common.errors import Refused, UsageError
from claude_failover.config.model import MetricsConfig, NotifyConfig
from claude_failover.failover import controller, policy, resume_queue, rounds
from claude_failover.limits import Verdict
from claude_failover.reporting.metrics import Metrics
from claude_failover.reporting.notifier import Notifier
from claude_failover.reporting.tallies import Tallies
from claude_failover.switching import open_records, steps
from claude_failover.switching.switcher import SwitchSuperseded


def seconds(number):
    return timedelta(seconds=number)


pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def harness(world):
    return Harness(world)


def run(harness, *evidence, after=None):
    """Advance the clock by ``after``, record the evidence as of then, and run rounds until nothing changes."""
    if after is not None:
        harness.world.now += after
        evidence = [shifted(item, after) for item in evidence]

    async def go_on():
        harness.record_evidence(*evidence)
        await harness.settle()

    asyncio.run(go_on())


def shifted(evidence, after):
    resets_at, request_at = evidence.verdict.resets_at, evidence.request_at
    return dataclasses.replace(
        evidence,
        at=evidence.at + after,
        request_at=request_at and request_at + after,
        verdict=dataclasses.replace(evidence.verdict, resets_at=resets_at and resets_at + after),
    )


def switches(world):
    rows = [row for row in world.log() if row["outcome"] == "switched"]
    return [(row["reason"], row["from_account"], row["to_account"]) for row in rows]


def outcomes(world):
    return [(row["reason"], row["outcome"]) for row in world.log()]


# -- one limit, one switch -----------------------------------------------------------------------------------------


def test_a_limit_leads_to_a_switch_and_a_resumption(world, harness):
    run(harness, world.evidence("main"))
    assert switches(world) == [("limit", "a", "b")]
    assert world.active == "b"
    assert harness.resumer.resumed == ["main"]
    assert world.log()[0]["sessions"] == [
        {"name": "main", "uuid": None, "method": "hot", "result": "sent", "seconds": 0.5}
    ]
    assert harness.failover.resume_queue.limited() == {}


def test_a_session_that_is_set_aside_neither_switches_nor_blames(world):
    why = {"old": "found Claude Code 2.1.78, expected 2.1.81 or newer"}
    harness = Harness(world, set_aside=why.get)
    run(harness, world.evidence("old"))
    assert (switches(world), world.active, harness.resumer.resumed) == ([], "a", [])
    assert not world.exhaustion.status("a", "five_hour", world.now).exhausted
    run(harness, world.evidence("main"))
    assert (switches(world), harness.resumer.resumed) == ([("limit", "a", "b")], ["main"])
    assert harness.failover.resume_queue.limited() == {}


def test_a_session_found_to_be_set_aside_waits_for_no_account_any_more(world):
    """Its limit was noted by a daemon that did not know its version."""
    why = {}
    harness = Harness(world, set_aside=why.get)
    for name in "ab":
        world.exhaustion.record(name, "five_hour", world.now + minutes(90), now=world.now)
    run(harness, world.evidence("old"))
    assert list(harness.failover.resume_queue.limited()) == ["old"]
    why["old"] = "found Claude Code 2.1.78, expected 2.1.81 or newer"
    harness.restart()
    run(harness)
    assert harness.failover.resume_queue.limited() == {}


def test_ten_sessions_make_one_switch(world, harness):
    run(harness, *[world.evidence(f"s{number}") for number in range(10)])
    assert switches(world) == [("limit", "a", "b")]
    assert sorted(harness.resumer.resumed) == [f"s{number}" for number in range(10)]
    assert len(world.log()[0]["sessions"]) == 10


@pytest.mark.parametrize("late", [1, 30, 59, 61, 600])
def test_a_request_refused_across_the_flip_never_makes_a_second_switch(world, harness, late):
    run(harness, world.evidence("one"))
    run(harness, world.evidence("two", begun=seconds(late + 5), reset=minutes(90) - seconds(late)), after=seconds(late))
    assert switches(world) == [("limit", "a", "b")]
    assert harness.resumer.resumed == ["one", "two"]


def test_a_refusal_without_its_requests_time_is_attributed_by_its_reset(world, harness):
    run(harness, world.evidence("one"))
    run(harness, world.evidence("two", begun=None, reset=minutes(80)), after=minutes(10))
    assert switches(world) == [("limit", "a", "b")]
    assert harness.resumer.resumed == ["one", "two"]


def test_one_refusal_from_two_sources_is_resumed_once(world, harness):
    first = world.evidence("one", reset=None, begun=seconds(1))
    run(harness, first)
    again = dataclasses.replace(
        first, source="transcript", verdict=dataclasses.replace(first.verdict, resets_at=world.now + minutes(20))
    )
    run(harness, again)
    assert switches(world) == [("limit", "a", "b")]
    assert harness.resumer.resumed == ["one"]
    assert world.exhaustion.status("a", None, world.now).until == world.now + minutes(20)


@pytest.mark.parametrize("turn", ["the turn's id", None])
def test_two_sources_that_differ_in_the_requests_time_are_one_refusal(world, harness, turn):
    """A hook reports its arrival as the time of the request; a second prompt would go into a working session."""
    refused = world.evidence("one", turn=turn)
    world.now += seconds(1)
    run(harness, dataclasses.replace(refused, request_at=refused.request_at + seconds(0.2)))
    resets_at = refused.verdict.resets_at + seconds(30)
    run(
        harness,
        dataclasses.replace(
            refused,
            source="transcript",
            verdict=dataclasses.replace(refused.verdict, resets_at=resets_at),
        ),
    )
    assert harness.resumer.resumed == ["one"]
    later = world.evidence("one", turn=turn and "another turn's id", begun=seconds(0))
    run(harness, dataclasses.replace(later, verdict=refused.verdict))
    assert harness.resumer.resumed == ["one", "one"], "a refusal of the prompt itself is a new one"


def test_a_flip_after_the_refusal_is_followed_by_a_resumption_at_once(tmp_path, monkeypatch):
    """The interval is kept only after a flip that Claude Code may not have noticed: one from before the refusal."""
    monkeypatch.setattr(resume_queue, "_RESUME_INTERVAL", 1000.0)
    world = World(tmp_path, "abc")
    harness = Harness(world)
    run(harness, world.evidence("main"))
    run(harness, world.evidence("main", reset=minutes(200), begun=seconds(0)), after=minutes(5))
    assert switches(world) == [("limit", "a", "b"), ("limit", "b", "c")]
    assert harness.resumer.resumed == ["main", "main"]


def test_the_loop_does_not_spin_during_a_long_resumption(world, harness):
    async def scenario():
        harness.resumer.gate = asyncio.Event()
        harness.record_evidence(world.evidence("main"))
        await harness.settle()
        pause = harness.failover._delay()  # the record is open, and older than the time for stragglers
        harness.resumer.gate.set()
        await harness.settle()
        return pause

    assert asyncio.run(scenario()) == rounds.TICK
    assert [row["sessions"][0]["result"] for row in world.log()] == ["sent"]


def test_evidence_of_no_limit_is_ignored(world, harness):
    evidence = world.evidence()
    run(harness, dataclasses.replace(evidence, verdict=Verdict(False, None, None, "gauge", "", "")))
    assert world.log() == []
    assert harness.resumer.resumed == []


@pytest.mark.parametrize("config_dir", [None, "/elsewhere", "own"])
def test_a_process_that_does_not_follow_the_link_never_switches(world, harness, config_dir):
    run(harness, world.evidence(config_dir=world.home("a") if config_dir == "own" else config_dir))
    assert world.log() == []
    assert harness.resumer.resumed == []
    assert bool(world.exhaustion.status_rows("a", world.now)) is (config_dir == "own")


def test_an_old_banner_marks_nothing_and_the_session_goes_on(world, harness):
    run(harness, world.evidence(reset=minutes(-5), begun=minutes(10)))
    assert world.log() == []
    assert world.exhaustion.status_rows("a", world.now) == []
    assert harness.resumer.resumed == ["main"]


def test_a_request_refused_after_its_own_reset_counts_for_a_minute(world, harness):
    run(harness, world.evidence(reset=minutes(-5), begun=minutes(1)))
    assert world.exhaustion.status_rows("a", world.now) == [{"limit": "five_hour", "until": "2026-11-22T20:01:00.000Z"}]


def test_a_limit_without_a_reset_counts_for_the_configured_time(world, harness):
    run(harness, world.evidence(reset=None))
    assert world.exhaustion.status_rows("a", world.now) == [{"limit": "five_hour", "until": "2026-11-23T01:00:00.000Z"}]


# -- cooldown ------------------------------------------------------------------------------------------------------


def test_in_the_cooldown_evidence_is_kept_and_decided_on_at_its_end(tmp_path):
    world = World(tmp_path, "abc")
    harness = Harness(world)
    run(harness, world.evidence("one"))
    run(harness, world.evidence("one", limit="seven_day", begun=seconds(1)), after=seconds(20))
    assert switches(world) == [("limit", "a", "b")]
    assert list(harness.failover.resume_queue.limited()) == ["one"]
    assert harness.failover.status()["cooldown_until"] == "2026-11-22T20:01:00.000Z"
    run(harness, after=seconds(39))
    assert len(switches(world)) == 1
    run(harness, after=seconds(1))
    assert switches(world)[1:] == [("limit", "b", "c")]
    assert harness.resumer.resumed == ["one", "one"]


def test_a_session_that_went_on_during_the_cooldown_switches_nothing(tmp_path):
    world = World(tmp_path, "abc")
    harness = Harness(world)
    run(harness, world.evidence("one"))
    evidence = world.evidence("one", limit="seven_day", begun=seconds(1))
    run(harness, evidence, after=seconds(20))
    assert list(harness.failover.resume_queue.limited()) == ["one"]
    answered = Verdict(False, None, None, "answered", "", "")
    harness.newest["one"] = dataclasses.replace(evidence, verdict=answered, at=world.now + seconds(5))
    run(harness, after=seconds(60))
    assert switches(world) == [("limit", "a", "b")]
    assert harness.failover.resume_queue.limited() == {}


def test_kept_evidence_and_the_cooldown_outlive_a_restart(tmp_path):
    world = World(tmp_path, "abc")
    harness = Harness(world)
    run(harness, world.evidence("one"))
    run(harness, world.evidence("one", limit="seven_day", begun=seconds(1)), after=seconds(20))
    harness.restart()
    run(harness)
    assert len(switches(world)) == 1
    run(harness, after=seconds(41))
    assert switches(world)[1:] == [("limit", "b", "c")]


def test_a_switch_by_hand_ignores_the_cooldown_and_begins_one(world, harness):
    run(harness, world.evidence("one"))
    world.exhaustion.clear("a", now=world.now)
    record = asyncio.run(harness.failover.switch("a", "because"))
    assert (record["reason"], record["outcome"]) == ("manual", "switched")
    assert record["detail"].startswith("by hand: because; a:")
    run(harness, world.evidence("one", begun=seconds(1)), after=seconds(59))
    assert switches(world)[-1][0] == "manual"
    run(harness, after=seconds(2))
    assert switches(world)[-1] == ("limit", "a", "b")


# -- no account left -----------------------------------------------------------------------------------------------


def exhaust_both(world, harness, first=90, second=60):
    run(harness, world.evidence("one", reset=minutes(first)))
    run(harness, world.evidence("one", begun=seconds(1), reset=minutes(second)), after=seconds(100))


def test_all_exhausted_stays_says_until_when_and_goes_on_at_the_earliest_reset(world, harness):
    exhaust_both(world, harness, first=10, second=60)
    assert outcomes(world) == [("limit", "switched"), ("limit", "stayed")]
    assert "2026-11-22T20:10:00.000Z" in world.log()[-1]["detail"]
    assert harness.failover._policy.waiting_until == world.now - seconds(100) + minutes(10)
    run(harness, after=minutes(5))
    assert len(world.log()) == 2, "nothing new, nothing more is recorded"
    run(harness, after=minutes(4))
    assert switches(world)[1:] == [("reset", "b", "a")]
    assert harness.resumer.resumed == ["one", "one"]
    assert harness.failover._policy.waiting_until is None


def test_the_reset_is_waited_for_across_a_restart(world, harness):
    exhaust_both(world, harness, first=10, second=60)
    harness.restart()
    asyncio.run(harness.failover.recover())
    run(harness, after=minutes(5))
    assert len(switches(world)) == 1
    harness.restart()
    run(harness, after=minutes(20))
    assert switches(world)[1:] == [("reset", "b", "a")]
    assert harness.resumer.resumed == ["one", "one"]


def test_when_the_active_account_resets_first_nothing_is_flipped(world, harness):
    exhaust_both(world, harness, first=300, second=10)
    run(harness, after=minutes(11))
    assert switches(world) == [("limit", "a", "b")]
    assert outcomes(world)[-1] == ("reset", "stayed")
    assert world.log()[-1]["sessions"][0]["name"] == "one"
    assert harness.resumer.resumed == ["one", "one"]


def test_many_sessions_make_one_record_of_staying(world, harness):
    exhaust_both(world, harness)
    run(
        harness,
        *[world.evidence(f"s{number}", begun=seconds(1), reset=minutes(60) - seconds(5)) for number in range(9)],
        after=seconds(5),
    )
    assert outcomes(world) == [("limit", "switched"), ("limit", "stayed")]
    assert len(harness.failover.resume_queue.limited()) == 10


def test_an_account_that_is_logged_in_meanwhile_ends_the_wait(tmp_path):
    world = World(tmp_path, "abc")
    world.log_in("c", "")
    harness = Harness(world)
    exhaust_both(world, harness)
    assert outcomes(world)[-1] == ("limit", "stayed")
    assert "login is dead" in world.log()[-1]["detail"]
    world.log_in("c")
    run(harness, after=minutes(1))
    assert switches(world)[-1] == ("limit", "b", "c")


def test_two_exhausted_accounts_do_not_ping_pong(world, harness):
    exhaust_both(world, harness)
    for _time in range(20):
        run(harness, world.evidence("one", begun=seconds(1), reset=minutes(55)), after=seconds(61))
    assert len(switches(world)) == 1


def test_an_opus_and_a_sonnet_session_do_not_ping_pong(world, harness):
    """Each account is out of another model's usage, so that neither is exhausted for the other's trigger."""
    for turn in range(12):
        limit = "opus" if turn % 2 == 0 else "sonnet"
        run(harness, world.evidence(limit, limit=limit, begun=seconds(1), reset=minutes(200)), after=seconds(61))
    assert switches(world) == [("limit", "a", "b"), ("limit", "b", "a")]


def test_an_opus_limit_does_not_keep_others_from_the_account(world, harness):
    run(harness, world.evidence("one", limit="opus"))
    run(harness, world.evidence("two", limit="five_hour", begun=seconds(1)), after=seconds(61))
    assert switches(world) == [("limit", "a", "b"), ("limit", "b", "a")]
    assert harness.resumer.resumed == ["one", "two"]


# -- switches that are not made ------------------------------------------------------------------------------------


def test_a_refresh_lock_is_recorded_and_the_switch_tried_again(world, harness, monkeypatch):
    path = world.lock_refresh("b")
    world.switcher.procedure._lock_bound = 0.02
    run(harness, world.evidence())
    assert outcomes(world) == [("limit", "refused")]
    run(harness)
    assert len(world.log()) == 1, "not before its time"
    os.rmdir(path)
    monkeypatch.setattr(harness.failover._policy, "_retry_at", 0.0)
    run(harness)
    assert outcomes(world) == [("limit", "refused"), ("limit", "switched")]
    assert harness.resumer.resumed == ["main"]


@pytest.mark.parametrize("outcome", ["failed", "refused"])
def test_a_switch_that_keeps_failing_is_tried_with_growing_delays(world, harness, monkeypatch, outcome):
    def full(_link, _account):
        raise OSError(errno.ENOSPC, "No space left on device")

    clock = 1000.0
    monkeypatch.setattr(policy, "time", SimpleNamespace(monotonic=lambda: clock))
    world.switcher.procedure._lock_bound = 0.0
    if outcome == "failed":
        monkeypatch.setattr(steps, "point_active", full)
    else:
        world.lock_refresh("b")
    harness.record_evidence(world.evidence())
    tried = []
    for second in range(140):
        clock = 1000.0 + second
        known = len(world.log())
        asyncio.run(harness.failover.run_round())
        tried += [second] * (len(world.log()) - known)
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123]
    assert set(outcomes(world)) == {("limit", outcome)}


def test_an_account_with_a_dead_login_is_skipped(tmp_path):
    world = World(tmp_path, "abc")
    harness = Harness(world)

    class Session:
        name, config_dir, set_aside, foreign_login = "other", world.home("b"), None, None

    asyncio.run(harness.settle())
    harness.failover.account_signals.on_login_dead(Session(), "Login expired")
    assert harness.failover.account_status(world.config.account("b"))["login"] == "expired"
    run(harness, world.evidence())
    assert switches(world) == [("limit", "a", "c")]


def test_a_failed_switch_bans_its_target_and_the_next_one_is_selected(tmp_path, monkeypatch):
    world = World(tmp_path, "abc")
    harness = Harness(world)
    procedure = world.switcher.procedure
    procedure.checkpoint = lambda moment, step: world.break_link("b") if (moment, step) == ("begin", "verify") else None
    run(harness, world.evidence())
    procedure.checkpoint = lambda moment, step: None
    world.repair_link("b")
    monkeypatch.setattr(harness.failover._policy, "_retry_at", 0.0)
    run(harness)
    assert outcomes(world) == [("limit", "failed"), ("limit", "switched")]
    assert switches(world) == [("limit", "a", "c")]


# -- by hand -------------------------------------------------------------------------------------------------------


def test_a_switch_by_hand_to_the_active_account_is_no_error(world, harness):
    assert asyncio.run(harness.failover.switch("a"))["outcome"] == "stayed"
    with pytest.raises(UsageError):
        asyncio.run(harness.failover.switch("z"))
    world.log_in("b", "")
    with pytest.raises(Refused, match="login is dead"):
        asyncio.run(harness.failover.switch("b", force=True))


def test_without_force_a_switch_by_hand_to_an_exhausted_account_is_refused(world, harness):
    world.exhaustion.record("b", "five_hour", world.now + minutes(10), now=world.now)
    with pytest.raises(Refused, match="exhausted until"):
        asyncio.run(harness.failover.switch("b"))
    assert world.active == "a"


def test_force_is_passed_on_by_a_switch_by_hand(world, harness):
    world.exhaustion.record("b", "five_hour", world.now + minutes(10), now=world.now)
    assert asyncio.run(harness.failover.switch("b", force=True))["outcome"] == "switched"
    assert world.active == "b"


def test_a_switch_by_hand_without_a_reason_says_that_it_was_by_hand(world, harness):
    assert asyncio.run(harness.failover.switch("b"))["detail"].startswith("by hand; b:")


def test_a_dry_run_is_in_no_history(world, harness):
    assert asyncio.run(harness.failover.switch(dry_run=True))["outcome"] == "switched"
    assert (world.active, harness.failover.history(5)) == ("a", [])


def hand_over(world, harness, times):
    """Switch by hand that many times, a second apart."""
    for turn in range(times):
        world.now += seconds(1)
        asyncio.run(harness.failover.switch("ba"[turn % 2]))


def test_the_history_holds_20_records_unless_told_otherwise(world, harness):
    hand_over(world, harness, 22)
    newest_first = world.log()[::-1]
    assert harness.failover.history() == newest_first[:20]
    assert harness.failover.history(1) == newest_first[:1]
    assert harness.failover.history(50) == newest_first


@pytest.mark.parametrize("limit", [0, -1])
def test_a_history_of_no_records_is_a_usage_error(harness, limit):
    with pytest.raises(UsageError, match=f"found {limit}, expected 1 or more"):
        harness.failover.history(limit)


def test_the_logged_records_are_without_the_open_ones(world, harness):
    hand_over(world, harness, 2)

    async def go_on():
        harness.resumer.gate = asyncio.Event()
        harness.record_evidence(world.evidence("one", begun=seconds(5)))
        world.now += minutes(5)
        await harness.settle()
        assert len(harness.failover.history()) == 3
        assert list(harness.failover.logged()) == world.log()[::-1]
        assert len(world.log()) == 2

    asyncio.run(go_on())


def test_a_flip_by_hand_lets_the_waiting_sessions_go_on(tmp_path):
    world = World(tmp_path, "abc")
    world.log_in("c", "")
    harness = Harness(world)
    exhaust_both(world, harness)
    world.flip_by_hand("c")
    run(harness, after=seconds(1))
    assert outcomes(world)[-1] == ("external", "switched")
    assert harness.resumer.resumed == ["one", "one"]


def test_a_flip_by_hand_to_an_exhausted_account_holds_until_that_one_refuses(tmp_path):
    world = World(tmp_path, "abc")
    harness = Harness(world)
    world.exhaustion.record("b", "five_hour", world.now + minutes(70), now=world.now)
    asyncio.run(harness.settle())
    world.flip_by_hand("b")
    run(harness, after=seconds(5))
    run(harness, world.evidence("one", begun=seconds(200)), after=seconds(100))
    assert harness.resumer.resumed == ["one"]
    assert switches(world) == [("external", "a", "b")]
    run(harness, world.evidence("one", begun=seconds(1)), after=seconds(100))
    assert switches(world)[1:] == [("limit", "b", "c")]


def test_while_suspended_nothing_is_switched_and_evidence_is_kept(world, harness):
    asyncio.run(harness.settle())
    os.unlink(world.link)
    os.symlink("/nowhere", world.link)
    run(harness, world.evidence(begun=seconds(5)))
    assert outcomes(world) == [("external", "switched")]
    assert "/nowhere" in harness.failover.status()["suspended"]
    world.flip_by_hand("a")
    run(harness, after=seconds(61))
    assert harness.failover.status()["suspended"] is None
    run(harness, after=seconds(61))
    assert switches(world) == [("external", "a", None), ("external", None, "a"), ("limit", "a", "b")]
    assert harness.resumer.resumed == ["main"]


def test_a_limit_during_a_switch_by_hand_makes_no_second_switch(tmp_path):
    world = World(tmp_path, "abc")
    world.switcher.procedure._lock_bound = 30.0
    harness = Harness(world)
    path = world.lock_refresh("b")

    async def both():
        await world.switcher.observe()
        by_hand = asyncio.ensure_future(harness.failover.switch("b"))
        await wait_until(lambda: getattr(world.switcher.journal.entry, "step", None) == "wait")
        harness.record_evidence(world.evidence("one", begun=seconds(5)))
        settled = asyncio.ensure_future(harness.settle())
        await asyncio.sleep(0.01)
        os.rmdir(path)
        await by_hand
        await settled

    asyncio.run(both())
    assert switches(world) == [("manual", "a", "b")]
    assert harness.resumer.resumed == ["one"]


# -- without a limit -----------------------------------------------------------------------------------------------


class LinkedSession:
    name = "one"
    set_aside = foreign_login = None

    def __init__(self, world):
        self.config_dir = world.link


def figures(world, percent, reset=60):
    return {"five_hour": {"used_percentage": percent, "resets_at": (world.now + minutes(reset)).timestamp()}}


def stop(world):
    return TurnEvent("one", None, "stop", world.now)


def test_at_the_end_of_a_turn_above_the_threshold_there_is_a_switch(tmp_path):
    world = World(tmp_path, proactive_threshold=90)
    harness = Harness(world)
    harness.failover.account_signals.on_usage(LinkedSession(world), figures(world, 91))
    run(harness)
    assert world.log() == []
    harness.failover.on_turn(stop(world))
    run(harness)
    assert switches(world) == [("proactive", "a", "b")]
    assert world.log()[0]["source"] == "statusline"
    assert harness.failover.account_status(world.config.account("a"))["used_percent"] == {"five_hour": 91}


@pytest.mark.parametrize("percent", [10, 89.9])
def test_below_the_threshold_there_is_none(tmp_path, percent):
    world = World(tmp_path, proactive_threshold=90)
    harness = Harness(world)
    harness.failover.account_signals.on_usage(LinkedSession(world), figures(world, percent))
    harness.failover.on_turn(stop(world))
    run(harness)
    assert world.log() == []


def test_two_full_accounts_do_not_ping_pong(tmp_path):
    world = World(tmp_path, proactive_threshold=90, failback=True)
    harness = Harness(world)
    harness.idle = True
    for _turn in range(10):
        harness.failover.account_signals.on_usage(
            LinkedSession(world), figures(world, 95, reset=600 + len(world.active))
        )
        harness.failover.on_turn(stop(world))
        run(harness, after=minutes(11))
    assert len(switches(world)) <= 1


def test_the_old_accounts_figures_right_after_a_flip_are_not_the_new_ones(tmp_path):
    world = World(tmp_path, "abc", proactive_threshold=90, cooldown=0)
    harness = Harness(world)
    old = figures(world, 95)
    for _turn in range(4):
        harness.failover.account_signals.on_usage(LinkedSession(world), old)
        harness.failover.on_turn(stop(world))
        run(harness, after=seconds(5))
    assert switches(world) == [("proactive", "a", "b")]


def test_failback_once_the_preferred_account_has_reset_and_every_session_is_idle(tmp_path):
    world = World(tmp_path, failback=True)
    harness = Harness(world)
    run(harness, world.evidence(reset=minutes(10)))
    harness.idle = True
    run(harness, after=minutes(9))
    assert len(switches(world)) == 1
    harness.idle = False
    run(harness, after=minutes(2))
    assert len(switches(world)) == 1
    harness.idle = True
    run(harness, after=minutes(1))
    assert switches(world)[1:] == [("failback", "b", "a")]


def test_without_failback_it_stays(world, harness):
    harness.idle = True
    run(harness, world.evidence(reset=minutes(10)))
    run(harness, after=minutes(30))
    assert len(switches(world)) == 1


def test_failback_does_not_undo_what_was_done_by_hand(tmp_path):
    world = World(tmp_path, failback=True)
    harness = Harness(world)
    harness.idle = True
    asyncio.run(harness.failover.switch("b"))
    run(harness, after=minutes(30))
    assert switches(world) == [("manual", "a", "b")]


# -- status and loop -----------------------------------------------------------------------------------------------


def test_the_status_before_any_switch(harness):
    assert harness.failover.status() == {
        "cooldown_until": None,
        "switching": False,
        "suspended": None,
        "automatic": True,
        "advised_switch": None,
        "last_switch": None,
    }


@pytest.mark.parametrize(
    ("after", "until"), [(59.9, "2026-11-22T20:01:00.000Z"), (60, None), (600, None)], ids=["in", "end", "over"]
)
def test_the_status_shows_a_cooldown_until_its_end(world, harness, after, until):
    asyncio.run(harness.failover.switch("b"))
    world.now += seconds(after)
    assert harness.failover.status()["cooldown_until"] == until


def test_the_status_of_an_account_holds_login_limits_and_usage(world, harness):
    world.exhaustion.record("b", "five_hour", world.now + minutes(10), now=world.now)
    world.usage.record("b", figures(world, 42))
    assert harness.failover.account_status(world.config.account("b")) == {
        "login": "ok",
        "login_expires_at": None,
        "identity": None,
        "identity_recorded": False,
        "identity_digest": None,
        "login_digest": None,
        "exhausted": [{"limit": "five_hour", "until": "2026-11-22T20:10:00.000Z"}],
        "used_percent": {"five_hour": 42},
    }


@pytest.mark.parametrize(("left", "delay"), [(5, 1), (0.4, 0.4), (0.001, 0.01), (0, 1), (-3, 1)])
def test_the_next_round_is_at_the_next_deadline_or_a_second_later(world, harness, left, delay):
    asyncio.run(harness.failover.switch("b"))
    world.now += seconds(60 - left)
    assert harness.failover._delay() == pytest.approx(delay)


def test_a_flip_made_while_no_daemon_ran_is_the_last_switch(world, harness):
    asyncio.run(harness.settle())
    world.flip_by_hand("b")
    harness.restart()
    asyncio.run(harness.failover.recover())
    last = harness.failover.status()["last_switch"]
    assert (last["reason"], last["from_account"], last["to_account"]) == ("external", "a", "b")


def test_the_last_switch_outlives_a_restart_and_is_none_that_stayed(world, harness):
    exhaust_both(world, harness)
    assert outcomes(world) == [("limit", "switched"), ("limit", "stayed")]
    harness.restart()
    last = harness.failover.status()["last_switch"]
    assert (last["outcome"], last["from_account"], last["to_account"]) == ("switched", "a", "b")


def test_a_controller_makes_its_own_switcher_over_the_store(world, harness):
    world.exhaustion.record("b", "five_hour", world.now + minutes(10), now=world.now)
    world.usage.record("b", figures(world, 42))
    failover = controller.FailoverController(
        world.config_holder, world.store, harness.resumer, now=lambda: world.now, switcher=None
    )
    assert failover.account_status(world.config.account("b")) == {
        "login": "ok",
        "login_expires_at": None,
        "identity": None,
        "identity_recorded": False,
        "identity_digest": None,
        "login_digest": None,
        "exhausted": [{"limit": "five_hour", "until": "2026-11-22T20:10:00.000Z"}],
        "used_percent": {"five_hour": 42},
    }
    with pytest.raises(Refused):
        asyncio.run(failover.switch("b"))
    record = asyncio.run(failover.switch("b", force=True))
    assert (record["outcome"], record["time"], world.active) == ("switched", "2026-11-22T20:00:00.000Z", "b")


def test_a_superseded_switch_is_logged_with_reason_and_cause(world, harness, monkeypatch, caplog):
    caplog.set_level("INFO", logger="claude_failover.failover.controller")

    async def superseded(_request):
        raise SwitchSuperseded("the link leads to c by now")

    monkeypatch.setattr(world.switcher, "switch", superseded)
    run(harness, world.evidence())
    assert "no switch (limit): the link leads to c by now" in caplog.text
    assert (world.log(), list(harness.failover.resume_queue.limited())) == ([], ["main"])


def test_a_switch_for_a_limit_begins_no_wait_and_is_followed_by_a_round_at_once(world, harness, caplog):
    async def one_round():
        wake = harness.failover._wake_event()
        harness.record_evidence(world.evidence())
        wake.clear()
        await harness.failover.run_round()
        return wake.is_set()

    assert asyncio.run(one_round())
    assert world.active == "b"
    assert harness.failover._state.reset_wait is None
    assert "no account can be used" not in caplog.text


def test_a_stop_before_the_start_is_no_error(harness):
    asyncio.run(harness.failover.stop())


def test_a_stop_ends_the_loop_and_the_resumptions(world, harness, caplog):
    async def go_on():
        harness.resumer.gate = asyncio.Event()
        async with harness.running():
            harness.record_evidence(world.evidence("one"))
            await wait_until(lambda: harness.failover.resume_queue.tasks)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(go_on()) == set()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_an_error_of_the_disk_does_not_end_the_loop(world, harness, monkeypatch, caplog):
    errors = [OSError(errno.ENOSPC, "No space left on device")]
    observe = world.switcher.observe

    async def failing():
        if errors:
            raise errors.pop()
        return await observe()

    monkeypatch.setattr(world.switcher, "observe", failing)

    async def go_on():
        async with harness.running():
            harness.record_evidence(world.evidence("main"))
            await wait_until(world.log)

    asyncio.run(go_on())
    assert "No space left on device; it is tried again" in caplog.text
    assert switches(world) == [("limit", "a", "b")]


# -- records, results and logs -------------------------------------------------------------------------------------


def test_a_record_stays_open_while_sessions_are_resumed(world, harness):
    async def go_on():
        harness.resumer.gate = asyncio.Event()
        harness.record_evidence(world.evidence("one"))
        await harness.settle()
        assert world.log() == []
        assert harness.failover.history(5)[0]["outcome"] == "switched"
        assert harness.failover.status()["last_switch"]["to_account"] == "b"
        harness.resumer.gate.set()
        await harness.settle()

    asyncio.run(go_on())
    assert [row["name"] for row in world.log()[0]["sessions"]] == ["one"]


def test_a_record_is_closed_at_its_bound(world, harness, monkeypatch):
    monkeypatch.setattr(open_records, "RECORD_BOUND", 0.0)

    async def go_on():
        harness.resumer.gate = asyncio.Event()
        harness.record_evidence(world.evidence("one"))
        await harness.settle()
        harness.resumer.gate.set()
        await harness.settle()

    asyncio.run(go_on())
    assert len(world.log()) == 1


def test_evidence_is_logged_with_all_that_decides(world, harness, caplog):
    caplog.set_level("INFO", logger="claude_failover.failover.attribution")
    run(harness, world.evidence("main", limit="opus"))
    (text,) = [text for text in caplog.messages if text.startswith("session main")]
    facts = ("Opus limit", "hook", "usage-limit-reached", "2026-11-22T21:30:00.000Z", "account a", "never flipped")
    assert [fact for fact in facts if fact not in text] == []


def test_an_account_out_of_usage_is_logged_with_limit_and_reset(world, harness, caplog):
    run(harness, world.evidence("main", limit=None))
    assert "account a is out of usage (unknown) until 2026-11-22T21:30:00.000Z" in caplog.text
    assert world.exhaustion.status_rows("a", world.now)[0]["limit"] == "unknown"


def test_evidence_of_an_unknown_account_is_logged_as_such(world, harness, caplog):
    caplog.set_level("INFO", logger="claude_failover.failover.attribution")
    run(harness, world.evidence("main", config_dir="/elsewhere"))
    assert "account unknown: the session uses /elsewhere" in caplog.text


def test_a_bug_in_a_resumption_is_logged_and_it_is_tried_again(world, harness, caplog):
    ran = harness.resumer.resume

    async def broken(_name):
        harness.resumer.resume = ran
        raise RuntimeError("a bug")

    harness.resumer.resume = broken
    run(harness, world.evidence("one"))
    assert "a bug" in caplog.text
    assert harness.resumer.resumed == ["one"]
    assert len(switches(world)) == 1


def resume_with(harness, result):
    async def run_(name):
        harness.resumer.resumed.append(name)
        return {"name": name, "uuid": None, "method": "none", "result": result, "seconds": 1.0}

    harness.resumer.resume = run_


@pytest.mark.parametrize("result", ["draft: something is typed", "dialog: permission", "failed: not ready"])
def test_a_failed_resumption_is_tried_again_and_finally_left_to_the_operator(world, harness, result, caplog):
    resume_with(harness, result)
    run(harness, world.evidence("one"))
    assert harness.resumer.resumed == ["one"]
    assert world.log()[0]["sessions"][0]["result"] == result
    for tries in range(2, 9):
        run(harness)
        assert len(harness.resumer.resumed) == tries - 1, "not before its time"
        harness.failover.resume_queue._retry_at["one"] = 0.0
        run(harness)
        assert len(harness.resumer.resumed) == tries
    assert "left to you" in caplog.text
    assert harness.failover.resume_queue.limited() == {}
    assert len(switches(world)) == 1


@pytest.mark.parametrize("result", ["gone", "gone: stopped by hand", "moved on", "sent"])
def test_a_final_result_removes_the_session(world, harness, result):
    resume_with(harness, result)
    run(harness, world.evidence("one"))
    run(harness)
    assert (harness.resumer.resumed, harness.failover.resume_queue.limited()) == (["one"], {})


def test_evidence_that_cannot_be_attributed_does_not_stop_the_rest(world, harness, caplog):
    caplog.set_level("INFO")  # Python 3.9 resolves a path with a NUL, and the evidence is of no account
    run(harness, world.evidence("odd", config_dir="/a\0b"), world.evidence("main"))
    assert switches(world) == [("limit", "a", "b")]
    assert harness.resumer.resumed == ["main"]
    assert "session odd" in caplog.text


def test_evidence_outlives_a_full_disk(world, harness, monkeypatch):
    """Neither the limit nor the waiting session is lost while the disk is full: the session goes on in that time."""
    harness.record_evidence(world.evidence())

    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("claude_failover.storage.store.write_atomic", full)
        disk.setattr("claude_failover.storage.store.append_line", full)
        asyncio.run(harness.settle())
        assert harness.resumer.resumed == ["main"]
        assert switches(world) == []
    asyncio.run(harness.settle())
    assert switches(world) == [("limit", "a", "b")]
    assert harness.resumer.resumed == ["main"]


def test_what_could_not_be_stored_is_stored_by_the_next_round(world, harness, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    def stored():
        return world.store.load("failover", {}).get("cooldown_until")

    asyncio.run(harness.failover.run_round())
    with monkeypatch.context() as disk:
        disk.setattr("claude_failover.storage.store.write_atomic", full)
        with harness.failover._state.update():
            harness.failover._state.cooldown_until = world.now + minutes(1)
    assert stored() is None
    asyncio.run(harness.failover.run_round())
    assert stored() is not None


def test_a_bug_in_a_round_does_not_end_the_failover(world, harness, monkeypatch, caplog):
    observe = world.switcher.observe
    broken = [True]

    async def breaking():
        if broken:
            broken.clear()
            raise RuntimeError("a bug")
        return await observe()

    monkeypatch.setattr(world.switcher, "observe", breaking)

    async def go_on():
        async with harness.running():
            harness.record_evidence(world.evidence("main"))
            await wait_until(world.log)

    asyncio.run(go_on())
    assert "a bug; it is tried again" in caplog.text
    assert switches(world) == [("limit", "a", "b")]


def test_the_notify_command_gets_the_record_and_the_metrics_are_written(tmp_path):
    world = World(tmp_path)
    notified = tmp_path / "notified"
    world.configure(
        notify=NotifyConfig(("/bin/sh", "-c", f"cat > {notified}")), metrics=MetricsConfig(str(tmp_path / "cf.prom"))
    )
    world.start()
    status = {
        "version": "0.4.0",
        "started_at": "2026-11-22T20:00:00Z",
        "accounts": [],
        "sessions": [],
        "queue": {},
        "cooldown_until": None,
        "switching": False,
        "suspended": None,
        "blind": [],
        "unsaved": [],
        "last_switch": None,
    }
    tallies, notifier = Tallies(), Notifier(world.config_holder)
    metrics = Metrics(world.config_holder, tallies, lambda: status)

    def on_record(record):
        tallies.add_record(record)
        metrics.write()
        notifier.send(record)

    harness = Harness(world, on_record=on_record)

    async def go_on():
        async with harness.running():
            harness.record_evidence(world.evidence("one"))
            await wait_until(world.log)
        await notifier.stop()

    asyncio.run(go_on())
    assert json.loads(notified.read_text()) == world.log()[0]
    assert 'switches_total{reason="limit",outcome="switched"} 1' in (tmp_path / "cf.prom").read_text()


def test_no_token_is_logged_or_stored(world, harness, caplog):
    caplog.set_level("DEBUG")
    exhaust_both(world, harness)
    assert TOKEN not in caplog.text
    for folder, _folders, files in os.walk(world.config.state_dir):
        for name in files:
            with open(os.path.join(folder, name)) as stream:
                assert TOKEN not in stream.read()


def test_an_invalid_state_is_ignored(world):
    senseless = {"inbox": [1], "held": [{"evidence": {}}], "waiting": {"account": 3}, "cooldown_until": 7}
    world.store.save("failover", senseless)
    harness = Harness(world)
    run(harness, world.evidence())
    assert switches(world) == [("limit", "a", "b")]


def test_a_foreign_line_in_the_log_of_switches_is_ignored_and_logged_once(world, caplog):
    with open(world.store.log_path("switches"), "w") as stream:
        stream.write('{"id": 1}\n')
    world.start()
    harness = Harness(world)
    run(harness, world.evidence())
    assert [(row["reason"], row["outcome"]) for row in harness.failover.history()] == [("limit", "switched")]
    assert caplog.text.count("not records of this daemon") == 1


def test_the_budget_is_told_of_every_reset(world):
    told = []
    budget = SimpleNamespace(on_refused=lambda *row: told.append(row))
    harness = Harness(world, budget=budget)
    run(harness, world.evidence("one", reset=minutes(90)))
    assert told[0] == ("one", "a", world.now + minutes(90), True)


# -- who the accounts are ------------------------------------------------------------------------------------------


def name_in_home(world, account, who):
    path = os.path.join(world.home(account), ".claude.json")
    with open(path, "w", encoding="utf-8") as stream:
        json.dump({"oauthAccount": {"accountUuid": who}}, stream)


@pytest.mark.parametrize("by_hand", [False, True])
def test_after_a_flip_no_home_says_who_its_account_is(world, harness, by_hand):
    """Claude Code can have written the old account's name into the new home (2.1.330)."""
    for account, who in (("a", "of-b"), ("b", "of-a")):
        name_in_home(world, account, who)
    asyncio.run(harness.settle())
    if by_hand:
        world.flip_by_hand("b")  # while no daemon runs
    else:
        asyncio.run(harness.failover.switch("b"))
    harness.restart()
    asyncio.run(harness.failover.recover())
    assert [harness.failover.account_status(account)["identity"] for account in world.config.accounts] == [None, None]
