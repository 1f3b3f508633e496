# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from skipped_time import SkippedTime

from claude_failover.claude.prompt_delivery import Delivery
from claude_failover.claude.turns import TurnEvent
from claude_failover.common import clock, processes
from claude_failover.common.errors import FailoverError
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import FailoverConfig, SessionConfig
from claude_failover.failover import resumer
from claude_failover.failover.resume_slots import ResumeSlots
from claude_failover.failover.resumer import SessionResumer
from claude_failover.failover.resumptions_under_way import DOCUMENT
from claude_failover.limits import Verdict
from claude_failover.limits.evidence import Evidence
from claude_failover.limits.retry import waits_for_reset
from claude_failover.sessions import termination
from claude_failover.sessions.lifecycle_state import ENDED, LifecycleEntry
from claude_failover.sessions.restart_policy import stays_down
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.storage.pending_writes import PendingWrites
from claude_failover.tmux.client import TmuxError

ONE = "11111111-1111-4111-8111-111111111111"
NOW = clock.now()
LIMITED = Verdict(True, "five_hour", None, "hit-your-limit", "You've hit your 5-hour limit", "")
ANSWERED = Verdict(False, None, None, "answer", "", "")


class Panes:
    """Stands in for the tmux client: it keeps the marks of the panes."""

    def __init__(self):
        self.marks = set()

    async def mark(self, pane_id, name):
        self.marks.add((pane_id, name))

    async def unmark(self, pane_id, name):
        self.marks.discard((pane_id, name))

    async def marked(self, pane_id, name):
        return (pane_id, name) in self.marks


EVIDENCE = Evidence("main", ONE, "hook", LIMITED, NOW, NOW)


class Harness:
    """A `SessionResumer` whose deliveries have the given results, in turn; stands in for its store and sessions."""

    def __init__(self, *results, spec=True, interrupted=(), budget=None, panes=None, **more):
        self.panes = panes or Panes()
        self.results = list(results)
        self.sent = []
        self.restarted = []
        self.newest = None
        self.documents = {DOCUMENT: list(interrupted)} if interrupted else {}
        self.saved = []
        self.options = []
        self.stopped = set()
        self.held = set()
        self.running = self.most_running = 0
        self.seconds = 0.1
        pane = SimpleNamespace(pane_id="%1", dead=False, pid=4711)
        session = SessionConfig("main", "/srv", ("claude",), **more) if spec else None
        self.table = {}
        self.track("main", session, pane)
        self.resumer = SessionResumer(
            ConfigHolder(SimpleNamespace(failover=FailoverConfig())),
            self.panes,
            self,
            self,
            lambda tracked: self.newest if tracked.name == "main" else None,
            self,
            budget,
            send=self.send,
        )
        self.resumer.mark_limited(EVIDENCE)

    def track(self, name, spec, pane):
        self.table[name] = TrackedSession(name, spec=spec, pane=pane, activity="idle")

    # the store, the sessions and the lifecycle

    def load(self, name, default):
        return self.documents.get(name, default)

    def keep(self, name, document, _what):
        self.documents[name] = document()
        self.saved.append(document())

    keep_soon = keep

    async def settle(self):
        pass

    def get(self, name):
        return self.table.get(name)

    def conversation(self, name):
        return ONE if name in self.table else None

    def is_stopped(self, name):
        return name in self.stopped

    def holds(self, name):
        return name in self.held

    def request_check(self):
        self.table["main"].pane.dead = False

    async def restart(self, tracked, spec):
        assert spec is tracked.spec
        self.restarted.append(tracked.name)

    async def send(self, tmux, pane_id, text, **options):
        assert (tmux, pane_id) == (self.panes, "%1")
        self.options.append(options)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.sent.append(text)
        await asyncio.sleep(0)
        self.running -= 1
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return Delivery(result, 1, self.seconds, "the detail")

    async def resume_all(self, *names):
        return list(await asyncio.gather(*[self.resumer.resume(name) for name in names or ("main",)]))

    def run(self, *names):
        return asyncio.run(self.resume_all(*names))

    @property
    def main(self):
        return self.table["main"]


def outcomes(rows):
    return [(row["name"], row["method"], row["result"].partition(":")[0]) for row in rows]


