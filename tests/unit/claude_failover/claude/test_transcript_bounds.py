# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transcripts of any content: bounded memory, and what is there instead is named."""

from __future__ import annotations

import json
import os
import socket
import tracemalloc

import pytest

from claude_failover.claude import transcript as module
from claude_failover.claude.transcript import CHUNK, NotATranscriptError, TranscriptTail, last_records
from claude_failover.claude.turns import last_turn_id

ONE = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def projects(tmp_path):
    (tmp_path / "projects" / "-srv").mkdir(parents=True)
    return str(tmp_path / "projects")


def add(projects, *records):
    path = os.path.join(projects, "-srv", ONE + ".jsonl")
    with open(path, "a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(record) + "\n" for record in records)
    return path


def tail(projects):
    return TranscriptTail(projects, "-srv", ONE + ".jsonl", 0)


def test_unfinished_lines_of_many_transcripts_cost_no_memory(projects):
    tails = []
    tracemalloc.start()
    for number in range(20):
        with open(os.path.join(projects, "-srv", f"{number}.jsonl"), "wb") as stream:
            stream.write(b"x" * (3 << 20))
        tails.append(TranscriptTail(projects, "-srv", f"{number}.jsonl", 0))
        assert list(tails[-1].read(most=CHUNK)) == []
    held, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 << 20


def test_a_line_longer_than_a_piece_is_read_at_once_and_the_next_in_turn(projects, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 64)
    add(projects, {"n": "x" * 500}, {"n": "y" * 500}, {"n": 3})
    reader = tail(projects)
    found = [[record["n"] for record in reader.read(most=64)] for _turn in range(4)]
    assert found[0] == ["x" * 500]
    assert [n for turn in found for n in turn] == ["x" * 500, "y" * 500, 3]
    assert not reader.behind


@pytest.mark.parametrize("kind", ["fifo", "folder", "socket"])
def test_what_is_found_instead_of_a_transcript_is_named(projects, kind, monkeypatch):
    path = os.path.join(projects, "-srv", ONE + ".jsonl")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        os.mkdir(path)
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            monkeypatch.chdir(os.path.dirname(path))  # a socket's path is short
            bound.bind(os.path.basename(path))
    with pytest.raises(NotATranscriptError, match=r"is a (FIFO|directory|socket), not a regular file"):
        last_records(projects, "-srv", ONE + ".jsonl")


def test_a_byte_that_is_no_utf8_costs_a_character_and_not_the_record(projects):
    path = add(projects)
    with open(path, "ab") as stream:
        stream.write(b'{"n": "a\xffb"}\n{"n": "\\ud800"}\n')
    assert list(tail(projects).read()) == [{"n": "a\ufffdb"}, {"n": "\ufffd"}]


def test_the_search_for_a_transcript_ends_at_a_number_of_folders_and_says_so_once(projects, monkeypatch, caplog):
    path = add(projects, {"n": 1})
    assert module.paths_of(projects, ONE) == [path]
    monkeypatch.setattr(module, "MOST_FOLDERS", 10)
    for number in range(30):
        os.mkdir(os.path.join(projects, f"-d{number}"))
    for _time in range(3):
        assert module.paths_of(projects, ONE) in ([path], [])
    assert caplog.text.count("more than 10 folders") == 1


@pytest.mark.parametrize("uuid", ["*", "../-srv/" + ONE, "..", ""])
def test_only_a_name_is_searched_for(projects, uuid):
    add(projects, {"n": 1})
    assert module.paths_of(projects, uuid) == []
    assert module.paths_of(projects + "/missing", ONE) == []


def test_an_id_of_a_turn_of_any_length_is_not_kept():
    records = [{"type": "user", "promptId": "t" * 200}, {"type": "user", "promptId": "x" * 1_000_000}]
    assert last_turn_id(records[:1]) == "t" * 200
    assert last_turn_id(records) is None
