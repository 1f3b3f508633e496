# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import dataclasses
import time
from datetime import timedelta

import pytest
from switch_world import T0, Harness, World, minutes, settle, use

from claude_failover.accounts.usage import read_windows
from claude_failover.claude.turns import TurnEvent
from claude_failover.common import clock
from claude_failover.failover import policy
from claude_failover.failover.state import ResetWait
from claude_failover.limits import Verdict
from claude_failover.switching.flip_log import Flip


def seconds(number):
    return timedelta(seconds=number)


pytestmark = pytest.mark.usefixtures("quick")


def limit(world, **limits):
    """Record a limit of each account."""
    for name, kind in limits.items():
        world.exhaustion.record(name, kind, T0 + minutes(600), now=T0)


def switches(world):
    rows = [row for row in world.log() if row["outcome"] == "switched"]
    return [(row["reason"], row["from_account"], row["to_account"]) for row in rows]


def answered(evidence):
    """Return the evidence of a later turn that was not refused."""
    verdict = Verdict(False, None, None, "answered", "", "")
    return dataclasses.replace(evidence, verdict=verdict, at=evidence.at + seconds(5))


# -- limit ---------------------------------------------------------------------------------------------------------


def hold(harness, *evidence):
    """Let the sessions wait for a's limits, and return the switch that is due."""
    for item in evidence:
        harness.world.exhaustion.record("a", item.verdict.limit, T0 + minutes(90), now=T0)
        harness.failover.resume_queue.add(item, "a")
    return harness.failover._policy.decide("a")


def test_a_switch_for_a_limit_is_only_from_the_account_it_was_decided_for(tmp_path):
    harness = Harness(World(tmp_path))
    evidence = harness.world.evidence("one")
    request = hold(harness, evidence)
    assert (request.reason, request.trigger, request.expected) == ("limit", evidence, "a")


def test_an_account_wide_limit_comes_before_one_of_a_model(tmp_path):
    harness = Harness(World(tmp_path))
    evidence = [harness.world.evidence(name, limit=name) for name in ("opus", "five_hour", "sonnet")]
    assert hold(harness, *evidence).trigger.session == "five_hour"


def test_a_session_that_went_on_does_not_keep_another_from_its_switch(tmp_path, caplog):
    caplog.set_level("INFO", logger="claude_failover.failover.policy")
    harness = Harness(World(tmp_path))
    evidence = [harness.world.evidence(name) for name in ("one", "two")]
    harness.newest["one"] = answered(evidence[0])
    assert hold(harness, *evidence).trigger.session == "two"
    assert list(harness.failover.resume_queue.limited()) == ["two"]
    assert "session one: its newest turn is no longer limited" in caplog.text


def test_after_a_failed_switch_the_delay_can_be_cleared(tmp_path):
    harness = Harness(World(tmp_path))
    harness.failover._policy.on_switch_finished({"outcome": "failed", "reason": "limit"})
    assert hold(harness, harness.world.evidence("one")) is None
    harness.failover._policy.clear_retry_delay()
    assert harness.failover._policy.decide("a") is not None


def test_a_refused_switch_by_hand_delays_no_automatic_one(tmp_path):
    harness = Harness(World(tmp_path))
    harness.failover._policy.on_switch_finished({"outcome": "refused", "reason": "manual"})
    assert hold(harness, harness.world.evidence("one")) is not None


def test_a_switch_ends_the_growth_of_the_retry_delay(tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(policy.time, "monotonic", lambda: clock[0])
    harness = Harness(World(tmp_path, cooldown=0))
    for outcome in ("failed", "failed", "failed", "switched", "failed"):
        harness.failover._policy.on_switch_finished({"outcome": outcome, "reason": "limit"})
    assert hold(harness, harness.world.evidence("one")) is None
    clock[0] += 1.0
    assert harness.failover._policy.decide("a") is not None


@pytest.mark.parametrize("reason", ["manual", "external", "limit"])
def test_only_a_flip_by_hand_to_an_exhausted_account_makes_it_usable(tmp_path, reason):
    harness = Harness(World(tmp_path))
    harness.world.exhaustion.record("b", "five_hour", T0 + minutes(60), now=T0)
    harness.world.switcher.flip_log.add(Flip(T0, "a", "b", reason))
    harness.failover.resume_queue.add(harness.world.evidence("one"), "a")

    async def go_on():
        harness.failover._policy.decide("b")
        await asyncio.gather(*harness.failover.resume_queue.tasks)

    asyncio.run(go_on())
    assert harness.resumer.resumed == ([] if reason == "limit" else ["one"])


def test_old_evidence_is_switched_for_although_the_accounts_were_just_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "_ACCOUNT_CHECK_INTERVAL", 1000.0)
    harness = Harness(World(tmp_path))
    evidence = harness.world.evidence("one")
    harness.world.now += seconds(2000)
    harness.failover._policy._accounts_checked_at = time.monotonic()
    settle(harness, evidence)
    assert switches(harness.world) == [("limit", "a", "b")]


