# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test hooks and transcript records as sources of evidence and turns."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import json
import os
import re
import shutil
import time
from datetime import timedelta

import pytest

from claude_failover.claude import transcript
from claude_failover.claude.transcript import TranscriptTail
from claude_failover.common import clock, processes
from claude_failover.common.health import SourceHealth
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, DetectionConfig, SessionConfig
from claude_failover.detection.monitor import LimitMonitor
from claude_failover.limits.evidence import evidence_from_json, evidence_to_json, moved_on
from claude_failover.reporting.status import session_row
from claude_failover.sessions.registry import RegistryEntry, SessionRegistry
from claude_failover.sessions.table import SessionTable
from claude_failover.storage.store import Store
from claude_failover.tmux.client import Pane

ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"
REFUSAL = "You've hit your 5-hour limit · resets 9:36pm (UTC)"


class World:
    """A monitor, and a session ``main`` in conversation `ONE` whose process is this one."""

    def __init__(self, folder, **detection):
        self.config = Config(
            path=os.path.join(folder, "config.yml"),
            accounts=(Account("a", os.path.join(folder, "a")),),
            active_link=os.path.join(folder, "link"),
            shared_links=(),
            state_dir=os.path.join(folder, "state"),
            detection=DetectionConfig(**detection),
        )
        assert self.config.projects.startswith(folder), "the default is a folder of the host"
        os.makedirs(os.path.join(self.config.projects, "-srv"))
        self.transcript = os.path.join(self.config.projects, "-srv", ONE + ".jsonl")
        self.holder = holder = ConfigHolder(self.config)
        self.health = SourceHealth()
        self.registry = registry = SessionRegistry(Store(self.config.state_dir))
        self.sessions = SessionTable(holder, registry)
        me = processes.read(os.getpid())
        pane = Pane("main", "$0", "@0", "%0", me.pid, False, None, None, "claude", "/", 0, 80, 24, False, True)
        self.sessions.observe([pane])
        self.main = self.sessions.get("main")
        self.main.claude = me
        registry.propose("main", RegistryEntry(ONE, "hook", pid=me.pid, started=me.start))
        self.evidence = []
        self.turns = []
        self.usage = []
        self.dead = []
        self.lost = []
        self.monitor = LimitMonitor(
            holder,
            self.sessions,
            registry,
            None,
            on_evidence=self.evidence.append,
            on_turn=self.turns.append,
            on_usage=lambda tracked, figures: self.usage.append((tracked.name, figures)),
            on_login_dead=lambda tracked, message: self.dead.append((tracked.name, message)),
            health=self.health,
        )
        self.monitor.lost_contexts.on_lost = lambda session, why: self.lost.append((session, why))

    def hook(self, event=None, **payload):
        environment = {"TMUX": self.config.tmux.socket + ",1,0", "TMUX_PANE": "%0", "CLAUDE_PID": str(os.getpid())}
        if event is not None:
            payload.update(hook_event_name=event, session_id=ONE)
        self.monitor.handle_hook(payload, environment)

    def write(self, *records):
        with open(self.transcript, "a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(record) + "\n" for record in records)

    def follow(self, act, until):
        async def scenario():
            await self.monitor.start()
            act()
            deadline = time.monotonic() + 10
            while not until():
                assert time.monotonic() < deadline, (self.evidence, self.turns)
                await asyncio.sleep(0.01)
            await self.monitor.stop()

        asyncio.run(scenario())


def stamp(seconds=0.0):
    return clock.iso(clock.now() + timedelta(seconds=seconds))


def prompt(turn, seconds=0.0, content="go on", **more):
    message = {"role": "user", "content": content}
    return {"type": "user", "promptId": turn, "message": message, "timestamp": stamp(seconds), **more}


def answer(text="done", seconds=0.0, reason="end_turn", **more):
    message = {"role": "assistant", "content": [{"type": "text", "text": text}], "stop_reason": reason}
    return {"type": "assistant", "message": message, "timestamp": stamp(seconds), **more}


def refusal(seconds=0.0):
    record = answer(REFUSAL, seconds, "stop_sequence", isApiErrorMessage=True, error="rate_limit")
    record["message"]["model"] = "<synthetic>"
    return record


def local_command(name, seconds=0.0):
    command = f"<command-name>/{name}</command-name>"
    output = "<local-command-stdout>dismissed</local-command-stdout>"
    return [prompt("local", seconds, command), prompt("local", seconds, output)]


def refused_compaction(seconds=0.0):
    """2.1.332: the command is a user record, its error a record of the system's; no hook of the session's own."""
    error = f"<local-command-stderr>Error during compaction: {REFUSAL}</local-command-stderr>"
    return [
        prompt("c", seconds, "<command-name>/compact</command-name>"),
        {"type": "system", "subtype": "local_command", "content": error, "timestamp": stamp(seconds), "isMeta": False},
    ]


@pytest.fixture
def world(tmp_path):
    return World(str(tmp_path))


@pytest.mark.parametrize("source", ["hook", "transcript"])
def test_an_old_versions_session_is_known_before_its_limit_is_told(world, source):
    """2.1.78 and 2.1.81 write no version to their session file; their transcript has it."""
    seen = []
    report = world.evidence.append
    world.monitor._filter._on_evidence = lambda evidence: (seen.append(world.main.set_aside), report(evidence))
    world.write({**prompt("t0", -90000), "version": "2.1.332"}, {**prompt("t1", -0.2), "version": "2.1.78"})
    assert (world.main.version, world.main.state) == (None, "starting")
    if source == "hook":
        world.write({**refusal(-0.1), "version": "2.1.78"})
        world.hook("StopFailure", error="rate_limit", last_assistant_message=REFUSAL, prompt_id="t1")
    else:
        world.follow(lambda: world.write({**refusal(), "version": "2.1.78"}), lambda: world.evidence)
    assert len(world.evidence) == 1
    assert "found Claude Code 2.1.78, expected 2.1.81 or newer" in seen[0]
    assert (world.main.version, world.main.state) == ("2.1.78", "other")


def test_a_status_line_reports_usage_and_no_turn(world):
    world.hook(rate_limits={"five_hour": {"used_percentage": 92}})
    world.hook(rate_limits="none")
    assert world.usage == [("main", {"five_hour": {"used_percentage": 92}})]
    assert world.turns == []


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("SessionStart", "start"),
        ("UserPromptSubmit", "prompt"),
        ("Stop", "stop"),
        ("StopFailure", "failure"),
        ("SessionEnd", "end"),
        ("Notification", None),
    ],
)
def test_a_hook_is_a_step_of_a_turn(world, event, kind):
    world.hook(event, prompt="go on", prompt_id="t1")
    assert [turn.kind for turn in world.turns] == ([kind] if kind else [])
    for turn in world.turns:
        assert (turn.session, turn.uuid, turn.prompt, turn.turn) == ("main", ONE, "go on", "t1")


