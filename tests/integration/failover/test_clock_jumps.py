# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jumps of the host's clock during a failover, made by libfaketime; monotonic time stays true."""

from __future__ import annotations

import glob
import os
import re
import signal
import time

import pytest

from claude_failover.rehearsal.fake_claude.texts import MENU_TITLE

from ..daemon.conftest import wait_for
from .conftest import World

RESUME = "continue"
ACCOUNTS = ("one", "two", "three")
BOUND = 3 + len(ACCOUNTS) - 1  # Enter keys of the daemon in a session without an answer
ALL = os.environ.get("FAULTS") == "all"  # `make faults`; else each story meets a jump each way
JUMPS = [sign * seconds for seconds in (5, 30, 3600, 86400) for sign in (-1, 1)] if ALL else [-3600, 30]


class JumpingWorld(World):
    """A world with a clock that `jump` moves: that of the whole host, or only of the daemon."""

    def __init__(self, folder: str, python_path: str) -> None:
        super().__init__(folder, python_path, ACCOUNTS)
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        assert libraries, "these tests need libfaketime: apt-get install libfaketime"
        self.offset = self.path("world/faketime")
        self.faked = {
            "LD_PRELOAD": libraries[0],
            "FAKETIME_TIMESTAMP_FILE": self.offset,
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }
        self.jump(0)

    def begin(self, scope: str = "host") -> None:
        """Start a session whose clock, and the daemon's, can jump; with the scope ``daemon`` only the daemon's."""
        self.session("main", command=["claude"])
        if scope == "host":
            self.environment.update(self.faked)
        self.start_tmux()
        self.environment.update(self.faked)
        self.start()
        self.ready("main")

    def jump(self, seconds: float) -> None:
        """Set the clock this far from the true time."""
        with open(self.offset + ".new", "w", encoding="utf-8") as stream:
            stream.write(f"{seconds:+}")
        os.rename(self.offset + ".new", self.offset)

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
        direction = "back" if seconds < 0 else "forward"
        wait_for(lambda: "the clock was set" in self.daemon_log(), "the jump in the log")
        assert re.findall(r"the clock was set (\w+) by (\d+)", self.daemon_log()) == [(direction, str(abs(seconds)))]

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


@pytest.mark.parametrize("scope", ["host", "daemon"])
@pytest.mark.parametrize("seconds", JUMPS)
def test_a_jump_after_a_switch_does_not_hide_the_next_limit(world, seconds, scope):
    world.begin(scope)
    world.resumed()
    time.sleep(1.2)  # the cooldown
    world.jump(seconds)
    world.limit("two", seconds=200_000)
    world.prompt("main", "more of it")
    world.reached("three")
    world.told(seconds)


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_jump_in_the_cooldown_does_not_prolong_it(world, seconds):
    world.config["failover"]["cooldown"] = 4
    world.begin()
    world.resumed()
    world.jump(seconds)
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
    world.jump(seconds)
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
    world.jump(seconds)
    world.limit("two", seconds=200_000)
    wait_for(lambda: world.without_draft("half a thought"), "the draft to be gone")
    world.reached("three")
    world.told(seconds)


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_jump_while_no_daemon_runs(world, seconds):
    world.begin()
    world.resumed()
    world.stop(signal.SIGKILL)
    world.jump(seconds)
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
    world.jump(-7200)
    world.limit("two", seconds=200_000)
    world.start()
    time.sleep(2)  # longer than the daemon ran on after the flip: that state knows no later moment
    world.prompt("main", "more of it")
    world.reached("three")
    assert re.search(r"the clock is 7\d\d\d\.\d s behind the newest flip", world.daemon_log())
