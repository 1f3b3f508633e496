# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks on the disk: what was written is what is read, in its order, and nothing of it is lost."""

from __future__ import annotations

import dataclasses
import json
import os
import string
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.common.errors import Refused, UsageError
from claude_failover.tasks import queue as queue_module
from claude_failover.tasks.queue import TaskDocuments, TaskQueue
from claude_failover.tasks.task import (
    ACCEPTED,
    CANCELLED,
    DONE,
    FAILED,
    PROMPT_MAX,
    QUEUED,
    SENT,
    STATES,
    Assignment,
    Task,
    normalize_prompt,
)

T0 = datetime(2026, 11, 22, 20, 0, tzinfo=timezone.utc)
HANDED = Assignment("w", "%1", 10, 11, 12, "00000000-0000-0000-0000-000000000001", T0)

moments = st.none() | st.integers(0, 10**6).map(lambda ms: T0 + timedelta(milliseconds=ms))
tasks = st.builds(
    Task,
    id=st.text("0123456789abcdef", min_size=8, max_size=8),
    number=st.integers(1, 10**6),
    prompt=st.text(),
    created_at=moments.filter(bool),
    wanted=st.none() | st.text(),
    cwd=st.none() | st.text(),
    state=st.sampled_from(STATES),
    session=st.none() | st.text(string.ascii_letters),
    assignment=st.just(HANDED),
    attempts=st.integers(0, 9),
    detail=st.text(),
    sent_at=moments,
    accepted_at=moments,
    finished_at=moments,
)


def add(queue, prompt="do it"):
    return queue.add(prompt, T0, wanted=None, cwd=None)


@given(tasks, st.sampled_from([*(field.name for field in dataclasses.fields(Task)), "handed"]))
def test_a_task_with_a_wrong_value_is_told(task, key):
    for wrong in ({"no": "text"}, ["x"], 0.5):
        with pytest.raises(ValueError, match="found"):
            Task.from_json({**task.to_json(), key: wrong})


@given(tasks, st.sampled_from([field.name for field in dataclasses.fields(Assignment)]))
def test_a_task_that_was_handed_to_something_of_another_kind_is_told(task, key):
    data = task.to_json()
    for wrong in (None, {"no": "text"}, ["x"], 0.5):
        with pytest.raises(ValueError, match="found"):
            Task.from_json({**data, "handed": {**data["handed"], key: wrong}})


def test_a_prompt_that_is_no_text_is_told():
    data = Task("0123abcd", 1, "x", T0).to_json()
    with pytest.raises(ValueError, match="surrogates"):
        Task.from_json({**data, "prompt": "\udc00"})


@given(tasks)
def test_a_task_comes_back_as_it_was(task):
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task


