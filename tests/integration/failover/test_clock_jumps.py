# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jumps of the host's clock during a failover, made by libfaketime; monotonic time stays true."""

from __future__ import annotations

import os
import re
import signal
import time

import faked_clock
import pytest
from faked_clock import FakedClock, told_jumps

from claude_failover.rehearsal.fake_claude.texts import MENU_TITLE

from ..daemon.conftest import wait_for
from .conftest import World

RESUME = "continue"
ACCOUNTS = ("one", "two", "three")
BOUND = 3 + len(ACCOUNTS) - 1  # Enter keys of the daemon in a session without an answer
# `make faults`; else each story meets a jump each way
JUMPS = faked_clock.JUMPS if os.environ.get("FAULTS") == "all" else (-3600, 30)


class JumpingWorld(World):
    """A world with a clock that `jump` moves: that of the whole host, or only of the daemon."""

    def __init__(self, folder: str, python_path: str) -> None:
        super().__init__(folder, python_path, ACCOUNTS)
        self.clock = FakedClock(self.path("world/faketime"))

    def begin(self, scope: str = "host") -> None:
        """Start a session whose clock, and the daemon's, can jump; with the scope ``daemon`` only the daemon's."""
        self.session("main", command=["claude"])
        if scope == "host":
            self.environment.update(self.clock.environment)
        self.start_tmux()
        self.environment.update(self.clock.environment)
        self.start()
        self.ready("main")

    def prompts(self) -> int:
        """Return how many prompts of the daemon's own became requests."""
        return len([row for row in self.requests() if row.get("prompt") == RESUME and "ended" in row])

    @property
    def active(self) -> str:
        return os.path.basename(os.readlink(self.path("user/.claude"))).removeprefix(".claude-")

    def reached(self, account: str) -> None:
        """Assert that the session goes on under the account, within the bound, and that one account is active."""
        wait_for(
            lambda: self.turns(account, RESUME) or (self.prompts() > BOUND),
            f"an answer under {account}",
            deadline=60,  # a resumption that something held up is tried again with growing pauses
        )
        assert self.prompts() <= BOUND
        assert [row["name"] for row in self.status()["accounts"] if row["active"]] == [account] == [self.active]

    def told(self, seconds: float) -> None:
        """Assert that the log tells of the jump, and of no other."""
        wait_for(lambda: told_jumps(self.daemon_log()), "the jump in the log")
        assert told_jumps(self.daemon_log()) == [seconds]

    def without_draft(self, draft: str) -> bool:
        """Close the menu of the limit and delete the draft as a person does; return whether both are gone."""
        screen = self.screen("main")
        if MENU_TITLE in screen:
            self.tmux("send-keys", "-t", "=main:", "Escape")
        elif draft in screen:
            self.tmux("send-keys", "-t", "=main:", "C-u")
        else:
            return True
        time.sleep(0.2)
        return False

    def resumed(self) -> None:
        """Let the session hit the limit of the first account, and be answered under the second."""
        self.limit("one", seconds=200_000)
        self.prompt("main", "the big job")
        self.answered("two", RESUME)
        self.ready("main")


@pytest.fixture
def world(short_folder, python_path):
    world = JumpingWorld(short_folder, python_path)
    yield world
    print(world.daemon_log())  # shown when the test failed
    world.close()


@pytest.mark.parametrize(("cooldown", "after", "scope"), [(1, 1.2, "host"), (1, 1.2, "daemon"), (4, 0, "host")])
@pytest.mark.parametrize("seconds", JUMPS)
def test_a_jump_after_a_switch_neither_hides_the_next_limit_nor_prolongs_the_cooldown(
    world, seconds, cooldown, after, scope
):
    world.config["failover"]["cooldown"] = cooldown
    world.begin(scope)
    world.resumed()
    time.sleep(after)
    world.clock.jump(seconds)
    world.limit("two", seconds=200_000)
    world.prompt("main", "more of it")
    world.reached("three")
    world.told(seconds)


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_jump_while_a_switch_waits_for_a_token_refresh_does_not_end_the_wait(world, seconds):
    world.begin()
    lock = world.path("user/.claude-one/.oauth_refresh.lock")
    os.mkdir(lock)
    world.limit("one", seconds=200_000)
    world.prompt("main", "the big job")
    wait_for(lambda: world.status()["switching"], "the switch to be under way")
    world.clock.jump(seconds)
    time.sleep(2)
    assert world.active == "one"
    os.rmdir(lock)
    world.reached("two")
    world.told(seconds)


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_jump_between_the_flip_and_the_resumption(world, seconds):
    world.begin()
    world.limit("one", seconds=200_000)
    world.set_world(one={**world.modes["one"], "mode": "hold"})
    world.prompt("main", "the big job")
    world.tmux("send-keys", "-t", "=main:", "-l", "half a thought")
    wait_for(lambda: "half a thought" in world.screen("main"), "the draft")
    world.limit("one", seconds=200_000)
    wait_for(lambda: "draft" in str(world.row("main")["reason"]), "the draft to hold the resumption up")
    world.clock.jump(seconds)
    world.limit("two", seconds=200_100)  # one with the first account's reset would be in doubt
    wait_for(lambda: world.without_draft("half a thought"), "the draft to be gone")
    world.reached("three")
    world.told(seconds)


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_jump_while_no_daemon_runs(world, seconds):
    world.begin()
    world.resumed()
    world.stop(signal.SIGKILL)
    world.clock.jump(seconds)
    world.limit("two", seconds=200_000)
    world.prompt("main", "more of it")
    wait_for(lambda: world.turns("two", "more of it", "limit"), "the limit")
    world.start()
    world.reached("three")
    world.told(seconds)


def test_a_clock_that_is_set_back_behind_the_state_of_an_older_release(world):
    """The older release stored wall times, and no state of the clock."""
    world.begin()
    world.resumed()
    world.stop()
    os.unlink(world.path("state/clock.json"))
    world.clock.jump(-7200)
    world.limit("two", seconds=300_000)  # another reset than that of the first: the answers are not known
    world.start()
    time.sleep(2)  # longer than the daemon ran on after the flip: that state knows no later moment
    world.prompt("main", "more of it")
    world.reached("three")
    assert re.search(r"the clock is 7\d\d\d\.\d s behind the newest flip", world.daemon_log())
