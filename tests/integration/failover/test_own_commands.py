# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that only a command's output tells, and commands of the CLI's own below a limit."""

from __future__ import annotations

import pytest

from ..daemon.conftest import wait_for

RESUME = "continue"


@pytest.fixture
def running(world):
    world.session("main", command=["claude"])
    world.start_tmux()
    world.start()
    world.ready("main")
    world.prompt("main", "hello")
    world.answered("one", "hello")
    world.ready("main")
    return world


def limits_of(world, name):
    (row,) = [row for row in world.status()["accounts"] if row["name"] == name]
    return [limit["limit"] for limit in row["exhausted"]]


@pytest.mark.parametrize("version", ["2.1.330", "2.1.197"])
def test_a_refused_compaction_switches(world, version):
    world.session("main", command=["claude"], env={"CLAUDE_FAKE_VERSION": version})
    world.start_tmux()
    world.start()
    world.ready("main")
    world.prompt("main", "hello")
    world.answered("one", "hello")
    world.ready("main")
    world.limit("one", "seven_day")
    world.prompt("main", "/compact")
    world.answered("two", RESUME)
    record = wait_for(world.switches, "the record of the switch")[0]
    assert (record["limit"], record["source"], record["to_account"]) == ("seven_day", record["source"], "two")
    assert record["source"] in ("hook", "transcript")
    assert (limits_of(world, "one"), limits_of(world, "two")) == (["seven_day"], [])


def test_a_compaction_that_is_answered_switches_nothing(running):
    running.prompt("main", "/compact")
    running.answered("one", "/compact")
    running.prompt("main", "and now?")
    running.answered("one", "and now?")
    assert running.switches() == []


@pytest.mark.parametrize("command", ["/usage-credits", "/mcp"])
def test_a_command_below_a_limit_keeps_no_session_from_going_on(running, command):
    """All accounts are out, somebody looks around, and one account can be used again."""
    running.limit("one", seconds=3600)
    running.limit("two", seconds=7200)
    running.prompt("main", "the big job")
    wait_for(lambda: running.turns("two", RESUME, "limit"), "the second account to be out of usage, too")
    wait_for(lambda: all(row["exhausted"] for row in running.status()["accounts"]), "both to be known as exhausted")
    wait_for(lambda: running.row("main")["state"] == "limited", "main to be limited")
    running.tmux("send-keys", "-t", "=main:", "Escape")
    wait_for(lambda: "Esc to cancel" not in running.screen("main"), "the wait to be cancelled")
    running.prompt("main", command)
    wait_for(lambda: running.screen("main").count("⎿") >= 3, "the command's output")
    running.set_world(one={"mode": "ok"})
    assert running.command("switch", "one", "--force").returncode == 0
    running.answered("one", RESUME)
    wait_for(lambda: running.row("main")["state"] == "idle", "main to be idle")
