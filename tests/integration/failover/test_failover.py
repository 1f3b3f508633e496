# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failovers from outside: the answers to the sessions, their accounts, and what is left alone."""

from __future__ import annotations

import json
import os
import signal

import pytest

from ..daemon.conftest import wait_for

RESUME = "continue"


@pytest.fixture
def running(world):
    for name in ("main", "pool"):
        world.session(name, command=["claude"], dedicated=name == "main")
    world.start_tmux()
    world.start()
    world.ready("main", "pool")
    return world


def active(world):
    return os.path.basename(os.readlink(world.path("user/.claude"))).removeprefix(".claude-")


def only_switch(world, **expected):
    records = wait_for(world.switches, "the record of a switch")
    assert len(records) == 1, records
    assert {key: records[0][key] for key in expected} == expected
    return records[0]


def test_a_limited_session_goes_on_under_the_next_account_without_a_restart(running):
    pid = running.row("main")["pid"]
    running.limit("one")
    running.prompt("main", "the big job")
    running.answered("two", RESUME)
    record = only_switch(
        running,
        reason="limit",
        trigger_session="main",
        limit="five_hour",
        from_account="one",
        to_account="two",
        outcome="switched",
    )
    assert [(row["name"], row["method"], row["result"]) for row in record["sessions"]] == [("main", "hot", "continued")]
    assert active(running) == "two"
    row = wait_for(lambda: [row for row in [running.row("main")] if row["state"] == "idle"], "main to be idle")[0]
    assert (row["pid"], row["account"]) == (pid, "two")
    status = running.status()
    assert status["accounts"][0]["exhausted"][0]["limit"] == "five_hour"
    running.prompt("pool", "small talk")
    running.answered("two", "small talk")
    assert "STUB" not in running.daemon_log() + json.dumps(running.switches()), "no token is ever logged"


@pytest.mark.parametrize("claim", ["seven_day", "seven_day_opus", "seven_day_sonnet"])
def test_the_menu_of_a_weekly_limit_is_closed_and_never_answered(running, claim):
    running.limit("one", claim)
    running.prompt("main", "the big job")
    running.answered("two", RESUME)
    only_switch(running, outcome="switched")
    assert "Stop and wait" not in running.screen("main")


def test_three_sessions_at_once_make_one_switch_and_the_busy_one_works_on(world):
    names = [f"s{number}" for number in range(6)]
    for name in names:
        world.session(name, command=["claude"])
    world.start_tmux()
    world.start()
    world.ready(*names)
    long_work = "[[slow 6]] long work"
    world.prompt("s5", long_work)
    wait_for(lambda: long_work in {row.get("prompt") for row in world.requests()}, "s5's request under way")
    wait_for(lambda: world.row("s5")["state"] == "busy", "s5 to be busy")
    # All three requests begin before the first is refused: a switch in between would let the others be answered.
    world.set_world(one={"mode": "hold"})
    for name in names[:3]:
        world.prompt(name, f"job of {name}")
    jobs = {f"job of {name}" for name in names[:3]}
    wait_for(lambda: jobs <= {row.get("prompt") for row in world.requests()}, "three requests under way")
    world.limit("one")
    world.answered("two", RESUME, 3)
    wait_for(lambda: sum(len(record["sessions"]) for record in world.switches()) == 3, "three resumed sessions")
    record = only_switch(world, outcome="switched")
    assert {row["name"] for row in record["sessions"]} == set(names[:3])
    assert all(row["method"] == "hot" for row in record["sessions"])
    wait_for(lambda: world.turns("one", long_work), "the busy one to be answered where it was asked")
    assert world.row("s4")["state"] == "idle"


def test_a_throttle_is_no_limit(running):
    running.set_world(one={"mode": "throttle"})
    running.prompt("main", "hello")
    wait_for(lambda: running.turns("one", "hello", "throttle"), "the throttle")
    running.set_world(one={"mode": "ok"})
    running.answered("one", "hello")
    running.prompt("main", "again")
    running.answered("one", "again")
    assert running.switches() == []
    assert active(running) == "one"


