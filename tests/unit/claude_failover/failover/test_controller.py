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
from switch_world import TOKEN, Rig, World, minutes, until

from claude_failover.claude.turns import TurnEvent
from claude_failover.common.errors import Refused, UsageError
from claude_failover.failover import controller, policy, resume_queue
from claude_failover.limits import Verdict
from claude_failover.reporting.metrics import Metrics
from claude_failover.reporting.notifier import Notifier
from claude_failover.switching import open_records, steps


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(open_records, "STRAGGLERS", 0.0)
    monkeypatch.setattr(resume_queue, "_RESUME_INTERVAL", 0.0)
    monkeypatch.setattr(policy, "_ACCOUNT_CHECK_INTERVAL", 0.0)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def rig(world):
    return Rig(world)


def run(rig, *evidence, after=None):
    """Let time pass, notice evidence of that later time, and let everything settle."""
    if after is not None:
        rig.world.now += after
        evidence = [shifted(item, after) for item in evidence]

    async def go_on():
        rig.record_evidence(*evidence)
        await rig.settle()

    asyncio.run(go_on())


def shifted(evidence, after):
    resets_at, request_at = evidence.verdict.resets_at, evidence.request_at
    return dataclasses.replace(
        evidence,
        at=evidence.at + after,
        request_at=request_at and request_at + after,
        verdict=dataclasses.replace(evidence.verdict, resets_at=resets_at and resets_at + after),
    )


def moves(world):
    rows = [row for row in world.log() if row["outcome"] == "switched"]
    return [(row["reason"], row["from_account"], row["to_account"]) for row in rows]


def outcomes(world):
    return [(row["reason"], row["outcome"]) for row in world.log()]


# -- one limit, one switch -----------------------------------------------------------------------------------------


def test_a_limit_is_answered_by_a_switch_and_a_carry_over(world, rig):
    run(rig, world.evidence("main"))
    assert moves(world) == [("limit", "a", "b")]
    assert world.active == "b"
    assert rig.resumer.resumed == ["main"]
    assert world.log()[0]["sessions"] == [
        {"name": "main", "uuid": None, "method": "hot", "result": "continued", "seconds": 0.5}
    ]
    assert rig.failover.resume_queue.limited() == {}


def test_ten_sessions_make_one_switch(world, rig):
    run(rig, *[world.evidence(f"s{number}") for number in range(10)])
    assert moves(world) == [("limit", "a", "b")]
    assert sorted(rig.resumer.resumed) == [f"s{number}" for number in range(10)]
    assert len(world.log()[0]["sessions"]) == 10


@pytest.mark.parametrize("late", [1, 30, 59, 61, 600])
def test_a_refusal_that_was_under_way_at_the_flip_never_makes_a_second_one(world, rig, late):
    run(rig, world.evidence("one"))
    run(rig, world.evidence("two", begun=seconds(late + 5), reset=minutes(90) - seconds(late)), after=seconds(late))
    assert moves(world) == [("limit", "a", "b")]
    assert rig.resumer.resumed == ["one", "two"]


def test_a_refusal_without_its_requests_time_is_known_by_its_reset(world, rig):
    run(rig, world.evidence("one"))
    run(rig, world.evidence("two", begun=None, reset=minutes(80)), after=minutes(10))
    assert moves(world) == [("limit", "a", "b")]
    assert rig.resumer.resumed == ["one", "two"]


def test_one_event_told_by_two_sources_is_carried_over_once(world, rig):
    first = world.evidence("one", reset=None, begun=seconds(1))
    run(rig, first)
    again = dataclasses.replace(
        first, source="transcript", verdict=dataclasses.replace(first.verdict, resets_at=world.now + minutes(20))
    )
    run(rig, again)
    assert moves(world) == [("limit", "a", "b")]
    assert rig.resumer.resumed == ["one"]
    assert world.exhaustion.status("a", None, world.now).until == world.now + minutes(20)


