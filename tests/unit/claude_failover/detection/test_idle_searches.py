# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that tmux gets while nothing happens: none for sessions with hooks, however many there are."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta

import pytest
from event_world import EventWorld
from panes import pane
from skipped_time import SkippedTime
from switch_world import wait_until

from claude_failover.common import clock, processes
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, DetectionConfig
from claude_failover.detection import activity_check, pane_output, pane_sweep, wanted_panes
from claude_failover.detection.activity_check import ActivityCheck
from claude_failover.detection.classifier import Classifier
from claude_failover.detection.evidence_filter import EvidenceFilter
from claude_failover.detection.owner_watch import OwnerWatch
from claude_failover.detection.pane_sweep import PaneSweep
from claude_failover.sessions.tracked_session import TrackedSession

PATIENCE = 300  # turns of the event loop that a search may take to begin
WRITTEN = clock.now()  # of each session file
OUTPUT = 1000  # epoch second of every pane's last output


class World:
    """Idle sessions with hooks, and a tmux that counts."""

    def __init__(self, count):
        self.sessions = [
            TrackedSession(
                f"s{number}",
                pane=pane(f"%{number}", activity=OUTPUT, pid=number + 10),
                activity="idle",
                hook_seen=True,
                claude=processes.Process(number + 10, 1, 5, "claude", "S"),
            )
            for number in range(count)
        ]
        self.commands = []
        self.output = {tracked.pane.pane_id: OUTPUT for tracked in self.sessions}
        self.lines = ["$ a program without a box"]
        config = Config(path="/c.yml", accounts=(Account("a", "/a"),), detection=DetectionConfig(sweep_interval=0.001))
        holder = ConfigHolder(config)
        self.sweep = PaneSweep(
            holder, self, self, Classifier(holder), EvidenceFilter(lambda _evidence: None), lambda _tracked: None
        )
        self.watch = OwnerWatch(holder, self, self, lambda *_told: None)
        self.check = ActivityCheck(self, self, lambda: "/none", lambda _tracked: None, lambda: None)

    def __iter__(self):
        return iter(self.sessions)

    def find_by_pane(self, pane_id):
        return next((tracked for tracked in self.sessions if tracked.pane.pane_id == pane_id), None)

    def conversation(self, _name):
        return None

    async def search(self, anchors, *, since, panes):
        self.commands.append(("search", panes))
        return []

    async def activity(self, panes=None, *, since=0):
        self.commands.append(("activity", panes))
        return {pane: moment for pane, moment in self.output.items() if moment >= since}

    async def capture_each(self, pane_ids, *, lines, escapes):
        self.commands.append(("capture", list(pane_ids)))
        return dict.fromkeys(pane_ids, self.lines)

    async def screen(self, pane_id, escapes):
        self.commands.append(("screen", [pane_id]))
        return self.lines

    async def turns(self, number=PATIENCE):
        for _turn in range(number):
            await asyncio.sleep(0.001)

    def run(self, scenario):
        async def watched():
            loops = [asyncio.ensure_future(part.run()) for part in (self.sweep, self.watch, self.check)]
            try:
                await scenario()
            finally:
                ended = [loop for loop in loops if loop.done()]
                for loop in loops:
                    loop.cancel()
                await asyncio.gather(*loops, return_exceptions=True)
            assert ended == [], "a loop ended by itself"

        asyncio.run(watched())


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(activity_check, "INTERVAL", 0.001)
    monkeypatch.setattr(pane_output, "FRESH", -1)


@pytest.mark.parametrize("count", [1, 200])
def test_idle_sessions_with_hooks_cost_tmux_nothing_however_many(count):
    world = World(count)
    for tracked in world.sessions:
        tracked.file_at = WRITTEN

    async def scenario():
        await world.turns(50)  # in which each pane is searched for the owner dialog once
        assert [name for name, _panes in world.commands] == ["activity", "search"]
        world.commands.clear()
        await world.turns()

    world.run(scenario)
    assert world.commands == []


def test_a_prompt_lets_the_panes_be_searched_at_once_and_only_that_one():
    world = World(100)
    for tracked in world.sessions:
        tracked.file_at = WRITTEN

    async def scenario():
        await world.turns(50)
        assert [name for name, _panes in world.commands] == ["activity", "search"]
        world.commands.clear()
        world.sessions[7].activity = "busy"
        for part in (world.sweep, world.watch):
            part.pause.end()
        await world.turns(50)

    world.run(scenario)
    assert world.commands
    assert {str(panes) for _name, panes in world.commands} == {str(["%7"])}


def test_output_without_a_hook_lets_an_idle_pane_be_searched_for_the_owner_dialog():
    world = World(100)

    async def scenario():
        await world.watch.sweep()
        world.commands.clear()
        world.output["%3"] = int(time.time())
        world.sessions[3].pane = pane("%3", activity=world.output["%3"], pid=13)
        await world.watch.sweep()
        await world.watch.sweep()

    asyncio.run(scenario())
    assert world.commands == [("activity", ["%3"]), ("search", ["%3"])]


def test_one_blind_pane_lets_no_other_be_searched():
    world = World(100)
    world.sessions[5].hook_seen = False

    async def scenario():
        await world.sweep.sweep()

    asyncio.run(scenario())
    assert world.commands == [("activity", ["%5"]), ("search", ["%5"])]


