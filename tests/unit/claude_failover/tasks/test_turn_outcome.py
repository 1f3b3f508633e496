# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of a task's turn, with what a person types below it."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta, timezone
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claude_failover.claude.local_commands import command_state
from claude_failover.claude.transcript import read_conversation
from claude_failover.common import clock
from claude_failover.limits import classify_transcript
from claude_failover.tasks import tracker as tracker_module
from claude_failover.tasks.tracker import TaskTracker
from claude_failover.tasks.turn_outcome import find_prompt, outcome, reaches_back_to, since_moment

SINCE = clock.now() - timedelta(hours=1)  # a record of the future has no time


def record(kind, text, **more):
    stamp = clock.iso(SINCE + timedelta(seconds=1))
    return {"type": kind, "timestamp": stamp, "message": {"content": [{"type": "text", "text": text}]}, **more}


PROMPT = record("user", "the task")
REFUSED = record("assistant", "You've hit your weekly limit", isApiErrorMessage=True)
LOCAL = [
    record("user", "<command-name>/usage-credits</command-name>"),
    record("user", "<local-command-stdout>dismissed</local-command-stdout>"),
]
COMPACTION = {
    **record("system", ""),
    "subtype": "local_command",
    "content": "<local-command-stderr>Error during compaction: You've hit your limit</local-command-stderr>",
}


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ([], ("error", "You've hit your weekly limit")),
        (LOCAL, ("error", "You've hit your weekly limit")),
        ([record("user", "<command-name>/compact</command-name>"), COMPACTION], ("error", "You've hit your limit")),
        ([record("user", "continue")], ("open", "")),
    ],
)
def test_a_command_of_the_clis_own_does_not_open_a_turn_that_was_refused(below, expected):
    assert outcome([PROMPT, REFUSED, *below], "the task", SINCE) == expected


KINDS = [
    lambda: record("user", "the task"),
    lambda: record("user", "go on"),
    lambda: record("user", "[Request interrupted by user]"),
    lambda: record("assistant", "done", message={"content": "done", "stop_reason": "end_turn"}),
    lambda: record("assistant", "looking"),
    lambda: record("assistant", "You've hit your weekly limit", isApiErrorMessage=True),
    lambda: record("assistant", "of a sub-agent", isSidechain=True),
    lambda: record("user", "<command-name>/cost</command-name>"),
    lambda: record("user", "<command-name>/clear</command-name>"),
    lambda: record("user", "<local-command-stdout>all of it</local-command-stdout>"),
    lambda: dict(COMPACTION),
    lambda: {"type": "file-history-snapshot"},
]


def found(records):
    """Return all that the tracker of tasks asks of a transcript."""
    begin = find_prompt(records, "the task", SINCE)
    return (
        None if begin is None else records[begin],
        outcome(records, "the task", SINCE),
        command_state(since_moment(records, SINCE), "cost"),
        classify_transcript(records, now=SINCE, tz=timezone.utc),
    )


SHAPES = st.lists(st.tuples(st.integers(0, len(KINDS) - 1), st.integers(0, 50), st.integers(0, 59)), max_size=10)


@given(SHAPES, SHAPES, st.booleans())
@example([], [(1, 0, 10), (3, 1, 0)], True)  # one that is late follows the task
def test_the_end_tells_of_a_task_what_the_whole_transcript_tells(before, after, is_there):
    """Each record is late by less than a minute; those ``before`` are of before the task, whose prompt follows them."""
    shown, at = [], SINCE - timedelta(seconds=sum(step for _kind, step, _late in before) + 0.5)
    for kind, step, late in [*before, *([(0, 1, 0)] if is_there else []), *after]:
        at += timedelta(seconds=step)
        content = KINDS[kind]()
        if "timestamp" in content:
            content["timestamp"] = clock.iso(at - timedelta(seconds=late))
        shown.append(content)
    for start in range(len(shown)):
        if reaches_back_to(shown[start:], SINCE):
            assert found(shown[start:]) == found(shown)


def test_little_of_a_long_conversation_is_read_for_a_task(tmp_path, monkeypatch):
    uuid = "11111111-1111-4111-8111-111111111111"
    (tmp_path / "-srv").mkdir()
    earlier = clock.iso(SINCE - timedelta(hours=1))
    old = {**record("user", "earlier"), "timestamp": earlier}, {**record("assistant", "x" * 900), "timestamp": earlier}
    with open(tmp_path / "-srv" / f"{uuid}.jsonl", "w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(each) + "\n" for each in [*old * 1000, PROMPT, record("assistant", "done")])
    config = mock.Mock()
    config.current.projects = str(tmp_path)
    monkeypatch.setattr(clock, "from_wall", on_one_thread(clock.from_wall))
    parts = dict.fromkeys(("sessions", "tmux", "transitions", "timers", "records", "withdraw", "alive", "now"))
    tracker, before = TaskTracker(config, [], **parts), threading.active_count()
    records = asyncio.run(tracker._read(uuid, SINCE))
    assert find_prompt(records, "the task", SINCE) is not None
    assert len(records) < 300
    records = asyncio.run(tracker._read(uuid, SINCE - timedelta(hours=2)))
    assert len(records) == 2002
    assert threading.active_count() - before <= 1


@pytest.mark.parametrize(("count", "readings"), [(40, 1), (4000, 2)])
def test_of_a_busy_conversation_a_little_more_is_read(tmp_path, monkeypatch, count, readings):
    """Its last hundred records are of less than a minute; of a short one, all are read at once."""
    uuid = "11111111-1111-4111-8111-111111111111"
    (tmp_path / "-srv").mkdir()
    begin = SINCE - timedelta(seconds=count / 2)
    busy = [
        {**record("assistant", "x" * 400), "timestamp": clock.iso(begin + timedelta(seconds=n / 2))}
        for n in range(count)
    ]
    with open(tmp_path / "-srv" / f"{uuid}.jsonl", "w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(each) + "\n" for each in [*busy, PROMPT, record("assistant", "done")])
    config, reads = mock.Mock(), []
    config.current.projects = str(tmp_path)
    monkeypatch.setattr(
        tracker_module, "read_conversation", lambda *a: reads.append(read_conversation(*a)) or reads[-1]
    )
    parts = dict.fromkeys(("sessions", "tmux", "transitions", "timers", "records", "withdraw", "alive", "now"))
    records = asyncio.run(TaskTracker(config, [], **parts)._read(uuid, SINCE))
    assert find_prompt(records, "the task", SINCE) is not None
    assert len(reads) == readings
    assert len(records) < 500


def on_one_thread(function):
    """Return a function that fails in any other thread than this one."""
    own = threading.get_ident()

    def checked(*arguments):
        assert threading.get_ident() == own
        return function(*arguments)

    return checked
