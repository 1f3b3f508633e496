# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failover itself, with the real Claude Code CLI: which token each request bore, and that no conversation is lost.

The stub logs every request with the account's tag; the daemon runs as it is deployed, as an ordinary user.
"""

from __future__ import annotations

import os
import signal
import string
import time
import uuid

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import RESUME, Driven, begin, no_token_told, one_switch, turns_of, went_on_hot, whole
from harness.wait import until

from claude_failover.switching.steps import STEPS

EXACT_SINCE = "2.1.260"  # the record of a refusal has the second of the reset


@pytest.mark.owner
@pytest.mark.parametrize("version", cli.VERSIONS)
def test_one_session_goes_on_hot(make_world: MakeWorld, version: str) -> None:
    """The refused session is answered under the next account, by the same process, in the same conversation."""
    world = make_world(real(version))
    daemon, main = begin(world)
    pid = main.pid()
    main.refused()
    main.answered(RESUME, "B")
    record = went_on_hot(daemon)
    assert (record["limit"], record["from_account"], record["to_account"]) == ("five_hour", "A", "B")
    assert main.pid() == pid
    whole(world, main, "hello", "the big job", RESUME)
    no_token_told(world, daemon)


@pytest.mark.owner
def test_ten_sessions_make_one_switch(make_world: MakeWorld) -> None:
    """Three hit the limit in the same second, one is busy in a tool, the others are idle: one switch, three prompts."""
    world = make_world(real(cli.NEW))
    names = [f"s{number}" for number in range(10)]
    daemon = Daemon(world, [{"name": name, "dedicated": name in ("s0", "s4")} for name in names]).start()
    sessions = {name: Driven(world, name, identity=daemon.row(name)["uuid"]) for name in names}
    for session in sessions.values():
        session.wait_ready()
    world.set("A", "tool", command="sleep 12")
    sessions["s9"].prompt("a long tool")
    until(lambda: daemon.row("s9")["state"] in ("busy", "waiting"), "the busy session", show=sessions["s9"].screen)
    world.set("A", "hold")  # on a busy host the switch is quicker than three requests: they are refused together
    for name in names[:3]:
        sessions[name].prompt(f"job of {name}")
    world.set("A", "limit")
    for name in names[:3]:
        sessions[name].answered(RESUME, "B")
    until(
        lambda: sum(len(record["sessions"]) for record in daemon.switches()) == 3,
        "three sessions in the record",
        show=daemon.log,
    )
    record = one_switch(daemon)
    assert {row["name"] for row in record["sessions"]} == set(names[:3])
    assert {row["method"] for row in record["sessions"]} == {"hot"}
    for name in names[3:9]:
        assert sessions[name].asked(RESUME) == [], "an idle session is left alone"
    sessions["s5"].prompt("and now?")
    sessions["s5"].answered("and now?", "B")


def test_a_weekly_limits_menu_is_closed(make_world: MakeWorld) -> None:
    """The menu is open when the daemon comes; it is closed with Escape and never answered."""
    world = make_world(real(cli.NEW))
    daemon, main = begin(world, greet=False)
    main.refused("seven_day")
    main.answered(RESUME, "B")
    record = one_switch(daemon)
    assert record["limit"] == "seven_day"
    assert record["sessions"][0]["method"] == "hot"
    assert "What do you want to do?" not in main.screen()


@pytest.mark.owner
def test_a_session_that_takes_no_prompt_is_started_again(make_world: MakeWorld) -> None:
    """Its transcript view is open, and there is no prompt box: it is ended, and its conversation resumed.

    Before 2.1.150 Escape leaves the transcript view, and the next try closes the menu behind it: nothing is ended.
    """
    leaves = cli.numbers(cli.NEW) < (2, 1, 150)
    world = make_world(real(cli.NEW))
    daemon, main = begin(world)
    pid = main.pid()
    world.set("A", "limit")
    daemon.send(signal.SIGSTOP)
    main.prompt("the big job")
    until(lambda: [r for r in world.records(main.id) if r.get("isApiErrorMessage")], "the record of the refusal")
    main.keys("C-o")
    until(lambda: main.box() is None, "the transcript view", show=main.screen)
    daemon.send(signal.SIGCONT)
    main.answered(RESUME, "B", timeout=120)
    assert (main.pid() == pid) == leaves
    whole(world, main, "hello", "the big job", RESUME)
    record = one_switch(daemon)
    assert [row["name"] for row in record["sessions"]] == ["main"]
    row = record["sessions"][0]
    if world.guard and row["result"] != "continued":
        # A person had to answer whose the conversation is; then it went on in the copy.
        assert "whose this conversation is" in row["result"] and len(main.ids) > 1
    elif leaves:
        first = ("none", "dialog: Escape did not close the usage-limit menu")
        assert (row["method"], row["result"]) in (first, ("hot", "continued"))
    else:
        assert (row["method"], row["result"]) == ("restart", "continued")


def test_all_exhausted_then_a_reset_also_after_a_restart_of_the_daemon(make_world: MakeWorld) -> None:
    """Nothing is killed while no account can be used; at the reset the waiting session goes on by itself."""
    world = make_world(real(cli.NEW), accounts="AB")
    daemon, main = begin(world, greet=False)
    pid = main.pid()
    world.set("A", "limit", resets_at=int(time.time()) + 3600)
    reset = int(time.time()) + 25
    if cli.numbers(cli.NEW) < cli.numbers(EXACT_SINCE):
        reset += -reset % 60  # all that such a version tells is the minute
    world.set("B", "limit", resets_at=reset)
    main.prompt("the big job")
    main.until(lambda: turns_of(world, main.ids, RESUME, "B", "limit"), "the second account to refuse", show=daemon.log)
    until(lambda: all(row["exhausted"] for row in daemon.status()["accounts"]), "both to be known", show=daemon.log)
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert daemon.row("main")["state"] == "limited"
    assert time.time() < reset, "the test was too slow to see the wait"
    world.set("B", "ok")
    main.answered(RESUME, "B", timeout=150)
    assert time.time() >= reset
    assert main.pid() == pid


def test_a_dead_login_is_no_target(make_world: MakeWorld) -> None:
    """The second account's tokens are blank: the third one is taken."""
    world = make_world(real(cli.NEW))
    blank = {"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0}}
    world.write_json(os.path.join(world.account_home("B"), ".credentials.json"), blank, mode=0o600)
    daemon, main = begin(world, greet=False)
    main.refused()
    main.answered(RESUME, "C")
    assert one_switch(daemon)["to_account"] == "C"


def test_a_throttle_switches_nothing(make_world: MakeWorld) -> None:
    """A 429 without the headers of a usage limit is the server's, and Claude Code's to retry."""
    needs("2.1.330", "it ends the turn")
    world = make_world(real(cli.NEW))
    daemon, main = begin(world, greet=False)
    world.set("A", "throttle")
    main.prompt("hello")
    until(lambda: len(main.asked("hello")) >= 3, "some retries", show=main.screen)
    world.set("A", "ok")
    main.answered("hello", "A", timeout=90)
    assert daemon.switches() == []
    assert os.readlink(world.link) == world.account_home("A")


@pytest.mark.owner
def test_a_session_started_by_hand_without_hooks_is_carried_over_too(make_world: MakeWorld) -> None:
    """Nothing but its transcript tells of it, and the process file of which conversation it is."""
    world = make_world(real(cli.NEW))
    daemon = Daemon(world, []).start()
    hand = Driven(world, "hand", identity=str(uuid.uuid4())).start(settings=False)
    hand.prompt("hello")
    hand.answered("hello", "A")
    until(lambda: daemon.row("hand")["uuid"] == hand.id, "its conversation to be known", show=daemon.log)
    world.set("A", "limit")
    hand.prompt("the big job")
    hand.answered(RESUME, "B")
    assert one_switch(daemon)["source"] == "transcript"


def test_kill_dash_nine_at_any_moment_of_a_failover_loses_nothing(make_world: MakeWorld) -> None:
    """The daemon is killed again and again while a limit is being dealt with; the session goes on all the same."""
    world = make_world(real(cli.NEW), accounts="ABCDEF")
    daemon, main = begin(world, greet=False)
    for delay, origin, target in zip((0.0, 0.02, 0.05, 0.1, 0.3), "ABCDE", "BCDEF"):
        job = f"the job of {origin}"
        world.set(origin, "limit")
        main.prompt(job)
        until(
            lambda job=job, origin=origin: turns_of(world, main.ids, job, origin, "limit"), "the refusal", every=0.005
        )
        time.sleep(delay)  # not to wait for anything: the moment of the kill is what is varied
        daemon.stop(signal.SIGKILL)
        daemon.start()
        main.answered(RESUME, target, timeout=60)
        until(lambda: daemon.row("main")["state"] == "idle", "the session to be idle", show=main.screen)

    def targets(outcome: str) -> list[str]:
        # A record is logged once its sessions have gone on, which after a kill can be later than the next switch.
        records = sorted(daemon.switches(), key=lambda record: str(record["time"]))
        return [record["to_account"] for record in records if record["outcome"] == outcome]

    until(lambda: len(targets("switched")) == 5, "five switches", show=lambda: str(daemon.switches()))
    assert targets("switched") == list("BCDEF")
    undone = [record["detail"] for record in daemon.switches() if record["outcome"] != "switched"]
    assert all("undone" in detail for detail in undone), "a kill at a step before the flip is told, and made good"
    assert os.readlink(world.link) == world.account_home("F")


CRASHES = [*((moment, step.name) for step in STEPS for moment in ("begin", "end")), ("end", "record")]


def test_kill_dash_nine_at_each_step_of_the_journal(make_world: MakeWorld) -> None:
    """A daemon that dies at any step leaves one that starts after it to finish or to undo: one switch, every time."""
    accounts = string.ascii_uppercase[: len(CRASHES) + 1]
    world = make_world(real(cli.NEW), accounts=accounts)
    daemon, main = begin(world, greet=False)
    for number, (crash, origin, target) in enumerate(zip(CRASHES, accounts, accounts[1:])):
        daemon.stop()
        daemon.start(crash)
        # Resets apart from each other: a refusal right after a flip with the old account's reset counts as its.
        world.set(origin, "limit", resets_at=int(time.time()) + 3600 * (number + 2))
        main.prompt(f"the job of {origin}")
        assert daemon.process is not None
        assert daemon.process.wait(timeout=30) == -signal.SIGKILL, crash
        daemon.start()
        main.answered(RESUME, target, timeout=60)
        until(lambda: daemon.row("main")["state"] == "idle", f"the session to be idle after {crash}", show=daemon.log)
    until(lambda: len([r for r in daemon.switches() if r["outcome"] == "switched"]) == len(CRASHES), "the records")
    assert os.readlink(world.link) == world.account_home(accounts[-1])
    assert len({record["id"] for record in daemon.switches()}) == len(daemon.switches())
    no_token_told(world, daemon)
