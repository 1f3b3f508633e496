# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a switch says that a session continued only once a turn of it was answered."""

from __future__ import annotations

import shutil
from datetime import timedelta
from types import SimpleNamespace

import pytest
from switch_world import T0

from claude_failover.storage import store
from claude_failover.storage.store import Store
from claude_failover.switching import open_records
from claude_failover.switching.journal import Journal
from claude_failover.switching.open_records import ANSWERS, RECORD_BOUND, STRAGGLERS, OpenRecords
from claude_failover.switching.record import new_record


class Records:
    """An open record of one switch with the sessions that were sent a prompt, and a made-up clock."""

    def __init__(self, folder, monkeypatch, *sessions):
        self.passed = 100.0
        monkeypatch.setattr(open_records, "time", SimpleNamespace(monotonic=lambda: self.passed))
        self.journal = Journal(Store(str(folder)))
        self.answered = {}
        self.closed = []
        self.tell = self.closed.append
        self.start()
        self.record = new_record("limit", T0, origin="a", target="b", outcome="switched")
        self.records.add(self.record)
        self.send(*sessions)

    def start(self):
        self.records = OpenRecords(self.journal, self.tell, self.answered.get)
        self.records.restore()

    def send(self, *sessions, result="sent"):
        rows = [{"name": name, "uuid": None, "method": "hot", "result": result, "seconds": 0.5} for name in sessions]
        self.records.add_sessions(self.record["id"], rows)

    def answer(self, session, seconds=1.0):
        """Let a request of the session be answered that was begun so many seconds after the switch."""
        self.answered[session] = T0 + timedelta(seconds=seconds)

    def after(self, seconds, resuming=False, limited=(), unfinished=lambda _record: []):
        self.passed += seconds
        self.records.close_due(resuming, unfinished, limited)
        return [(row["name"], row["result"]) for record in self.closed for row in record["sessions"]]


@pytest.fixture
def records(tmp_path, monkeypatch):
    return Records(tmp_path, monkeypatch, "one")


def test_a_session_that_was_answered_has_continued(records):
    records.answer("one")
    assert records.after(STRAGGLERS) == [("one", "continued")]


def test_a_session_without_an_answer_was_sent_the_prompt(records):
    assert records.after(STRAGGLERS) == []
    assert records.after(ANSWERS - STRAGGLERS - 0.1) == []
    assert records.after(0.2) == [("one", "sent")]
    records.answer("one")
    assert records.after(60) == [("one", "sent")], "a record that was told stays as it is"


def test_the_answer_closes_the_record(records):
    assert records.after(10) == []
    records.answer("one")
    assert records.after(0) == [("one", "continued")]


@pytest.mark.parametrize("seconds", [-60, 0])
def test_an_answer_from_before_the_switch_does_not_count(records, seconds):
    records.answer("one", seconds)
    assert records.after(ANSWERS) == [("one", "sent")]


def test_each_session_has_its_own_result(tmp_path, monkeypatch):
    records = Records(tmp_path, monkeypatch, "one", "two", "three")
    records.send("three", result="draft: somebody types")
    records.answer("two")
    assert records.after(STRAGGLERS) == []
    assert sorted(records.after(ANSWERS)) == [("one", "sent"), ("three", "draft: somebody types"), ("two", "continued")]


def test_another_prompt_is_waited_for_anew(records):
    assert records.after(ANSWERS - 1) == []
    records.send("one")
    assert records.after(ANSWERS - 1) == []
    records.answer("one")
    assert records.after(0) == [("one", "continued")]


def test_no_record_is_open_for_longer_than_its_bound(records):
    for _again in range(10):
        records.send("one")
        records.after(RECORD_BOUND / 10, resuming=True)
    assert [row["result"] for record in records.closed for row in record["sessions"]] == ["sent"]


def test_an_answer_is_recorded_over_a_restart_of_the_daemon(records):
    records.after(10)
    records.start()
    records.answer("one")
    assert records.after(STRAGGLERS) == [("one", "continued")]


def test_what_was_seen_is_stored_at_once(records):
    records.send("two")
    records.answer("two")
    records.after(1)
    assert [row["result"] for row in records.journal.history(1)[0]["sessions"]] == ["sent", "continued"]


def test_no_answer_is_awaited_of_a_session_that_was_refused_again(tmp_path, monkeypatch):
    records = Records(tmp_path, monkeypatch, "one", "two")
    records.answer("two")
    assert records.after(STRAGGLERS, limited={"one"}) == [("one", "sent"), ("two", "continued")]


