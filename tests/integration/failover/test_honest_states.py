# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States of sessions whose session file lies in a home that the link has left."""

from __future__ import annotations

import glob
import json
import time

import pytest

from ..daemon.conftest import wait_for

TASK = "[[slow 3]] long work"


def files(world):
    """Return the status in the session files of all homes."""
    found = []
    for path in glob.glob(world.path("user/.claude-*/sessions/*.json")):
        with open(path, encoding="utf-8") as stream:
            found.append(json.load(stream)["status"])
    return found


@pytest.fixture
def flipped(world):
    """The session main was flipped in a turn, so that its file says busy for ever."""
    world.session("main", command=["claude"])
    world.start_tmux()
    world.start()
    world.ready("main")
    world.prompt("main", "hello")
    world.answered("one", "hello")
    world.ready("main")
    world.prompt("main", TASK)
    wait_for(lambda: world.row("main")["state"] == "busy", "main to be busy")
    assert world.command("switch", "two").returncode == 0
    return world


def interrupt(world):
    world.tmux("send-keys", "-t", "=main:", "Escape")
    wait_for(lambda: "Interrupted" in world.screen("main"), "the turn to be interrupted")


def is_idle(world):
    wait_for(lambda: world.row("main")["state"] == "idle", "main to be idle", deadline=10)
    assert files(world) == ["busy"], "the file in the home that was left is as it was"


def test_a_turn_that_was_interrupted_after_a_flip_is_over(flipped):
    interrupt(flipped)
    is_idle(flipped)


@pytest.mark.parametrize("way", ["answered", "interrupted", "cleared"])
def test_a_session_whose_file_lies_in_the_home_that_was_left_is_not_busy_for_ever(flipped, way):
    if way == "interrupted":
        interrupt(flipped)
    else:
        flipped.answered("one", TASK)
    if way == "cleared":
        flipped.ready("main")
        flipped.prompt("main", "/clear")
        wait_for(lambda: "hello" not in flipped.screen("main"), "the conversation to be cleared")
        time.sleep(0.5)  # its hook is on its way
    flipped.stop()
    flipped.start()
    is_idle(flipped)


def test_a_turn_that_runs_on_after_a_restart_is_seen(world):
    """Its file says idle, as of before the flip."""
    world.session("main", command=["claude"])
    world.start_tmux()
    world.start()
    world.ready("main")
    assert world.command("switch", "two").returncode == 0
    world.prompt("main", "[[slow 20]] long work")
    wait_for(lambda: world.row("main")["state"] == "busy", "main to be busy")
    world.stop()
    world.start()
    wait_for(lambda: world.row("main")["state"] == "busy", "main to be busy again", deadline=10)
    assert files(world) == ["idle"]
    interrupt(world)
    wait_for(lambda: world.row("main")["state"] == "idle", "main to be idle", deadline=10)
