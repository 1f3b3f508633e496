# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the sweep over the panes."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from datetime import datetime, timezone

import pytest
from panes import pane

from claude_failover.common.health import SourceHealth
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, DetectionConfig
from claude_failover.detection import pane_output, pane_sweep
from claude_failover.detection.classifier import Classifier
from claude_failover.detection.evidence_filter import EvidenceFilter
from claude_failover.detection.pane_sweep import ANCHORS, PaneSweep
from claude_failover.limits import Verdict
from claude_failover.limits.evidence import Evidence
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.tmux.client import TmuxError, TmuxNotFound

LIMITED = ["❯ please work", "  ⎿  You've hit your 5-hour limit · resets 9:36pm (UTC)", "", "─" * 80, "❯ ", "─" * 80]
QUIET = ["❯ please work", "", "● done", "", "─" * 80, "❯ ", "─" * 80]


class World:
    """One session, in a pane that shows ``lines``, with ``transcript`` as its newest turn."""

    def __init__(self, **detection):
        self.main = TrackedSession("main", pane=pane("%7"), config_dir="/link")
        self.lines = LIMITED
        self.transcript = None
        self.news = []
        self.searches = []
        self.output_at = 1 << 40  # epoch second: the screen changes all the time
        self.captures = []
        self.matches = ["%7"]
        self.health = SourceHealth()
        config = Config(path="/c.yml", accounts=(Account("a", "/a"),), detection=DetectionConfig(**detection))
        holder = ConfigHolder(config)
        self.sweep = PaneSweep(
            holder,
            self,
            self,
            Classifier(holder),
            EvidenceFilter(self.news.append),
            lambda _tracked: self.transcript,
            health=self.health,
        )

    # the table of sessions

    def __iter__(self):
        return iter([self.main])

    def find_by_pane(self, pane_id):
        return self.main if pane_id == "%7" else None

    # tmux

    async def search(self, anchors, *, since, panes):
        self.searches.append((anchors, since))
        if isinstance(self.matches, Exception):
            raise self.matches
        return self.matches

    async def activity(self, panes=None, *, since=0):
        return {"%7": self.output_at}

    async def capture_each(self, pane_ids, *, lines, escapes):
        return {pane_id: await self.capture(pane_id, lines=lines, escapes=True) for pane_id in pane_ids}

    async def capture(self, pane_id, *, lines, escapes):
        # With hooks the visible rows suffice.
        assert (lines, escapes) == (24 if self.main.hook_seen else 500, True)
        self.captures.append(pane_id)
        if isinstance(self.lines, Exception):
            raise self.lines
        return self.lines

    def examine(self, pane_id="%7"):
        asyncio.run(self.sweep.examine(pane_id))
        return self.news

    def run(self, until):
        async def scenario():
            task = asyncio.ensure_future(self.sweep.run())
            for _step in range(1000):
                await asyncio.sleep(0.005)
                if until() or task.done():
                    break
            assert until()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(scenario())


@pytest.fixture(autouse=True)
def listed_each_time(monkeypatch):
    monkeypatch.setattr(pane_output, "FRESH", -1)


def newest_turn(limited):
    verdict = Verdict(limited, "five_hour" if limited else None, None, "api-error", "the record's own words", "")
    return Evidence("main", "u", "transcript", verdict, datetime(2026, 11, 22, 20, 6, tzinfo=timezone.utc))


def test_a_banner_is_evidence_where_the_transcript_is_unknown():
    world = World()
    (evidence,) = world.examine()
    assert (evidence.session, evidence.uuid, evidence.source, evidence.config_dir) == ("main", None, "pane", "/link")
    assert evidence.verdict.limit == "five_hour"
    assert len(world.examine()) == 1, "the same banner is reported once"


def test_the_transcript_decides_where_it_is_known():
    world = World()
    world.transcript = newest_turn(limited=False)
    assert world.examine() == []
    world.transcript = newest_turn(limited=True)
    assert world.examine() == [world.transcript]


def test_the_operators_own_pattern_overrules_the_transcript():
    world = World(extra_patterns=(re.compile("Gateway quota spent"),))
    world.lines = ["❯ please work", "  ⎿  Gateway quota spent", *QUIET[3:]]
    world.transcript = newest_turn(limited=False)
    assert [evidence.source for evidence in world.examine()] == ["pane"]


def test_a_banner_that_comes_back_is_reported_again():
    world = World()
    world.examine()
    world.lines = QUIET
    world.examine()
    world.lines = LIMITED
    assert len(world.examine()) == 2


def test_a_session_with_hooks_is_not_captured():
    world = World()
    world.main.hook_seen = True
    assert world.examine() == world.captures == []


RETRYING = [
    "❯ please work",
    "",
    "✻ Weekly limit reached · retrying in 2h (10:44pm) · attempt 1/300",
    *("─" * 80, "❯ ", "─" * 80),
    "  ⏵⏵ auto mode on (shift+tab to cycle) · esc to interrupt",
]