# -- proactive -----------------------------------------------------------------------------------------------------


@pytest.fixture
def watched(tmp_path):
    """A harness at the end of a turn, with a threshold of 90 %."""
    harness = Harness(World(tmp_path, "abc", proactive_threshold=90))
    harness.failover._policy.turn_ended = True
    return harness


@pytest.mark.parametrize(("percent", "target"), [(89.9, None), (90, "b"), (100, "b")])
def test_a_proactive_switch_is_due_at_the_threshold(watched, percent, target):
    use(watched.world, a=percent)
    settle(watched)
    assert [row["to_account"] for row in watched.world.log()] == ([target] if target else [])


def test_an_account_whose_usage_is_not_known_is_not_left(tmp_path):
    harness = Harness(World(tmp_path, proactive_threshold=1))
    harness.failover._policy.turn_ended = True
    settle(harness)
    assert harness.world.log() == []


def test_a_proactive_switch_says_why(watched):
    use(watched.world, a=95.5)
    settle(watched)
    assert "a has used 95.5 %" in watched.world.log()[0]["detail"]


def test_a_proactive_switch_skips_an_account_with_any_limit(watched):
    use(watched.world, a=95)
    limit(watched.world, b="opus")
    settle(watched)
    assert switches(watched.world) == [("proactive", "a", "c")]


def test_a_proactive_switch_skips_an_account_over_the_threshold(watched):
    use(watched.world, a=95, b=90)
    settle(watched)
    assert switches(watched.world) == [("proactive", "a", "c")]


@pytest.mark.parametrize("others", ["limited", "full"])
def test_without_a_better_account_no_proactive_switch_is_recorded(watched, others):
    use(watched.world, a=95)
    if others == "limited":
        limit(watched.world, b="opus", c="sonnet")
    else:
        use(watched.world, b=90, c=99)
    settle(watched)
    assert watched.world.log() == []


def test_a_proactive_switch_is_only_from_the_account_it_was_decided_for(watched):
    use(watched.world, a=95)
    assert watched.failover._policy.decide("a").expected == "a"


def test_no_proactive_switch_while_sessions_are_being_resumed(watched):
    use(watched.world, a=95)
    watched.failover.resume_queue.add(watched.world.evidence("one"), None)

    async def go_on():
        watched.resumer.gate = asyncio.Event()
        requests = [watched.failover._policy.decide("a") for _round in range(2)]
        watched.resumer.gate.set()
        await asyncio.gather(*watched.failover.resume_queue.tasks)
        return [*requests, watched.failover._policy.decide("a").reason]

    assert asyncio.run(go_on()) == [None, None, "proactive"]


def learn(harness, **steps):
    """Teach the step of accounts, by two figures."""
    for name, step in steps.items():
        for percent in (0, step):
            row = {"used_percentage": percent, "resets_at": (T0 + minutes(600)).timestamp()}
            harness.failover.account_signals.next_turn.steps.record(name, read_windows({"five_hour": row}))


def begin_turns(harness, *names):
    for name in names:
        harness.failover.account_signals.on_turn(TurnEvent(name, None, "prompt", harness.world.now))


@pytest.mark.parametrize(("percent", "target"), [(78, None), (79.5, "b")])
def test_an_account_is_left_in_the_middle_of_a_turn_when_the_next_one_may_not_fit(tmp_path, percent, target):
    harness = Harness(World(tmp_path, "abc", proactive_threshold=95))
    learn(harness, a=10)
    begin_turns(harness, "one")
    use(harness.world, a=percent)
    settle(harness)
    assert switches(harness.world) == ([("proactive", "a", target)] if target else [])
    if target:
        assert "a has used 79.5 % of a window, into which the next turn may not fit" in harness.world.log()[0]["detail"]


