# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the activity of a session is found out where its session file does not tell it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from datetime import timedelta

import pytest
from panes import pane

from claude_failover.common import clock, processes
from claude_failover.config.model import SessionConfig
from claude_failover.detection import activity_check
from claude_failover.detection.activity_check import ActivityCheck
from claude_failover.limits import Verdict
from claude_failover.limits.evidence import Evidence
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.tmux.client import TmuxNotFound

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PANES = os.path.join(TESTS, "fixtures", "claude-code", "panes")
ANSWERED = Verdict(False, None, None, "answered", "", "")
STARTED = clock.of_ticks(processes.read(os.getpid()).start)


def screen(name):
    with open(os.path.join(PANES, name), encoding="utf-8") as stream:
        return stream.read().split("\n")


IDLE, BUSY, PERMISSION = map(screen, ["box_empty.ansi.txt", "box_busy.ansi.txt", "dialog_permission.ansi.txt"])
SHELL = ("$ sleep 600",)


def after(seconds):
    return STARTED + timedelta(milliseconds=seconds)


class World:
    """One session, ``busy`` by a file of the moment 1, that was flipped at the moment 2; this process is its own."""

    def __init__(self, activity="busy", lines=SHELL):
        self.main = TrackedSession(
            "main", SessionConfig("main", "/srv"), pane("%7"), claude=processes.read(os.getpid()), file_at=after(1)
        )
        self.main.record_activity(activity, after(1))
        self.lines, self.looks, self.reads, self.size = lines, 0, 0, 1
        self.output_at = 1 << 40  # epoch second: the screen changes all the time
        self.turn, self.flip = None, after(2)
        self.check = ActivityCheck(self, self, lambda: "/none", self.newest_turn, lambda: self.flip)

    def __iter__(self):
        return iter([self.main])

    def conversation(self, _name):
        return f"c{self.size}"

    def newest_turn(self, _tracked):
        self.reads += 1
        return self.turn

    def spoke(self, at, **how):
        self.size += 1
        self.turn = Evidence("main", None, "transcript", ANSWERED, after(at), **how)

    async def activity(self, _panes=None, *, since=0):
        return {"%7": self.output_at}

    async def screen(self, pane_id, escapes):
        assert (pane_id, escapes) == ("%7", True)
        self.looks += 1
        if isinstance(self.lines, Exception):
            raise self.lines
        return self.lines

    def states(self, times=2):
        found = []
        for _time in range(times):
            asyncio.run(self.check.check())
            found.append(self.main.state)
        return found


@pytest.mark.parametrize("how", [{"ended": True}, {"interrupted": True}])
def test_a_turn_that_has_ended_in_the_transcript_is_over(how):
    world = World()
    world.spoke(3, **how)
    assert world.states(1) == ["idle"]
    assert world.looks == 0


def test_a_turn_that_goes_on_in_the_transcript_makes_an_idle_session_busy():
    world = World("idle")
    world.spoke(3)
    assert world.states() == ["busy", "busy"]
    world.spoke(4, ended=True)
    assert world.states(1) == ["idle"]


def test_what_was_said_before_the_file_changes_nothing():
    world = World()
    world.spoke(0.5, ended=True)
    assert world.states() == ["busy", "busy"]


def test_what_an_earlier_process_said_changes_nothing():
    world = World("idle")
    world.main.activity_at = None
    world.spoke(-1)
    assert world.states() == ["idle", "idle"]


def test_a_hook_that_came_later_counts():
    world = World()
    world.main.record_activity("busy", after(9))
    world.spoke(8, ended=True)
    assert world.states() == ["busy", "busy"]


@pytest.mark.parametrize("flip", [None, 0.5])
def test_a_file_that_no_flip_has_left_is_believed(flip):
    world = World(lines=IDLE)
    world.flip = None if flip is None else after(flip)
    world.spoke(3, ended=True)
    assert world.states() == ["busy", "busy"]
    assert (world.looks, world.reads) == (0, 0)


def test_a_file_without_a_status_tells_nothing():
    world = World()
    world.main.file_at = None
    world.spoke(3, ended=True)
    assert world.states(1) == ["idle"]


def test_an_idle_screen_of_a_check_long_ago_does_not_count(monkeypatch):
    """No check is made while no session needs one."""
    world, passed = World(lines=IDLE), [0.0]
    monkeypatch.setattr(activity_check.time, "monotonic", lambda: passed[0])
    for seconds, state in ((100.0, "busy"), (3600.0, "busy"), (activity_check.INTERVAL, "idle")):
        passed[0] += seconds
        assert world.states(1) == [state]


@pytest.mark.parametrize("before", ["starting", "busy", "waiting"])
def test_without_a_turn_in_the_transcript_the_pane_tells(before):
    """As after /clear: the new conversation has no transcript."""
    world = World(before, lines=IDLE)
    assert world.states() == [before, "idle"], "a screen between two looks of a turn is not believed at once"
    looks = world.looks
    world.lines = BUSY
    assert world.states() == ["idle", "idle"], "hooks and the transcript tell of a turn that begins"
    assert world.looks == looks


@pytest.mark.parametrize(("lines", "state"), [(BUSY, "busy"), (PERMISSION, "waiting"), (SHELL, "starting")])
def test_a_turn_that_runs_and_a_question_are_seen_at_once(lines, state):
    world = World("starting", lines=lines)
    assert world.states() == [state, state]
    assert world.main.start_question is None


def test_a_pane_that_is_gone_tells_nothing():
    world = World(lines=TmuxNotFound("gone"))
    assert world.states() == ["busy", "busy"]


def test_a_transcript_is_read_again_only_when_it_has_grown():
    world = World()
    world.spoke(3)
    world.states(3)
    assert world.reads == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dialog_trust.ansi.txt", "trust the folder"),
        ("v2.1.197_dialog_trust.ansi.txt", "seed_trust"),
        ("v2.1.332_start_theme.txt", "first start"),
        ("v2.1.332_start_security.txt", "first start"),
        ("v2.1.332_start_login.txt", "claude-failover login"),
        ("v2.1.332_start_login_code.txt", "claude-failover login"),
        ("dialog_bypass.ansi.txt", "Claude Code asks: "),
    ],
)
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_question_before_the_first_prompt_is_told_with_the_way_out(name, words, by_hand, caplog):
    world = World("starting", screen(name))
    world.main.file_at = None
    if by_hand:
        world.main.spec = world.main.claude = None
    assert world.states() == ["waiting", "waiting"]
    assert words in world.main.start_question
    assert "claude-failover attach main" in world.main.start_question
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    world.lines = IDLE
    assert world.states()[-1] == ("other" if by_hand else "idle"), "by hand: until its session file is there"
    assert world.main.start_question is None


def test_a_shell_that_shows_the_words_of_a_question_asks_nothing():
    world = World("starting", screen("v2.1.332_start_theme.txt"))
    world.main.spec = world.main.claude = world.main.file_at = None
    world.main.pane = dataclasses.replace(pane("%7"), command="less")
    assert world.states() == ["other", "other"]
