# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks with the real Claude Code CLI: whole, once, never to a dedicated session, and through a failover."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from typing import Any

import pytest
from conftest import MakeWorld, real
from harness import cli
from harness.daemon import Daemon
from harness.session import Session
from harness.wait import until
from harness.world import World

LINES = "\n".join(
    [
        "Do this, please:",
        "",
        "\tfirst 'quotes' and \"these\"; $HOME `id` #{x} %if \\",
        "!no shell",
        "héllo 漢字 🎉",
        *[f"line {number}" for number in range(40)],
        "the end",
    ]
)


def begin(world: World) -> tuple[Daemon, dict[str, Session]]:
    """Start the daemon with a dedicated session and one of the pool."""
    daemon = Daemon(world, [{"name": "main", "dedicated": True}, {"name": "worker"}]).start()
    sessions = {}
    for name in ("main", "worker"):
        sessions[name] = Session(world, name, identity=daemon.row(name)["uuid"])
        sessions[name].wait_ready()
        until(lambda name=name: daemon.row(name)["state"] == "idle", f"{name} to be idle", show=daemon.log)
    return daemon, sessions


def dispatch(daemon: Daemon, text: str) -> dict[str, Any]:
    """Dispatch a task and return its row."""
    done = daemon.command("dispatch", "--json", text)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def over(daemon: Daemon, identity: str, timeout: float = 40, session: Session | None = None) -> dict[str, Any]:
    """Wait for the end of a task, in a ``session`` before which a person sits, and return its row."""

    def ended() -> dict[str, Any] | None:
        if session is not None:
            session.answer_owner()
        rows = json.loads(daemon.command("queue", "--json").stdout)
        row: dict[str, Any] = next(each for each in rows if each["id"] == identity)
        return row if row["state"] in ("done", "failed") else None

    def seen() -> str:
        return daemon.log() + daemon.command("queue", "--json").stdout + daemon.command("status", "--json").stdout

    found: dict[str, Any] = until(ended, "the task to be over", timeout=timeout, show=seen)
    return found


def prompts(world: World, session: Session) -> list[str]:
    """Return what a session was asked, without white space and the marks around what was pasted."""
    texts = [
        record["message"]["content"]
        for record in world.records(session.id)
        if record.get("type") == "user" and not record.get("isMeta") and isinstance(record["message"]["content"], str)
    ]
    return ["".join(re.sub(r"</?pasted_content[^>]*>", "", text).split()) for text in texts]


def prompts_written(world: World, session: Session, count: int) -> list[str]:
    """Return what a session was asked, once that many are written: it is a little after the Stop hook (2.1.330)."""
    until(lambda: len(prompts(world, session)) >= count, f"{count} prompts in the transcript", show=session.screen)
    return prompts(world, session)


@pytest.mark.parametrize("version", cli.VERSIONS)
def test_tasks_arrive_whole_and_only_in_the_pool(make_world: MakeWorld, version: str) -> None:
    world = make_world(real(version))
    daemon, sessions = begin(world)
    given = ["say hello", LINES, "x" * 3000, "word of a long task " * 5000, "!ls is not for the shell", "ends in \\"]
    given += ["!touch ran", "# is no memory", "& is no job"]
    for text in given:
        row = over(daemon, dispatch(daemon, text)["id"])
        assert (row["state"], row["session"]) == ("done", "worker"), (row, daemon.log()[-3000:])
    assert prompts_written(world, sessions["worker"], len(given)) == ["".join(text.split()) for text in given]
    assert prompts(world, sessions["main"]) == []
    assert os.listdir(world.cwd) == []
    refused = daemon.command("dispatch", "--session", "main", "not here")
    assert refused.returncode == 1 and "is dedicated" in refused.stderr


@pytest.mark.owner
def test_a_task_goes_on_through_a_failover_and_a_killed_daemon(make_world: MakeWorld) -> None:
    world = make_world(real(cli.NEW))
    daemon, sessions = begin(world)
    world.set("A", "limit")
    row = over(daemon, dispatch(daemon, "work hard")["id"], timeout=60, session=sessions["worker"])
    assert row["state"] == "done", row
    assert prompts_written(world, sessions["worker"], 2) == ["workhard", "continue"]
    world.set("B", "tool", command="sleep 3")
    task = dispatch(daemon, "use a tool")
    assert task["state"] == "accepted", task
    daemon.stop(signal.SIGKILL)
    world.set("B", "ok")
    daemon.start()
    row = over(daemon, task["id"], timeout=60, session=sessions["worker"])
    assert row["state"] == "done", (row, sessions["worker"].screen())
    assert prompts_written(world, sessions["worker"], 3) == ["workhard", "continue", "useatool"]
    # A turn that ends while no daemon runs: after the flip nothing but the transcript may say so.
    world.set("B", "ok", hold="be quick")
    task = dispatch(daemon, "be quick")
    sessions["worker"].until(lambda: "be quick" in [turn["prompt"] for turn in world.turns(began=True)], "the request")
    daemon.stop(signal.SIGKILL)
    world.set("B", "ok")
    sessions["worker"].until(lambda: "last=[be quick]" in sessions["worker"].screen(), "the answer")
    time.sleep(1)  # for the end of the turn, which no daemon sees
    daemon.start()
    row = over(daemon, task["id"], timeout=30, session=sessions["worker"])
    assert row["state"] == "done", (row, sessions["worker"].screen())


def test_a_daemon_killed_while_it_hands_a_task_over_sends_it_once(make_world: MakeWorld) -> None:
    """What was left in the prompt box, folded away by Claude Code, is taken out again, and sent once."""
    world = make_world(real(cli.NEW))
    daemon, sessions = begin(world)
    given = [f"task {number}\n{LINES}" for number in range(5)]
    for number, text in enumerate(given):
        client = threading.Thread(target=daemon.command, args=("dispatch", text))
        client.start()
        until(lambda text=text: text[:6] in daemon.command("queue").stdout, "the task to be taken", show=daemon.log)
        time.sleep(number * 0.1)  # the moment of the kill, on purpose
        daemon.stop(signal.SIGKILL)
        client.join()
        daemon.start()
    rows = json.loads(daemon.command("queue", "--json").stdout)
    ended = [over(daemon, row["id"], timeout=60) for row in rows]
    assert [row["state"] for row in ended] == ["done"] * 5, (ended, daemon.log()[-6000:])
    assert prompts_written(world, sessions["worker"], len(given)) == ["".join(text.split()) for text in given]