def test_a_hook_of_another_process_changes_nothing(world):
    payload = {"hook_event_name": "StopFailure", "error": "rate_limit", "last_assistant_message": REFUSAL}
    world.monitor.handle_hook(payload, {"TMUX": "/elsewhere,1,0", "TMUX_PANE": "%0"})
    world.monitor.handle_hook(payload, {"TMUX": world.config.tmux.socket + ",1,0", "TMUX_PANE": "%1"})
    assert world.turns == world.evidence == []


def test_a_refused_turn_is_evidence(world):
    world.hook("UserPromptSubmit", prompt_id="t1")
    world.hook("StopFailure", prompt_id="t1", error="rate_limit", last_assistant_message=REFUSAL)
    (evidence,) = world.evidence
    assert (evidence.source, evidence.uuid, evidence.turn) == ("hook", ONE, "t1")
    assert evidence.verdict.limit == "five_hour"
    assert evidence.request_at == world.turns[0].at
    assert world.dead == []


def test_a_rejected_login_is_no_limit(world):
    world.hook("StopFailure", error="authentication_failed", last_assistant_message="Please run /login")
    assert world.dead == [("main", "Please run /login")]
    assert world.evidence == []


def test_a_hook_takes_the_evidence_of_its_turn_from_the_transcript(world):
    world.hook("UserPromptSubmit", prompt_id="t1")
    world.write(prompt("t1"), refusal())
    world.hook("StopFailure", prompt_id="t1", error="rate_limit", last_assistant_message="not the transcript's words")
    (evidence,) = world.evidence
    assert (evidence.source, evidence.turn) == ("hook", "t1")
    assert REFUSAL in evidence.verdict.snippet


