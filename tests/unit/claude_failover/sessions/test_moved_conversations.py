# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions whose conversation went on in the background of Claude Code."""

from __future__ import annotations

import dataclasses
import json
import logging
import os

import pytest

from claude_failover.claude.background_jobs import BackgroundJob
from claude_failover.claude.lineage import Descent
from claude_failover.common.errors import FailoverError
from claude_failover.common.processes import read
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.sessions import moved_conversations
from claude_failover.sessions.moved_conversations import moved_reason, newest_conversation, session_of
from claude_failover.sessions.ownership import ownership_problem
from claude_failover.sessions.registry import RegistryEntry, SessionRegistry
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.storage.store import Store
from claude_failover.tmux.client import Pane

OLD, NEW = (f"{number}0000000-0000-4000-8000-000000000000" for number in "12")
CONFIG = Config(
    path="/x/config.yml",
    accounts=(Account("a", "/h/a b"),),
    sessions=(SessionConfig("main", "/"), SessionConfig("a/b", "/")),
    state_dir="/state",
)
JOB = BackgroundJob("20000000", NEW, "/", "/h/a b", "/state/settings/main.json", pid=7, status="idle")


def tracked(name="main", parked=None):
    pane = Pane(name, "$0", "@0", "%0", 5, False, None, None, "claude", "/", 0, 80, 24, False, True)
    return TrackedSession(name, SessionConfig(name, "/"), pane=pane, activity="idle", parked_job=parked)


def test_a_parked_session_waits_for_a_person_and_says_why():
    session = tracked(parked=JOB.id)
    assert session.state == "waiting"
    reason = moved_reason(session, CONFIG, [JOB])
    assert NEW in reason
    assert "CLAUDE_CONFIG_DIR='/h/a b' claude stop 20000000" in reason
    assert "claude stop 20000000" in moved_reason(session, CONFIG, [])  # its process is not to be seen yet


def test_a_parked_session_gets_no_task(tmp_path):
    session = tracked(parked=JOB.id)
    session.claude = read(os.getpid())
    registry = SessionRegistry(Store(str(tmp_path)))
    registry.propose("main", RegistryEntry(OLD, "hook", pid=session.claude.pid, started=session.claude.start))
    assert ownership_problem(session, registry, session.pane) == "has its conversation in the background (agents view)"


def test_a_limited_session_stays_limited():
    session = tracked(parked=JOB.id)
    session.resume_state = "limited"
    assert session.state == "limited"


def test_a_job_that_began_in_a_session_is_named_there():
    assert session_of(JOB, CONFIG) == "main"
    assert "20000000" in moved_reason(tracked(), CONFIG, [JOB])
    assert tracked().state == "idle"
    assert moved_reason(tracked("a/b"), CONFIG, [JOB]) is None
    own = BackgroundJob("20000000", NEW, "/", "/h/a b", "/state/settings/a%2Fb.json", pid=7)
    assert session_of(own, CONFIG) == "a/b"
    assert session_of(BackgroundJob("20000000", NEW, "/", "/h/a b", pid=7), CONFIG) is None


def descends(monkeypatch, descent):
    monkeypatch.setattr(moved_conversations, "newest_descendant", lambda _projects, _uuid, _jobs: descent)


KNOWN = RegistryEntry(OLD, "hook", cwd="/", transcript="/t", pid=7, started=8)


def test_the_session_follows_its_conversation(tmp_path, monkeypatch, caplog):
    descends(monkeypatch, Descent(OLD))
    assert newest_conversation("main", KNOWN, CONFIG) is KNOWN
    descends(monkeypatch, Descent(NEW))
    with caplog.at_level(logging.WARNING):
        newest = newest_conversation("main", KNOWN, CONFIG)
    assert (newest.uuid, newest.cwd, newest.transcript, newest.pid) == (NEW, "/", None, None)
    assert f"conversation {OLD} went on in the background (agents view) as {NEW}" in caplog.text
    registry = SessionRegistry(Store(str(tmp_path)))
    registry.propose("main", RegistryEntry(OLD, "hook", cwd="/"))  # no process: nothing of a lower rank replaces it
    registry.follow("main", newest)
    assert SessionRegistry(Store(str(tmp_path))).get("main").uuid == NEW
    registry.follow("main", newest)
    assert registry.get("main").uuid == NEW


