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
SEEN = Evidence("main", ONE, "hook", LIMITED, NOW, NOW)


class Rig:
    """A carry-over whose deliveries come to what the test says, in turn."""

    def __init__(self, *results, spec=True, interrupted=(), **more):
        self.results = list(results)
        self.sent = []
        self.restarted = []
        self.newest = None
        self.document = list(interrupted)
        self.noted = []
        self.adopted = []
        self.at_once = self.most = 0
        pane = SimpleNamespace(pane_id="%1", dead=False)
        plans = SessionConfig("main", "/srv", ("claude",), **more) if spec else None
        self.table = {}
        self.watch("main", plans, pane)
        self.resumer = SessionResumer(
            ConfigHolder(SimpleNamespace(failover=FailoverConfig())),
            None,
            self,
            self,
            lambda _watched: self.newest,
            self,
            send=self.send,
        )
        self.resumer.mark_limited(SEEN)

    def watch(self, name, spec, pane):
        self.table[name] = TrackedSession(name, spec=spec, pane=pane, activity="idle")

    # what is asked of the store, the sessions and the lifecycle

    def load(self, _name, _default):
        return self.document

    def save(self, _name, document):
        self.noted.append(document)

    def get(self, name):
        return self.table.get(name)

    def conversation(self, _name):
        return ONE

    def wake(self):
        self.table["main"].pane.dead = False

    async def restart(self, tracked, _plan):
        self.restarted.append(tracked.name)

    async def send(self, _tmux, _pane_id, text, *, adopt, **_options):
        self.adopted.append(adopt)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.sent.append(text)
        await asyncio.sleep(0)
        self.at_once -= 1
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return Delivery(result, 1, 0.1, "the detail")

    def run(self, *names):
        return asyncio.run(self.resumer.resume(names or ("main",)))

    @property
    def main(self):
        return self.table["main"]


def came_to(rows):
    return [(row["name"], row["method"], row["result"].partition(":")[0]) for row in rows]


def test_a_prompt_that_arrives_is_all_that_is_needed():
    rig = Rig("delivered")
    assert rig.main.state == "limited"
    (row,) = rig.run()
    assert (row["method"], row["result"], row["uuid"]) == ("hot", "continued", ONE)
    assert rig.sent == ["continue"]
    assert rig.restarted == []
    assert rig.main.state == "idle"


@pytest.mark.parametrize("result", ["draft", "dialog"])
def test_a_persons_word_is_left_and_told(result):
    rig = Rig(result)
    assert came_to(rig.run()) == [("main", "none", result)]
    assert rig.restarted == []
    assert rig.main.state == "limited"
    assert "the detail" in rig.main.resume_note
    rig.resumer.on_turn(TurnEvent("main", ONE, "prompt", NOW))
    assert (rig.main.state, rig.main.resume_note) == ("idle", None)


@pytest.mark.parametrize("result", ["not_ready", "failed", "pane_gone"])
def test_what_takes_no_prompt_is_started_again(result):
    rig = Rig(result, "delivered")
    assert came_to(rig.run()) == [("main", "restart", "continued")]
    assert rig.restarted == ["main"]
    assert rig.sent == ["continue"] * 2


@pytest.mark.parametrize("after", ["dialog", "failed"])
def test_a_start_that_does_not_help_is_told(after):
    rig = Rig("not_ready", after)
    assert came_to(rig.run()) == [("main", "restart", after)]
    assert rig.main.state == "limited"


@pytest.mark.parametrize("rig", [Rig("failed", spec=False), Rig("failed", claude_args=False)])
def test_what_the_daemon_did_not_start_it_does_not_start_again(rig):
    assert came_to(rig.run()) == [("main", "none", "failed")]
    assert rig.restarted == []


@pytest.mark.parametrize("spec", [{"spec": False}, {"claude_args": False}, {}])
def test_a_turn_that_only_the_transcript_shows_has_begun_all_the_same(spec):
    rig = Rig("failed", **spec)

    async def unheard(*arguments, adopt, **options):
        rig.newest = dataclasses.replace(SEEN, verdict=ANSWERED, at=NOW + timedelta(seconds=1))
        return await rig.send(*arguments, adopt=adopt, **options)

    rig.resumer._send = unheard
    assert came_to(rig.run()) == [("main", "hot", "continued")]
    assert rig.restarted == []


def test_a_session_that_went_on_by_itself_is_left_alone():
    rig = Rig()
    rig.newest = dataclasses.replace(SEEN, verdict=ANSWERED, at=NOW + timedelta(seconds=1))
    assert came_to(rig.run()) == [("main", "none", "moved on")]
    assert rig.sent == []


def test_a_transcript_that_lags_behind_the_hook_is_no_sign_of_going_on():
    rig = Rig("delivered")
    rig.newest = dataclasses.replace(SEEN, verdict=ANSWERED, at=NOW - timedelta(seconds=1))
    assert came_to(rig.run()) == [("main", "hot", "continued")]


def test_a_conversation_that_was_cleared_is_not_continued():
    rig = Rig()
    rig.conversation = lambda _name: "22222222-2222-4222-8222-222222222222"
    assert came_to(rig.run()) == [("main", "none", "moved on")]
    assert rig.sent == []


def test_a_session_that_is_down_is_waited_for():
    rig = Rig("delivered")
    rig.main.pane.dead = True
    assert came_to(rig.run()) == [("main", "hot", "continued")]


def test_a_session_that_stays_down_is_told(monkeypatch):
    monkeypatch.setattr(resumer, "UP_WAIT", 0.0)
    rig = Rig()
    rig.main.pane.dead = True
    rig.main.reason = "exited with status 3"
    (row,) = rig.run()
    assert "exited with status 3" in row["result"]


def test_a_session_that_is_gone_is_gone():
    assert came_to(Rig().run("other")) == [("other", "none", "gone")]


def test_a_bug_in_one_session_does_not_begin_the_others_again(caplog):
    rig = Rig(ZeroDivisionError("oops"), "delivered")
    rig.watch("other", rig.main.spec, rig.main.pane)
    assert came_to(rig.run("main", "other")) == [("main", "none", "failed"), ("other", "hot", "continued")]
    assert "oops" in caplog.text


def test_a_few_at_a_time():
    rig = Rig(*["delivered"] * 20)
    names = [f"s{number}" for number in range(20)]
    for name in names:
        rig.watch(name, rig.main.spec, rig.main.pane)
    assert len(rig.run(*names)) == 20
    assert rig.most == resumer.CONCURRENCY


def test_only_what_a_kill_left_is_taken_for_ours_and_only_once():
    rig = Rig("delivered", "delivered", interrupted=["main"])
    rig.run()
    rig.run()
    assert rig.adopted == [True, False]
    assert rig.noted == [["main"], [], ["main"], []]