def test_a_local_command_below_a_refusal_changes_neither_its_turn_nor_its_time(world):
    """By the time of the command the refusal would be the account's that the link leads to by then."""
    world.write(prompt("t1", -60), refusal(-59), *local_command("usage-credits"))
    newest = world.monitor.newest_turns.of(world.main)
    assert (newest.turn, newest.ended) == ("t1", True)
    assert clock.now() - newest.request_at > timedelta(seconds=50)


def test_a_refused_compaction_of_a_session_with_hooks_is_evidence(world):
    world.hook("UserPromptSubmit", prompt_id="t1")
    world.hook("Stop", prompt_id="t1")
    world.follow(lambda: world.write(*refused_compaction()), lambda: world.evidence)
    # The hook of the compaction's own agent comes with it (2.1.332).
    world.hook(
        "StopFailure", prompt_id="c", error="rate_limit", last_assistant_message=REFUSAL, agent_id="a691e82be438a4cb9"
    )
    (evidence,) = world.evidence
    assert [turn.kind for turn in world.turns] == ["prompt", "stop"]
    assert (evidence.source, evidence.turn, evidence.verdict.limit) == ("transcript", "c", "five_hour")
    assert evidence.request_at is not None


@pytest.mark.parametrize("while_followed", [True, False])
def test_a_refusal_that_became_the_summary_is_told(world, while_followed):
    """Up to 2.1.150 it is in the summary only; also where it came while no daemon ran."""
    compacted = prompt("c", 0, f"This session is being continued.\n\n{REFUSAL}", isCompactSummary=True)
    if not while_followed:
        world.write(compacted)
    world.follow(lambda: while_followed and world.write(compacted), lambda: world.lost)
    assert [session for session, _why in world.lost] == ["main"]
    row = session_row(world.main, world.config, world.registry, None)
    assert ONE in row["reason"]
    assert world.evidence == []


def test_a_refusal_that_became_the_summary_is_found_before_the_newest_turns(world):
    compacted = prompt("c", 0, f"This session is being continued.\n\n{REFUSAL}", isCompactSummary=True)
    world.write(compacted, *[record for turn in range(50) for record in (prompt(f"t{turn}"), answer("x" * 1000))])
    assert world.monitor.newest_turns.of(world.main).ended
    assert [session for session, _why in world.lost] == ["main"]
    world.write(
        prompt("t50", content="This session is being continued.\n\nAll of it.", isCompactSummary=True), answer()
    )
    assert world.monitor.newest_turns.of(world.main).ended
    assert [why for _session, why in world.lost][1:] == [None]


def test_a_lost_context_is_told_again_once_its_conversation_is_back(world):
    """Another conversation ends the notice, also where nothing but the watcher has seen it."""
    world.write(prompt("c", 0, f"This session is being continued.\n\n{REFUSAL}", isCompactSummary=True), answer())
    world.monitor.newest_turns.of(world.main)
    world.monitor.lost_contexts.on_records(world.main, TWO, [prompt("t1")])
    world.monitor.newest_turns.of(world.main)
    assert [why is not None for _session, why in world.lost] == [True, False, True]


def test_a_pattern_that_is_added_counts_for_a_summary_that_was_read_before(world):
    words = "Your juice is gone until Monday"
    world.write(prompt("c", 0, f"This session is being continued.\n\n{words}", isCompactSummary=True), answer())
    world.monitor.newest_turns.of(world.main)
    assert world.lost == []
    detection = dataclasses.replace(world.config.detection, extra_patterns=(re.compile("juice is gone"),))
    world.monitor.classifier._config.replace(dataclasses.replace(world.config, detection=detection))
    world.monitor.newest_turns.of(world.main)
    assert [session for session, _why in world.lost] == ["main"]