def test_without_a_threshold_no_account_is_left_before_its_limit(tmp_path):
    harness = Harness(World(tmp_path, "abc"))
    learn(harness, a=10)
    use(harness.world, a=98)
    settle(harness)
    assert harness.world.log() == []


def test_an_account_over_its_threshold_takes_the_next_turn_while_it_has_more_room(tmp_path):
    harness = Harness(World(tmp_path, "abc", proactive_threshold=50))
    learn(harness, a=10, b=10, c=1)
    begin_turns(harness, "one")
    use(harness.world, a=85, b=90, c=70)
    settle(harness)
    assert switches(harness.world) == [("proactive", "a", "c")]
    settle(harness, after=minutes(5))
    assert len(harness.world.log()) == 1


def test_an_account_that_the_next_turn_does_not_fit_into_is_no_target(watched):
    learn(watched, a=1, b=40)
    use(watched.world, a=91, b=70)
    settle(watched)
    assert switches(watched.world) == [("proactive", "a", "c")]


def test_no_failback_to_an_account_that_the_next_turn_does_not_fit_into(tmp_path):
    harness = after_a_switch(tmp_path, proactive_threshold=90)
    learn(harness, a=40)
    use(harness.world, a=70)
    settle(harness)
    assert harness.world.active == "b"
    assert "a: the next turn may not fit" in harness.failover.failback_status()["waits_for"]


# -- failback ------------------------------------------------------------------------------------------------------


def after_a_switch(folder, **failover):
    """Return a harness with b active after a's limit, which has ended; every session is idle."""
    harness = Harness(World(folder, "abc", failback=True, cooldown=0, **failover))
    settle(harness, harness.world.evidence(reset=minutes(10)))
    assert harness.world.active == "b"
    harness.world.now += minutes(20)
    harness.idle = True
    return harness


def test_a_failback_is_to_the_preferred_account_whatever_the_strategy(tmp_path):
    harness = after_a_switch(tmp_path, strategy="headroom")
    use(harness.world, a=50, c=10)
    settle(harness)
    assert switches(harness.world)[1:] == [("failback", "b", "a")]
    assert "a is preferred" in harness.world.log()[-1]["detail"]


@pytest.mark.parametrize("kind", ["five_hour", "opus"])
def test_no_failback_to_an_account_with_any_limit(tmp_path, kind):
    harness = after_a_switch(tmp_path)
    limit(harness.world, a=kind)
    settle(harness)
    assert len(harness.world.log()) == 1


@pytest.mark.parametrize(("percent", "due"), [(89.9, True), (90, False)])
def test_a_failback_is_only_below_the_threshold(tmp_path, percent, due):
    harness = after_a_switch(tmp_path, proactive_threshold=90)
    use(harness.world, a=percent)
    settle(harness)
    assert len(harness.world.log()) == (2 if due else 1)
    assert harness.world.active == ("a" if due else "b")


def test_a_failback_requests_what_it_was_decided_on(tmp_path):
    """The preferred account can hit a limit, and the link be flipped, between the decision and the switch."""
    harness = after_a_switch(tmp_path, proactive_threshold=90)
    request = harness.failover._policy.decide("b")
    assert (request.reason, request.target, request.expected) == ("failback", "a", "b")
    assert (request.clean, request.below) == (True, 90)


def test_no_failback_after_a_flip_by_hand(tmp_path):
    harness = after_a_switch(tmp_path)
    harness.world.flip_by_hand("c")
    settle(harness)
    settle(harness, after=minutes(5))
    assert [row["reason"] for row in harness.world.log()] == ["limit", "external"]


def test_no_failback_after_a_switch_by_hand(tmp_path):
    harness = after_a_switch(tmp_path)
    asyncio.run(harness.failover.switch("c"))
    settle(harness, after=minutes(5))
    assert [row["reason"] for row in harness.world.log()] == ["limit", "manual"]


def test_no_failback_without_a_switch_before(tmp_path):
    world = World(tmp_path, "ab", failback=True)
    world.flip_by_hand("b")
    harness = Harness(world)
    harness.idle = True
    settle(harness)
    settle(harness, after=minutes(5))
    assert world.active == "b"


def waits_for(harness):
    return harness.failover.failback_status()["waits_for"]


def test_what_a_failback_waits_for(tmp_path):
    harness = after_a_switch(tmp_path)
    assert waits_for(harness) is None, "it is made now"
    harness.idle = False
    assert waits_for(harness) == "these sessions to be idle: main (busy)"
    limit(harness.world, a="five_hour")
    assert waits_for(harness) == "a: exhausted until 2026-11-23T06:00:00.000Z"


