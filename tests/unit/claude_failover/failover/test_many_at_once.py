# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch of many sessions writes: it does not grow with their number, and what is acted on is stored first."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
from switch_world import Harness, World

from claude_failover.claude.turns import TurnEvent
from claude_failover.failover.resumptions_under_way import ResumptionsUnderWay
from claude_failover.sessions.prompt_budget import PromptBudget
from claude_failover.storage import files


class Resumer:
    """Resumes sessions as `SessionResumer` does, as far as anything is stored; looks at the disk before each key."""

    def __init__(self, store, budget):
        self.store, self.budget = store, budget
        self.under_way = ResumptionsUnderWay(store, self)
        self.unstored = []

    def mark_limited(self, evidence):
        pass

    def mark_set_aside(self, session, why):
        pass

    async def marked(self, pane_id, name):
        return False

    async def mark(self, pane_id, name):
        pass

    unmark = mark

    async def resume(self, name):
        self.under_way.begin(name)
        await self.under_way.mark(name, "%1")
        self._expect("the paste", "carrying", name)
        permit = self.budget.permit(name, "continue")
        assert permit.take() is None
        await permit.stored()
        self._expect("the Enter key", "prompts", name)
        for kind in ("prompt", "stop"):
            event = TurnEvent(name, None, kind, self.budget._now(), prompt="continue" if kind == "prompt" else None)
            self.budget.on_turn(event)
            await asyncio.sleep(0)
        self.under_way.end(name)
        return {"name": name, "uuid": None, "method": "hot", "result": "sent", "seconds": 0.1}

    def _expect(self, what, document, name):
        with open(self.store.path(document), encoding="utf-8") as stream:
            data = json.load(stream)["data"]
        if name not in data or (document == "prompts" and not data[name]["counts"]):
            self.unstored.append((what, name))


class Counted:
    """The fsyncs of one switch of ``sessions`` that are limited at once."""

    def __init__(self, folder, sessions, monkeypatch):
        self.world = World(folder, names="ab")
        budget = PromptBudget(self.world.store, lambda _session: self.world.active, now=lambda: self.world.now)
        self.harness = Harness(self.world, budget=budget)
        self.resumer = self.harness.resumer = Resumer(self.world.store, budget)
        self.harness.start()
        self.names = [f"s{number}" for number in range(sessions)]
        self.fsyncs = 0
        monkeypatch.setattr(files.os, "fsync", self._fsync)
        asyncio.run(self._run())
        monkeypatch.undo()

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
    def count(sessions):
        folder = tmp_path / str(sessions)
        folder.mkdir()
        return Counted(folder, sessions, monkeypatch)

    return count


def test_the_fsyncs_of_one_switch_do_not_grow_with_the_sessions(counted):
    few, many = counted(20), counted(200)
    for each in (few, many):
        assert each.world.active == "b"
        assert each.harness.failover.resume_queue.limited() == {}
        assert sorted(row["name"] for row in each.world.switcher.history(9)[0]["sessions"]) == sorted(each.names)
        assert each.resumer.unstored == []
    assert few.fsyncs <= 80
    assert many.fsyncs <= few.fsyncs + 10
    print(few.fsyncs, many.fsyncs)


def test_the_state_on_the_disk_at_the_end_is_that_in_memory(counted):
    world = counted(20).world
    for name, expected in (("carrying", []), ("prompts", {}), ("failover", [])):
        with open(os.path.join(world.config.state_dir, name + ".json"), encoding="utf-8") as stream:
            data = json.load(stream)["data"]
        assert (data["held"] if name == "failover" else data) == expected
