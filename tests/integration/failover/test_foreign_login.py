# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that keep one account's login at every switch, from outside."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time

import pytest

from claude_failover.rehearsal.fake_claude.credentials import made_up

from ..daemon.conftest import wait_for
from .conftest import World

TOKEN = made_up("one")["claudeAiOauth"]["accessToken"]
QUIET = 8.0  # seconds in which such a session was prompted and refused again before


@pytest.fixture
def three(python_path):
    """A host with three accounts."""
    folder = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
    world = World(folder, python_path, ("one", "two", "three"))
    yield world
    print(world.daemon_log())  # shown when the test failed
    world.close()
    shutil.rmtree(folder, ignore_errors=True)


def active(world):
    return os.path.basename(os.readlink(world.path("user/.claude"))).removeprefix(".claude-")


def marked(world):
    return [row["name"] for row in world.status()["accounts"] if row["exhausted"]]


def start(world, variable, value, *names):
    for name in names:
        world.session(name, command=["claude"])
    world.environment[variable] = value  # of the tmux server, and so of every session
    world.start_tmux()
    world.start()
    world.ready(*names)


def test_a_token_of_the_tmux_servers_environment_moves_nothing(three):
    start(three, "CLAUDE_CODE_OAUTH_TOKEN", TOKEN, "main", "pool")
    rows = [wait_for(lambda name=name: foreign(three, name), f"{name} to be told") for name in ("main", "pool")]
    assert all("CLAUDE_CODE_OAUTH_TOKEN in its environment" in row["reason"] for row in rows)
    three.limit("one")
    three.prompt("main", "the big job")
    wait_for(lambda: three.turns("one", "the big job", "limit"), "the refusal")
    time.sleep(QUIET)
    assert (active(three), marked(three), three.switches()) == ("one", [], [])
    assert three.turns("one", "continue", "limit") == [], "no prompt is sent in vain"
    assert "main: its login does not follow the active link" in three.daemon_log()
    assert TOKEN not in three.daemon_log() + json.dumps(three.status())


def foreign(world, name):
    row = world.row(name)
    return row if row["follows_link"] is False else None


def test_a_login_for_an_unknown_reason_makes_one_switch_and_marks_one_account(three):
    events = three.path("events")
    with open(three.path("bin/notify"), "w", encoding="utf-8") as stream:
        stream.write(f"#!/bin/sh\ncat >> {events}\n")
    os.chmod(three.path("bin/notify"), 0o700)
    three.config["notify"] = {"command": [three.path("bin/notify")]}
    start(three, "ANTHROPIC_CUSTOM_HEADERS", f"Authorization: Bearer {TOKEN}", "main")
    three.limit("one")
    three.prompt("main", "the big job")
    row = wait_for(lambda: aside(three, "main"), "the session to be set aside")
    assert "refused under two with the limit and the reset of one" in row["reason"]
    time.sleep(QUIET)
    assert (active(three), marked(three)) == ("two", ["one"])
    told = wait_for(lambda: event(events, "session_set_aside"), "the event")
    assert (told["session"], told["state"], told["severity"]) == ("main", "begins", "warning")
    (record,) = wait_for(three.switches, "the record of the switch")
    assert [session["result"] for session in record["sessions"]] == ["sent"]
    three.set_world(one={"mode": "ok"})
    three.prompt("main", "and now?")
    wait_for(lambda: three.row("main")["state"] == "idle" and three.row("main")["reason"] is None, "it to go on")
    assert wait_for(lambda: event(events, "session_set_aside", "over"), "the end of the event")["session"] == "main"


def aside(world, name):
    row = world.row(name)
    return row if row["state"] == "limited" and "set" in str(row["reason"]) and "marked" in row["reason"] else None


def event(path, name, state="begins"):
    try:
        with open(path, encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream]
    except (FileNotFoundError, ValueError):
        return None
    return next((row for row in rows if row.get("event") == name and row["state"] == state), None)


def test_two_accounts_that_end_in_the_same_minute_are_told_apart_by_an_answer(three):
    start(three, "LANG", "C.UTF-8", "main")
    three.limit("one")
    three.prompt("main", "the big job")
    three.answered("two", "continue")
    wait_for(lambda: three.row("main")["state"] == "idle", "main to be idle")
    three.limit("two")
    three.prompt("main", "another job")
    three.answered("three", "continue")
    assert wait_for(lambda: marked(three) == ["one", "two"], "both to be marked")
    wait_for(lambda: len(three.switches()) == 2, "two records")
    assert [[row["result"] for row in record["sessions"]] for record in three.switches()] == [["continued"]] * 2