def test_the_version_is_told_by_records_before_the_newest_turn(world):
    """The records of the newest turn are of a time to come, after the clock was set back."""
    world.write(
        *({**record, "version": "2.1.78"} for record in (prompt("t0", -0.2), answer("x" * 20_000, -0.1))),
        prompt("t1", 3600),
        refusal(3600),
    )
    assert world.monitor.newest_turns.of(world.main).verdict.limited
    assert world.main.version == "2.1.78"


def test_a_summary_that_could_not_be_read_is_found_at_the_next_look(world, monkeypatch):
    compacted = prompt("c", 0, f"This session is being continued.\n\n{REFUSAL}", isCompactSummary=True)
    world.write(compacted, prompt("t1"), answer())
    read = TranscriptTail.read

    def broken(reader):
        yield from read(reader)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(TranscriptTail, "read", broken)
    assert world.monitor.newest_turns.of(world.main).ended
    assert world.lost == []
    monkeypatch.setattr(TranscriptTail, "read", read)
    assert world.monitor.newest_turns.of(world.main).ended
    assert [session for session, _why in world.lost] == ["main"]


def test_the_end_of_a_sub_agent_is_not_the_turns(world):
    world.hook("UserPromptSubmit", prompt_id="t1")
    for event in ("StopFailure", "Stop"):
        world.hook(event, prompt_id="t1", error="rate_limit", last_assistant_message=REFUSAL, agent_id="a691e82b")
    assert [turn.kind for turn in world.turns] == ["prompt"]
    assert world.main.activity == "busy"
    assert world.evidence == []


def test_a_transcript_that_lags_behind_is_not_the_turns(world):
    world.write(prompt("t1", -60), refusal(-60))
    world.hook("UserPromptSubmit", prompt_id="t2")
    world.hook("StopFailure", prompt_id="t2", error="rate_limit", last_assistant_message=REFUSAL)
    (evidence,) = world.evidence
    assert evidence.turn == "t2"
    assert evidence.request_at == world.turns[0].at


@pytest.mark.parametrize("ids", [{"prompt_id": "t1"}, {}], ids=["2.1.197", "2.1.150"])
def test_a_hook_that_comes_after_the_session_went_on_is_of_the_refused_turn(world, ids):
    """A queued prompt was sent after the refusal, and answered, before the hook of the refusal came."""
    world.hook("UserPromptSubmit", **ids)
    records = []
    for make in (lambda: prompt("t1"), refusal, lambda: prompt("t2"), answer):
        time.sleep(0.01)  # the times of records are cut to the millisecond
        records.append(make())
    world.write(*records)
    world.hook("StopFailure", error="rate_limit", last_assistant_message=REFUSAL, **ids)
    (evidence,) = world.evidence
    assert (evidence.source, evidence.turn, evidence.verdict.limit) == ("hook", "t1", "five_hour")
    assert [clock.iso(at) for at in (evidence.request_at, evidence.at)] == [r["timestamp"] for r in records[:2]]
    assert moved_on(world.monitor.newest_turns.of(world.main), evidence)


def test_a_hook_without_an_id_that_comes_while_the_next_turn_runs_is_of_the_refused_one(world):
    """By the time of the hook the answer, which is written some moments after its time, would be the older one."""
    world.hook("UserPromptSubmit")
    world.write(prompt("t1", -40), refusal(-30), prompt("t2", -29))
    world.hook("UserPromptSubmit")
    world.hook("StopFailure", error="rate_limit", last_assistant_message=REFUSAL)
    (evidence,) = world.evidence
    assert (evidence.source, evidence.turn) == ("hook", "t1")
    assert moved_on(world.monitor.newest_turns.of(world.main), evidence)
    world.hook("StopFailure", error="rate_limit", last_assistant_message=REFUSAL)  # that of t2, before its record
    assert [evidence.turn for evidence in world.evidence] == ["t1", None]


