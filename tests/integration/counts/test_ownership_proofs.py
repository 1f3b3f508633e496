# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proofs of ownership in a round of the dispatcher while a task waits: an environment is read for each."""

from __future__ import annotations

import asyncio
import collections
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from dispatch_world import World, proc

from claude_failover.sessions import ownership

ROUNDS = 5
#: What keeps a session from the tasks, which may go to any session in /srv/work.
KEEPS = {
    "dedicated": lambda world, name: world.replan(name, dedicated=True),
    "folder": lambda world, name: world.replan(name, cwd="/srv/other"),
    "command": lambda world, name: world.replan(name, claude_args=False),
    "busy": lambda world, name: setattr(world.tracked[name], "activity", "busy"),
    "spent": lambda world, name: world.budget.left.setdefault(name, "3 prompts were sent without an answer"),
}


def proofs_of(count: int, keep: str) -> collections.Counter[str]:
    """Return the proofs of each session in some rounds, with tasks that wait and so many sessions kept from them."""
    world, proofs = budgeted_world(count), collections.Counter[str]()
    found = proc(world)

    def variable(pid: int, name: str) -> Any:
        proofs[next(place.name for place in world.places if place.claude.pid == pid)] += 1
        return found["variable"](pid, name)

    for name in world.names:
        KEEPS[keep](world, name)
    world.place("free").claude.made_for = None  # it is idle, and started by hand under the name of a session
    with mock.patch.multiple(ownership, **{**found, "variable": variable}):
        rows = [asyncio.run(world.dispatcher.dispatch(text, cwd="/srv/work")) for text in ("do it", "and this")]
        assert [row["state"] for row in rows] == ["queued", "queued"]
        proofs.clear()
        for _round in range(ROUNDS):
            asyncio.run(world.step())
    return proofs


def budgeted_world(count: int) -> Any:
    """Return a world with so many sessions and one more, ``free``, and with a bound of prompts."""
    names = [f"w{number}" for number in range(count)]
    left: dict[str, str] = {}
    world = World((*names, "free"), dedicated=())
    world.budget = SimpleNamespace(left=left, spent=lambda: dict(left), clear=left.pop)
    world.start()
    world.names = names
    return world


@pytest.mark.parametrize("keep", KEEPS)
def test_the_proofs_of_a_round_do_not_grow_with_the_sessions_that_cannot_take_the_task(keep: str) -> None:
    few, many = proofs_of(2, keep), proofs_of(200, keep)
    assert few == many == {"free": ROUNDS}