@pytest.mark.parametrize(
    ("descent", "words"),
    [
        (Descent(NEW, job=JOB), [OLD, NEW, "process 7", "claude stop 20000000"]),
        (Descent(OLD, job=JOB), [OLD, "process 7"]),
        (Descent(OLD, rivals=(JOB, JOB)), [OLD, NEW, "claude rm 20000000"]),
    ],
)
def test_a_conversation_that_is_elsewhere_or_not_certain_is_not_resumed(monkeypatch, descent, words):
    descends(monkeypatch, descent)
    with pytest.raises(FailoverError) as error:
        newest_conversation("main", KNOWN, CONFIG)
    assert [word for word in words if word not in str(error.value)] == []


MESSAGES = {name: json.dumps({"type": "user", "uuid": name}) + "\n" for name in ("old", "other")}


@pytest.mark.parametrize(
    ("written", "job", "waits"),
    [
        (None, {"version": "2.1.260"}, False),  # it says where a conversation went on
        (None, {"version": "2.1.259"}, True),
        (None, {}, True),
        ("", {}, True),
        (MESSAGES["old"], {}, True),
        (MESSAGES["other"], {}, False),  # a task of its own
        (None, {"pid": None}, False),
        (None, {"settings": None}, False),  # begun elsewhere
        (None, {"settings": "/state/settings/a%2Fb.json"}, False),
    ],
)
def test_a_conversation_is_not_resumed_while_a_job_of_its_session_can_have_it(
    tmp_path, monkeypatch, written, job, waits
):
    """2.1.197 writes where a conversation in the background came from only after the end of its turn there."""
    config = dataclasses.replace(CONFIG, active_link=str(tmp_path), shared_links=())
    folder = tmp_path / "projects" / "-"
    folder.mkdir(parents=True)
    version = {"version": job["version"]} if "version" in job else {}
    job = {key: value for key, value in job.items() if key != "version"}
    (folder / f"{OLD}.jsonl").write_text(json.dumps({**json.loads(MESSAGES["old"]), **version}) + "\n")
    if written is not None:
        (folder / f"{NEW}.jsonl").write_text(written)
    monkeypatch.setattr(moved_conversations, "background_jobs", lambda _homes: [dataclasses.replace(JOB, **job)])
    if not waits:
        assert newest_conversation("main", KNOWN, config).uuid == OLD
        return
    with pytest.raises(FailoverError) as error:
        newest_conversation("main", KNOWN, config)
    assert [word for word in (OLD, NEW, "process 7", "claude stop 20000000") if word not in str(error.value)] == []


@pytest.mark.parametrize("descent", [Descent(NEW), Descent(OLD)])
@pytest.mark.parametrize("kind", ["interactive", "bg"])
def test_a_conversation_that_any_process_has_is_not_resumed_beside_it(tmp_path, monkeypatch, descent, kind):
    """A person has resumed it elsewhere; or it is a background job whose state cannot be read at this moment."""
    descends(monkeypatch, descent)
    config = dataclasses.replace(CONFIG, accounts=(Account("a", str(tmp_path)),))
    own = {"pid": os.getpid(), "procStart": str(read(os.getpid()).start), "kind": kind, "sessionId": descent.uuid}
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / f"{os.getpid()}.json").write_text(json.dumps(own))
    with pytest.raises(FailoverError, match=f"process {os.getpid()} has conversation {descent.uuid} outside"):
        newest_conversation("main", KNOWN, config)
    (tmp_path / "sessions" / f"{os.getpid()}.json").write_text(json.dumps({**own, "procStart": "1"}))
    assert newest_conversation("main", KNOWN, config).uuid == descent.uuid
