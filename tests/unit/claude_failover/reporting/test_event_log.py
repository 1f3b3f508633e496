# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the log of events, events.jsonl."""

from __future__ import annotations

import json
import logging
import os

import pytest

from claude_failover.reporting.event_log import MAX_WAITING, EventLog
from claude_failover.storage.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "state"))


def ids(store, name="events"):
    with open(os.path.join(store.folder, name + ".jsonl"), encoding="utf-8") as stream:
        return [json.loads(line)["id"] for line in stream]


def test_each_event_is_a_line_for_its_user_only(store):
    log = EventLog(store)
    log.append({"id": 1, "summary": "é\n"})
    log.append({"id": 2})
    assert ids(store) == [1, 2]
    assert os.stat(store.log_path("events")).st_mode & 0o777 == 0o600


def test_a_log_that_would_be_too_long_becomes_the_former_one(store):
    log = EventLog(store, max_bytes=100)
    for number in range(7):
        log.append({"id": number, "text": "x" * 20})
    assert ids(store) == [6]
    assert ids(store, "events.1") == [4, 5]
    assert os.path.getsize(store.log_path("events.1")) <= 100
    assert sorted(name for name in os.listdir(store.folder)) == ["events.1.jsonl", "events.jsonl"]


def test_an_event_is_found_by_its_id_in_both_logs(store):
    log = EventLog(store, max_bytes=10)
    assert not log.holds("first")
    for name in ("first", "second"):
        log.append({"id": name, "text": "x" * 50})
    assert (log.holds("first"), log.holds("second"), log.holds("third")) == (True, True, False)


def test_an_event_that_is_too_long_by_itself_is_written(store):
    log = EventLog(store, max_bytes=10)
    for number in range(2):
        log.append({"id": number, "text": "x" * 50})
    assert (ids(store, "events.1"), ids(store)) == ([0], [1])


def test_what_the_disk_refuses_is_written_later_in_order_and_logged_once(store, monkeypatch, caplog):
    log = EventLog(store)
    full = True
    append = store.append

    def sometimes(name, record):
        if full:
            raise OSError(28, "No space left on device")
        append(name, record)

    monkeypatch.setattr(store, "append", sometimes)
    with caplog.at_level(logging.INFO):
        for number in range(3):
            log.append({"id": number})
            log.retry()
        full = False
        log.append({"id": 3})
        log.retry()
    assert ids(store) == [0, 1, 2, 3]
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_the_oldest_of_too_many_that_wait_are_dropped_and_counted(store, monkeypatch, caplog):
    log = EventLog(store)

    def refuse(_name, _record):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(store, "append", refuse)
    for number in range(MAX_WAITING + 3):
        log.append({"id": number})
    monkeypatch.undo()
    with caplog.at_level(logging.INFO):
        log.retry()
    assert ids(store) == list(range(3, MAX_WAITING + 3))
    assert "3 events were dropped" in caplog.text


def test_a_link_or_a_folder_in_its_place_is_not_followed(store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    os.symlink(elsewhere, store.log_path("events"))
    os.mkdir(store.log_path("events.1"))
    log = EventLog(store, max_bytes=20)
    for number in range(3):
        log.append({"id": number})
    assert ids(store) == [0, 1, 2], "it stays in use where it cannot be moved"
    assert elsewhere.read_text() == ""


def test_a_torn_last_line_is_ended(store):
    with open(store.log_path("events"), "w", encoding="utf-8") as stream:
        stream.write('{"id": 1')
    EventLog(store).append({"id": 2})
    with open(store.log_path("events"), encoding="utf-8") as stream:
        assert stream.read() == '{"id": 1\n{"id": 2}\n'