def turns(first, last):
    """Return the records of answered turns from so many seconds ago to so many."""
    return [record for at in range(-first, -last, 3) for record in (prompt("old", at), answer("x" * 400, at))]


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda: [prompt("t1", -9), refusal(-8), prompt("t2", -7), answer(seconds=-6)], 100),
        (lambda: [prompt("t1", -180), refusal(-60), *[answer("x" * 400, -50)] * 200], 600),
        (lambda: [refusal(-180), *[answer("x" * 400, -50)] * 1000], 4000),
    ],
    ids=["late", "far back", "of the turns before"],
)
def test_no_more_of_a_transcript_is_read_than_tells_of_a_late_hooks_refusal(world, make, most, monkeypatch):
    records = [*turns(9000, 200), *make()]
    world.write(*records)
    parsed, judged = [], []
    parse, classify = transcript.parse, world.monitor.classifier.classify_transcript
    monkeypatch.setattr(transcript, "parse", lambda line: [parsed.append(one) or one for one in parse(line)])
    monkeypatch.setattr(
        world.monitor.classifier, "classify_transcript", lambda found: [judged.extend(found), classify(found)][1]
    )
    found = world.monitor.newest_turns.refusal_of(world.main)
    assert found.turn == ("old" if most > 1000 else "t1")
    assert len(parsed) <= most
    assert len(judged) <= 2 * len(parsed)


def test_where_no_turn_was_refused_each_reply_is_judged_once(world, monkeypatch):
    world.write(*turns(9000, 200))
    judged, classify = [], world.monitor.classifier.classify_transcript
    monkeypatch.setattr(
        world.monitor.classifier, "classify_transcript", lambda found: [judged.extend(found), classify(found)][1]
    )
    assert world.monitor.newest_turns.refusal_of(world.main) is None
    assert len(judged) == len(turns(9000, 200)) / 2


