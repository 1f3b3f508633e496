# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the end of a transcript tells of its newest turn what all of it tells, and is all that is read."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claude_failover.claude import transcript
from claude_failover.claude.transcript import last_records
from claude_failover.claude.turns import (
    answered_request_time,
    conversation_of,
    holds_turn,
    last_turn_id,
    refused_request_time,
)
from claude_failover.limits import classify_transcript

NAME = "11111111-1111-4111-8111-111111111111.jsonl"
BEGIN = datetime(2026, 11, 1, tzinfo=timezone.utc)


def message(kind, text, **more):
    return {"type": kind, "message": {"content": text, **more.pop("message", {})}, **more}


def refusal(**more):
    words = [{"type": "text", "text": "You've hit your limit · resets 8pm (UTC)"}]
    return message("assistant", words, message={"model": "<synthetic>"}, isApiErrorMessage=True, **more)


KINDS = [
    lambda: message("user", "go on"),
    lambda: message("user", [{"type": "tool_result", "content": "x"}]),
    lambda: message("user", "a note", isMeta=True),
    lambda: message("user", "of a sub-agent", isSidechain=True),
    lambda: message("user", "of a tool", parent_tool_use_id="t"),
    lambda: message("assistant", [{"type": "text", "text": "done"}], message={"stop_reason": "end_turn"}),
    lambda: message("assistant", [{"type": "text", "text": "done"}], isSidechain=True),
    lambda: message("assistant", [{"type": "text", "text": "a note"}], isMeta=True),
    refusal,
    lambda: refusal(isSidechain=True),
    lambda: refusal(parent_tool_use_id="t"),
    lambda: message("user", "<command-name>/cost</command-name>"),
    lambda: message("user", "<command-name>/compact</command-name>"),
    lambda: message("user", "<command-name>/clear</command-name>"),
    lambda: message("user", "<local-command-stdout>done</local-command-stdout>"),
    lambda: message("user", "<local-command-stdout>Login interrupted</local-command-stdout>"),
    lambda: message(
        "user", "<local-command-stderr>Error during compaction: You've hit your limit</local-command-stderr>"
    ),
    lambda: message("user", "<local-command-caveat>…"),
    lambda: message("user", "Unknown command: /x"),
    lambda: {"type": "system", "subtype": "local_command", "content": "<command-name>/fork</command-name>"},
    lambda: {"type": "file-history-snapshot"},
]


def build(kinds):
    records = []
    for number, kind in enumerate(kinds):
        moment = (BEGIN + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
        records.append({**KINDS[kind](), "promptId": f"p{number}", "timestamp": moment})
    return records


def newest_turn(records):
    own = conversation_of(records)
    now = BEGIN + timedelta(hours=1)
    return (
        own[-1] if own else None,
        classify_transcript(records, now=now, tz=timezone.utc),
        last_turn_id(records),
        refused_request_time(records),
    )


@given(st.lists(st.integers(0, len(KINDS) - 1), max_size=14))
@example([0, 5, 12, 16])
@example([0, 8, 11, 14])
@example([0, 5, 13, 14, 0])
def test_the_newest_turn_is_what_the_whole_transcript_tells(kinds):
    records = build(kinds)
    for start in range(len(records)):
        if holds_turn(records[start:]):
            assert newest_turn(records[start:]) == newest_turn(records)


@given(st.lists(st.integers(0, len(KINDS) - 1), max_size=14))
def test_the_newest_answered_request_is_the_same_from_the_end(kinds):
    records = build(kinds)
    for start in range(len(records)):
        found = answered_request_time(records[start:])
        assert found in (None, answered_request_time(records))


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("projects")
    (folder / "-srv").mkdir()
    return str(folder)


def write(projects, text):
    with open(os.path.join(projects, "-srv", NAME), "wb") as stream:
        stream.write(text)


@given(
    st.lists(st.one_of(st.integers(0, 99), st.text("abc", max_size=40), st.none()), max_size=20),
    st.integers(1, 50),
    st.integers(0, 300),
    st.text("ab{", max_size=20),
    st.booleans(),
)
def test_blocks_of_any_size_hold_the_same_records(projects, values, block, most, rest, broken):
    lines = [json.dumps({"value": value}) if value is not None else "" for value in values]
    if broken and lines:
        lines[len(lines) // 2] = "{"
    text = "".join(line + "\n" for line in lines) + rest
    write(projects, text.encode())
    with mock.patch.object(transcript, "TAIL", most), mock.patch.object(transcript, "_BLOCK", block):
        found = last_records(projects, "-srv", NAME)
        some = last_records(projects, "-srv", NAME, lambda records: len(records) > 2)
    start = max(0, len(text) - most)
    whole = text[start:].split("\n")[1 if start else 0 : -1]
    assert found == [json.loads(line) for line in whole if line not in ("", "{")]
    assert some == found[len(found) - len(some) :]
    assert len(some) > 2 or some == found


def test_of_a_long_transcript_the_end_is_read(projects):
    turn = [message("user", "go on", promptId="p"), message("assistant", [{"type": "text", "text": "x" * 900}])]
    write(projects, b"".join(json.dumps(record).encode() + b"\n" for record in turn * 2000))
    sizes, pread = [], os.pread

    def counted(descriptor, size, offset):
        sizes.append(size)
        return pread(descriptor, size, offset)

    with mock.patch.object(os, "pread", counted):
        assert len(last_records(projects, "-srv", NAME, holds_turn)) < 20
    assert sizes == [8192]


@pytest.mark.parametrize("longest", [1, 7, 1000])
def test_reads_that_give_less_than_asked_for_lose_nothing(projects, longest):
    records = [{"n": number, "text": "x" * (number % 90)} for number in range(60)]
    write(projects, b"".join(json.dumps(record).encode() + b"\n" for record in records))
    pread = os.pread

    def short(descriptor, size, offset):
        return pread(descriptor, min(size, longest), offset)

    with mock.patch.object(os, "pread", short), mock.patch.object(transcript, "_BLOCK", 256):
        assert last_records(projects, "-srv", NAME) == records


def test_of_a_transcript_that_is_cut_off_while_it_is_read_the_end_counts(projects):
    records = [{"n": number} for number in range(100)]
    write(projects, b"".join(json.dumps(record).encode() + b"\n" for record in records))
    path, pread = os.path.join(projects, "-srv", NAME), os.pread

    def cut_off(descriptor, size, offset):
        data = pread(descriptor, size, offset)
        os.truncate(path, 10)
        return data

    with mock.patch.object(os, "pread", cut_off), mock.patch.object(transcript, "_BLOCK", 100):
        found = last_records(projects, "-srv", NAME)
    assert 1 < len(found) < len(records)
    assert found == records[-len(found) :]