def test_a_delivered_prompt_resumes_the_session():
    harness = Harness("delivered")
    assert harness.main.state == "limited"
    (row,) = harness.run()
    assert (row["method"], row["result"], row["uuid"]) == ("hot", "sent", ONE)
    assert harness.sent == ["continue"]
    assert harness.restarted == []
    assert harness.main.state == "idle"
    assert harness.main.resume_note is None


@pytest.mark.parametrize("result", ["draft", "dialog", "busy"])
def test_a_draft_a_dialog_and_a_running_turn_are_left_and_reported(result):
    harness = Harness(result)
    assert outcomes(harness.run()) == [("main", "none", result)]
    assert harness.restarted == []
    assert harness.main.state == "limited"
    assert "the detail" in harness.main.resume_note
    harness.resumer.on_turn(TurnEvent("main", ONE, "prompt", NOW))
    assert (harness.main.state, harness.main.resume_note) == ("idle", None)


def test_a_refusal_before_the_end_of_the_resumption_keeps_its_reason():
    """A refusal takes less time than the delivery needs to see the turn begin."""
    harness = Harness("delivered")

    async def refused_at_once(*arguments, **options):
        harness.resumer.on_turn(TurnEvent("main", ONE, "prompt", NOW))
        harness.resumer.mark_limited(EVIDENCE)
        harness.resumer.mark_set_aside("main", "it is in doubt")
        return await harness.send(*arguments, **options)

    harness.resumer._send = refused_at_once
    harness.run()
    assert (harness.main.state, harness.main.resume_note) == ("limited", "it is in doubt")


@pytest.mark.parametrize("result", ["not_ready", "failed", "pane_gone"])
def test_a_session_that_takes_no_prompt_is_restarted(result):
    harness = Harness(result, "delivered")
    assert outcomes(harness.run()) == [("main", "restart", "sent")]
    assert harness.restarted == ["main"]
    assert harness.sent == ["continue"] * 2


@pytest.mark.parametrize(
    ("after", "result"),
    [("draft", "draft"), ("dialog", "dialog"), ("failed", "failed"), ("not_ready", "failed"), ("pane_gone", "failed")],
)
def test_a_restart_without_success_is_reported(after, result):
    harness = Harness("not_ready", after)
    assert outcomes(harness.run()) == [("main", "restart", result)]
    assert harness.main.state == "limited"


@pytest.mark.parametrize("at", ["over", "under way"])
def test_a_session_that_was_restarted_by_hand_meanwhile_is_not_ended_again(monkeypatch, at):
    class RestartedByHand(Harness):
        async def send(self, tmux, pane_id, text, **options):
            if not self.sent:
                self.held.add("main")
                again = asyncio.get_running_loop().create_task(self.restart_by_hand())
                if at == "over":
                    await again
                else:
                    self.again = again  # it ends while the resumer waits
            return await super().send(tmux, pane_id, text, **options)

        async def restart_by_hand(self):
            for _step in range(5):
                await asyncio.sleep(0)
            self.main.pane = SimpleNamespace(pane_id="%1", dead=False, pid=4712)
            self.held.discard("main")

    ended = []

    async def end_claude(tracked, *, force):
        ended.append((tracked.name, force))

    monkeypatch.setattr(resumer, "end_claude", end_claude)
    monkeypatch.setattr(resumer, "POLL", 0)
    harness = RestartedByHand("not_ready", "delivered")
    assert outcomes(harness.run()) == [("main", "restart", "sent")]
    assert (ended, harness.restarted) == ([], [])
    assert [options["timing"] for options in harness.options] == [resumer.RUNNING, resumer.STARTED]


@pytest.mark.parametrize("spec", [{"spec": False}, {"claude_args": False}])
def test_a_session_not_started_by_the_daemon_is_not_restarted(spec):
    harness = Harness("failed", **spec)
    (row,) = harness.run()
    assert row["method"] == "none"
    assert row["result"] == "failed: the detail; the daemon cannot restart this session"
    assert harness.restarted == []