def test_the_refusal_of_another_transcript_is_found_where_the_first_cannot_be_read_on(world, monkeypatch):
    """A copy of a transcript whose disk fails in the middle."""
    world.write(prompt("t1", -9), refusal(-8), *[answer(seconds=-6)] * 100)
    folder = os.path.join(os.path.dirname(os.path.dirname(world.transcript)), "-first")
    os.mkdir(folder)
    first = os.path.join(folder, os.path.basename(world.transcript))
    with open(first, "w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(answer("y", -5)) + "\n" for _line in range(2000))
    world.registry.propose("main", dataclasses.replace(world.registry.get("main"), transcript=first))
    pread, inode = os.pread, os.stat(first).st_ino

    def fail_in_the_middle(descriptor, size, offset):
        if os.fstat(descriptor).st_ino == inode and offset < 100_000:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", fail_in_the_middle)
    assert world.monitor.newest_turns.refusal_of(world.main).turn == "t1"


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("record_id", ["t1", None])
def test_the_next_accounts_refusal_right_after_the_resume_is_told_without_turn_ids(world, written, record_id):
    """2.1.81 is resumed within a second; its transcript may lag behind."""
    world.hook("UserPromptSubmit")
    world.write(prompt(record_id, -0.03), refusal(-0.02))
    world.hook("StopFailure", error="rate_limit", last_assistant_message=REFUSAL)
    world.hook("UserPromptSubmit")
    other = REFUSAL.replace("9:36pm", "9:37pm")
    assert other != REFUSAL
    if written:
        told = stamp()
        while stamp() == told:  # the times of records are cut to the millisecond
            time.sleep(0.0002)
        again = refusal()
        again["message"]["content"][0]["text"] = other
        world.write(prompt(record_id and "t2"), again)
    world.hook("StopFailure", error="rate_limit", last_assistant_message=other)
    assert [evidence.verdict.snippet for evidence in world.evidence] == [REFUSAL, other]
    assert world.evidence[1].request_at >= world.evidence[0].at


@pytest.mark.parametrize("ids", [{"prompt_id": "t3"}, {}], ids=["2.1.197", "2.1.150"])
@pytest.mark.parametrize("later", [[], [prompt("t3")]], ids=["not_written_yet", "not_answered_yet"])
def test_the_hook_of_a_later_refusal_is_not_taken_for_an_earlier_ones(world, ids, later):
    """The transcript lags behind; the words are the same."""
    world.write(prompt("t1", -9), refusal(-8), prompt("t2", -7), answer(seconds=-6), *later)
    world.hook("UserPromptSubmit", **ids)
    world.hook("StopFailure", error="rate_limit", last_assistant_message=REFUSAL, **ids)
    (evidence,) = world.evidence
    assert evidence.turn == ids.get("prompt_id")
    assert evidence.request_at == world.turns[0].at


@pytest.mark.parametrize(
    ("records", "limited"),
    [
        ([], None),
        ([{"type": "user", "message": {"content": "x"}}], None),
        ([prompt("t1"), refusal()], True),
        ([prompt("t1"), refusal(), prompt("t2")], False),
        ([prompt("t1"), refusal(), prompt("t2"), answer()], False),
        ([prompt("t1"), refusal(), answer(isSidechain=True)], True),
        ([prompt("t1"), refusal(), *local_command("usage-credits", 1)], True),
        ([prompt("t1"), refusal(), *local_command("a-new-command", 1)], True),
        ([prompt("t1"), answer(), *refused_compaction()], True),
        ([prompt("t1"), answer(), *refused_compaction(), prompt("t2")], False),
    ],
)
def test_the_newest_turn_is_read_from_the_end_of_the_transcript(world, records, limited):
    world.write(*records)
    newest = world.monitor.newest_turns.of(world.main)
    assert (newest.verdict.limited if newest else None) is limited


def test_records_of_a_session_without_hooks_are_turns_and_evidence(world):
    tool_result = prompt("t1", content=[{"type": "tool_result", "content": "x"}])
    records = [prompt("t1"), answer("a tool", reason="tool_use"), tool_result, answer(), prompt("t2"), refusal()]
    world.follow(lambda: world.write(*records), lambda: world.evidence)
    assert [(turn.kind, turn.turn) for turn in world.turns] == [("prompt", "t1"), ("stop", "t1"), ("prompt", "t2")]
    (evidence,) = world.evidence
    assert (evidence.source, evidence.uuid, evidence.turn) == ("transcript", ONE, "t2")
    assert clock.iso(evidence.request_at) == clock.iso(world.turns[-1].at)


def test_records_of_a_session_with_hooks_are_evidence_only_and_once(world):
    world.hook("UserPromptSubmit", prompt_id="t1")
    world.follow(lambda: world.write(prompt("t1"), refusal()), lambda: world.evidence)
    assert [turn.kind for turn in world.turns] == ["prompt"]
    world.hook("StopFailure", prompt_id="t1", error="rate_limit", last_assistant_message=REFUSAL)
    assert len(world.evidence) == 1


def test_records_of_sub_agents_and_other_conversations_are_ignored(world):
    sub_agent = [{**prompt("t1"), "isSidechain": True}, {**refusal(), "isSidechain": True}]
    other = world.transcript.replace(ONE, "other")

    def act():
        with open(other, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(refusal()) + "\n")
        world.write(*sub_agent, prompt("t2"))

    world.follow(act, lambda: world.turns)
    assert [turn.turn for turn in world.turns] == ["t2"]
    assert world.evidence == []


def test_an_unknown_wording_is_logged_once(world, caplog):
    for _time in range(2):
        world.hook("StopFailure", error="rate_limit", last_assistant_message="Your lunar limit is reached")
    assert world.evidence == []
    assert caplog.text.count("usage limit in an unknown wording") == 1


def test_what_need_not_be_an_accounts_limit_is_logged_once(world, caplog):
    message = "API Error: Usage credits required for 1M context · turn on usage credits at claude.ai/settings/usage"
    for _time in range(2):
        world.hook("StopFailure", error="rate_limit", last_assistant_message=message)
    assert world.evidence == []
    assert caplog.text.count("need not be a limit of the account (undecided-long-context)") == 1


def test_transcripts_that_cannot_be_watched_leave_the_hooks(world, caplog):
    os.rmdir(os.path.dirname(world.transcript))
    os.rmdir(world.config.projects)
    world.follow(lambda: None, lambda: True)
    assert "limits are detected by hooks and panes only" in caplog.text
    world.hook("StopFailure", error="rate_limit", last_assistant_message=REFUSAL)
    assert len(world.evidence) == 1


def test_transcripts_are_not_watched_when_switched_off(tmp_path):
    world = World(str(tmp_path), transcripts=False)
    world.follow(lambda: world.write(prompt("t1"), refusal()), lambda: True)
    assert world.monitor._transcripts is None
    assert world.evidence == []


def test_a_limit_that_came_while_nothing_looked_is_reported_once(world):
    """The folder was restored with the refusal in it: its lines are old ones, the newest turn is not."""
    away = world.config.projects + ".away"

    def act():
        world.write(prompt("t1"))
        os.rename(world.config.projects, away)
        asyncio.get_running_loop().call_later(0.3, restore)

    def restore():
        shutil.copytree(away, world.config.projects)
        world.write(refusal(), prompt("t2"), refusal())

    world.follow(act, lambda: "t2" in [evidence.turn for evidence in world.evidence] and not world.health.rows())
    turns = [evidence.turn for evidence in world.evidence]
    assert len(set(turns)) == len(turns)


@pytest.mark.parametrize(("seconds", "count"), [(-1, 1), (-25 * 3600, 0)])
def test_a_limit_hit_while_no_daemon_ran_is_reported_unless_it_has_reset(world, seconds, count):
    world.write(prompt("t1", seconds), refusal(seconds))
    world.follow(lambda: None, lambda: True)
    assert len(world.evidence) == count


@pytest.mark.parametrize(("process_age", "earlier"), [(0, True), (3600, False)])
def test_a_refusal_that_is_older_than_the_process_is_told_as_such(world, process_age, earlier):
    ticks = process_age * os.sysconf("SC_CLK_TCK")
    world.main.claude = dataclasses.replace(world.main.claude, start=world.main.claude.start - ticks)
    world.write(prompt("t1", -900), refusal(-900))
    world.follow(lambda: None, lambda: world.evidence)
    assert [evidence.earlier_process for evidence in world.evidence] == [earlier]
    assert evidence_from_json(evidence_to_json(world.evidence[0])).earlier_process is earlier


def test_a_reload_switches_the_transcripts_off_and_on_and_moves_them(world):
    def replace(**changes):
        world.holder.replace(dataclasses.replace(world.holder.current, **changes))

    async def scenario():
        await world.monitor.start()
        replace(detection=DetectionConfig(transcripts=False))
        assert world.monitor._transcripts is None
        world.write(prompt("t1"))
        await asyncio.sleep(0.1)
        assert world.turns == []
        replace(detection=DetectionConfig(), active_link=world.config.active_link + ".missing")
        assert [row["source"] for row in world.health.rows()] == ["transcripts"]
        replace(detection=DetectionConfig(transcripts=False))
        assert world.health.rows() == [], "what is switched off is not blind"
        replace(detection=DetectionConfig(), active_link=world.config.active_link)
        world.write(prompt("t2"))
        end = time.monotonic() + 5
        while not world.turns:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        assert [turn.turn for turn in world.turns] == ["t2"]
        await world.monitor.stop()
        replace(active_link="/nowhere")
        assert world.monitor._transcripts is None

    asyncio.run(scenario())


def test_a_session_that_ends_turns_without_a_hook_is_named(world):
    world.main.spec = SessionConfig("main", "/")
    world.follow(lambda: world.write(prompt("t1"), answer()), lambda: len(world.turns) >= 2)
    assert world.monitor.sessions_without_hooks() == [], "the turn may have begun before this daemon"
    world.follow(lambda: world.write(prompt("t2"), answer()), lambda: len(world.turns) >= 4)
    assert world.monitor.sessions_without_hooks() == ["main"]
    world.hook("Stop")
    assert world.monitor.sessions_without_hooks() == []


def test_a_session_that_was_started_without_hooks_is_not_named(world):
    world.main.spec = SessionConfig("main", "/", claude_args=False)
    records = [prompt("t1"), answer(), prompt("t2"), answer()]
    world.follow(lambda: world.write(*records), lambda: len(world.turns) >= 4)
    assert world.monitor.sessions_without_hooks() == []


@pytest.mark.parametrize("source", ["control_socket", "tmux"])
def test_a_limit_whose_hook_was_lost_is_found_once_the_source_is_back(tmp_path, source, monkeypatch):
    world = World(str(tmp_path), transcripts=False)
    monkeypatch.setattr(asyncio.BaseEventLoop, "call_later", call_soon(asyncio.BaseEventLoop.call_later, 11.0))

    def act():
        world.health.failed(source, "gone")
        world.write(prompt("t1"), refusal())
        world.health.works(source)

    world.follow(act, lambda: world.evidence)
    (evidence,) = world.evidence
    assert evidence.turn == "t1"


def call_soon(real, seconds):
    """Return a call_later in which this delay is none."""
    return lambda loop, delay, *arguments, **more: real(loop, 0 if delay == seconds else delay, *arguments, **more)


def test_an_error_of_the_api_is_no_answer_whatever_its_stop_reason(world):
    error = answer("API Error: 500", reason="stop_sequence", isApiErrorMessage=True)
    world.follow(lambda: world.write(prompt("t1"), error, prompt("t2")), lambda: len(world.turns) >= 2)
    assert [event.kind for event in world.turns] == ["prompt", "prompt"]


@pytest.mark.parametrize("hooks", [True, False])
def test_a_request_that_was_held_back_is_told_with_its_words(world, hooks):
    words = "This session belongs to another account, so nothing was sent. Send a message to choose."
    if hooks:
        world.hook("StopFailure", prompt_id="t1", error="invalid_request", last_assistant_message=words)
    else:
        error = answer(words, reason="stop_sequence", isApiErrorMessage=True)
        world.follow(lambda: world.write(prompt("t1"), error), lambda: len(world.turns) >= 2)
    event = world.turns[-1]
    assert (event.kind, event.turn, event.message) == ("failure", "t1", words)
    assert world.evidence == []


def test_the_text_of_a_prompt_is_told_but_not_that_of_an_interruption(world):
    records = prompt("t1", content="go on"), prompt("t2", content="[Request interrupted by user]")
    world.follow(lambda: world.write(*records), lambda: len(world.turns) >= 2)
    assert [event.prompt for event in world.turns] == ["go on", None]


def test_a_limit_from_the_future_is_told_as_of_now(world):
    """The clock was set back while no daemon ran."""
    world.write(prompt("t1", 3600), refusal(3601))
    found = world.monitor.newest_turns.of(world.main)
    assert found.verdict.limited
    assert found.request_at is None
    assert found.at <= clock.now()


def test_an_answer_from_the_future_is_unknown(world):
    world.write(prompt("t1", 3600), answer("done", 3601))
    assert world.monitor.newest_turns.of(world.main) is None


@pytest.mark.parametrize(
    ("records", "activity"),
    [
        (lambda: [prompt("t1", -3), answer(seconds=-2)], "idle"),
        (lambda: [prompt("t1", -3), refusal(-2)], "idle"),
        (lambda: [prompt("t1", -3), answer(seconds=-2, reason="tool_use")], "busy"),
        (lambda: [prompt("t1", -3)], "busy"),
        (lambda: [prompt("t1", -9), answer(seconds=-8)], "busy"),
    ],
)
def test_a_turn_that_ended_unheard_leaves_its_session_idle(world, records, activity):
    world.main.record_activity("busy", clock.now() - timedelta(seconds=5))
    world.write(*records())

    async def scenario():
        await world.monitor.start()
        await world.monitor.stop()

    asyncio.run(scenario())
    assert world.main.state == activity


def test_a_copy_of_the_conversation_is_told_with_the_one_that_it_was_made_of(tmp_path):
    """2.1.330: the owner's question and /branch go on in the same process with another id."""
    world = World(str(tmp_path))
    world.hook(None, hook_event_name="SessionStart", session_id=TWO, source="fork")
    world.hook(None, hook_event_name="SessionStart", session_id=TWO, source="fork")
    world.hook(None, hook_event_name="SessionStart", session_id=ONE, source="clear")
    assert [(turn.uuid, turn.copied_from) for turn in world.turns] == [(TWO, ONE), (TWO, None), (ONE, None)]
    assert world.sessions.conversation("main") == ONE