def test_a_failback_names_only_some_of_many_busy_sessions(tmp_path):
    harness = after_a_switch(tmp_path)
    harness.failover._policy._failback._not_idle = lambda: [f"s{number} (busy)" for number in range(1, 9)]
    assert waits_for(harness).endswith("s4 (busy), s5 (busy) and 3 more")


def test_a_failback_waits_for_limited_sessions_and_the_cooldown(tmp_path):
    harness = after_a_switch(tmp_path)
    harness.failover._state.cooldown_until = harness.world.now + seconds(30)
    assert waits_for(harness) == f"the end of the cooldown, {clock.wall_iso(harness.world.now + seconds(30))}"
    harness.failover.resume_queue.add(harness.world.evidence("main"), "b")
    assert waits_for(harness) == "the sessions that a limit has stopped: main"


def test_after_a_choice_by_hand_a_failback_waits_for_a_limit(tmp_path):
    harness = after_a_switch(tmp_path)
    asyncio.run(harness.failover.switch("c"))
    assert waits_for(harness) == "a limit of c: it was chosen by hand, which holds until a limit ends it"


def test_nothing_waits_where_there_is_no_way_back(tmp_path):
    harness = after_a_switch(tmp_path)
    settle(harness)
    harness.idle = False
    assert (harness.world.active, waits_for(harness)) == ("a", None)
    without = Harness(World(tmp_path / "off", "ab"))
    asyncio.run(without.failover.switch("b"))
    assert waits_for(without) is None


# -- the wait for a reset ------------------------------------------------------------------------------------------


def exhaust_all(harness, kind="five_hour", first=90, second=60):
    """Let a and b hit a limit, one after the other; b stays active."""
    settle(harness, harness.world.evidence("one", limit=kind, reset=minutes(first)))
    harness.world.now += seconds(100)
    settle(harness, harness.world.evidence("one", limit=kind, begun=seconds(1), reset=minutes(second)))


@pytest.fixture
def waiting(tmp_path):
    harness = Harness(World(tmp_path))
    exhaust_all(harness)
    return harness


def test_the_end_of_the_cooldown_and_the_reset_are_deadlines(waiting):
    reset = T0 + seconds(100) + minutes(60)
    assert waiting.failover._policy.deadlines() == [T0 + seconds(60), reset + seconds(1)]


def test_without_cooldown_and_wait_there_are_no_deadlines(tmp_path):
    assert Harness(World(tmp_path)).failover._policy.deadlines() == []


def test_the_wait_is_until_the_reset_of_the_limit_that_was_hit(tmp_path):
    harness = Harness(World(tmp_path))
    exhaust_all(harness, "opus")
    assert harness.failover._policy.waiting_until == T0 + seconds(100) + minutes(60)


def test_the_wait_is_logged_with_its_end_and_the_number_of_sessions(tmp_path, caplog):
    exhaust_all(Harness(World(tmp_path)))
    assert "1 sessions wait, until 2026-11-22T21:01:40.000Z" in caplog.text


def test_a_wait_that_time_does_not_end_is_logged_with_what_would(tmp_path, caplog):
    harness = Harness(World(tmp_path))
    harness.world.log_in("b", "")
    use(harness.world, a=10)
    settle(harness, harness.world.evidence("one"))
    assert harness.failover._policy.waiting_until == T0 + minutes(90)
    harness.world.log_in("a", "")
    settle(harness, after=minutes(2))
    assert harness.failover._policy.waiting_until is None
    assert "account to be logged in or repaired" in caplog.text


def test_the_record_of_a_reset_names_account_trigger_and_sessions(tmp_path):
    harness = Harness(World(tmp_path))
    exhaust_all(harness, first=300, second=10)
    settle(harness, after=minutes(11))
    record = harness.world.log()[-1]
    assert (record["reason"], record["outcome"]) == ("reset", "stayed")
    assert (record["from_account"], record["to_account"]) == ("b", "b")
    assert "b can be used again" in record["detail"]
    assert (record["trigger_session"], record["limit"]) == ("one", "five_hour")
    assert [row["name"] for row in record["sessions"]] == ["one"]