def test_a_kill_while_a_record_is_told_leaves_it_open(records, tmp_path):
    """The disk as a kill would find it: the next start tells the record, and the log has it once."""
    killed = tmp_path / "killed"

    def tell(record):
        shutil.copytree(tmp_path, killed)

    records.tell = tell
    records.start()
    records.answer("one")
    records.after(STRAGGLERS)
    journal, closed = Journal(Store(str(killed))), []
    assert [row["id"] for row in journal.logged(10)] == [records.record["id"]]
    assert list(journal.closed(10)) == [], "it is counted when it is told"
    after = OpenRecords(journal, closed.append)
    after.restore()
    after.close(journal.open_records()[0])
    assert [row["id"] for row in closed] == [records.record["id"]]
    assert [row["id"] for row in journal.logged(10)] == [records.record["id"]]
    assert (journal.open_records(), len(list(journal.closed(10)))) == ([], 1)


def test_a_bug_in_what_is_told_does_not_tell_it_again(records):
    def tell(record):
        records.closed.append(record)
        raise ValueError("a bug")

    records.tell = tell
    records.start()
    records.answer("one")
    with pytest.raises(ValueError, match="a bug"):
        records.after(STRAGGLERS)
    assert records.after(60) == [("one", "continued")]


class JournalInMemory:
    """A journal with these open records."""

    def __init__(self, *records):
        self.records = list(records)
        self.updated = []

    def open_records(self):
        return self.records

    def update(self, record):
        self.updated.append(record["id"])


def test_a_result_is_replaced_where_the_session_is_in_the_record():
    row = {"name": "main", "uuid": "u", "method": "hot", "result": "continued", "seconds": 0.5}
    journal = JournalInMemory(
        {"id": "1", "sessions": [dict(row), {**row, "name": "other"}]}, {"id": "2", "sessions": []}
    )
    OpenRecords(journal, lambda _record: None).replace_result("main", "dialog: why")
    assert journal.records[0]["sessions"] == [{**row, "result": "dialog: why"}, {**row, "name": "other"}]
    assert journal.updated == ["1"]
    OpenRecords(journal, lambda _record: None).replace_result("nobody", "dialog: why")
    assert journal.updated == ["1"]


def test_the_last_record_is_of_the_switch_that_began_last(tmp_path):
    """One whose sessions take long is logged after one that began later; and one is open yet."""

    def begun(second, outcome):
        return new_record("limit", T0 + timedelta(seconds=second), origin="a", target="b", outcome=outcome)

    journal = Journal(Store(str(tmp_path)))
    assert journal.last("switched", 100) is None
    for second, outcome in ((20, "switched"), (10, "switched"), (30, "failed")):
        journal.append(begun(second, outcome))
    assert journal.last("switched", 100) == journal.logged(3)[2]
    assert journal.last("failed", 100) == journal.logged(3)[0]
    assert journal.last("switched", 1) is None
    opened = begun(40, "switched")
    journal.add_record(opened)
    assert journal.last("switched", 100) == opened


def test_a_new_switch_parses_nothing_of_the_log(tmp_path, monkeypatch):
    """With 200 sessions a record has some 10 KB: that of a new switch is looked for by its id, not parsed."""
    journal, parsed = Journal(Store(str(tmp_path))), []
    for number in range(30):
        journal.append(new_record("limit", T0 + timedelta(minutes=number), origin="a", target="b", outcome="switched"))
    parse = store._record
    monkeypatch.setattr(store, "_record", lambda line: parsed.append(line) or parse(line))
    journal.append(new_record("limit", T0 + timedelta(hours=1), origin="a", target="b", outcome="switched"))
    assert parsed == []
    assert len(journal.logged(99)) == 31


def test_a_record_has_no_session_that_is_resumed_for_a_later_switch(records):
    first, later = records.record["id"], new_record("limit", T0, origin="b", target="a", outcome="switched")
    records.records.add(later)
    row = {"name": "two", "uuid": None, "method": "none", "result": "under way", "seconds": 0.0}
    resumed = {first: [], later["id"]: [row]}
    records.after(RECORD_BOUND + 1, resuming=True, unfinished=resumed.__getitem__)
    assert {record["id"]: [row["name"] for row in record["sessions"]] for record in records.closed} == {
        first: ["one"],
        later["id"]: ["two"],
    }


def test_a_record_is_not_kept_open_for_sessions_of_a_later_switch(records):
    first, later = records.record["id"], new_record("limit", T0, origin="b", target="a", outcome="switched")
    records.records.add(later)
    records.answer("one")
    records.after(STRAGGLERS + 1, resuming=True)
    assert [record["id"] for record in records.closed] == [first]
    row = {"name": "two", "uuid": None, "method": "none", "result": "under way", "seconds": 0.0}
    records.after(1, unfinished={later["id"]: [row]}.__getitem__)
    assert [record["id"] for record in records.closed] == [first]
    records.after(1)
    assert [record["id"] for record in records.closed] == [first, later["id"]]
