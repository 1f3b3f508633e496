# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the reading and following of transcripts."""

from __future__ import annotations

import asyncio
import json
import os
import time
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_failover.claude import transcript as module
from claude_failover.claude.transcript import (
    NotATranscriptError,
    TranscriptTail,
    last_records,
    locate,
    paths_of,
    read_conversation,
)
from claude_failover.detection import folder_watch
from claude_failover.detection.transcript_watcher import TranscriptWatcher

ONE = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def projects(tmp_path):
    (tmp_path / "projects" / "-srv").mkdir(parents=True)
    return str(tmp_path / "projects")


def add(projects, *records, name=ONE, folder="-srv", end="\n"):
    path = os.path.join(projects, folder, name + ".jsonl")
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("\n".join(json.dumps(record) for record in records) + end)
    return path


def tail(projects, start=0):
    return TranscriptTail(projects, "-srv", ONE + ".jsonl", start)


def test_a_conversation_is_found_by_its_uuid_alone(projects):
    os.mkdir(os.path.join(projects, "-other"))
    path = add(projects, {"n": 1}, folder="-other")
    assert paths_of(projects, ONE) == [path]
    assert read_conversation(projects, ONE) == [{"n": 1}]
    assert paths_of(projects, "*") == read_conversation(projects, "*") == []


def test_only_what_is_new_is_read(projects):
    path = add(projects, {"n": 1}, {"n": 2})
    reader = tail(projects, os.path.getsize(path))
    assert list(reader.read()) == []
    add(projects, {"n": 3}, {"n": 4})
    assert list(reader.read()) == [{"n": 3}, {"n": 4}]
    assert list(reader.read()) == []


def test_a_line_counts_when_it_is_complete(projects):
    path = add(projects, {"n": 1})
    reader = tail(projects)
    with open(path, "a", encoding="utf-8") as stream:
        stream.write('{"n": ')
        stream.flush()
        assert list(reader.read()) == [{"n": 1}]
        stream.write("2}")
        stream.flush()
        assert list(reader.read()) == []
        stream.write("\n")
        stream.flush()
        assert list(reader.read()) == [{"n": 2}]


def test_a_line_that_was_begun_before_is_passed_over(projects):
    path = add(projects, {"n": 1}, end="")
    reader = tail(projects, os.path.getsize(path) - 3)
    add(projects, {}, end="\n")
    add(projects, {"n": 2})
    assert list(reader.read()) == [{"n": 2}]


@pytest.mark.parametrize("how", ["truncated", "replaced"])
def test_a_file_that_begins_anew_is_read_from_its_beginning(projects, how):
    path = add(projects, {"n": 1}, {"n": 2})
    reader = tail(projects)
    assert len(list(reader.read())) == 2
    if how == "truncated":
        os.truncate(path, 0)
    else:
        os.rename(path, path + ".old")
    add(projects, {"n": 3})
    assert list(reader.read()) == [{"n": 3}]


def test_a_line_of_any_length_costs_no_memory_and_spoils_no_other(projects, monkeypatch):
    monkeypatch.setattr(module, "LINE_LIMIT", 1000)
    monkeypatch.setattr(module, "CHUNK", 64)
    path = add(projects, {"n": 1})
    with open(path, "a", encoding="utf-8") as stream:
        stream.write('{"n": "' + "x" * 5000 + '"}\n')
    add(projects, {"n": 2})
    reader = tail(projects)
    got = []
    for record in reader.read():
        got.append(record)
        assert len(reader._partial) <= 1064
    assert got == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("line", ["[" * 200_000, '{"a":' * 200_000, "{", "1", "\x00"])
def test_a_line_that_is_no_record_spoils_no_other(projects, line):
    path = add(projects, {"n": 1})
    reader = tail(projects)
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    add(projects, {"n": 2})
    assert list(reader.read()) == last_records(projects, "-srv", ONE + ".jsonl") == [{"n": 1}, {"n": 2}]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=8), st.integers(1, 40))
def test_however_it_is_cut_every_record_comes_once(tmp_path_factory, texts, step):
    projects = str(tmp_path_factory.mktemp("p"))
    os.mkdir(os.path.join(projects, "-srv"))
    path = os.path.join(projects, "-srv", ONE + ".jsonl")
    lines = [json.dumps({"t": text}, ensure_ascii=False) + "\n" for text in texts]
    data = "".join(lines).encode("utf-8", "surrogatepass")
    with open(path, "wb") as stream:
        reader = tail(projects)
        got = []
        for begin in range(0, len(data), step):
            stream.write(data[begin : begin + step])
            stream.flush()
            got += reader.read()
    assert [record["t"] for record in got] == texts


@settings(deadline=None)
@given(
    st.lists(st.text("ab\n", max_size=12), max_size=12),
    st.integers(1, 40),
    st.integers(0, 60),
    st.sampled_from([8, 99]),
)
def test_however_it_is_cut_every_wanted_record_comes_once(tmp_path_factory, texts, chunk, start, longest):
    projects = str(tmp_path_factory.mktemp("p"))
    os.mkdir(os.path.join(projects, "-srv"))
    lines = [json.dumps(text).encode() for text in texts]
    with open(os.path.join(projects, "-srv", ONE + ".jsonl"), "wb") as stream:
        stream.writelines(line + b"\n" for line in lines)
    begins = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    start = min(start, sum(len(line) + 1 for line in lines))
    whole = [line for line, begin in zip(lines, begins) if begin >= start and len(line) <= longest]
    with mock.patch.multiple(module, CHUNK=chunk, LINE_LIMIT=longest, parse=lambda line: [line]):
        found = list(TranscriptTail(projects, "-srv", ONE + ".jsonl", start, wanted=b"ab").read())
    assert found == [line for line in whole if b"ab" in line]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "link in between"])