@pytest.mark.parametrize("spec", [{"spec": False}, {"claude_args": False}, {}])
def test_a_turn_that_only_the_transcript_shows_counts_as_begun(spec):
    harness = Harness("failed", **spec)

    async def unheard(*arguments, **options):
        harness.newest = dataclasses.replace(EVIDENCE, verdict=ANSWERED, at=NOW + timedelta(seconds=1))
        return await harness.send(*arguments, **options)

    harness.resumer._send = unheard
    assert outcomes(harness.run()) == [("main", "hot", "sent")]
    assert harness.restarted == []


def test_a_session_that_went_on_by_itself_is_left_alone():
    harness = Harness()
    harness.newest = dataclasses.replace(EVIDENCE, verdict=ANSWERED, at=NOW + timedelta(seconds=1))
    assert outcomes(harness.run()) == [("main", "none", "moved on")]
    assert harness.sent == []


def test_a_session_that_goes_on_during_the_delivery_is_left_alone():
    harness = Harness("moved_on")
    assert outcomes(harness.run()) == [("main", "none", "moved on")]
    assert harness.restarted == []
    assert (harness.main.state, harness.main.resume_note) == ("idle", None)
    harness = Harness("not_ready", "moved_on")
    assert outcomes(harness.run()) == [("main", "restart", "sent")]


def test_the_delivery_asks_whether_the_session_has_gone_on():
    """Right before Enter the transcript is read again; the record of our own Escape does not count."""
    harness = Harness("delivered")
    harness.run()
    (options,) = harness.options
    assert asyncio.run(options["gone_on"]()) is False
    later = dataclasses.replace(EVIDENCE, verdict=ANSWERED, at=NOW + timedelta(seconds=1))
    harness.newest = dataclasses.replace(later, interrupted=True)
    assert asyncio.run(options["gone_on"]()) is False
    harness.newest = later
    assert asyncio.run(options["gone_on"]()) is True
    assert options["waits"] is waits_for_reset


def later(verdict, seconds, begun=None):
    """Return what the transcript shows so many seconds after the refusal, of a request begun so many after it."""
    at, begun = (None if each is None else NOW + timedelta(seconds=each) for each in (seconds, begun))
    return dataclasses.replace(EVIDENCE, verdict=verdict, at=at, request_at=begun or NOW - timedelta(seconds=9))


@pytest.mark.parametrize(
    ("written", "gone_on"),
    [
        ([later(ANSWERED, 1)], True),
        ([EVIDENCE, EVIDENCE, later(ANSWERED, 1)], True),
        ([later(LIMITED, 0.2), later(ANSWERED, 1)], True),  # the refusal's own record first
        ([EVIDENCE, later(LIMITED, 1, 0.6)], False),  # it was refused, too
    ],
)
def test_a_prompt_that_a_hook_told_of_is_looked_for_in_the_transcript(monkeypatch, written, gone_on):
    """A queued prompt can be answered before its records are written: what came of it is not known until then."""
    harness, waits = Harness("delivered"), []
    harness.run()
    (options,) = harness.options
    harness.resumer.on_turn(TurnEvent("main", ONE, "prompt", NOW + timedelta(seconds=0.5)))
    shown = iter(written)
    harness.newest = next(shown)

    async def pause(seconds):
        waits.append(seconds)
        harness.newest = next(shown)

    monkeypatch.setattr(resumer.asyncio, "sleep", pause)
    assert asyncio.run(options["gone_on"]()) is gone_on
    assert waits == [resumer.RECORD_POLL] * (len(written) - 1)


@pytest.mark.parametrize("turn", ["the refused one's", None])
def test_a_record_that_never_comes_is_waited_for_a_while(monkeypatch, turn):
    """The hook of a prompt can come after its own refusal: where ids tell that, nothing is waited for."""
    monkeypatch.setattr(resumer, "RECORD_WAIT", 0.2)
    monkeypatch.setattr(resumer, "RECORD_POLL", 0.01)
    harness = Harness("delivered")
    harness.newest = evidence = dataclasses.replace(EVIDENCE, turn="the refused one's")
    harness.resumer.mark_limited(evidence)
    harness.resumer.on_turn(TurnEvent("main", ONE, "prompt", NOW + timedelta(seconds=0.5), turn=turn))
    begun = time.monotonic()
    assert outcomes(harness.run()) == [("main", "hot", "sent")]
    assert (time.monotonic() - begun >= 0.2) is (turn is None)


