# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test when a failback disturbs no session."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from claude_failover.failover.idle_sessions import PARKED, IdleSessions
from claude_failover.sessions.tracked_session import TrackedSession


class World:
    """The sessions of ``tracked``, and a clock."""

    def __init__(self, **states):
        self.time = 0.0
        pane, spec = SimpleNamespace(dead=False), SimpleNamespace(claude_args=True)
        self.tracked = [TrackedSession(name, spec, pane=pane, activity=state) for name, state in states.items()]
        self.idle = IdleSessions(self.tracked, lambda: self.time)

    def after(self, seconds):
        self.time += seconds
        return not self.idle.not_idle()


@pytest.mark.parametrize(
    ("activity", "idle"), [("idle", True), ("busy", False), ("waiting", False), ("starting", False)]
)
def test_a_session_is_waited_for_as_long_as_something_is_under_way(activity, idle):
    world = World(one=activity, two="idle")
    assert world.after(0) == world.after(10 * PARKED) == idle


def test_a_conversation_in_the_background_is_waited_for_no_longer_than_its_bound(caplog):
    world = World(one="idle", two="idle")
    world.tracked[0].parked_job = "a1b2"
    with caplog.at_level(logging.WARNING):
        assert [world.after(seconds) for seconds in (0, PARKED - 1, 1, 600)] == [False, False, True, True]
    assert caplog.text.count("session one: its conversation has been in the background (agents view) for 60 min") == 1
    world.tracked[1].activity = "busy"
    assert not world.after(0)


@pytest.mark.parametrize("between", [None, "c3d4"])
def test_another_one_has_its_own_bound(between):
    world = World(one="idle")
    world.tracked[0].parked_job = "a1b2"
    world.after(0)
    world.tracked[0].parked_job = between
    world.after(PARKED)
    world.tracked[0].parked_job = "e5f6"
    assert [world.after(1), world.after(PARKED)] == [False, True]


@pytest.mark.parametrize("change", [{"question": "whose is it?"}, {"resume_state": "limited"}])
def test_what_a_person_is_asked_is_waited_for_beside_it(change):
    world = World(one="idle")
    world.tracked[0].parked_job = "a1b2"
    for name, value in change.items():
        setattr(world.tracked[0], name, value)
    assert not world.after(0)
    assert not world.after(PARKED)
