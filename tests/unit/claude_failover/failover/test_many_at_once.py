# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch of many sessions writes: it does not grow with their number, and what is acted on is stored first."""

from __future__ import annotations

import asyncio
import json
import os
from types import SimpleNamespace

import pytest
from switch_world import Harness, World

from claude_failover.claude.prompt_delivery import Delivery
from claude_failover.claude.turns import TurnEvent
from claude_failover.common import clock
from claude_failover.failover import resume_slots
from claude_failover.failover.resume_slots import ResumeSlots
from claude_failover.failover.resumer import SessionResumer
from claude_failover.sessions.prompt_budget import PromptBudget
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.storage import files

FEW, MANY = 20, 200


class Host:
    """Stands in for the sessions, which are all up, their lifecycle, and tmux: it looks at the disk before each key."""

    def __init__(self, world, names):
        self.world = world
        self.budget = PromptBudget(world.store, lambda _session: world.active, now=lambda: world.now)
        self.table = {
            name: TrackedSession(name, pane=SimpleNamespace(pane_id=f"%{number}", dead=False, pid=number))
            for number, name in enumerate(names)
        }
        self.marks = set()
        self.sent = []
        self.unstored = []
        self.resumer = SessionResumer(
            world.config_holder, self, self, self, lambda _tracked: None, world.store, self.budget, send=self.send
        )

    # sessions and lifecycle

    def get(self, name):
        return self.table.get(name)

    def conversation(self, name):
        return self.world.evidence(name).uuid

    # tmux

    async def marked(self, pane_id, name):
        return (pane_id, name) in self.marks

    async def mark(self, pane_id, name):
        self.marks.add((pane_id, name))

    async def unmark(self, pane_id, name):
        self.marks.remove((pane_id, name))

    async def send(self, _tmux, pane_id, text, *, permit, began, **_options):
        """Send a prompt, whose turn begins and is answered at once."""
        name = permit.session
        assert self.table[name].pane.pane_id == pane_id
        self._expect("the paste", "carrying", name)
        assert permit.take() is None
        await permit.stored()
        self._expect("the Enter key", "prompts", name)
        self.sent.append((name, text))
        for kind in ("prompt", "stop"):
            self.resumer.on_turn(TurnEvent(name, None, kind, clock.now(), prompt=text if kind == "prompt" else None))
            await asyncio.sleep(0)
        assert await began()
        return Delivery("delivered", 1, 0.1, "", submitted=True)

    def _expect(self, what, document, name):
        with open(self.world.store.path(document), encoding="utf-8") as stream:
            data = json.load(stream)["data"]
        if name not in data or (document == "prompts" and not data[name]["counts"]):
            self.unstored.append((what, name))


class Counted:
    """The fsyncs of one switch of ``sessions`` that are limited at once, and that ``slots`` resume."""

    def __init__(self, folder, sessions, slots, monkeypatch):
        self.world = World(folder, names="ab")
        self.names = [f"s{number}" for number in range(sessions)]
        self.host = Host(self.world, self.names)
        self.host.resumer.slots = slots
        self.harness = Harness(self.world, budget=self.host.budget)
        self.harness.resumer = self.host.resumer
        self.harness.start()
        self.fsyncs = 0
        with monkeypatch.context() as patched:
            patched.setattr(files.os, "fsync", self._fsync)
            asyncio.run(self._run())

    def _fsync(self, _descriptor):
        self.fsyncs += 1

    async def _run(self):
        failover = self.harness.failover
        for name in self.names:
            failover.record_evidence(self.world.evidence(name))
        for _round in range(3):
            await failover.run_round()
            await asyncio.gather(*failover.resume_queue.tasks)
        self.world.store.close()


@pytest.fixture
def counted(tmp_path, monkeypatch):
    def count(sessions, slots):
        folder = tmp_path / str(sessions)
        folder.mkdir()
        return Counted(folder, sessions, slots, monkeypatch)

    return count


@pytest.fixture
def all_at_once(monkeypatch):
    """Returns slots for every session."""
    for name in ("FIRST_PER_CORE", "MOST_PER_CORE", "MOST"):
        monkeypatch.setattr(resume_slots, name, MANY)
    return lambda: ResumeSlots(1)


def check_outcome(counted):
    """Each session was prompted once and is in the one record of the switch, and what was acted on was stored first."""
    assert counted.world.active == "b"
    assert counted.harness.failover.resume_queue.limited() == {}
    (record,) = counted.world.switcher.history(9)
    rows = sorted((row["name"], row["result"]) for row in record["sessions"])
    assert rows == [(name, "sent") for name in sorted(counted.names)]
    assert sorted(counted.host.sent) == [(name, "continue") for name in sorted(counted.names)]
    assert (counted.host.unstored, counted.host.marks) == ([], set())


def test_the_fsyncs_of_one_switch_do_not_grow_with_the_sessions(counted, all_at_once):
    few, many = (counted(sessions, all_at_once()) for sessions in (FEW, MANY))
    for each in (few, many):
        check_outcome(each)
    assert few.fsyncs <= 80
    assert many.fsyncs <= few.fsyncs + 10
    print(few.fsyncs, many.fsyncs)


def test_where_sessions_wait_for_slots_those_that_are_resumed_together_share_their_fsyncs(counted):
    few, many = (counted(sessions, ResumeSlots(2)) for sessions in (FEW, MANY))
    for each in (few, many):
        check_outcome(each)
    assert many.fsyncs - few.fsyncs <= (MANY - FEW) / 2
    print(few.fsyncs, many.fsyncs)


def test_the_state_on_the_disk_at_the_end_is_that_in_memory(counted):
    world = counted(FEW, ResumeSlots(2)).world
    for name, expected in (("carrying", []), ("prompts", {}), ("failover", [])):
        with open(os.path.join(world.config.state_dir, name + ".json"), encoding="utf-8") as stream:
            data = json.load(stream)["data"]
        assert (data["held"] if name == "failover" else data) == expected
