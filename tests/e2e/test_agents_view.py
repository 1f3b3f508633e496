# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agents view of the real Claude Code: ← in an empty prompt box moves the conversation to a background process.

The daemon's sessions start with it off. Where it is on, a conversation that went on elsewhere is told, and a session
goes on in the newest conversation that descends from its own.
"""

from __future__ import annotations

import glob
import json
import os
import signal
import subprocess
import time

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.daemon import Daemon
from harness.session import Session
from harness.wait import until
from harness.world import World

VIEW = "describe a task for a new session"  # the placeholder of the view's own prompt box (2.1.197 to 2.1.332)
OPENING = ("Waiting for session to redraw", "Session not responding")
BOTH = pytest.mark.parametrize("version", [cli.NEW, cli.OLD])
AGENTS = "2.1.150"  # the first version that was seen to have the view and jobs in the background


def begin(world: World, **options: object) -> tuple[Daemon, Session]:
    """Start the daemon with one session, and wait for its prompt box."""
    daemon = Daemon(world, [{"name": "main", **options}]).start()
    session = Session(world, "main", identity=daemon.row("main")["uuid"])
    session.wait_ready()
    return daemon, session


def ask(session: Session, text: str) -> dict[str, object]:
    """Type a prompt, and wait until it is answered, in whichever conversation; return the stub's record."""
    session.text(text)
    until(lambda: text in (session.box() or ""), f"{text!r} in the prompt box", show=session.screen)
    session.keys("Enter")
    return until(
        lambda: [turn for turn in session.world.turns() if turn["prompt"] == text and turn["status"] == 200],
        f"an answer to {text!r}",
        show=session.screen,
    )[0]


def jobs(world: World) -> list[dict[str, object]]:
    """Return the session files of the conversations in the background, but those of spare processes."""
    found = []
    for tag in world.accounts:
        for path in glob.glob(os.path.join(world.account_home(tag), "sessions", "*.json")):
            with open(path, encoding="utf-8") as stream:
                text = stream.read()
            data = json.loads(text) if text else {}
            if data.get("kind") == "bg" and not data.get("spare") and not data.get("agent"):
                found.append(data)
    return found


def background_processes(world: World, *wanted: str) -> list[str]:
    """Return the command lines of Claude Code in the world that have these words."""
    found = []
    for pid in world.namespace.processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as stream:
                words = stream.read().decode().split("\0")
        except OSError:
            continue
        if set(wanted) <= set(words[1:]):
            found.append(" ".join(words))
    return found


def settled(session: Session) -> None:
    """Wait until the turn is over and the screen stands still."""
    until(lambda: session.status() == "idle", "an idle session", show=session.screen)
    session.wait_ready()


def press_left(session: Session) -> None:
    """Press ← in the empty prompt box, and give what it opens the time to open."""
    settled(session)
    session.keys("Left")
    time.sleep(2)  # where the view is off, nothing opens


@BOTH
def test_the_left_arrow_leaves_the_conversation_where_it_is(make_world: MakeWorld, version: str) -> None:
    """The daemon's session stays in its pane: no view, no process of Claude Code's own daemon, no new conversation."""
    needs(AGENTS, "it has no agents view", version)
    world = make_world(real(version))
    daemon, main = begin(world)
    ask(main, "first question")
    press_left(main)
    assert VIEW not in main.screen(), main.screen()
    assert background_processes(world, "daemon", "run") == []
    assert jobs(world) == []
    assert ask(main, "second question")["session"] == main.id
    assert daemon.row("main")["uuid"] == main.id


@BOTH
@pytest.mark.parametrize("by", ["key", "settings"])
def test_the_operator_can_leave_the_view_on(make_world: MakeWorld, version: str, by: str) -> None:
    """With ``agent_view: true``, or with a ``--settings`` that says so itself, the left arrow opens it."""
    needs(AGENTS, "it has no agents view", version)
    world = make_world(real(version))
    own = [world.claude, "--settings", '{"disableAgentView": false}']
    _daemon, main = begin(world, **({"agent_view": True} if by == "key" else {"command": own}))
    ask(main, "first question")
    press_left(main)
    main.wait_screen(VIEW)


def move_to_background(session: Session) -> str:
    """Press ←, open the conversation again from the view, ask a question there; return its new id.

    Claude Code starts one program after another for it, and on a busy host can give the last one up, which opening it
    starts again. What changes on the screen there is passed on before the whole of it is drawn, and the row of the
    prompt box can stay empty (2.1.332). A conversation whose transcript is not on the disk yet cannot be moved: 2.1.197
    writes it after the turn's end.
    """
    world = session.world
    until(
        lambda: any(record["type"] == "assistant" for record in world.records(session.id)),
        "the answer in the transcript",
        show=session.screen,
    )
    press_left(session)
    session.wait_screen(VIEW)
    until(lambda: background_processes(world, "daemon", "run"), "Claude Code's own daemon", show=session.screen)
    until(lambda: background_processes(world, "--bg-pty-host"), "the background job's terminal", show=session.screen)
    until(lambda: jobs(world) or "stopped" in session.screen(), "the background job", show=session.screen)
    session.keys("Enter")
    until(lambda: VIEW not in session.screen(), "the conversation to be opened", show=session.screen)
    until(lambda: not any(text in session.screen() for text in OPENING), "its screen", show=session.screen)
    session.wait_still()
    session.redraw()
    # What was drawn for the width in between can stay on a busy host.
    until(lambda: session.box() is not None or session.redraw(), "the prompt box of the job", show=session.screen)
    session.wait_ready()
    moved = str(ask(session, "asked in the background")["session"])
    assert moved in [job["sessionId"] for job in jobs(world)]
    return moved