@pytest.mark.parametrize("hooks", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_the_clis_own_retry_is_evidence_whatever_else_is_known(hooks, known):
    """No hook and no record tells of it; its request is the one of the turn that runs."""
    world = World()
    world.lines = RETRYING
    world.main.hook_seen, world.main.activity = hooks, "busy"
    if known:
        request = datetime(2026, 11, 22, 20, 6, tzinfo=timezone.utc)
        world.transcript = dataclasses.replace(newest_turn(limited=False), request_at=request, turn="t1")
    (evidence,) = world.examine()
    assert (evidence.source, evidence.verdict.rule, evidence.verdict.limit) == ("pane", "retrying-limit", "seven_day")
    found = (evidence.uuid, evidence.request_at, evidence.turn)
    assert found == (("u", request, "t1") if known else (None, None, None))
    world.lines = [line.replace("in 2h", "in 1h").replace("1/300", "2/300") for line in RETRYING]
    assert len(world.examine()) == 1, "it is the same refusal"


@pytest.mark.parametrize(("lines", "hooks"), [(RETRYING, True), (RETRYING, False), (LIMITED, False)])
def test_what_a_pane_shows_bears_the_login_of_its_session(lines, hooks):
    """Else a session whose login does not follow the active link would mark one account after the other."""
    world = World()
    world.lines = lines
    world.main.hook_seen, world.main.activity = hooks, "busy"
    world.main.foreign_login = "CLAUDE_CODE_OAUTH_TOKEN in its environment"
    (evidence,) = world.examine()
    assert (evidence.config_dir, evidence.foreign_login) == ("/link", "CLAUDE_CODE_OAUTH_TOKEN in its environment")


def test_a_busy_session_with_hooks_is_believed_nothing_else():
    world = World()
    world.main.hook_seen, world.main.activity = True, "busy"
    assert world.examine() == []
    assert world.captures == ["%7"]


def test_an_idle_session_with_hooks_is_not_asked_for_a_retry():
    world = World()
    world.lines = RETRYING
    world.main.hook_seen, world.main.activity = True, "idle"
    assert world.examine() == world.captures == []


def test_only_the_search_finds_a_busy_session_with_hooks(monkeypatch):
    """A full pass, for banners that are wrapped, is for the sessions without hooks."""
    monkeypatch.setattr(pane_sweep, "FULL_PASS_INTERVAL", 0.0)
    world = World(sweep_interval=0.001)
    world.lines = RETRYING
    world.main.hook_seen, world.main.activity = True, "busy"
    world.matches = []
    world.run(lambda: len(world.searches) >= 3)
    assert world.captures == []
    world.matches = ["%7"]
    world.run(lambda: world.news)


def test_a_retry_is_not_read_from_the_transcript_every_second():
    world = World()
    world.lines = RETRYING
    world.main.hook_seen, world.main.activity = True, "busy"
    world.examine()
    world.sweep._newest_turn = None  # would raise
    assert len(world.examine()) == 1


def test_a_pane_of_no_session_is_not_captured():
    world = World()
    assert world.examine("%8") == world.captures == []


def test_a_pass_captures_the_panes_that_the_server_finds():
    world = World(sweep_interval=0.01)
    world.run(lambda: len(world.searches) >= 3)
    assert {anchors for anchors, _since in world.searches} == {ANCHORS}
    assert world.searches[0][1] == 0
    assert world.searches[2][1] > 0
    assert len(world.captures) >= 2
    assert len(world.news) == 1


def test_a_pane_without_output_since_is_not_searched_again():
    world = World(sweep_interval=0.001)
    world.output_at = 5
    turns = iter(range(20))
    world.run(lambda: next(turns, None) is None)
    assert world.searches == [(ANCHORS, 0)]


def test_a_full_pass_captures_panes_that_no_search_finds(monkeypatch):
    monkeypatch.setattr(pane_sweep, "FULL_PASS_INTERVAL", 0.0)
    world = World(sweep_interval=0.01)
    world.run(lambda: world.captures)
    assert world.searches == []
    assert len(world.news) == 1


def test_a_tmux_error_does_not_end_the_sweep():
    world = World(sweep_interval=0.01)
    world.matches = TmuxError("no server")
    world.run(lambda: len(world.searches) >= 2)
    assert world.news == []
    assert [(row["source"], row["reason"]) for row in world.health.rows()] == [("panes", "no server")]


@pytest.mark.parametrize("error", [TmuxError("refused"), KeyError("a bug")])
def test_a_pane_that_cannot_be_read_keeps_no_other_from_it_and_is_told(error, caplog):
    world = World(sweep_interval=0.001)
    world.lines = error
    world.matches = ["%7", "%8", "%7"]
    world.run(lambda: len(world.captures) >= 6)
    assert [row["source"] for row in world.health.rows()] == ["panes"]
    assert caplog.text.count("blind: source=panes") == 1
    assert {since for _anchors, since in world.searches} == {0}, "what came meanwhile is searched again"
    world.lines = LIMITED
    world.run(lambda: not world.health.rows())
    assert len(world.news) == 1


def test_a_pane_that_was_closed_is_no_fault():
    world = World(sweep_interval=0.001)
    world.lines = TmuxNotFound("can't find pane: %7")
    world.run(lambda: len(world.captures) >= 2)
    assert world.health.rows() == []


def test_a_sweep_that_is_no_longer_needed_is_not_blind():
    world = World(sweep_interval=0.001)
    world.matches = TmuxError("no server")
    world.run(world.health.rows)
    world.main.hook_seen = True
    world.run(lambda: not world.health.rows())


@pytest.mark.parametrize("reason", ["panes: false", "hooks", "down"])
def test_tmux_is_not_searched_without_a_need(reason):
    world = World(sweep_interval=0.001, panes=reason != "panes: false")
    world.main.hook_seen = reason == "hooks"
    if reason == "down":
        world.main.pane = None
    turns = iter(range(20))
    world.run(lambda: next(turns, None) is None)
    assert world.searches == world.captures == []