@pytest.mark.parametrize("turn", ["the turn's id", None])
def test_two_sources_that_differ_in_the_requests_time_are_one_refusal(world, rig, turn):
    """A hook takes its arrival for the time of the request; a second prompt would go into a session at work."""
    refused = world.evidence("one", turn=turn)
    world.now += seconds(1)
    run(rig, dataclasses.replace(refused, request_at=refused.request_at + seconds(0.2)))
    resets_at = refused.verdict.resets_at + seconds(30)
    run(
        rig,
        dataclasses.replace(
            refused,
            source="transcript",
            verdict=dataclasses.replace(refused.verdict, resets_at=resets_at),
        ),
    )
    assert rig.resumer.resumed == ["one"]
    later = world.evidence("one", turn=turn and "another turn's id", begun=seconds(0))
    run(rig, dataclasses.replace(later, verdict=refused.verdict))
    assert rig.resumer.resumed == ["one", "one"], "a refusal of the prompt itself is a new one"


def test_a_new_flip_is_followed_by_a_carry_over_at_once(tmp_path, monkeypatch):
    """Only a flip that Claude Code has yet to notice is waited for, and that is one from before the refusal."""
    monkeypatch.setattr(resume_queue, "_RESUME_INTERVAL", 1000.0)
    world = World(tmp_path, "abc")
    rig = Rig(world)
    run(rig, world.evidence("main"))
    run(rig, world.evidence("main", reset=minutes(200), begun=seconds(0)), after=minutes(5))
    assert moves(world) == [("limit", "a", "b"), ("limit", "b", "c")]
    assert rig.resumer.resumed == ["main", "main"]


def test_a_long_carry_over_is_waited_for_and_not_spun_for(world, rig):
    async def scenario():
        rig.resumer.gate = asyncio.Event()
        rig.record_evidence(world.evidence("main"))
        await rig.settle()
        pause = rig.failover._delay()  # the record is open, and older than the time for stragglers
        rig.resumer.gate.set()
        await rig.settle()
        return pause

    assert asyncio.run(scenario()) == controller.TICK
    assert [row["sessions"][0]["result"] for row in world.log()] == ["continued"]


def test_what_is_no_limit_is_not_taken_in(world, rig):
    evidence = world.evidence()
    run(rig, dataclasses.replace(evidence, verdict=Verdict(False, None, None, "gauge", "", "")))
    assert world.log() == []
    assert rig.resumer.resumed == []


@pytest.mark.parametrize("config_dir", [None, "/elsewhere", "own"])
def test_a_process_that_does_not_follow_the_link_never_switches(world, rig, config_dir):
    run(rig, world.evidence(config_dir=world.home("a") if config_dir == "own" else config_dir))
    assert world.log() == []
    assert rig.resumer.resumed == []
    assert bool(world.exhaustion.status_rows("a", world.now)) is (config_dir == "own")


def test_an_old_banner_marks_nothing_and_the_session_goes_on(world, rig):
    run(rig, world.evidence(reset=minutes(-5), begun=minutes(10)))
    assert world.log() == []
    assert world.exhaustion.status_rows("a", world.now) == []
    assert rig.resumer.resumed == ["main"]


def test_a_limit_without_a_reset_counts_for_the_configured_time(world, rig):
    run(rig, world.evidence(reset=None))
    assert world.exhaustion.status_rows("a", world.now) == [{"limit": "five_hour", "until": "2026-11-23T01:00:00.000Z"}]


# -- cooldown ------------------------------------------------------------------------------------------------------


def test_in_the_cooldown_evidence_is_kept_and_decided_on_at_its_end(tmp_path):
    world = World(tmp_path, "abc")
    rig = Rig(world)
    run(rig, world.evidence("one"))
    run(rig, world.evidence("one", limit="seven_day", begun=seconds(1)), after=seconds(20))
    assert moves(world) == [("limit", "a", "b")]
    assert list(rig.failover.resume_queue.limited()) == ["one"]
    assert rig.failover.status()["cooldown_until"] == "2026-11-22T20:01:00.000Z"
    run(rig, after=seconds(39))
    assert len(moves(world)) == 1
    run(rig, after=seconds(1))
    assert moves(world)[1:] == [("limit", "b", "c")]
    assert rig.resumer.resumed == ["one", "one"]