def test_all_exhausted_waits_kills_nothing_and_goes_on_at_the_reset_also_after_a_restart(running):
    pids = [running.row(name)["pid"] for name in ("main", "pool")]
    running.limit("one", seconds=3600)
    running.limit("two", seconds=9)
    running.prompt("main", "the big job")
    wait_for(lambda: running.turns("two", RESUME, "limit"), "the second account to be out of usage too")
    wait_for(lambda: all(row["exhausted"] for row in running.status()["accounts"]), "both to be known as exhausted")
    assert wait_for(lambda: running.row("main")["state"] == "limited", "main to be shown as limited")
    running.stop(signal.SIGKILL)
    running.start()
    running.set_world(two={"mode": "ok"})
    running.answered("two", RESUME)
    assert [running.row(name)["pid"] for name in ("main", "pool")] == pids
    assert len([record for record in running.switches() if record["outcome"] == "switched"]) == 1


def test_an_account_with_a_dead_login_is_never_a_target(world):
    for name in ("three",):
        world.config["accounts"].append({"name": name, "home": world.path(f"user/.claude-{name}")})
        os.makedirs(world.path(f"user/.claude-{name}"))
        world.login(name)
    with open(world.path("user/.claude-two/.credentials.json"), "w", encoding="utf-8") as stream:
        stream.write('{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0}}')
    world.session("main", command=["claude"])
    world.start_tmux()
    world.start()
    world.ready("main")
    assert [row["login"] for row in world.status()["accounts"]] == ["ok", "expired", "ok"]
    world.limit("one")
    world.prompt("main", "the big job")
    world.answered("three", RESUME)
    only_switch(world, to_account="three", outcome="switched")


def test_a_divergence_on_the_target_prevents_the_switch_and_is_recorded(running):
    place = running.path("user/.claude-two/projects")
    os.unlink(place)
    os.mkdir(place)
    running.limit("one")
    running.prompt("main", "the big job")
    record = wait_for(running.switches, "a record")[0]
    assert record["outcome"] in ("stayed", "refused")
    assert place in record["detail"] or "divergent" in record["detail"] or "not a symlink" in record["detail"]
    assert active(running) == "one"
    assert os.listdir(place) == []


def test_a_draft_of_the_operators_is_not_submitted(running):
    running.limit("one")
    running.set_world(one={**running.modes["one"], "mode": "hold"})
    running.prompt("main", "the big job")
    running.tmux("send-keys", "-t", "=main:", "-l", "half a thought")
    wait_for(lambda: "half a thought" in running.screen("main"), "the draft")
    running.limit("one")
    record = wait_for(running.switches, "the switch")[0]
    assert record["outcome"] == "switched"
    row = wait_for(lambda: [row for row in [running.row("main")] if row["reason"]], "the reason")[0]
    assert "draft" in row["reason"]
    assert "half a thought" in running.screen("main")
    assert all("half a thought" not in str(item.get("prompt")) for item in running.requests())


def test_a_flip_by_hand_is_recorded_as_external(running):
    link = running.path("user/.claude")
    os.symlink(running.path("user/.claude-two"), link + ".new")
    os.rename(link + ".new", link)
    record = wait_for(running.switches, "the record")[0]
    assert (record["reason"], record["from_account"], record["to_account"]) == ("external", "one", "two")
    assert running.status()["active_account"] == "two"


def test_a_link_to_nowhere_suspends_switching_until_it_is_repaired(running):
    link = running.path("user/.claude")
    os.symlink("/nowhere", link + ".new")
    os.rename(link + ".new", link)
    wait_for(lambda: running.status()["suspended"], "the suspension")
    os.symlink(running.path("user/.claude-one"), link + ".new")
    os.rename(link + ".new", link)
    wait_for(lambda: not running.status()["suspended"], "its end")


def test_a_session_that_died_is_resumed_by_a_start_on_its_conversation(running):
    running.prompt("main", "remember this")
    running.answered("one", "remember this")
    uuid = running.row("main")["uuid"]
    running.limit("one")
    os.kill(running.daemon.pid, signal.SIGSTOP)
    running.prompt("main", "the big job")
    wait_for(lambda: running.refusals(uuid), "the limit in the transcript")
    os.kill(int(running.tmux("display-message", "-p", "-t", "=main:", "#{pane_pid}")), signal.SIGKILL)
    os.kill(running.daemon.pid, signal.SIGCONT)
    running.answered("two", RESUME)
    assert running.row("main")["uuid"] == uuid


def test_a_limit_hit_while_no_daemon_ran_leads_to_a_switch_at_the_next_start(running):
    running.stop()
    running.limit("one")
    running.prompt("main", "the big job")
    wait_for(lambda: running.turns("one", "the big job", "limit"), "the limit")
    running.start()
    running.answered("two", RESUME)
    only_switch(running, outcome="switched", source="transcript")