def test_a_session_whose_queued_prompt_was_sent_meanwhile_is_not_restarted():
    harness = Harness("failed")
    looks = iter([EVIDENCE, EVIDENCE, EVIDENCE])
    harness.resumer._newest_turn = lambda _tracked: next(looks, later(ANSWERED, 1))

    async def prompted(*arguments, **options):
        harness.resumer.on_turn(TurnEvent("main", ONE, "prompt", NOW + timedelta(seconds=0.5)))
        return await harness.send(*arguments, **options)

    harness.resumer._send = prompted
    assert outcomes(harness.run()) == [("main", "hot", "sent")]
    assert harness.restarted == []


def test_the_delivery_is_told_at_once_that_its_turn_has_begun():
    harness = Harness("delivered")
    told = []

    async def begins(*arguments, **options):
        waiting = asyncio.ensure_future(options["wait_begun"](3600))
        await asyncio.sleep(0)
        harness.resumer.on_turn(TurnEvent("other", ONE, "prompt", NOW))
        harness.resumer.on_turn(TurnEvent("main", ONE, "stop", NOW))
        await asyncio.sleep(0)
        told.append(waiting.done())
        harness.resumer.on_turn(TurnEvent("main", ONE, "prompt", clock.now()))
        await asyncio.wait_for(waiting, 20)
        told.append(await options["began"]())
        return await harness.send(*arguments, **options)

    harness.resumer._send = begins
    assert outcomes(harness.run()) == [("main", "hot", "sent")]
    assert told == [False, True]


def test_a_transcript_older_than_the_evidence_does_not_count():
    harness = Harness("delivered")
    harness.newest = dataclasses.replace(EVIDENCE, verdict=ANSWERED, at=NOW - timedelta(seconds=1))
    assert outcomes(harness.run()) == [("main", "hot", "sent")]


def test_a_conversation_that_was_cleared_is_not_continued():
    harness = Harness()
    harness.conversation = lambda _name: "22222222-2222-4222-8222-222222222222"
    assert outcomes(harness.run()) == [("main", "none", "moved on")]
    assert harness.sent == []


def test_a_session_that_is_down_is_waited_for():
    harness = Harness("delivered")
    harness.main.pane.dead = True
    assert outcomes(harness.run()) == [("main", "hot", "sent")]


def test_a_session_that_stays_down_is_reported(monkeypatch):
    monkeypatch.setattr(resumer, "UP_WAIT", 0.0)
    harness = Harness()
    harness.main.pane.dead = True
    harness.main.reason = "exited with status 3"
    (row,) = harness.run()
    assert (row["method"], row["result"]) == ("none", "failed: the session is down: exited with status 3")


def test_a_session_that_was_stopped_by_hand_is_left_at_once():
    harness = Harness()
    harness.main.pane.dead = True
    harness.stopped.add("main")
    (row,) = harness.run()
    expected = "gone: stopped by hand; claude-failover restart main resumes it"
    assert (row["method"], row["result"], harness.main.resume_note) == ("none", expected, expected)


def test_a_session_that_is_not_to_be_started_again_is_left_at_once(monkeypatch):
    monkeypatch.setattr(resumer, "UP_WAIT", 0.0)
    harness = Harness(restart="never")
    harness.main.pane.dead = True
    harness.main.reason = stays_down(harness.main.spec, LifecycleEntry(ENDED, "it exited"), None)
    (row,) = harness.run()
    assert row["result"].startswith("gone: it exited; not started again")


def test_a_session_whose_conversation_is_in_the_background_is_left_to_a_person():
    harness = Harness()
    harness.main.parked_job = "20000000"
    harness.main.reason = "its conversation went on in the background"
    (row,) = harness.run()
    assert (row["method"], row["result"]) == ("none", "failed: its conversation went on in the background")
    assert (harness.sent, harness.restarted, harness.main.state) == ([], [], "limited")


def test_a_session_that_is_gone_is_gone():
    assert outcomes(Harness().run("other")) == [("other", "none", "gone")]


