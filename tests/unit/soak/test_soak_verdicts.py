# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A soak names what it must not find: each verdict with histories that are well, and with one fault in them."""

from __future__ import annotations

import json

import pytest
from soak import plan, verdicts
from soak.requests import RESUME, Conversation, RequestLog, wrong_transcript, wrong_turns
from soak.violation import BROKEN, GROWN, LOST, TWICE, UNACCOUNTED
from soak.world import Flip, Sample, least


def conversation(*turns: tuple[str, str]) -> Conversation:
    """Return a conversation of prompts and their ends."""
    made = Conversation()
    for number, (prompt, mode) in enumerate(turns):
        row = {"prompt": prompt, "tag": "one", "began": float(number)}
        made.take(row)
        made.take({**row, "mode": mode})
    return made


def kinds(violations):
    return [violation.kind for violation in violations]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("seconds", [30, 60, 600])
def test_a_plan_has_every_kind_and_leaves_a_part_without_restarts(seed, seconds):
    steps = plan.plan(seed, seconds)
    assert steps == plan.plan(seed, seconds) and steps == sorted(steps, key=lambda step: step.at)
    expected = {plan.CROWD, plan.LIMIT, plan.FLIP, plan.STOP, plan.KILL, plan.HANGUP}
    expected |= {plan.RELOAD} if seconds >= 120 else set()  # the second of those that come a minute apart
    assert expected <= {step.kind for step in steps}
    restarts = [step.at for step in steps if step.kind in plan.RESTARTS]
    assert max(restarts) <= seconds * plan.RESTARTED + 1.5


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("those", "shortest", "longest"),
    [((plan.LIMIT, plan.CROWD), 5, 8), ((plan.FLIP,), 25, 40), ((plan.HANGUP, plan.RELOAD), 60, 60)],
    ids=["limits every few seconds", "flips", "a reload a minute"],
)
def test_a_disturbance_comes_as_often_as_the_readme_says_to_the_end(seed, those, shortest, longest):
    moments = [step.at for step in plan.plan(seed, 600) if step.kind in those]
    gaps = [later - at for at, later in zip(moments, moments[1:])]
    assert shortest <= min(gaps) and max(gaps) <= longest
    assert moments[0] <= longest and moments[-1] >= 600 - longest


@pytest.mark.parametrize("seed", range(20))
def test_restarts_come_as_often_as_the_readme_says_while_there_are_any(seed):
    moments = [step.at for step in plan.plan(seed, 600) if step.kind in plan.RESTARTS]
    gaps = [later - at for at, later in zip(moments, moments[1:])]
    # One that is to meet a switch is moved up to the limit before it.
    assert max(gaps) <= 20 + 8
    assert moments[-1] >= 600 * plan.RESTARTED - 20 - 8


def test_another_seed_is_another_plan():
    assert plan.plan(1, 60) != plan.plan(2, 60)


WELL = [("a", "ok"), ("b", "limit"), (RESUME, "limit"), (RESUME, "ok"), ("c", "ok")]


def test_a_resume_prompt_after_each_refusal_is_well():
    made = conversation(*WELL)
    assert wrong_turns("s", made) == []
    assert (made.own_prompts, made.refused, made.resumed) == (["a", "b", "c"], 2, 2)


@pytest.mark.parametrize(
    ("turns", "kind"),
    [
        ([*WELL, (RESUME, "ok")], TWICE),
        ([(RESUME, "ok")], TWICE),
        ([*WELL, ("a", "ok")], TWICE),
        ([*WELL, ("d", "unauthorized")], BROKEN),
    ],
)
def test_a_turn_too_many_is_named(turns, kind):
    assert kinds(wrong_turns("s", conversation(*turns))) == [kind]


def test_a_prompt_is_answered_by_itself_or_by_what_went_on_from_it():
    made = conversation(*WELL)
    assert [made.is_answered(prompt) for prompt in ("a", "b", "c", "d")] == [True, True, True, False]
    assert not conversation(("b", "limit"), ("c", "ok")).is_answered("b")
    assert not conversation(("b", "limit"), (RESUME, "limit")).is_answered("b")


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (["a", RESUME, "b"], []),
        (["a"], [LOST]),
        (["b", "a"], [LOST]),
        (["a", "b", "other"], [TWICE]),
    ],
)
def test_a_transcript_holds_the_prompts_in_their_order(kept, expected):
    assert kinds(wrong_transcript("s", "uuid", ["a", "b"], kept)) == expected


