# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from switch_world import Harness, World, wait_until

from claude_failover.claude.turns import TurnEvent
from claude_failover.failover import resume_queue
from claude_failover.switching.record import new_record


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def harness(world, monkeypatch):
    monkeypatch.setattr(resume_queue, "_RESUME_INTERVAL", 0.0)
    return Harness(world)


@pytest.fixture
def queue(harness):
    return harness.failover.resume_queue


def resume(queue):
    """Resume every limited session whose attempt is due, and wait for the results."""

    async def go_on():
        queue.resume(list(queue.limited().values()))
        await asyncio.gather(*queue.tasks)

    asyncio.run(go_on())


def give(harness, result):
    """Let every resumption have this result."""

    async def resume_(name):
        harness.resumer.resumed.append(name)
        return {"name": name, "result": result}

    harness.resumer.resume = resume_


def refuse(harness):
    """Let every resumption fail."""

    give(harness, "failed: not ready")


def test_a_queue_is_not_busy_until_sessions_are_to_be_resumed(queue):
    assert not queue.is_busy
    queue.mark_pending()
    assert queue.is_busy
    queue.resume([])
    assert not queue.is_busy


def test_an_added_session_is_marked_as_limited(world, harness, queue):
    queue.add(world.evidence("one"), "a")
    assert harness.resumer.limited == ["one"]
    assert list(queue.limited()) == ["one"]


def test_a_failed_session_is_not_resumed_before_its_time(world, harness, queue):
    refuse(harness)
    queue.add(world.evidence("one"), "a")
    resume(queue)
    resume(queue)
    assert harness.resumer.resumed == ["one"]


def test_a_new_refusal_is_resumed_at_once(world, harness, queue):
    refuse(harness)
    queue.add(world.evidence("one", turn="first"), "a")
    resume(queue)
    queue.add(world.evidence("one", turn="second"), "b")
    resume(queue)
    assert harness.resumer.resumed == ["one", "one"]


def test_a_new_refusal_has_all_attempts_again(world, harness, queue):
    refuse(harness)
    for turn in ("first", "second"):
        queue.add(world.evidence("one", turn=turn), "a")
        for _attempt in range(7):
            assert "one" in queue.limited()
            resume(queue)
            queue._retry_at.clear()
    assert list(queue.limited()) == ["one"]
    resume(queue)
    assert queue.limited() == {}


def test_without_a_flip_the_interval_of_a_session_is_kept(world, harness, queue, monkeypatch):
    monkeypatch.setattr(resume_queue, "_RESUME_INTERVAL", 1000.0)
    for turn in ("first", "second"):
        queue.add(world.evidence("one", turn=turn), "a")
        resume(queue)
    assert harness.resumer.resumed == ["one"]
    assert queue.is_busy


@pytest.mark.parametrize(
    ("known", "turn", "same_request", "duplicate"),
    [
        ("t1", "t1", True, True),
        ("t1", "t1", False, True),
        ("t1", "t2", True, False),
        ("t1", "t2", False, False),
        ("t1", None, True, True),
        ("t1", None, False, False),
        (None, "t1", True, True),
        (None, "t1", False, False),
        (None, None, True, True),
        (None, None, False, False),
    ],
)
def test_further_evidence_of_a_resumed_refusal_is_dropped(world, queue, known, turn, same_request, duplicate):
    first = world.evidence("one", turn=known)
    queue.add(first, "a")
    resume(queue)
    assert queue.limited() == {}
    request_at = first.request_at if same_request else first.request_at + seconds(5)
    queue.add(dataclasses.replace(first, turn=turn, request_at=request_at, at=world.now + seconds(9)), "a")
    assert list(queue.limited()) == ([] if duplicate else ["one"])


def test_evidence_of_another_conversation_is_no_duplicate(world, queue):
    first = world.evidence("one", turn="t1")
    queue.add(first, "a")
    resume(queue)
    queue.add(dataclasses.replace(first, uuid="another"), "a")
    assert list(queue.limited()) == ["one"]