@pytest.mark.parametrize(("since", "made"), [(-0.5, 0), (0.5, 0), (1.0, 1)])
def test_the_switch_to_an_account_that_has_reset_is_a_second_after_it(tmp_path, since, made):
    harness = Harness(World(tmp_path))
    exhaust_all(harness, first=10, second=60)
    harness.world.now = T0 + minutes(10) + seconds(since)
    settle(harness)
    assert switches(harness.world)[1:] == [("reset", "b", "a")] * made
    assert len(harness.world.log()) == 2 + made


def test_a_session_limited_by_another_account_waits_for_the_first_reset_of_its_limit(tmp_path):
    """Without evidence against the active account nothing is switched."""
    harness = Harness(World(tmp_path))
    world = harness.world
    world.flip_by_hand("b")
    world.switcher.flip_log.add(Flip(T0, "a", "b", "limit"))
    world.exhaustion.record("b", "opus", T0 + minutes(60), now=T0)
    settle(harness, world.evidence("one", limit="opus", begun=seconds(10)))
    assert world.log() == []
    assert harness.failover._state.reset_wait == ResetWait("b", "opus", T0 + minutes(60))


@pytest.mark.parametrize("kind", ["five_hour", "opus"])
def test_staying_until_a_reset_is_recorded_once(tmp_path, kind):
    harness = Harness(World(tmp_path))
    exhaust_all(harness, kind)
    for _time in range(3):
        settle(harness, after=seconds(61))
    assert [row["outcome"] for row in harness.world.log()] == ["switched", "stayed"]


@pytest.mark.parametrize(("later", "records"), [(89, 1), (91, 2)])
def test_a_reset_that_moves_by_more_than_90_seconds_during_the_wait_is_recorded(waiting, later, records):
    reset = waiting.failover._policy.waiting_until
    waiting.world.exhaustion.record("b", "five_hour", reset + seconds(later), now=waiting.world.now)
    settle(waiting, after=seconds(20))
    assert [row["outcome"] for row in waiting.world.log()] == ["switched", *["stayed"] * records]


def test_an_account_whose_limit_is_cleared_during_the_wait_has_not_reset(waiting):
    waiting.world.exhaustion.clear("b", now=waiting.world.now)
    settle(waiting, after=seconds(20))
    assert waiting.resumer.resumed == ["one", "one"]
    assert [row["reason"] for row in waiting.world.log()] == ["limit", "limit"]


def test_staying_for_want_of_a_clean_account_is_recorded_once(tmp_path):
    """b could be used for opus, but is out of sonnet: switching would go in circles."""
    harness = Harness(World(tmp_path, cooldown=0))
    for kind in ("opus", "sonnet", "opus"):
        evidence = harness.world.evidence(kind, limit=kind, begun=seconds(1), reset=minutes(200))
        harness.world.now += seconds(61)
        settle(harness, dataclasses.replace(evidence, at=harness.world.now, request_at=harness.world.now - seconds(1)))
    for _time in range(3):
        settle(harness, after=seconds(61))
    outcomes = [row["outcome"] for row in harness.world.log()]
    assert outcomes == ["switched", "switched", "stayed"]


def test_another_limit_during_the_wait_is_recorded(waiting):
    world = waiting.world
    waiting.newest["one"] = answered(world.evidence("one", begun=seconds(1)))
    settle(waiting, world.evidence("two", limit="seven_day", begun=seconds(1), reset=minutes(60)), after=seconds(20))
    assert [(row["outcome"], row["limit"]) for row in world.log()[1:]] == [
        ("stayed", "five_hour"),
        ("stayed", "seven_day"),
    ]


# -- account checks ------------------------------------------------------------------------------------------------


@pytest.fixture
def unchecked(tmp_path, monkeypatch):
    """A harness that waits, with an account that has become usable since the last check."""
    monkeypatch.setattr(policy, "_ACCOUNT_CHECK_INTERVAL", 1000.0)
    world = World(tmp_path, "abc")
    world.log_in("c", "")
    harness = Harness(world)
    exhaust_all(harness)
    settle(harness, after=seconds(1001))
    world.log_in("c")
    return harness


def test_between_two_checks_an_account_that_became_usable_is_not_switched_to(unchecked):
    settle(unchecked)
    assert unchecked.world.active == "b"


def test_a_reload_checks_the_accounts_at_once(unchecked):
    unchecked.world.configure()
    settle(unchecked)
    assert unchecked.world.active == "c"


def test_new_evidence_checks_the_accounts_at_once(unchecked):
    settle(unchecked, unchecked.world.evidence("two", begun=seconds(1)))
    assert unchecked.world.active == "c"