def record(name, origin, target, outcome="switched", sessions=()):
    row = {"id": name, "time": name, "from_account": origin, "to_account": target, "outcome": outcome}
    return {**row, "sessions": list(sessions)}


FLIPS = [Flip(1.0, "one", "two"), Flip(2.0, "two", "one")]
RECORDS = [record("1", "one", "two", sessions=[{"name": "s", "result": "continued"}]), record("2", "two", "one")]


def test_flips_records_history_and_events_that_agree_are_well():
    stayed = record("3", "one", None, outcome="stayed")
    every = [*RECORDS, stayed]
    assert verdicts.switches(FLIPS, every, reversed(every), every) == []


@pytest.mark.parametrize(
    ("flips", "records", "history", "events", "count"),
    [
        (FLIPS[:1], RECORDS, RECORDS, RECORDS, 1),
        ([*FLIPS, FLIPS[0]], RECORDS, RECORDS, RECORDS, 1),
        (FLIPS, [*RECORDS, RECORDS[1]], RECORDS, RECORDS, 4),
        (FLIPS, RECORDS, RECORDS[:1], RECORDS, 1),
        (FLIPS, RECORDS, RECORDS, RECORDS[1:], 1),
        (FLIPS, RECORDS, RECORDS, [*RECORDS, RECORDS[0]], 1),
    ],
    ids=["unseen", "unrecorded", "recorded twice", "not in history", "no event", "two events"],
)
def test_a_switch_that_is_not_accounted_for_is_named(flips, records, history, events, count):
    assert kinds(verdicts.switches(flips, records, history, events)) == [UNACCOUNTED] * count


def test_a_session_of_a_record_without_a_result_is_named():
    records = [record("1", "one", "two", sessions=[{"name": "s", "result": None}])]
    assert kinds(verdicts.switches(FLIPS[:1], records, records, records)) == [UNACCOUNTED]


@pytest.mark.parametrize(
    ("state", "detail", "answers", "expected"),
    [
        ("done", "", 1, []),
        ("failed", "the session is gone", 0, []),
        ("failed", "", 0, [UNACCOUNTED]),
        ("done", "", 0, [LOST]),
        ("done", "", 2, [TWICE]),
        ("queued", "waits", 0, [LOST]),
    ],
)
def test_a_task_ends_once_or_says_why_not(state, detail, answers, expected):
    rows = [{"prompt": "task", "state": state, "detail": detail}]
    assert kinds(verdicts.tasks(rows, {"task": answers})) == expected


def test_the_floor_of_the_figures_may_not_grow():
    floor = least([Sample(1000, 12, 3), Sample(1200, 11, 2)])
    assert floor == Sample(1000, 11, 2)
    assert verdicts.footprint(floor, Sample(1050, 11, 2)) == []
    assert kinds(verdicts.footprint(floor, Sample(1051, 12, 3))) == [GROWN, GROWN, GROWN]


def test_documents_are_bounded_and_usable():
    assert verdicts.state({"failover.json": 4096, "switches.jsonl": 1 << 30, "tasks": 1000}, 20) == []
    found = verdicts.state({"failover.json": 1 << 20, "tasks": 3 << 20, "usage.json.set-aside": 1, ".x": 1}, 20)
    assert sorted(kinds(found)) == [BROKEN, BROKEN, GROWN, GROWN]


def test_a_torn_row_of_the_log_is_read_once_it_is_whole(tmp_path):
    path = tmp_path / "requests.jsonl"
    log = RequestLog(str(path))
    log.read_on()
    row = json.dumps({"kind": "turn", "session": "u", "prompt": "a", "tag": "one", "began": 1.0}) + "\n"
    path.write_text(row[:20])
    log.read_on()
    assert log.conversation("u").turns == []
    path.write_text(row)
    log.read_on()
    log.read_on()
    assert [turn.prompt for turn in log.conversation("u").turns] == ["a"]