def test_what_is_over_at_the_end_of_the_cooldown_switches_nothing(tmp_path):
    world = World(tmp_path, "abc")
    rig = Rig(world)
    run(rig, world.evidence("one"))
    evidence = world.evidence("one", limit="seven_day", begun=seconds(1))
    run(rig, evidence, after=seconds(20))
    assert list(rig.failover.resume_queue.limited()) == ["one"]
    answered = Verdict(False, None, None, "answered", "", "")
    rig.newest["one"] = dataclasses.replace(evidence, verdict=answered, at=world.now + seconds(5))
    run(rig, after=seconds(60))
    assert moves(world) == [("limit", "a", "b")]
    assert rig.failover.resume_queue.limited() == {}


def test_kept_evidence_and_the_cooldown_outlive_a_restart(tmp_path):
    world = World(tmp_path, "abc")
    rig = Rig(world)
    run(rig, world.evidence("one"))
    run(rig, world.evidence("one", limit="seven_day", begun=seconds(1)), after=seconds(20))
    rig.restart()
    run(rig)
    assert len(moves(world)) == 1
    run(rig, after=seconds(41))
    assert moves(world)[1:] == [("limit", "b", "c")]


def test_a_switch_by_hand_ignores_the_cooldown_and_begins_one(world, rig):
    run(rig, world.evidence("one"))
    world.exhaustion.clear("a", now=world.now)
    record = asyncio.run(rig.failover.switch("a", "because"))
    assert (record["reason"], record["outcome"]) == ("manual", "switched")
    assert record["detail"].startswith("by hand: because; a:")
    run(rig, world.evidence("one", begun=seconds(1)), after=seconds(59))
    assert moves(world)[-1][0] == "manual"
    run(rig, after=seconds(2))
    assert moves(world)[-1] == ("limit", "a", "b")


# -- none left -----------------------------------------------------------------------------------------------------


def exhaust_both(world, rig, first=90, second=60):
    run(rig, world.evidence("one", reset=minutes(first)))
    run(rig, world.evidence("one", begun=seconds(1), reset=minutes(second)), after=seconds(100))


def test_all_exhausted_stays_says_until_when_and_goes_on_at_the_earliest_reset(world, rig):
    exhaust_both(world, rig, first=10, second=60)
    assert outcomes(world) == [("limit", "switched"), ("limit", "stayed")]
    assert "2026-11-22T20:10:00.000Z" in world.log()[-1]["detail"]
    assert rig.failover._policy.waiting_until == world.now - seconds(100) + minutes(10)
    run(rig, after=minutes(5))
    assert len(world.log()) == 2, "nothing new, nothing more is recorded"
    run(rig, after=minutes(4))
    assert moves(world)[1:] == [("reset", "b", "a")]
    assert rig.resumer.resumed == ["one", "one"]
    assert rig.failover._policy.waiting_until is None


def test_the_reset_is_waited_for_across_a_restart(world, rig):
    exhaust_both(world, rig, first=10, second=60)
    rig.restart()
    asyncio.run(rig.failover.recover())
    run(rig, after=minutes(5))
    assert len(moves(world)) == 1
    rig.restart()
    run(rig, after=minutes(20))
    assert moves(world)[1:] == [("reset", "b", "a")]
    assert rig.resumer.resumed == ["one", "one"]


def test_when_the_active_account_resets_first_nothing_is_flipped(world, rig):
    exhaust_both(world, rig, first=300, second=10)
    run(rig, after=minutes(11))
    assert moves(world) == [("limit", "a", "b")]
    assert outcomes(world)[-1] == ("reset", "stayed")
    assert world.log()[-1]["sessions"][0]["name"] == "one"
    assert rig.resumer.resumed == ["one", "one"]


def test_many_sessions_make_one_record_of_staying(world, rig):
    exhaust_both(world, rig)
    run(
        rig,
        *[world.evidence(f"s{number}", begun=seconds(1), reset=minutes(60) - seconds(5)) for number in range(9)],
        after=seconds(5),
    )
    assert outcomes(world) == [("limit", "switched"), ("limit", "stayed")]
    assert len(rig.failover.resume_queue.limited()) == 10


def test_an_account_that_is_logged_in_meanwhile_ends_the_wait(tmp_path):
    world = World(tmp_path, "abc")
    world.log_in("c", "")
    rig = Rig(world)
    exhaust_both(world, rig)
    assert outcomes(world)[-1] == ("limit", "stayed")
    assert "login is dead" in world.log()[-1]["detail"]
    world.log_in("c")
    run(rig, after=minutes(1))
    assert moves(world)[-1] == ("limit", "b", "c")