keys = st.text() | st.sampled_from(["id", "number", "prompt", "handed", "state"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda kind: st.lists(kind) | st.dictionaries(keys, kind)
)


@given(anything)
def test_what_is_no_task_is_told(data):
    with pytest.raises(ValueError, match="found"):
        Task.from_json(data if isinstance(data, dict) else {"id": data})


def test_the_order_outlives_the_daemon(tmp_path):
    queue = TaskQueue(TaskDocuments(str(tmp_path)))
    given_ = [add(queue, f"task {number}") for number in range(30)]
    queue.put(dataclasses.replace(given_[3], state=DONE, finished_at=T0))
    again = TaskQueue(TaskDocuments(str(tmp_path)))
    assert [task.prompt for task in again] == [f"task {number}" for number in range(30)]
    assert again.counts() == {"queued": 29, "sent": 0, "accepted": 0, "done": 1, "failed": 0, "cancelled": 0}
    assert add(again).number == 31
    assert [task.id for task in again.in_state(QUEUED)][:4] == [given_[number].id for number in (0, 1, 2, 4)]


def test_a_torn_or_foreign_document_is_set_aside_and_the_others_stay(tmp_path, caplog):
    queue = TaskQueue(TaskDocuments(str(tmp_path)))
    first, second, third = add(queue), add(queue), add(queue)
    folder = tmp_path / "tasks"
    (folder / f"{first.number:012d}-{first.id}.json").write_bytes(b'{"version": 1, "da')
    (folder / f"{second.number:012d}-{second.id}.json").write_text('{"version": 1, "data": {"id": "x"}}')
    (folder / "notes.txt").write_text("mine")
    again = TaskQueue(TaskDocuments(str(tmp_path)))
    assert [task.id for task in again] == [third.id]
    assert sum(name.endswith(".set-aside") for name in os.listdir(folder)) == 2
    assert caplog.text.count("set aside as") == 2
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("number", [2, 10**12, 2**63 - 1, -1])
def test_a_document_of_another_task_is_set_aside(tmp_path, number):
    """What is stored of it would go to another document, and this one come back after the next start."""
    queue = TaskQueue(TaskDocuments(str(tmp_path)))
    task = add(queue)
    path = tmp_path / "tasks" / f"{task.number:012d}-{task.id}.json"
    path.write_text(json.dumps({"version": 1, "data": {**json.loads(path.read_text())["data"], "number": number}}))
    again = TaskQueue(TaskDocuments(str(tmp_path)))
    assert list(again) == []
    assert [name.endswith(".set-aside") for name in os.listdir(tmp_path / "tasks")] == [True]
    kept = add(again)
    assert [task.id for task in TaskQueue(TaskDocuments(str(tmp_path)))] == [kept.id]


def test_the_number_after_the_widest_name_is_found_again(tmp_path):
    documents = TaskDocuments(str(tmp_path))
    last = Task("0123abcd", 10**12 - 1, "last", T0)
    documents.save("999999999999-0123abcd", last.to_json())
    queue = TaskQueue(documents)
    add(queue, "next")
    assert [task.prompt for task in TaskQueue(TaskDocuments(str(tmp_path)))] == ["last", "next"]


def test_an_older_release_can_read_a_task_that_has_a_request_id(tmp_path):
    """It refuses any key of a task that it does not know, and would set the task aside after a rollback."""
    keys = {"id", "number", "prompt", "created_at", "wanted", "cwd", "state", "session", "handed", "attempts", "detail"}
    keys |= {"sent_at", "accepted_at", "finished_at"}
    queue = TaskQueue(TaskDocuments(str(tmp_path)))
    task = queue.add("do it", T0, wanted=None, cwd=None, request_id="nightly")
    (path,) = (tmp_path / "tasks").glob("*.json")
    assert set(json.loads(path.read_text())["data"]) == keys
    found = TaskQueue(TaskDocuments(str(tmp_path))).of_request("nightly")
    assert found == task


def test_what_cannot_be_written_changes_nothing_or_is_written_later(tmp_path, monkeypatch):
    files = TaskDocuments(str(tmp_path))
    queue = TaskQueue(files)
    task = add(queue)
    write = files.save

    def full(_name, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "save", full)
    with pytest.raises(OSError, match="No space"):
        add(queue)
    with pytest.raises(OSError, match="No space"):
        queue.put(dataclasses.replace(task, state=SENT, assignment=HANDED))
    assert [each.state for each in queue] == [QUEUED]
    queue.record_transition(
        dataclasses.replace(task, state=ACCEPTED, assignment=HANDED)
    )  # it has happened, whatever the disk says
    assert [each.state for each in queue] == [ACCEPTED]
    assert [each.state for each in TaskQueue(TaskDocuments(str(tmp_path)))] == [QUEUED]
    monkeypatch.setattr(files, "save", write)
    queue.flush()
    assert [each.state for each in TaskQueue(TaskDocuments(str(tmp_path)))] == [ACCEPTED]


def test_only_the_newest_finished_tasks_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(queue_module, "FINISHED_MAX", 3)
    queue = TaskQueue(TaskDocuments(str(tmp_path)))
    waiting = add(queue)
    for number, state in enumerate([DONE, FAILED, CANCELLED, DONE, DONE]):
        queue.put(dataclasses.replace(add(queue), state=state, finished_at=T0 + timedelta(seconds=number)))
    for found in (queue, TaskQueue(TaskDocuments(str(tmp_path)))):
        assert [task.state for task in found] == [QUEUED, CANCELLED, DONE, DONE]
        assert found.get(waiting.id) is not None
    assert len(os.listdir(tmp_path / "tasks")) == 4


def test_a_full_queue_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(queue_module, "UNFINISHED_MAX", 2)
    queue = TaskQueue(TaskDocuments(str(tmp_path)))
    first = add(queue)
    add(queue)
    with pytest.raises(Refused, match="found 2 unfinished tasks"):
        add(queue)
    queue.put(dataclasses.replace(first, state=DONE, finished_at=T0))
    add(queue)


@pytest.mark.parametrize(
    ("prompt", "kind", "why"),
    [
        ("", UsageError, "empty"),
        (" \n\t \x07\x1b", UsageError, "empty"),
        ("\ufeff\u200b", UsageError, "empty"),  # nothing that a screen shows
        ("\udcff", UsageError, "UTF-8"),
        ("x" * (PROMPT_MAX + 1), Refused, "found 262145 bytes"),
        ("é" * (PROMPT_MAX // 2 + 1), Refused, "too long"),
    ],
)
def test_what_cannot_be_a_prompt_is_refused(prompt, kind, why):
    with pytest.raises(kind, match=why):
        normalize_prompt(prompt)


def test_a_prompt_is_kept_as_it_can_be_typed():
    assert normalize_prompt("\n a\r\nb\tc\x1b[201~d\x00 \n") == " a\nb\tc[201~d "
    assert normalize_prompt("x" * PROMPT_MAX) == "x" * PROMPT_MAX
    assert normalize_prompt("ends with \\") == "ends with \\ "


def test_a_row_shows_an_excerpt_and_no_control_characters():
    task = Task("0123abcd", 1, "x" * 1000 + "\x9b2J", T0, state=SENT, session="w", assignment=HANDED, sent_at=T0)
    row = task.row()
    assert len(row["prompt"]) == 200 and row["prompt"].endswith("…") and row["prompt_bytes"] == 1004
    assert row["sent_at"] == "2026-11-22T20:00:00.000Z" and row["accepted_at"] is None