def test_a_bug_in_one_session_does_not_affect_the_others(caplog):
    harness = Harness(ZeroDivisionError("oops"), "delivered")
    harness.track("other", harness.main.spec, harness.main.pane)
    assert outcomes(harness.run("main", "other")) == [("main", "none", "failed"), ("other", "hot", "sent")]
    assert "oops" in caplog.text


def test_concurrency_is_bounded():
    harness = Harness(*["delivered"] * 20)
    harness.resumer.slots = ResumeSlots(cores=1)
    harness.resumer.slots._best = 0.3
    harness.seconds = 2.0  # neither quick nor slow
    names = [f"s{number}" for number in range(20)]
    for name in names:
        harness.track(name, harness.main.spec, harness.main.pane)
    assert len(harness.run(*names)) == 20
    assert harness.most_running == 4


def let_wait(harness, name, why):
    """Let a session wait for what others do, longer than a delivery takes."""
    pane = SimpleNamespace(pane_id="%1", dead=why == "down", pid=4712)
    harness.track(name, harness.main.spec, pane)
    if why == "record":
        harness.resumer.mark_limited(dataclasses.replace(EVIDENCE, session=name))
        harness.resumer.on_turn(TurnEvent(name, ONE, "prompt", NOW + timedelta(seconds=0.5)))
        harness.resumer._newest_turn = lambda tracked: None if tracked is harness.main else EVIDENCE
    elif why == "held":
        harness.held.add(name)
        harness.results.insert(0, "not_ready")


@pytest.mark.parametrize(
    ("why", "seconds", "result"),
    [
        ("down", resumer.UP_WAIT, "failed"),
        ("record", resumer.RECORD_WAIT, "sent"),
        ("held", resumer.UP_WAIT, "sent"),
    ],
)
def test_sessions_that_only_wait_keep_no_other_waiting(monkeypatch, why, seconds, result):
    loop = SkippedTime()
    monkeypatch.setattr(resumer, "time", SimpleNamespace(monotonic=loop.time))
    harness = Harness(*["delivered"] * 9)
    harness.resumer.slots = ResumeSlots(cores=1)
    harness.resumer.slots._best, harness.seconds = 0.3, 2.0  # neither quick nor slow
    waiting = [f"s{number}" for number in range(8)]
    for name in waiting:
        let_wait(harness, name, why)
    *rows, last = loop.run(harness.resume_all(*waiting, "main"))
    assert (last["result"], last["seconds"]) == ("sent", 0.0)
    assert {(row["result"].partition(":")[0], row["seconds"] >= seconds) for row in rows} == {(result, True)}
    assert harness.most_running <= 4


def test_a_session_that_comes_up_is_resumed_before_those_that_were_limited_later(monkeypatch):
    loop, order = SkippedTime(), []
    monkeypatch.setattr(resumer, "time", SimpleNamespace(monotonic=loop.time))
    harness = Harness(*["delivered"] * 13)
    harness.resumer.slots = ResumeSlots(cores=1)
    harness.resumer.slots._best, harness.seconds = 0.3, 2.0
    harness.main.pane.dead = True
    harness.request_check = lambda: loop.call_later(1.0, setattr, harness.main.pane, "dead", False)

    async def send(*arguments, **options):
        order.append(loop.time())
        await asyncio.sleep(2.0)  # of a made-up time
        return await harness.send(*arguments, **options)

    harness.resumer._send = send
    names = [f"s{number}" for number in range(12)]
    for name in names:
        harness.track(name, harness.main.spec, SimpleNamespace(pane_id="%1", dead=False, pid=4712))
    first, *_others = loop.run(harness.resume_all("main", *names))
    assert first["seconds"] == 4.0
    assert [order.count(moment) for moment in sorted(set(order))] == [4, 4, 4, 1]


@pytest.mark.parametrize(
    ("result", "bounds"), [("delivered", [17]), ("failed", [8]), ("not_ready", []), (TmuxError("no such pane"), [])]
)
def test_only_a_delivery_that_was_tried_tells_of_the_machine(result, bounds):
    """A prompt box that an editor covers, and a pane that is gone, say nothing of it."""
    found = []

    class Slots(ResumeSlots):
        def report(self, seconds, *, failed=False):
            super().report(seconds, failed=failed)
            found.append(self.bound)

    harness = Harness(result, "delivered")
    harness.resumer.slots = Slots(cores=4)
    assert harness.run()[0]["result"] == "sent"
    assert found == bounds