def test_two_exhausted_accounts_do_not_ping_pong(world, rig):
    exhaust_both(world, rig)
    for _time in range(20):
        run(rig, world.evidence("one", begun=seconds(1), reset=minutes(55)), after=seconds(61))
    assert len(moves(world)) == 1


def test_an_opus_and_a_sonnet_session_do_not_ping_pong(world, rig):
    """Each account is out of another model's usage, so that neither is barred for the other's trigger."""
    for turn in range(12):
        limit = "opus" if turn % 2 == 0 else "sonnet"
        run(rig, world.evidence(limit, limit=limit, begun=seconds(1), reset=minutes(200)), after=seconds(61))
    assert moves(world) == [("limit", "a", "b"), ("limit", "b", "a")]


def test_an_opus_limit_does_not_keep_others_from_the_account(world, rig):
    run(rig, world.evidence("one", limit="opus"))
    run(rig, world.evidence("two", limit="five_hour", begun=seconds(1)), after=seconds(61))
    assert moves(world) == [("limit", "a", "b"), ("limit", "b", "a")]
    assert rig.resumer.resumed == ["one", "two"]


# -- refusals ------------------------------------------------------------------------------------------------------


def test_a_refresh_lock_is_told_and_the_switch_tried_again(world, rig, monkeypatch):
    path = world.lock("b")
    world.switcher.procedure._lock_bound = 0.02
    run(rig, world.evidence())
    assert outcomes(world) == [("limit", "refused")]
    run(rig)
    assert len(world.log()) == 1, "not before its time"
    os.rmdir(path)
    monkeypatch.setattr(rig.failover._policy, "_retry_at", 0.0)
    run(rig)
    assert outcomes(world) == [("limit", "refused"), ("limit", "switched")]
    assert rig.resumer.resumed == ["main"]


@pytest.mark.parametrize("outcome", ["failed", "refused"])
def test_a_switch_that_keeps_failing_is_tried_more_and_more_rarely(world, rig, monkeypatch, outcome):
    def full(_link, _account):
        raise OSError(errno.ENOSPC, "No space left on device")

    clock = 1000.0
    monkeypatch.setattr(policy, "time", SimpleNamespace(monotonic=lambda: clock))
    world.switcher.procedure._lock_bound = 0.0
    if outcome == "failed":
        monkeypatch.setattr(steps, "point_active", full)
    else:
        world.lock("b")
    rig.record_evidence(world.evidence())
    tried = []
    for second in range(140):
        clock = 1000.0 + second
        known = len(world.log())
        asyncio.run(rig.failover.run_round())
        tried += [second] * (len(world.log()) - known)
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123]
    assert set(outcomes(world)) == {("limit", outcome)}


def test_a_dead_login_is_passed_over_and_the_third_account_taken(tmp_path):
    world = World(tmp_path, "abc")
    rig = Rig(world)

    class Speaker:
        name, config_dir = "other", world.home("b")

    asyncio.run(rig.settle())
    rig.failover.account_signals.on_login_dead(Speaker(), "Login expired")
    assert rig.failover.account_status(world.config.account("b"))["login"] == "expired"
    run(rig, world.evidence())
    assert moves(world) == [("limit", "a", "c")]


def test_a_failed_switch_bars_its_target_and_takes_the_next(tmp_path, monkeypatch):
    world = World(tmp_path, "abc")
    rig = Rig(world)
    procedure = world.switcher.procedure
    procedure.checkpoint = lambda moment, step: world.diverge("b") if (moment, step) == ("begin", "verify") else None
    run(rig, world.evidence())
    procedure.checkpoint = lambda moment, step: None
    world.mend("b")
    monkeypatch.setattr(rig.failover._policy, "_retry_at", 0.0)
    run(rig)
    assert outcomes(world) == [("limit", "failed"), ("limit", "switched")]
    assert moves(world) == [("limit", "a", "c")]


# -- by hand -------------------------------------------------------------------------------------------------------


def test_a_switch_by_hand_to_the_active_account_is_no_error(world, rig):
    assert asyncio.run(rig.failover.switch("a"))["outcome"] == "stayed"
    with pytest.raises(UsageError):
        asyncio.run(rig.failover.switch("z"))
    world.log_in("b", "")
    with pytest.raises(Refused, match="login is dead"):
        asyncio.run(rig.failover.switch("b", force=True))


