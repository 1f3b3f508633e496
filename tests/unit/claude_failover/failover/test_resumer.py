# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from types import SimpleNamespace

import pytest

from claude_failover.claude.prompt_delivery import Delivery
from claude_failover.claude.turns import TurnEvent
from claude_failover.common import clock
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import FailoverConfig, SessionConfig
from claude_failover.failover import resumer
from claude_failover.failover.resumer import SessionResumer
from claude_failover.limits import Verdict
from claude_failover.limits.evidence import Evidence
from claude_failover.sessions.table import TrackedSession

ONE = "11111111-1111-4111-8111-111111111111"
NOW = clock.now()
LIMITED = Verdict(True, "five_hour", None, "hit-your-limit", "You've hit your 5-hour limit", "")
ANSWERED = Verdict(False, None, None, "answer", "", "")
EVIDENCE = Evidence("main", ONE, "hook", LIMITED, NOW, NOW)


class Harness:
    """A `SessionResumer` whose deliveries have the given results, in turn; stands in for its store and sessions."""

    def __init__(self, *results, spec=True, interrupted=(), **more):
        self.results = list(results)
        self.sent = []
        self.restarted = []
        self.newest = None
        self.document = list(interrupted)
        self.saved = []
        self.adopted = []
        self.running = self.most_running = 0
        pane = SimpleNamespace(pane_id="%1", dead=False)
        session = SessionConfig("main", "/srv", ("claude",), **more) if spec else None
        self.table = {}
        self.track("main", session, pane)
        self.resumer = SessionResumer(
            ConfigHolder(SimpleNamespace(failover=FailoverConfig())),
            None,
            self,
            self,
            lambda _tracked: self.newest,
            self,
            send=self.send,
        )
        self.resumer.mark_limited(EVIDENCE)

    def track(self, name, spec, pane):
        self.table[name] = TrackedSession(name, spec=spec, pane=pane, activity="idle")

    # the store, the sessions and the lifecycle

    def load(self, _name, _default):
        return self.document

    def save(self, _name, document):
        self.saved.append(document)

    def get(self, name):
        return self.table.get(name)

    def conversation(self, _name):
        return ONE

    def request_check(self):
        self.table["main"].pane.dead = False

    async def restart(self, tracked, _spec):
        self.restarted.append(tracked.name)

    async def send(self, _tmux, _pane_id, text, *, adopt, **_options):
        self.adopted.append(adopt)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.sent.append(text)
        await asyncio.sleep(0)
        self.running -= 1
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return Delivery(result, 1, 0.1, "the detail")

    def run(self, *names):
        return asyncio.run(self.resumer.resume(names or ("main",)))

    @property
    def main(self):
        return self.table["main"]


def outcomes(rows):
    return [(row["name"], row["method"], row["result"].partition(":")[0]) for row in rows]


def test_a_delivered_prompt_resumes_the_session():
    harness = Harness("delivered")
    assert harness.main.state == "limited"
    (row,) = harness.run()
    assert (row["method"], row["result"], row["uuid"]) == ("hot", "continued", ONE)
    assert harness.sent == ["continue"]
    assert harness.restarted == []
    assert harness.main.state == "idle"


@pytest.mark.parametrize("result", ["draft", "dialog"])
def test_a_draft_or_dialog_is_left_and_reported(result):
    harness = Harness(result)
    assert outcomes(harness.run()) == [("main", "none", result)]
    assert harness.restarted == []
    assert harness.main.state == "limited"
    assert "the detail" in harness.main.resume_note
    harness.resumer.on_turn(TurnEvent("main", ONE, "prompt", NOW))
    assert (harness.main.state, harness.main.resume_note) == ("idle", None)


@pytest.mark.parametrize("result", ["not_ready", "failed", "pane_gone"])
def test_a_session_that_takes_no_prompt_is_restarted(result):
    harness = Harness(result, "delivered")
    assert outcomes(harness.run()) == [("main", "restart", "continued")]
    assert harness.restarted == ["main"]
    assert harness.sent == ["continue"] * 2


@pytest.mark.parametrize("after", ["dialog", "failed"])
def test_a_restart_without_success_is_reported(after):
    harness = Harness("not_ready", after)
    assert outcomes(harness.run()) == [("main", "restart", after)]
    assert harness.main.state == "limited"


@pytest.mark.parametrize("harness", [Harness("failed", spec=False), Harness("failed", claude_args=False)])
def test_a_session_not_started_by_the_daemon_is_not_restarted(harness):
    assert outcomes(harness.run()) == [("main", "none", "failed")]
    assert harness.restarted == []


@pytest.mark.parametrize("spec", [{"spec": False}, {"claude_args": False}, {}])
def test_a_turn_that_only_the_transcript_shows_counts_as_begun(spec):
    harness = Harness("failed", **spec)

    async def unheard(*arguments, adopt, **options):
        harness.newest = dataclasses.replace(EVIDENCE, verdict=ANSWERED, at=NOW + timedelta(seconds=1))
        return await harness.send(*arguments, adopt=adopt, **options)

    harness.resumer._send = unheard
    assert outcomes(harness.run()) == [("main", "hot", "continued")]
    assert harness.restarted == []


def test_a_session_that_went_on_by_itself_is_left_alone():
    harness = Harness()
    harness.newest = dataclasses.replace(EVIDENCE, verdict=ANSWERED, at=NOW + timedelta(seconds=1))
    assert outcomes(harness.run()) == [("main", "none", "moved on")]
    assert harness.sent == []


def test_a_transcript_older_than_the_evidence_does_not_count():
    harness = Harness("delivered")
    harness.newest = dataclasses.replace(EVIDENCE, verdict=ANSWERED, at=NOW - timedelta(seconds=1))
    assert outcomes(harness.run()) == [("main", "hot", "continued")]


def test_a_conversation_that_was_cleared_is_not_continued():
    harness = Harness()
    harness.conversation = lambda _name: "22222222-2222-4222-8222-222222222222"
    assert outcomes(harness.run()) == [("main", "none", "moved on")]
    assert harness.sent == []


def test_a_session_that_is_down_is_waited_for():
    harness = Harness("delivered")
    harness.main.pane.dead = True
    assert outcomes(harness.run()) == [("main", "hot", "continued")]


def test_a_session_that_stays_down_is_reported(monkeypatch):
    monkeypatch.setattr(resumer, "UP_WAIT", 0.0)
    harness = Harness()
    harness.main.pane.dead = True
    harness.main.reason = "exited with status 3"
    (row,) = harness.run()
    assert "exited with status 3" in row["result"]


def test_a_session_that_is_gone_is_gone():
    assert outcomes(Harness().run("other")) == [("other", "none", "gone")]


def test_a_bug_in_one_session_does_not_affect_the_others(caplog):
    harness = Harness(ZeroDivisionError("oops"), "delivered")
    harness.track("other", harness.main.spec, harness.main.pane)
    assert outcomes(harness.run("main", "other")) == [("main", "none", "failed"), ("other", "hot", "continued")]
    assert "oops" in caplog.text


def test_concurrency_is_bounded():
    harness = Harness(*["delivered"] * 20)
    names = [f"s{number}" for number in range(20)]
    for name in names:
        harness.track(name, harness.main.spec, harness.main.pane)
    assert len(harness.run(*names)) == 20
    assert harness.most_running == resumer.CONCURRENCY


def test_a_prompt_left_by_a_kill_is_adopted_once():
    harness = Harness("delivered", "delivered", interrupted=["main"])
    harness.run()
    harness.run()
    assert harness.adopted == [True, False]
    assert harness.saved == [["main"], [], ["main"], []]