def test_a_session_being_resumed_has_a_row(world, harness, queue):
    evidence = world.evidence("one")

    record = new_record("limit", world.now, origin="a", target="b", outcome="switched")
    harness.failover._records.add(record)

    async def go_on():
        harness.resumer.gate = asyncio.Event()
        queue.add(evidence, "a")
        queue.resume([evidence])
        rows = queue.unfinished_rows(record["id"]), queue.unfinished_rows("a later one")
        harness.resumer.gate.set()
        await asyncio.gather(*queue.tasks)
        return rows

    assert asyncio.run(go_on()) == ([{"name": "one", "uuid": evidence.uuid, "result": "under way"}], [])


# -- results -------------------------------------------------------------------------------------------------------


def test_a_session_that_is_gone_is_limited_no_longer(world, harness, queue):
    give(harness, "gone")
    queue.add(world.evidence("one"), "a")
    resume(queue)
    assert queue.limited() == {}


def test_a_final_result_may_have_details(world, harness, queue):
    give(harness, "moved on: by itself")
    queue.add(world.evidence("one"), "a")
    resume(queue)
    assert queue.limited() == {}


def test_a_result_is_logged_with_its_session(world, harness, queue, caplog):
    caplog.set_level("INFO", logger="claude_failover.failover.resume_queue")
    queue.add(world.evidence("one"), "a")
    resume(queue)
    (text,) = caplog.messages
    assert "session one" in text
    assert "sent" in text


def test_a_refusal_during_the_resumption_outlives_its_result(world, harness, queue):
    async def go_on():
        harness.resumer.gate = asyncio.Event()
        queue.add(world.evidence("one", turn="first"), "a")
        queue.resume(list(queue.limited().values()))
        queue.add(world.evidence("one", turn="second"), "b")
        harness.resumer.gate.set()
        await asyncio.gather(*queue.tasks)

    asyncio.run(go_on())
    assert [evidence.turn for evidence in queue.limited().values()] == ["second"]


def test_each_session_has_its_own_attempts(world, harness, queue):
    refuse(harness)
    for name in ("one", "two"):
        queue.add(world.evidence(name), "a")
    for _attempt in range(7):
        resume(queue)
        queue._retry_at.clear()
    assert list(queue.limited()) == ["one", "two"]


def test_a_failed_attempt_and_the_last_are_logged_with_session_and_result(world, harness, queue, caplog):
    refuse(harness)
    queue.add(world.evidence("one"), "a")
    for _attempt in range(8):
        resume(queue)
        queue._retry_at.clear()
    first, last = caplog.messages[0], caplog.messages[-1]
    assert "session one: not resumed (failed: not ready); tried again in 5 s" in first
    assert "session one: not resumed (failed: not ready), and not tried again" in last


def test_a_bug_in_a_resumption_is_logged_with_its_session(world, harness, queue, caplog):
    async def broken(_name):
        raise RuntimeError("a bug")

    async def go_on():
        queue.resume(list(queue.limited().values()))
        await asyncio.gather(*queue.tasks, return_exceptions=True)

    harness.resumer.resume = broken
    for name in ("one", "two"):
        queue.add(world.evidence(name), "a")
    asyncio.run(go_on())
    assert "resuming one: a bug; it is tried again" in caplog.text
    assert "resuming two: a bug; it is tried again" in caplog.text
    assert list(queue.limited()) == ["one", "two"]


def test_a_result_is_recorded_and_logged_while_other_sessions_are_resumed(world, harness, queue, caplog):
    caplog.set_level("INFO")

    async def resume_in_turn(name):
        if name == "slow":
            await gate.wait()
        return {"name": name, "uuid": "u", "method": "hot", "result": "sent", "seconds": 0.1}

    async def go_on():
        nonlocal gate
        gate = asyncio.Event()
        queue.resume(list(queue.limited().values()))
        await wait_until(lambda: "quick" not in queue.resuming)
        assert queue.resuming == {"slow"}
        recorded = [row["name"] for row in record["sessions"]]
        gate.set()
        await asyncio.gather(*queue.tasks)
        return recorded

    gate = None
    record = new_record("limit", world.now, origin="a", target="b", outcome="switched")
    harness.failover._records.add(record)
    harness.resumer.resume = resume_in_turn
    for name in ("slow", "quick"):
        queue.add(world.evidence(name), "a")
    assert asyncio.run(go_on()) == ["quick"]
    assert [row["name"] for row in record["sessions"]] == ["quick", "slow"]
    results = [line for line in caplog.messages if "resume result" in line]
    assert [line.partition(":")[0] for line in results] == ["session quick", "session slow"]