def claude(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the CLI to its end."""
    return world.namespace.run([world.claude, *arguments], world.env())


@BOTH
def test_a_session_goes_on_in_the_conversation_that_its_own_went_on_as(make_world: MakeWorld, version: str) -> None:
    """When the pane's program ends, no old copy is resumed: first the job is told, then it is resumed itself."""
    needs(AGENTS, "it has no agents view", version)
    world = make_world(real(version))
    daemon, main = begin(world, agent_view=True)
    ask(main, "asked in the pane")
    moved = move_to_background(main)
    os.kill(main.pid(), signal.SIGTERM)
    row = until(
        lambda: (found := daemon.row("main"))["state"] == "down" and moved in str(found["reason"]) and found,
        "the session down, with the reason",
        show=daemon.log,
    )
    assert f"claude stop {moved[:8]}" in row["reason"]
    assert len(world.transcripts(main.id)) == 1
    assert claude(world, "stop", moved[:8]).returncode == 0
    until(lambda: daemon.row("main")["state"] == "idle", "the session up again", show=daemon.log)
    main.wait_ready()
    assert daemon.row("main")["uuid"] == moved
    assert ask(main, "asked after the restart")["session"] == moved

    def typed() -> list[str]:
        prompts = [record["message"]["content"] for record in world.records(moved) if record["type"] == "user"]
        return [text for text in prompts if text in ASKED]

    until(lambda: typed() == ASKED, f"a transcript with {ASKED}", show=lambda: str(typed()))
    if version == cli.NEW:  # in 2.1.197 the job's hooks say it, and the registry follows at once
        assert f"conversation {main.id} went on in the background (agents view) as {moved}" in daemon.log()


ASKED = ["asked in the pane", "asked in the background", "asked after the restart"]


def test_a_conversation_in_the_background_is_told(make_world: MakeWorld) -> None:
    """Status, log and dispatcher say of a session whose conversation was moved that nothing of it is seen."""
    needs("2.1.260", "it has no agents view, or does not say that a conversation was moved (2.1.197)")
    world = make_world(real(cli.NEW))
    daemon, main = begin(world, agent_view=True)
    ask(main, "asked in the pane")
    moved = move_to_background(main)
    row = until(
        lambda: (found := daemon.row("main"))["state"] == "waiting" and found, "the session waiting", show=daemon.log
    )
    assert f"its conversation went on in the background (agents view) as {moved}" in row["reason"]
    assert f"session main: its conversation went on in the background (agents view) as {moved}" in daemon.log()
    assert job_row(daemon, moved) == (moved[:8], "main", "A", False)
    queued = daemon.command("dispatch", "a task")
    assert "main is waiting" in queued.stdout + queued.stderr


def test_the_job_of_an_older_version_is_told_beside_its_session(make_world: MakeWorld) -> None:
    """2.1.197 does not say of a session that its conversation was moved; the job has the session's settings."""
    world = make_world(real(cli.OLD))
    daemon, main = begin(world, agent_view=True)
    ask(main, "asked in the pane")
    moved = move_to_background(main)
    reason = until(lambda: daemon.row("main")["reason"], "the reason", show=daemon.log)
    assert reason == f"not watched: its background jobs {moved[:8]} (claude agents)"
    assert job_row(daemon, moved) == (moved[:8], "main", "A", False)


def job_row(daemon: Daemon, uuid: str) -> tuple[object, ...]:
    """Return what the status says of a background job."""
    job = next(job for job in daemon.status()["background_jobs"] if job["uuid"] == uuid)
    return job["id"], job["session"], job["account"], job["watched"]


@BOTH
def test_a_job_of_the_users_own_is_named_as_not_watched(make_world: MakeWorld, version: str) -> None:
    """``claude --bg`` begins a job that belongs to no session: the status names it, and no session changes."""
    needs(AGENTS, "it has no --bg", version)
    world = make_world(real(version))
    daemon, main = begin(world)
    ask(main, "asked in the pane")
    done = claude(world, "--bg", "a job")
    assert done.returncode == 0, done
    job = until(lambda: daemon.status()["background_jobs"], "the job in the status", show=daemon.log)[0]
    assert (job["session"], job["cwd"], job["watched"]) == (None, world.cwd, False)
    assert (
        f"Not watched: background job {job['id']} (pid {job['pid']}, in {world.cwd})" in daemon.command("status").stdout
    )
    assert daemon.row("main")["reason"] is None