def test_a_prompt_left_by_a_kill_is_adopted_once():
    harness = Harness("delivered", "delivered", interrupted=["main"])
    harness.run()
    harness.run()
    assert [options["adopt"] for options in harness.options] == [True, False]
    assert harness.saved == [["main"], [], ["main"], []]
    assert list(harness.documents) == [DOCUMENT]


def test_a_prompt_left_by_a_kill_on_a_full_disk_is_adopted():
    class Killed(BaseException):
        pass

    class Process(Panes):
        async def unmark(self, pane_id, name):
            raise Killed

    panes = Process()
    harness = Harness("delivered", panes=panes)
    with pytest.raises(Killed):
        harness.run()
    after = Panes()
    after.marks = panes.marks
    harness = Harness("delivered", "delivered", panes=after)  # no document names the session
    harness.run()
    harness.run()
    assert [options["adopt"] for options in harness.options] == [True, False]


def test_a_prompt_to_a_running_session_may_take_less_time_than_to_a_started_one():
    harness = Harness("not_ready", "delivered")
    harness.run()
    assert [options["timing"] for options in harness.options] == [resumer.RUNNING, resumer.STARTED]
    assert [options["attempts"] for options in harness.options] == [resumer.ATTEMPTS] * 2


@pytest.mark.parametrize(
    ("session", "kind", "after", "began"),
    [
        ("main", "prompt", 0, True),
        ("main", "prompt", 1, True),
        ("main", "prompt", -1, False),
        ("main", "stop", 1, False),
        ("other", "prompt", 1, False),
    ],
)
def test_a_turn_begins_with_a_prompt_of_the_session_since_the_delivery(monkeypatch, session, kind, after, began):
    harness, found = Harness("delivered"), []
    monkeypatch.setattr(clock, "now", lambda: NOW)

    async def send(*arguments, began, **options):
        found.append(await began())
        harness.resumer.on_turn(TurnEvent(session, ONE, kind, NOW + timedelta(seconds=after)))
        found.append(await began())
        return await harness.send(*arguments, **options)

    harness.resumer._send = send
    harness.run()
    assert found == [False, began]


def test_the_seconds_are_those_of_the_resumption(monkeypatch):
    harness, moment = Harness("delivered"), [100.0]
    monkeypatch.setattr(resumer, "time", SimpleNamespace(monotonic=lambda: moment[0]))

    async def send(*arguments, **options):
        moment[0] += 1.23456
        return await harness.send(*arguments, **options)

    harness.resumer._send = send
    assert harness.run() == [
        {"name": "main", "uuid": ONE, "method": "hot", "result": "sent", "seconds": pytest.approx(1.235, abs=1e-9)}
    ]


@pytest.mark.parametrize("error", [FailoverError("does not end"), OSError("does not end")])
def test_an_error_of_the_restart_is_the_result(error):
    harness = Harness("not_ready")

    async def restart(_tracked, _spec):
        raise error

    harness.restart = restart
    (row,) = harness.run()
    assert (row["method"], row["result"]) == ("none", "failed: does not end")
    assert harness.main.resume_note == row["result"]


def test_a_restarted_session_without_a_pane_is_a_failure():
    harness = Harness("not_ready")

    async def restart(tracked, _spec):
        tracked.pane = None

    harness.restart = restart
    (row,) = harness.run()
    assert (row["method"], row["result"]) == ("restart", "failed: the session has no pane")


def test_an_error_of_tmux_is_followed_by_a_restart():
    harness = Harness(TmuxError("no server"), "delivered")
    assert outcomes(harness.run()) == [("main", "restart", "sent")]


def test_an_error_of_tmux_is_in_the_result():
    harness = Harness(TmuxError("no server"), claude_args=False)
    (row,) = harness.run()
    assert row["result"] == "failed: no server; the daemon cannot restart this session"