def test_what_is_no_regular_file_below_the_folder_is_not_opened(projects, tmp_path, kind):
    path = os.path.join(projects, "-srv", ONE + ".jsonl")
    folder = "-srv"
    if kind == "link":
        (tmp_path / "secret").write_text('{"n": 1}\n')
        os.symlink(tmp_path / "secret", path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        os.mkdir(path)
    else:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / (ONE + ".jsonl")).write_text('{"n": 1}\n')
        os.symlink(tmp_path / "elsewhere", os.path.join(projects, "-linked"))
        folder = "-linked"
    with pytest.raises((OSError, NotATranscriptError)):
        last_records(projects, folder, ONE + ".jsonl")


def test_the_last_records_are_the_complete_ones(projects, monkeypatch):
    add(projects, {"n": 1}, {"n": 2}, {"n": 3})
    add(projects, {"n": 4}, end="")
    assert last_records(projects, "-srv", ONE + ".jsonl") == [{"n": 1}, {"n": 2}, {"n": 3}]
    monkeypatch.setattr(module, "TAIL", 20)
    assert last_records(projects, "-srv", ONE + ".jsonl") == [{"n": 3}]


@pytest.mark.parametrize("path", ["", "x", "/etc/passwd", "/p/../x.jsonl", "/x.jsonl", "/p/q/x.json", "/p/\0/x.jsonl"])
def test_a_path_that_means_no_transcript_is_refused(path):
    with pytest.raises(NotATranscriptError):
        locate("/p", path)


def test_a_transcript_is_named_by_its_last_two_parts():
    assert locate("/shared", "/home/u/.claude/projects/-srv-work/x.jsonl") == ("-srv-work", "x.jsonl")


async def collect(projects, act, count):
    """Run act(), and return what was reported until ``count`` records came."""
    got = []
    watch = TranscriptWatcher(lambda: projects, lambda uuid, records: got.extend((uuid, record) for record in records))
    await watch.start()
    try:
        act()
        end = time.monotonic() + 10
        while len(got) < count:
            assert time.monotonic() < end, got
            await asyncio.sleep(0.01)
    finally:
        await watch.stop()
    return got


def test_new_lines_new_files_and_new_folders_are_seen(projects):
    add(projects, {"old": 1})

    def act():
        add(projects, {"n": 1})
        add(projects, {"n": 2}, name="new")
        os.mkdir(os.path.join(projects, "-more"))
        add(projects, {"n": 3}, name="x", folder="-more")

    got = asyncio.run(collect(projects, act, 3))
    assert sorted(record["n"] for _uuid, record in got) == [1, 2, 3]
    assert {record["n"]: uuid for uuid, record in got} == {1: ONE, 2: "new", 3: "x"}


def test_a_folder_that_goes_and_comes_again_is_seen(projects):
    def act():
        os.rmdir(os.path.join(projects, "-srv"))
        os.mkdir(os.path.join(projects, "-srv"))
        add(projects, {"n": 1})

    assert asyncio.run(collect(projects, act, 1)) == [(ONE, {"n": 1})]


def test_lost_events_lose_no_records(projects, monkeypatch):
    class Deaf(folder_watch.Inotify):
        def read(self):
            list(super().read())
            yield folder_watch.inotify.InotifyEvent(-1, folder_watch.inotify.OVERFLOW, "")

    monkeypatch.setattr(folder_watch, "Inotify", Deaf)

    def act():
        add(projects, {"n": 1})
        add(projects, {"n": 2}, name="new")

    assert len(asyncio.run(collect(projects, act, 2))) == 2


def test_a_linked_folder_is_not_watched(projects, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", os.path.join(projects, "-linked"))

    def act():
        add(projects, {"n": 1}, folder="-linked")
        add(projects, {"n": 2})

    assert asyncio.run(collect(projects, act, 1)) == [(ONE, {"n": 2})]


def test_a_long_file_is_read_in_pieces_between_which_others_have_their_turn(projects, tmp_path):
    """The event loop stands still for one piece at most, also when 200 MB appear at once."""
    count, line = 40, {"text": "x" * 900_000}
    (tmp_path / "long").write_text("".join(json.dumps({**line, "n": n}) + "\n" for n in range(count)))
    order = []

    async def scenario():
        watch = TranscriptWatcher(lambda: projects, lambda uuid, records: order.extend(uuid for _record in records))
        await watch.start()
        try:
            os.rename(tmp_path / "long", os.path.join(projects, "-srv", ONE + ".jsonl"))
            deadline = time.monotonic() + 20
            while ONE not in order:
                assert time.monotonic() < deadline
                await asyncio.sleep(0)
            add(projects, {"n": 1}, name="short")
            while len(order) < count + 1:
                assert time.monotonic() < deadline, (len(order), order[-1:])
                await asyncio.sleep(0)
        finally:
            await watch.stop()

    asyncio.run(scenario())
    assert order.count(ONE) == count
    assert order.index("short") < count, "the short file was kept waiting until the long one was read"