def test_a_full_pass_captures_only_panes_with_output_since(monkeypatch):
    monkeypatch.setattr(pane_sweep, "FULL_PASS_INTERVAL", 0.0)
    world = World(60)
    for tracked in world.sessions:
        tracked.hook_seen = False

    async def scenario():
        await world.sweep.sweep()
        first = [panes for name, panes in world.commands if name == "capture"]
        world.commands.clear()
        await world.sweep.sweep()
        unchanged = list(world.commands)
        world.output = {**world.output, "%9": int(time.time())}
        world.commands.clear()
        await world.sweep.sweep()
        return first, unchanged, [panes for name, panes in world.commands if name == "capture"]

    first, unchanged, changed = asyncio.run(scenario())
    assert [len(panes) for panes in first] == [25, 25, 10], "a line asks for that many"
    assert unchanged == [("activity", None)]
    assert changed == [["%9"]]


def test_a_pane_that_shows_nothing_new_is_not_looked_at_again():
    world = World(100)
    for tracked in world.sessions[:3]:
        tracked.hook_seen, tracked.activity, tracked.file_at = False, "starting", None
    for tracked in world.sessions[3:]:
        tracked.file_at = WRITTEN

    async def scenario():
        for _look in range(3):
            await world.check.check()
        world.commands.clear()
        await world.check.check()
        unchanged = list(world.commands)
        world.output["%1"] += 5
        world.commands.clear()
        await world.check.check()
        return unchanged, [panes for name, panes in world.commands if name == "screen"]

    unchanged, changed = asyncio.run(scenario())
    assert unchanged == [("activity", ["%0", "%1", "%2"])]
    assert changed == [["%1"]]


def checks_in_an_hour(monkeypatch, world, *, later=lambda _loop: None):
    """Return when each check of the activity begins within an hour, on a made-up clock."""
    monkeypatch.setattr(activity_check, "INTERVAL", 2.0)
    loop, begun = SkippedTime(), []

    async def check():
        begun.append(loop.time())

    monkeypatch.setattr(world.check, "check", check)

    async def hour():
        running = asyncio.ensure_future(world.check.run())
        later(loop)
        await asyncio.sleep(3600)
        running.cancel()

    loop.run(hour())
    return begun


@pytest.mark.parametrize("hook_seen", [True, False])
@pytest.mark.parametrize("activity", ["idle", "busy"])
def test_sessions_whose_files_tell_all_are_not_checked(monkeypatch, activity, hook_seen):
    world = World(3)
    for tracked in world.sessions:
        tracked.file_at, tracked.activity, tracked.hook_seen = WRITTEN, activity, hook_seen
    assert checks_in_an_hour(monkeypatch, world) == [0.0]


def test_a_session_whose_file_tells_nothing_is_checked_every_two_seconds(monkeypatch):
    world = World(3)
    for tracked in world.sessions[1:]:
        tracked.file_at = WRITTEN
    assert len(checks_in_an_hour(monkeypatch, world)) == 1800


def test_a_start_question_is_checked_until_it_is_forgotten(monkeypatch):
    world = World(1)
    (tracked,) = world.sessions
    tracked.file_at, tracked.start_question = WRITTEN, "Claude Code asks"
    begun = checks_in_an_hour(
        monkeypatch, world, later=lambda loop: loop.call_later(9.0, setattr, tracked, "start_question", None)
    )
    assert begun == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_after_a_flip_the_sessions_are_checked_at_once(tmp_path, monkeypatch):
    """What is written of a session before it tells nothing of now."""
    monkeypatch.setattr(wanted_panes, "IDLE_INTERVAL", 600.0)

    async def flip_by_hand():
        async with EventWorld(tmp_path) as world:
            check, begun = world.parts.monitor.activity_check, []
            world.main.file_at = clock.now()

            async def count():
                begun.append(check._is_needed())

            monkeypatch.setattr(check, "check", count)
            running = asyncio.ensure_future(check.run())
            for _turn in range(20):
                await asyncio.sleep(0.001)  # longer than `INTERVAL`
            assert begun == [False]
            world.main.file_at -= timedelta(seconds=1)
            os.unlink(world.link)
            os.symlink(world.home("b"), world.link)
            await world.parts.failover.switcher.observe()
            await wait_until(lambda: len(begun) > 1)
            running.cancel()
            return begun[1]

    assert asyncio.run(flip_by_hand()) is True


@pytest.mark.parametrize("blind", [3, 100])
def test_searches_of_one_moment_list_the_panes_once(blind):
    world = World(100)
    for tracked in world.sessions[:blind]:
        tracked.hook_seen, tracked.activity, tracked.file_at = False, "starting", None
    for tracked in world.sessions[blind:]:
        tracked.file_at = WRITTEN
    wanted = world.sessions[:blind]

    async def scenario(fresh):
        pane_output.FRESH = fresh
        output = pane_output.PaneOutput(world)
        return await asyncio.gather(*(output.of(wanted, 100), output.of(wanted[:1], 100), output.of(wanted, 100)))

    first, of_one, again = asyncio.run(scenario(60.0))
    assert first is of_one is again
    assert len(world.commands) == 1
    asyncio.run(scenario(-1))
    assert len(world.commands) == 4


def test_of_all_panes_only_those_with_output_since_are_listed(monkeypatch):
    world = World(10)
    now = OUTPUT + 100
    monkeypatch.setattr(pane_output.time, "time", lambda: now)
    output = pane_output.PaneOutput(world)

    async def last():
        return dict((await output.of(world.sessions, 10)).last)

    assert asyncio.run(last()) == world.output
    world.output["%3"], world.output["%4"] = now, OUTPUT + 1
    assert asyncio.run(last()) == {**world.output, "%4": OUTPUT}, "tmux was not asked for what is older"
    now = OUTPUT
    assert asyncio.run(last()) == world.output, "the clock was set back"