def test_a_dry_run_is_in_no_history(world, rig):
    assert asyncio.run(rig.failover.switch(dry_run=True))["outcome"] == "switched"
    assert (world.active, rig.failover.history(5)) == ("a", [])
    with pytest.raises(UsageError):
        rig.failover.history(0)


def test_a_flip_by_hand_lets_the_waiting_sessions_go_on(tmp_path):
    world = World(tmp_path, "abc")
    world.log_in("c", "")
    rig = Rig(world)
    exhaust_both(world, rig)
    world.point("c")
    run(rig, after=seconds(1))
    assert outcomes(world)[-1] == ("external", "switched")
    assert rig.resumer.resumed == ["one", "one"]


def test_a_flip_by_hand_to_an_exhausted_account_is_believed_until_that_one_refuses(tmp_path):
    world = World(tmp_path, "abc")
    rig = Rig(world)
    world.exhaustion.record("b", "five_hour", world.now + minutes(70), now=world.now)
    asyncio.run(rig.settle())
    world.point("b")
    run(rig, after=seconds(5))
    run(rig, world.evidence("one", begun=seconds(200)), after=seconds(100))
    assert rig.resumer.resumed == ["one"]
    assert moves(world) == [("external", "a", "b")]
    run(rig, world.evidence("one", begun=seconds(1)), after=seconds(100))
    assert moves(world)[1:] == [("limit", "b", "c")]


def test_while_suspended_nothing_is_switched_and_afterwards_it_is_judged(world, rig):
    asyncio.run(rig.settle())
    os.unlink(world.link)
    os.symlink("/nowhere", world.link)
    run(rig, world.evidence(begun=seconds(5)))
    assert outcomes(world) == [("external", "switched")]
    assert "/nowhere" in rig.failover.status()["suspended"]
    world.point("a")
    run(rig, after=seconds(61))
    assert rig.failover.status()["suspended"] is None
    run(rig, after=seconds(61))
    assert moves(world) == [("external", "a", None), ("external", None, "a"), ("limit", "a", "b")]
    assert rig.resumer.resumed == ["main"]


def test_a_switch_by_hand_that_is_under_way_is_not_answered_by_another(tmp_path):
    world = World(tmp_path, "abc")
    world.switcher.procedure._lock_bound = 30.0
    rig = Rig(world)
    path = world.lock("b")

    async def both():
        await world.switcher.observe()
        by_hand = asyncio.ensure_future(rig.failover.switch("b"))
        await until(lambda: getattr(world.switcher.journal.entry, "step", None) == "wait")
        rig.record_evidence(world.evidence("one", begun=seconds(5)))
        judged = asyncio.ensure_future(rig.settle())
        await asyncio.sleep(0.01)
        os.rmdir(path)
        await by_hand
        await judged

    asyncio.run(both())
    assert moves(world) == [("manual", "a", "b")]
    assert rig.resumer.resumed == ["one"]


# -- without a limit -----------------------------------------------------------------------------------------------


class Follower:
    name = "one"

    def __init__(self, world):
        self.config_dir = world.link


def figures(world, percent, reset=60):
    return {"five_hour": {"used_percentage": percent, "resets_at": (world.now + minutes(reset)).timestamp()}}


def stop(world):
    return TurnEvent("one", None, "stop", world.now)


def test_at_the_end_of_a_turn_above_the_threshold_there_is_a_switch(tmp_path):
    world = World(tmp_path, proactive_threshold=90)
    rig = Rig(world)
    rig.failover.account_signals.on_usage(Follower(world), figures(world, 91))
    run(rig)
    assert world.log() == []
    rig.failover.on_turn(stop(world))
    run(rig)
    assert moves(world) == [("proactive", "a", "b")]
    assert world.log()[0]["source"] == "statusline"
    assert rig.failover.account_status(world.config.account("a"))["used_percent"] == {"five_hour": 91}


@pytest.mark.parametrize("percent", [10, 89.9])
def test_below_the_threshold_there_is_none(tmp_path, percent):
    world = World(tmp_path, proactive_threshold=90)
    rig = Rig(world)
    rig.failover.account_signals.on_usage(Follower(world), figures(world, percent))
    rig.failover.on_turn(stop(world))
    run(rig)
    assert world.log() == []


