# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the conversations in panes are read many at once, and again after output only."""

from __future__ import annotations

import asyncio

from panes import pane

from claude_failover.sessions.pane_conversations import PaneConversations
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.tmux.client import TmuxGone

UUID = "11111111-1111-4111-8111-111111111111"


class World:
    """Sessions of which nothing is known, and a tmux that counts what it is asked."""

    def __init__(self, count):
        self.sessions = [TrackedSession(f"s{number}", pane=pane(f"%{number}", pid=9)) for number in range(count)]
        self.entries = {}
        self.asked = []
        self.texts = {}
        self.conversations = PaneConversations(self, self)

    def get(self, name):
        return self.entries.get(name)

    def propose(self, name, entry):
        self.entries[name] = entry

    async def capture_each(self, pane_ids, *, lines):
        self.asked.append(list(pane_ids))
        if isinstance(self.texts, Exception):
            raise self.texts
        return {pane_id: self.texts.get(pane_id, ["$"]) for pane_id in pane_ids}

    def read(self):
        asyncio.run(self.conversations.read(self.sessions))
        return self.asked[-1] if self.asked else None


def test_all_are_asked_for_at_once_and_again_after_output_only():
    world = World(60)
    assert len(world.read()) == 60
    world.read()
    assert len(world.asked) == 1
    world.sessions[4].pane = pane("%4", pid=9, activity=5)
    assert world.read() == ["%4"]
    world.sessions[5].pane = pane("%5", pid=10)
    assert world.read() == ["%5"], "another program in the same pane"
    assert len(world.asked) == 3


def test_what_is_found_is_proposed_and_its_pane_not_read_again():
    world = World(2)
    world.texts["%1"] = ["claude --resume " + UUID]
    world.read()
    assert {name: (entry.uuid, entry.source) for name, entry in world.entries.items()} == {"s1": (UUID, "pane")}
    world.sessions[1].pane = pane("%1", pid=9, activity=5)
    world.read()
    assert len(world.asked) == 1


def test_a_session_that_is_down_is_not_read():
    world = World(1)
    world.sessions[0].pane = pane("%0", pid=9, dead=True)
    assert world.read() is None


def test_without_tmux_it_is_read_at_the_next_time():
    world = World(1)
    world.texts = TmuxGone("no server")
    world.read()
    world.texts = {"%0": ["claude --resume " + UUID]}
    world.read()
    assert world.entries["s0"].uuid == UUID
