# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the search for Claude Code's owner dialog."""

from __future__ import annotations

import asyncio
import logging
import os

import pytest
from panes import pane

from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config
from claude_failover.detection import owner_watch, pane_output
from claude_failover.detection.owner_watch import ANCHORS, OwnerWatch
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.tmux.client import TmuxNotFound

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PANES = os.path.join(TESTS, "fixtures", "claude-code", "panes")
QUIET = ["● done", "", "─" * 80, "❯ ", "─" * 80]


def screen(name):
    with open(os.path.join(PANES, name), encoding="utf-8") as stream:
        return stream.read().split("\n")


OWNER = screen("v2.1.332_dialog_session_owner.txt")
COPY = screen("v2.1.332_dialog_session_owner_copy.txt")


class World:
    """One session in the pane %7, which shows ``lines``; no key can be sent to it."""

    def __init__(self, answer=None):
        self.main = TrackedSession("main", pane=pane("%7"), activity="busy")
        self.lines = OWNER
        self.matches = ["%7"]
        self.output_at = 900  # epoch second
        self.searches = []
        self.told = []
        holder = ConfigHolder(Config(path="/c.yml", accounts=(Account("a", "/a"),)))
        self.watch = OwnerWatch(holder, self, self, lambda *told: self.told.append(told), answer)

    def __iter__(self):
        return iter([self.main])

    async def activity(self, panes=None, *, since=0):
        return {"%7": self.output_at} if self.output_at >= since else {}

    async def search(self, anchors, *, since, panes):
        self.searches.append((anchors, since))
        return self.matches

    async def screen(self, pane_id, escapes):
        assert (pane_id, escapes) == ("%7", True)
        if isinstance(self.lines, Exception):
            raise self.lines
        return self.lines

    def sweep(self):
        asyncio.run(self.watch.sweep())
        return self.main.state


@pytest.mark.parametrize("lines", [OWNER, COPY])
def test_either_question_makes_the_session_wait_and_is_told_once(lines, caplog):
    world = World()
    world.lines = lines
    assert [world.sweep(), world.sweep()] == ["waiting", "waiting"]
    assert [session for session, why in world.told if why] == ["main"]
    assert world.main.question == owner_watch.WHY
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "example.invalid" not in caplog.text


@pytest.mark.parametrize("after", [QUIET, TmuxNotFound("gone")])
def test_it_is_over_when_the_screen_does_not_ask_any_more(after):
    world = World()
    world.sweep()
    world.lines, world.matches = after, []
    assert world.sweep() == "busy"
    assert [why is None for _session, why in world.told] == [False, True]


def test_it_is_over_when_the_program_has_ended():
    world = World()
    world.sweep()
    world.main.pane = pane("%7", dead=True)
    assert world.sweep() == "down"
    assert world.told[-1] == ("main", None)


def test_a_conversation_that_quotes_the_question_asks_nothing():
    world = World()
    world.lines = [*OWNER, *QUIET]
    assert world.sweep() == "busy"
    assert world.told == []


def test_a_pane_is_searched_again_only_after_output(monkeypatch):
    monkeypatch.setattr(pane_output, "FRESH", -1)
    world = World()
    world.matches = []
    for moment, output_at in ((1000, 900), (1003, 900), (1005, 1004), (1006, 1004), (1009, 1004), (500, 1004)):
        monkeypatch.setattr(pane_output.time, "time", lambda moment=moment: moment)
        world.output_at = output_at
        world.sweep()
    assert world.searches == [(ANCHORS, None), (ANCHORS, 1002), (ANCHORS, 1004), (ANCHORS, None)], (
        "it is dated by the second: in the one of the search more can come"
    )


def test_a_limited_session_that_is_asked_waits_and_one_that_is_down_is_down():
    world = World()
    world.main.resume_state = "limited"
    assert world.sweep() == "waiting"
    world.main.pane = pane("%7", dead=True)
    assert world.main.state == "down"


def test_an_answer_that_is_given_is_not_told_as_a_question():
    asked = []

    async def answer(tracked, dialog):
        asked.append((tracked.name, dialog.kind))

    world = World(answer)
    assert world.sweep() == "busy"
    assert (asked, world.told) == ([("main", "owner")], [])
