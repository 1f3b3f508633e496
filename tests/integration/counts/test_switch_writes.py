# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writes and flushes of one switch with one session, from its prompt to its rest under the next account."""

from __future__ import annotations

import collections
import os
import sys
from collections.abc import Iterator

import pytest
from import_path import SUPPORT

from ..daemon.conftest import wait_for
from ..failover.conftest import World

RESUME = "continue"
#: 28 and 59 where no key has to be pressed twice; a repetition on a busy machine is counted in prompts.json.
MOST_WRITES, MOST_FLUSHES = 30, 63


class CountingWorld(World):
    """A world whose daemon notes its writes and flushes."""

    def program(self) -> list[str]:
        return [sys.executable, os.path.join(SUPPORT, "counting_daemon.py"), self.path("calls.txt")]

    def calls(self) -> list[str]:
        """Return what was noted so far."""
        with open(self.path("calls.txt"), encoding="utf-8") as stream:
            return stream.read().splitlines()


@pytest.fixture
def world(short_folder: str, python_path: str) -> Iterator[CountingWorld]:
    world = CountingWorld(short_folder, python_path)
    yield world
    print(world.daemon_log())  # shown when the test failed
    world.close()


def test_a_switch_takes_no_more_writes_and_flushes(world: CountingWorld) -> None:
    world.session("main", command=["claude"])
    world.start_tmux()
    world.start()
    world.ready("main")
    before = len(world.calls())
    world.limit("one")
    world.prompt("main", "the big job")
    world.answered("two", RESUME)
    wait_for(world.switches, "the record of the switch")
    world.ready("main")
    assert world.stop() == 0  # what is yet to be written is written then
    calls = collections.Counter(world.calls()[before:])
    writes = sum(count for call, count in calls.items() if not call.startswith("fsync "))
    flushes = sum(count for call, count in calls.items() if call.startswith("fsync "))
    assert 0 < writes <= MOST_WRITES, calls
    assert 0 < flushes <= MOST_FLUSHES, calls