def test_two_full_accounts_do_not_ping_pong(tmp_path):
    world = World(tmp_path, proactive_threshold=90, failback=True)
    rig = Rig(world)
    rig.idle = True
    for _turn in range(10):
        rig.failover.account_signals.on_usage(Follower(world), figures(world, 95, reset=600 + len(world.active)))
        rig.failover.on_turn(stop(world))
        run(rig, after=minutes(11))
    assert len(moves(world)) <= 1


def test_the_old_accounts_figures_right_after_a_flip_are_not_the_new_ones(tmp_path):
    world = World(tmp_path, "abc", proactive_threshold=90, cooldown=0)
    rig = Rig(world)
    old = figures(world, 95)
    for _turn in range(4):
        rig.failover.account_signals.on_usage(Follower(world), old)
        rig.failover.on_turn(stop(world))
        run(rig, after=seconds(5))
    assert moves(world) == [("proactive", "a", "b")]


def test_failback_once_the_preferred_account_has_reset_and_every_session_is_idle(tmp_path):
    world = World(tmp_path, failback=True)
    rig = Rig(world)
    run(rig, world.evidence(reset=minutes(10)))
    rig.idle = True
    run(rig, after=minutes(9))
    assert len(moves(world)) == 1
    rig.idle = False
    run(rig, after=minutes(2))
    assert len(moves(world)) == 1
    rig.idle = True
    run(rig, after=minutes(1))
    assert moves(world)[1:] == [("failback", "b", "a")]


def test_without_failback_it_stays(world, rig):
    rig.idle = True
    run(rig, world.evidence(reset=minutes(10)))
    run(rig, after=minutes(30))
    assert len(moves(world)) == 1


def test_failback_does_not_undo_what_was_done_by_hand(tmp_path):
    world = World(tmp_path, failback=True)
    rig = Rig(world)
    rig.idle = True
    asyncio.run(rig.failover.switch("b"))
    run(rig, after=minutes(30))
    assert moves(world) == [("manual", "a", "b")]


# -- what is told --------------------------------------------------------------------------------------------------


def test_a_record_stays_open_while_sessions_are_carried_over(world, rig):
    async def go_on():
        rig.resumer.gate = asyncio.Event()
        rig.record_evidence(world.evidence("one"))
        await rig.settle()
        assert world.log() == []
        assert rig.failover.history(5)[0]["outcome"] == "switched"
        assert rig.failover.status()["last_switch"]["to_account"] == "b"
        rig.resumer.gate.set()
        await rig.settle()

    asyncio.run(go_on())
    assert [row["name"] for row in world.log()[0]["sessions"]] == ["one"]


def test_a_record_is_closed_at_its_bound_all_the_same(world, rig, monkeypatch):
    monkeypatch.setattr(open_records, "RECORD_BOUND", 0.0)

    async def go_on():
        rig.resumer.gate = asyncio.Event()
        rig.record_evidence(world.evidence("one"))
        await rig.settle()
        rig.resumer.gate.set()
        await rig.settle()

    asyncio.run(go_on())
    assert len(world.log()) == 1


def test_a_carry_over_that_breaks_is_told_and_tried_again(world, rig, caplog):
    ran = rig.resumer.resume

    async def broken(sessions):
        rig.resumer.resume = ran
        raise RuntimeError("a bug")

    rig.resumer.resume = broken
    run(rig, world.evidence("one"))
    assert "a bug" in caplog.text
    assert rig.resumer.resumed == ["one"]
    assert len(moves(world)) == 1


def carry_coming_to(rig, result):
    async def run_(sessions):
        rig.resumer.resumed += sessions
        return [{"name": name, "uuid": None, "method": "none", "result": result, "seconds": 1.0} for name in sessions]

    rig.resumer.resume = run_


@pytest.mark.parametrize("result", ["draft: something is typed", "dialog: permission", "failed: not ready"])
def test_what_could_not_be_carried_over_is_tried_again_and_in_the_end_left(world, rig, result, caplog):
    carry_coming_to(rig, result)
    run(rig, world.evidence("one"))
    assert rig.resumer.resumed == ["one"]
    assert world.log()[0]["sessions"][0]["result"] == result
    for tries in range(2, 9):
        run(rig)
        assert len(rig.resumer.resumed) == tries - 1, "not before its time"
        rig.failover.resume_queue._retry_at["one"] = 0.0
        run(rig)
        assert len(rig.resumer.resumed) == tries
    assert "left to you" in caplog.text
    assert rig.failover.resume_queue.limited() == {}
    assert len(moves(world)) == 1