@pytest.mark.parametrize(("result", "level"), [("delivered", logging.INFO), ("draft", logging.ERROR)])
def test_the_result_is_logged_at_its_level(caplog, result, level):
    caplog.set_level(logging.INFO)
    (row,) = Harness(result).run()
    (record,) = [record for record in caplog.records if row["result"] in record.getMessage()]
    assert record.levelno == level
    assert "session main" in record.getMessage()
    assert f"({row['method']})" in record.getMessage()


def test_a_restart_is_logged_with_session_and_reason(caplog):
    Harness("not_ready", "delivered").run()
    (text,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "session main: the detail" in text


def test_a_bug_is_logged_with_the_session(caplog):
    Harness(ZeroDivisionError("oops")).run()
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "session main" in record.getMessage()


def test_a_full_disk_does_not_keep_a_session_from_being_resumed(caplog):
    harness = Harness("delivered")

    def save():
        raise OSError("No space left")

    pending = PendingWrites()
    harness.keep_soon = lambda name, _document, what: pending.attempt(name, save, what)
    assert outcomes(harness.run()) == [("main", "hot", "sent")]
    assert caplog.text.count("the list of the sessions being resumed: cannot be stored") == 1
    assert "No space left" in caplog.text


# -- the end of the Claude CLI before a restart --------------------------------------------------------------------

ON_TERM = """
import signal, sys, time
{}
print(flush=True)
while True:
    time.sleep(0.02)  # a signal just before one long sleep would be handled after it
"""
ENDS_AT_ONCE = ON_TERM.format("")
ENDS_LATE = ON_TERM.format("signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), sys.exit(7)))")
ENDS_BY_KILL = ON_TERM.format("signal.signal(signal.SIGTERM, signal.SIG_IGN)")


class RestartHarness(Harness):
    """A session whose prompt is not taken; ``still_ran``: its Claude CLI ran at the restart."""

    def __init__(self, process):
        super().__init__("not_ready", "delivered")
        self.main.claude = process
        self.still_ran = None

    async def restart(self, tracked, spec):
        self.still_ran = processes.is_alive(tracked.claude.pid, tracked.claude.start)
        await super().restart(tracked, spec)


@pytest.mark.parametrize(
    ("program", "status"),
    [(ENDS_AT_ONCE, -signal.SIGTERM), (ENDS_LATE, 7), (ENDS_BY_KILL, -signal.SIGKILL)],
    ids=["at-once", "late", "by-kill"],
)
def test_the_claude_cli_has_ended_before_the_restart(monkeypatch, program, status):
    if program == ENDS_BY_KILL:
        monkeypatch.setattr(termination, "TERM_WAIT", 0.1)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        harness = RestartHarness(processes.read(child.pid))
        try:
            assert outcomes(harness.run()) == [("main", "restart", "sent")]
            assert harness.still_ran is False
        finally:
            child.kill()
    assert child.returncode == status


class FakeProcesses:
    """Stands in for the system's processes: pid 70 with the start time ``start``; ``signals`` were sent to it."""

    def __init__(self, monkeypatch, start, on_signal=lambda: None):
        self.start = start
        self.signals = []
        self.on_signal = on_signal
        monkeypatch.setattr(termination, "is_alive", self.is_alive)
        monkeypatch.setattr(os, "kill", self.kill)
        monkeypatch.setattr(termination, "TERM_WAIT", 0.0)
        monkeypatch.setattr(termination, "KILL_WAIT", 0.0)

    def is_alive(self, pid, start=None):
        return pid == 70 and start in (None, self.start)

    def kill(self, pid, number):
        assert pid == 70
        self.signals.append(number)
        self.on_signal()


CLAUDE = processes.Process(70, 1, 1000, "claude", "S")


def test_a_claude_cli_that_does_not_end_is_not_started_again(monkeypatch):
    system = FakeProcesses(monkeypatch, start=1000)
    harness = RestartHarness(CLAUDE)
    (row,) = harness.run()
    assert system.signals == [signal.SIGTERM, signal.SIGKILL]
    assert row["result"] == "failed: the Claude CLI of session main (pid 70) does not end"
    assert harness.restarted == []


def test_another_process_with_the_same_pid_gets_no_signal(monkeypatch):
    system = FakeProcesses(monkeypatch, start=2000)
    assert outcomes(RestartHarness(CLAUDE).run()) == [("main", "restart", "sent")]
    assert system.signals == []


def test_a_process_that_has_taken_over_the_pid_gets_no_second_signal(monkeypatch):
    system = FakeProcesses(monkeypatch, start=1000)

    def taken_over():
        system.start = 2000

    system.on_signal = taken_over
    assert outcomes(RestartHarness(CLAUDE).run()) == [("main", "restart", "sent")]
    assert system.signals == [signal.SIGTERM]


def test_a_claude_cli_that_ended_before_its_signal_is_started_again(monkeypatch):
    system = FakeProcesses(monkeypatch, start=1000)

    def gone():
        raise ProcessLookupError

    system.on_signal = gone
    assert outcomes(RestartHarness(CLAUDE).run()) == [("main", "restart", "sent")]
    assert system.signals == [signal.SIGTERM]


class Budget:
    """A budget with these sessions left to a person."""

    def __init__(self, **spent):
        self._spent = spent
        self.permits = []
        self.turns = []

    def spent(self):
        return self._spent

    def permit(self, session, text):
        self.permits.append((session, text))
        return self

    def on_turn(self, event):
        self.turns.append(event.kind)


def test_each_delivery_has_a_permit_and_each_turn_is_told_to_the_budget():
    budget = Budget()
    harness = Harness("not_ready", "delivered", budget=budget)
    harness.run()
    assert budget.permits == [("main", "continue")] * 2
    assert [options["permit"] for options in harness.options] == [budget] * 2
    for kind in ("prompt", "stop"):
        harness.resumer.on_turn(TurnEvent("main", ONE, kind, NOW))
    assert budget.turns == ["prompt", "stop"]


def test_a_session_whose_bound_is_reached_is_neither_restarted_nor_resumed():
    harness = Harness("bound")
    assert outcomes(harness.run()) == [("main", "none", "bound")]
    assert harness.restarted == []
    assert (harness.main.state, harness.main.resume_note) == ("limited", "bound: the detail")


def test_after_a_restart_of_the_daemon_the_status_still_tells_of_the_bound():
    harness = Harness(budget=Budget(main="3 prompts were sent", other="unknown by now"))
    assert (harness.main.state, harness.main.resume_note) == ("limited", "bound: 3 prompts were sent")


@pytest.mark.parametrize(("of", "outcome"), [(ONE, "sent"), ("another", "moved on")])
def test_a_conversation_that_was_copied_is_continued_in_the_copy(of, outcome):
    harness = Harness("delivered")
    harness.conversation = lambda _name: "copy"
    harness.resumer.on_turn(TurnEvent("main", "copy", "start", NOW, copied_from=of))
    assert [row["result"] for row in harness.run()] == [outcome]


def owner_question(harness, *screens, answered=None):
    """Let the screens follow each other, and the operator have said ``copy``."""
    shown = list(screens)

    async def screen(_pane, escapes):
        assert escapes
        if len(shown) == 1 and answered is not None:
            harness.table["main"].question = answered
        return shown.pop(0) if len(shown) > 1 else shown[0]

    harness.panes.screen = screen
    harness.resumer._config.current.failover = FailoverConfig(session_owner="copy")


QUESTION = ["─" * 40, "  This session belongs to another account", "  ❯ Exit Claude Code", "  Esc to exit"]
BOX = ["─" * 40, "❯ ", "─" * 40]


def test_a_prompt_that_the_owners_question_stood_in_the_way_of_is_sent_in_the_copy(monkeypatch):
    monkeypatch.setattr(resumer, "POLL", 0.0)
    harness = Harness("dialog", "delivered")
    owner_question(harness, QUESTION, QUESTION, BOX)
    assert outcomes(harness.run()) == [("main", "hot", "sent")]
    assert len(harness.sent) == 2


def test_a_question_that_is_a_persons_is_the_result(monkeypatch):
    monkeypatch.setattr(resumer, "POLL", 0.0)
    harness = Harness("dialog")
    owner_question(harness, QUESTION, QUESTION, answered="why")
    assert harness.run()[0]["result"].startswith("dialog")
    assert len(harness.sent) == 1
