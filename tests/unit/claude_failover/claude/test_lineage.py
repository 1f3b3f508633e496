# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Background jobs and the newest conversation that descends from another, by files as Claude Code writes them."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from claude_failover.claude import background_jobs as jobs_module
from claude_failover.claude import lineage
from claude_failover.claude.background_jobs import background_jobs, running_jobs
from claude_failover.claude.lineage import continued_in, newest_descendant
from claude_failover.common.processes import read

OLD, NEW, NEWER, OTHER = (f"{number}0000000-0000-4000-8000-000000000000" for number in "1234")


class Files:
    """The folder ``projects`` and the homes of accounts."""

    def __init__(self, folder):
        self.folder = folder
        self.projects = folder / "projects"
        (self.projects / "-work").mkdir(parents=True)
        self.homes = [str(folder / name) for name in "ab"]

    def transcript(self, conversation, *messages, **last):
        """Write a transcript with messages of these uuids, each a prompt and then an answer, and a last record."""
        records = [
            {"type": ("user", "assistant")[number % 2], "uuid": name, "message": {"content": "text"}}
            for number, name in enumerate(messages)
        ]
        with open(self.projects / "-work" / f"{conversation}.jsonl", "w", encoding="utf-8") as stream:
            for record in [*records, {"type": "cost-state"}, *([last] if last else [])]:
                stream.write(json.dumps(record, separators=(",", ":")) + "\n")

    def moved(self, uuid, to, *messages):
        self.transcript(uuid, *messages, type="continued-in", sessionId=uuid, continuedInSessionId=to)

    def job(self, uuid, home="a", **session):
        """Write a job's state; with ``session``, also the session file of its process, which is this one."""
        self.write(f"{home}/jobs/{uuid[:8]}/state.json", {"sessionId": uuid, "cwd": "/work", "respawnFlags": ["-x"]})
        if session:
            own = {"pid": os.getpid(), "procStart": str(read(os.getpid()).start), "kind": "bg", "sessionId": uuid}
            self.write(f"{home}/sessions/{os.getpid()}.json", {**own, **session})

    def write(self, path, data):
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(data if isinstance(data, str) else json.dumps(data))

    def jobs(self):
        return background_jobs(self.homes)

    def newest(self, uuid=OLD):
        return newest_descendant(str(self.projects), uuid, self.jobs())


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_a_conversation_that_nothing_goes_on_from_is_the_newest(files):
    assert files.newest().uuid == OLD  # not even a transcript
    files.transcript(OLD, "m1", "m2")
    files.job(OTHER)
    files.transcript(OTHER, "x1", "x2")
    assert files.newest() == files.newest(OLD)
    assert (files.newest().uuid, files.newest().job, files.newest().rivals) == (OLD, None, ())


def test_the_last_record_names_the_conversation_that_goes_on(files):
    files.moved(OLD, NEW, "m1", "m2")
    assert files.newest().uuid == OLD  # a copy without a transcript has nothing more
    files.moved(NEW, NEWER, "m1", "m2", "m3", "m4")
    assert files.newest().uuid == NEW
    files.transcript(NEWER, "m1", "m2", "m3", "m4", "m5")
    assert files.newest().uuid == NEWER
    files.moved(NEWER, OLD, "m1")  # a circle ends
    assert files.newest().uuid == NEWER


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"type": "mode"}, NEW),
        ({"type": "user", "isMeta": True, "message": {"content": "x"}}, NEW),
        ({"type": "user", "message": {"content": "<command-name>/status</command-name>"}}, NEW),
        ({"type": "assistant", "isApiErrorMessage": True, "message": {"content": []}}, NEW),
        ({"type": "user", "isSidechain": True, "message": {"content": "x"}}, NEW),
        ({"type": "user", "message": {"content": "go on here"}}, None),
        ({"type": "assistant", "message": {"content": []}}, None),
        ({"type": "continued-in", "continuedInSessionId": "--dangerously-skip-permissions"}, None),
        ({"type": "continued-in", "continuedInSessionId": 5}, None),
    ],
)
def test_a_later_message_of_its_own_keeps_the_conversation(record, expected):
    assert continued_in([{"type": "continued-in", "continuedInSessionId": NEW.upper()}, record]) == expected