@pytest.mark.parametrize("result", ["gone", "moved on", "continued"])
def test_what_is_seen_to_is_off_the_list(world, rig, result):
    carry_coming_to(rig, result)
    run(rig, world.evidence("one"))
    run(rig)
    assert (rig.resumer.resumed, rig.failover.resume_queue.limited()) == (["one"], {})


def test_a_sighting_that_cannot_be_judged_does_not_stop_the_others(world, rig, caplog):
    run(rig, world.evidence("odd", config_dir="/a\0b"), world.evidence("main"))
    assert moves(world) == [("limit", "a", "b")]
    assert rig.resumer.resumed == ["main"]


def test_a_sighting_outlives_a_full_disk(world, rig, monkeypatch):
    """Neither the limit nor the session that waits may be lost because the disk had no room for a moment."""
    rig.record_evidence(world.evidence())

    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("claude_failover.storage.store.write_atomic", full)
        with pytest.raises(OSError, match="No space left"):
            asyncio.run(rig.failover.run_round())
    asyncio.run(rig.settle())
    assert moves(world) == [("limit", "a", "b")]
    assert rig.made


def test_a_bug_in_a_round_does_not_end_the_failover(world, rig, monkeypatch, caplog):
    observe = world.switcher.observe
    broken = [True]

    async def breaking():
        if broken:
            broken.clear()
            raise RuntimeError("a bug")
        return await observe()

    monkeypatch.setattr(world.switcher, "observe", breaking)

    async def go_on():
        rig.failover.start()
        await asyncio.sleep(0)
        rig.record_evidence(world.evidence("main"))
        await until(world.log)
        await rig.failover.stop()

    asyncio.run(go_on())
    assert "a bug; it is tried again" in caplog.text
    assert moves(world) == [("limit", "a", "b")]


def test_the_notify_command_gets_the_record_and_the_metrics_are_written(tmp_path):
    world = World(tmp_path)
    told = tmp_path / "told"
    world.configure(notify_command=("/bin/sh", "-c", f"cat > {told}"), metrics_textfile=str(tmp_path / "cf.prom"))
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
        "last_switch": None,
    }
    metrics, notifier = Metrics(world.current, [], lambda: status), Notifier(world.current)

    def on_record(record):
        metrics.add(record)
        metrics.write()
        notifier.send(record)

    rig = Rig(world, on_record=on_record)

    async def go_on():
        rig.failover.start()
        rig.record_evidence(world.evidence("one"))
        await until(world.log)
        await rig.failover.stop()
        await notifier.stop()

    asyncio.run(go_on())
    assert json.loads(told.read_text()) == world.log()[0]
    assert 'switches_total{reason="limit",outcome="switched"} 1' in (tmp_path / "cf.prom").read_text()


def test_no_token_is_in_what_is_logged_or_kept(world, rig, caplog):
    caplog.set_level("DEBUG")
    exhaust_both(world, rig)
    assert TOKEN not in caplog.text
    for folder, _folders, files in os.walk(world.config.state_dir):
        for name in files:
            with open(os.path.join(folder, name)) as stream:
                assert TOKEN not in stream.read()


def test_a_state_that_makes_no_sense_is_passed_over(world):
    senseless = {"inbox": [1], "held": [{"evidence": {}}], "waiting": {"account": 3}, "cooldown_until": 7}
    world.store.save("failover", senseless)
    rig = Rig(world)
    run(rig, world.evidence())
    assert moves(world) == [("limit", "a", "b")]


def test_a_foreign_line_in_the_log_of_switches_is_passed_over_and_told_once(world, caplog):
    with open(world.store.log_path("switches"), "w") as stream:
        stream.write('{"id": 1}\n')
    world.start()
    rig = Rig(world)
    run(rig, world.evidence())
    assert [(row["reason"], row["outcome"]) for row in rig.failover.history()] == [("limit", "switched")]
    assert caplog.text.count("no records of this daemon") == 1