def test_a_session_whose_bound_of_prompts_is_reached_is_left_at_once(world, harness, queue):
    give(harness, "bound: 3 prompts were sent")
    queue.add(world.evidence("one"), "a")
    resume(queue)
    assert queue.limited() == {}


def test_a_limited_session_is_followed_into_the_copy_of_its_conversation(world, harness, queue):
    evidence = world.evidence("one")
    queue.add(evidence, "a")
    refuse(harness)
    resume(queue)
    queue.on_copied("one", evidence.uuid, "the-copy")
    queue.on_copied("one", "another", "no-copy-of-it")
    assert queue.limited()["one"] == dataclasses.replace(evidence, uuid="the-copy")
    harness.restart()
    assert harness.failover.resume_queue.limited()["one"].uuid == "the-copy"


def test_a_session_that_is_copied_while_it_is_resumed_is_not_resumed_again(world, harness, queue):
    evidence = world.evidence("one")
    queue.add(evidence, "a")
    resume_before = harness.resumer.resume

    async def copied(name):
        queue.on_copied("one", evidence.uuid, "the-copy")
        return await resume_before(name)

    harness.resumer.resume = copied
    resume(queue)
    assert queue.limited() == {}
    queue.add(dataclasses.replace(evidence, uuid="the-copy", source="transcript"), "a")
    assert queue.limited() == {}, "the copy's transcript holds the refusal as well"


HELD_BACK = "This session belongs to another account, so nothing was sent. Send a message to choose."


def failure(evidence, message=HELD_BACK):
    return TurnEvent("one", evidence.uuid, "failure", evidence.at + seconds(1), turn="held back", message=message)


def test_a_session_whose_resume_prompt_was_held_back_is_resumed_again(world, harness, queue):
    evidence = world.evidence("one", turn="refused")
    queue.add(evidence, "a")
    resume(queue)
    assert queue.limited() == {}
    queue.on_turn(failure(evidence))
    assert queue.limited()["one"].turn == "held back"
    assert queue.limited()["one"].verdict == evidence.verdict, "no other limit is made up"
    resume(queue)
    assert (harness.resumer.resumed, queue.limited()) == (["one", "one"], {})


def test_a_prompt_that_is_held_back_during_its_resumption_is_sent_again(world, harness, queue):
    evidence = world.evidence("one", turn="refused")

    async def held_back(name):
        queue.on_turn(failure(evidence))
        return {"name": name, "result": "sent"}

    harness.resumer.resume = held_back
    queue.add(evidence, "a")
    resume(queue)
    assert queue.limited()["one"].turn == "held back"


def test_a_prompt_that_is_held_back_in_the_copy_of_its_conversation_is_sent_again_there(world, queue):
    evidence = world.evidence("one", turn="refused")
    queue.add(evidence, "a")
    resume(queue)
    queue.on_copied("one", evidence.uuid, "the-copy")
    queue.on_turn(failure(dataclasses.replace(evidence, uuid="the-copy")))
    assert queue.limited()["one"].uuid == "the-copy"


def test_a_session_that_was_set_aside_is_not_set_aside_again_by_a_held_back_prompt(world, queue):
    evidence = world.evidence("one", turn="refused")
    queue.add(evidence, None, "a", "it may not follow the link")
    resume(queue)
    queue.on_turn(failure(evidence))
    assert [item.doubted for item in queue.waiting()] == [None]


def test_only_a_held_back_resume_prompt_is_sent_again(world, queue):
    evidence = world.evidence("one", turn="refused")
    queue.on_turn(failure(evidence))
    queue.add(evidence, "a")
    resume(queue)
    queue.on_turn(failure(evidence, "API Error: Overloaded"))
    queue.on_turn(failure(world.evidence("another")))
    assert queue.limited() == {}
    queue.on_turn(TurnEvent("one", evidence.uuid, "stop", evidence.at + seconds(1)))
    queue.on_turn(failure(evidence))
    assert queue.limited() == {}, "it was answered, and the prompt is a person's"