def test_without_that_record_a_job_with_every_message_and_more_goes_on(files):
    """2.1.197 writes none; the copy keeps the uuid of each message."""
    files.transcript(OLD, "m1", "m2")
    files.job(NEW)
    files.transcript(NEW, "m1", "m2")
    assert files.newest().uuid == OLD  # nothing was said in the copy
    files.transcript(NEW, "m1", "m2", "m3")
    assert files.newest().uuid == NEW
    files.transcript(OLD, "m1", "m2", "fork")  # /fork: the old one has a message more
    assert files.newest().uuid == OLD


def test_a_transcript_that_only_quotes_the_message_does_not_go_on_from_it(files):
    files.transcript(OLD, "m1", "m2")
    files.job(NEW)
    files.transcript(NEW, "x1", "x2", type="user", uuid="x3", message={"content": '{"uuid":"m2"}'})
    assert files.newest().uuid == OLD


def test_two_jobs_that_go_on_are_rivals_and_neither_is_guessed(files):
    files.transcript(OLD, "m1", "m2")
    for uuid in (NEW, OTHER):
        files.job(uuid)
        files.transcript(uuid, "m1", "m2", "m3")
    descent = files.newest()
    assert (descent.uuid, {job.uuid for job in descent.rivals}) == (OLD, {NEW, OTHER})


def test_a_running_job_is_named_also_before_its_first_turn(files):
    files.moved(OLD, NEW, "m1", "m2")
    files.job(NEW, status="idle")
    descent = files.newest()
    assert (descent.uuid, descent.job.pid, descent.job.id) == (NEW, os.getpid(), NEW[:8])
    assert files.newest(NEW).job == descent.job


@pytest.mark.parametrize(
    "session", [{"spare": True}, {"kind": "interactive"}, {"procStart": "1"}, {"pid": 1}, {"procStart": "\ud800"}]
)
def test_a_process_that_is_not_the_jobs_does_not_run_it(files, session):
    files.job(NEW, status="idle", **session)
    assert [job.running for job in files.jobs()] == [False]


@pytest.mark.parametrize("state", ["", "[]", '{"sessionId": "--x"}', '{"sessionId": 5}', "[" * 10_000])
def test_a_state_that_cannot_be_read_is_no_job(files, state):
    files.write("a/jobs/12345678/state.json", state)
    files.write("a/jobs/pins.json", [])
    files.write("a/jobs/87654321/tmp/x", "")  # a spare process has no state
    assert files.jobs() == []


def test_homes_that_share_their_folders_count_once(files):
    files.job(NEW, status="busy")
    shutil.copytree(files.folder / "a", files.folder / "shared")
    for home in files.homes:
        shutil.rmtree(home, ignore_errors=True)
        os.mkdir(home)
        for name in ("jobs", "sessions"):
            os.symlink(files.folder / "shared" / name, os.path.join(home, name))
    (job,) = files.jobs()
    assert (job.home, job.running, job.status) == (files.homes[0], True, "busy")


def test_the_process_is_found_in_another_home_than_the_job(files):
    """After a flip a job that Claude Code starts again has its session file in the new home (2.1.332)."""
    files.job(NEW)
    files.job(NEW, home="b", status="idle")
    assert [(job.home, job.running) for job in files.jobs()] == [(files.homes[0], True)]


def test_without_a_running_process_no_job_is_read(files, monkeypatch):
    """They are looked for at each check and for each status, and a home keeps them for weeks."""
    read_files, read_object = [], jobs_module._object
    monkeypatch.setattr(jobs_module, "_object", lambda path: read_files.append(path) or read_object(path))
    files.job(OTHER)
    files.job(NEW)
    assert (running_jobs(files.homes), read_files) == ([], [])
    files.job(NEW, status="busy")
    assert [(job.uuid, job.pid, job.status) for job in running_jobs(files.homes)] == [(NEW, os.getpid(), "busy")]


def test_the_transcript_of_another_conversation_is_not_parsed(files, monkeypatch):
    """There can be hundreds of jobs, and each start of a session looks at all of them."""
    parsed, read_conversation = [], lineage.read_conversation
    monkeypatch.setattr(
        lineage,
        "read_conversation",
        lambda projects, uuid, enough: parsed.append(uuid) or read_conversation(projects, uuid, enough),
    )
    files.transcript(OLD, "m1", "m2")
    files.job(OTHER)
    files.transcript(OTHER, "x1", "x2", "x3")
    assert (files.newest().uuid, parsed) == (OLD, [OLD])
