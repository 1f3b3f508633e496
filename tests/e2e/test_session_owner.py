# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of a conversation's owner, with the real Claude Code CLI.

From 2.1.330 on, and while the server's flag is on, Claude Code asks whose a conversation is that was begun under
another account. A running session asks once it has looked at the account's file again, some seconds after the flip; one
that is resumed under another account asks at once.
"""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import Look
from harness.session import COPY_QUESTION, OWNER_QUESTION, Session
from harness.wait import until
from harness.world import GUARDED, World

from claude_failover.claude.prompt_box import find_dialog


@pytest.fixture
def guarded(worlds: MakeWorld) -> World:
    """A world with the guard on, accounts of one organization, homes that have been in use, and no person."""
    needs(GUARDED, "it minds no owner")
    world = worlds(real(cli.NEW), guard=True, flags_known=True)
    world.person = False
    return world


def asked(world: World, *options: str, look: type[Session] = Session) -> Session:
    """Begin a conversation under A, and return it as it is resumed under B, with the question on the screen.

    A session asks nothing, and has its prompt box, where the server's flags come after its first screen (2.1.332 on a
    busy machine): it is resumed again, in a home that has got them.
    """
    session = look(world, "one").start(*options)
    session.ask("remember BANANA")
    until(lambda: any(r["type"] == "assistant" for r in world.records(session.id)), "the answer in the transcript")
    until(lambda: owners(world, session.id), "the owner in the transcript", show=session.screen)
    world.flip("B")
    for _resume in range(3):
        world.tmux("kill-session", "-t", "=one")
        session.start(*options, resume=True, ready=False)
        until(lambda: session.shows(OWNER_QUESTION) or session.box() is not None, "a screen", show=session.screen)
        session.wait_still()
        if session.shows(OWNER_QUESTION):
            break
    session.wait_screen(OWNER_QUESTION)
    return session


def test_the_stub_answers_all_that_the_cli_asks_with_the_guard_on(guarded: World, worlds: MakeWorld) -> None:
    """Flags are asked for, with the guard off they are not; and no request is to a path that the stub does not know."""
    asked(guarded)
    paths = {record["path"] for record in guarded.log() if "path" in record}
    assert any(path.startswith("/api/eval/") for path in paths)
    assert [record["path"] for record in guarded.log() if record.get("unknown")] == []
    guarded.namespace.clear()
    quiet = worlds(real(cli.NEW))
    Session(quiet, "one").start().ask("first")
    assert not any(record.get("path", "").startswith("/api/eval/") for record in quiet.log())
    assert [record["path"] for record in quiet.log() if record.get("unknown")] == []


def test_what_the_question_looks_like_and_that_escape_ends_the_session(guarded: World) -> None:
    """No prompt box is there, the cursor is at the exit, and Esc is one."""
    session = asked(guarded)
    lines = [line.strip() for line in session.lines()]
    title = lines.index(OWNER_QUESTION)
    # Its address and organization, where the CLI has come to know the account.
    assert lines[title + 1].startswith("Started as    ")
    assert lines[title + 2 :] == [
        "Logged in as  b@example.invalid (Organization A)",
        "❯ Exit Claude Code",
        "Change login",
        "Copy to b@example.invalid (Organization A) and continue",
        "Enter to confirm · Esc to exit",
    ]
    assert session.box() is None
    time.sleep(1.2)  # it takes no key in its first second
    session.keys("Escape")
    until(session.dead, "the end of the session", show=session.screen)


def test_a_copy_is_a_conversation_of_its_own_that_knows_the_first(guarded: World) -> None:
    """Another id in the same process, told by SessionStart (fork); every copied record names the one it came from."""
    session = asked(guarded)
    pid, first = session.pid(), session.id
    before = guarded.records(first)
    guarded.person = True
    session.answer_owner()
    session.wait_ready()
    assert session.id != first and session.pid() == pid
    starts = [(hook["session_id"], hook["source"]) for hook in session.hooks("SessionStart")]
    assert starts == [(first, "startup"), (first, "resume"), (session.id, "fork")]
    turn = session.ask("what was it?")
    assert turn["tag"] == "B" and turn["messages"] >= 4
    copied = [record for record in guarded.records(session.id) if "forkedFrom" in record]
    spoken = [record["uuid"] for record in before if record["type"] in ("user", "assistant")]
    assert {record["forkedFrom"]["sessionId"] for record in copied} == {first}
    assert [r["forkedFrom"]["messageUuid"] for r in copied if r["type"] in ("user", "assistant")] == spoken
    assert owners(guarded, session.id) == {guarded.identity("B")["accountUuid"]}
    assert owners(guarded, first) == {guarded.identity("A")["accountUuid"]}


def test_the_question_read_aloud_is_answered_by_what_its_options_are_marked_with(guarded: World) -> None:
    """A number, and y: there is no cursor. The daemon knows both questions for what they are."""
    session = asked(guarded, "--ax-screen-reader", look=Look)
    found = find_dialog(session.screen("-e").split("\n"))
    assert found is not None and found.kind == "owner"
    session.choose("Copy to ", "")
    session.wait_screen(COPY_QUESTION)
    session.wait_still()
    found = find_dialog(session.screen("-e").split("\n"))
    assert found is not None and found.kind == "owner_copy"
    known = set(guarded.conversations())
    session.choose("Continue", "")
    until(lambda: set(guarded.conversations()) - known, "the copy", show=session.screen)
    session.wait_ready()


def test_the_question_is_about_the_conversation_that_somebody_opens(guarded: World) -> None:
    """/resume in a session of B's own opens one of A's: session file and hook name it while the question is open."""
    old = Session(guarded, "old").start()
    old.ask("remember BANANA")
    until(lambda: any(r["type"] == "assistant" for r in guarded.records(old.id)), "the answer in the transcript")
    guarded.tmux("kill-session", "-t", "=old")
    guarded.flip("B")
    session = Session(guarded, "one").start()
    session.ask("hello")
    session.text("/resume")
    until(lambda: session.box() == "/resume", "the command", show=session.screen)
    session.keys("Enter")
    session.wait_screen("remember BANANA")
    session.keys("Enter")
    session.wait_screen(OWNER_QUESTION)
    found = until(lambda: f if (f := session.status_file()) and f["sessionId"] == old.id else None, "the session file")
    assert found["status"] == "waiting"
    until(lambda: [h for h in guarded.hooks("SessionStart") if h["source"] == "resume"], "the hook")
    assert guarded.hooks("SessionStart")[-1]["session_id"] == old.id


def owners(world: World, conversation: str) -> set[str]:
    """Return the accounts that a transcript names as its owners."""
    return {record["accountUuid"] for record in world.records(conversation) if record["type"] == "session-owner"}


# -- with the daemon ------------------------------------------------------------------------------------------------


def begin(world: World, **failover: object) -> tuple[Daemon, Session]:
    """Start the daemon with the session main, which has a conversation, and a notify command that keeps the events."""
    daemon = Daemon(world, [{"name": "main"}], **failover)
    daemon.keep_events()
    daemon.start()
    main = Session(world, "main", identity=daemon.row("main")["uuid"])
    main.wait_ready()
    main.text("hello")
    until(lambda: main.box() == "hello", "the prompt", show=main.screen)
    main.keys("Enter")
    until(lambda: any(r["type"] == "assistant" for r in world.records(main.id)), "the answer", show=main.screen)
    return daemon, main


def ended(main: Session) -> None:
    """End Claude Code, which the daemon then starts again in its conversation."""
    os.kill(main.pid(), signal.SIGTERM)
    main.wait_screen(OWNER_QUESTION, timeout=60)


def test_the_question_is_told_and_left_to_a_person(guarded: World) -> None:
    """By default nothing is pressed, however long it takes; once a person has answered, the session is as before."""
    daemon, main = begin(guarded)
    assert daemon.command("switch", "B").returncode == 0
    ended(main)
    pid = main.pid()
    row = until(lambda: r if (r := daemon.row("main"))["state"] == "waiting" else None, "the status", show=daemon.log)
    assert "whose this conversation is" in row["reason"]
    told = until(lambda: daemon.events("session_owner"), "the event", show=daemon.log)
    assert [(event["state"], event["session"], event["severity"]) for event in told] == [("begins", "main", "warning")]
    time.sleep(6)  # some rounds of the daemon's
    assert (main.pid(), main.dead()) == (pid, None)
    assert main.cursor_at("Exit Claude Code")
    assert "example.invalid" not in daemon.log() + json.dumps(told)
    guarded.person = True
    main.answer_owner()
    until(lambda: daemon.row("main")["uuid"] == main.id, "the copy in the registry", show=daemon.log)
    until(lambda: daemon.row("main")["state"] == "idle", "the session to be idle", show=daemon.log)
    assert [event["state"] for event in daemon.events("session_owner")] == ["begins", "over"]


def test_accounts_of_different_organizations_do_not_mix_by_accident(worlds: MakeWorld) -> None:
    """The limit of A leads past B to C, of A's organization; B is refused by hand too, unless that is allowed."""
    world = worlds(real(cli.NEW))
    foreign = {"organizationUuid": "00000000-0000-4000-9000-000000000099", "organizationName": "Private"}
    state = {"hasCompletedOnboarding": True, "projects": {world.folder: {"hasTrustDialogAccepted": True}}}
    path = os.path.join(world.account_home("B"), ".claude.json")
    world.write_json(path, {**state, "oauthAccount": {**world.identity("B"), **foreign}})
    daemon, main = begin(world)
    identities = {row["name"]: row["identity"] for row in daemon.status()["accounts"]}
    assert identities["A"] == {"address": "a@example.invalid", "organisation": "Organization A", "plan": "claude_max"}
    assert identities["B"]["organisation"] == "Private"
    for force in ((), ("--force",)):
        refused = daemon.command("switch", "B", *force)
        assert refused.returncode == 1 and "of another organization" in refused.stderr, refused.stderr
    world.set("A", "limit")
    main.text("the big job")
    until(lambda: main.box() == "the big job", "the prompt", show=main.screen)
    main.keys("Enter")
    until(lambda: [turn for turn in world.turns(main.id) if turn["tag"] == "C"], "an answer of C", show=daemon.log)
    record = until(lambda: [row for row in daemon.switches() if row["outcome"] == "switched"], "the record")[0]
    assert record["to_account"] == "C"
    with open(world.path("state", "identities.json"), encoding="utf-8") as stream:
        assert set(json.load(stream)["data"]) == {"A", "B", "C"}
    assert "example.invalid" not in daemon.log()
    daemon.stop()
    daemon.config["failover"]["across_organizations"] = True
    daemon.start()
    assert daemon.command("switch", "B").returncode == 0


def test_where_the_operator_has_said_copy_the_conversation_goes_on_as_a_copy(guarded: World) -> None:
    """The daemon copies it, in the registry and the record the copy takes its place, and it knows the first one."""
    daemon, main = begin(guarded, session_owner="copy")
    first = main.id
    daemon.send(signal.SIGSTOP)
    guarded.set("A", "limit")
    main.text("the big job")
    until(lambda: main.box() == "the big job", "the prompt", show=main.screen)
    main.keys("Enter")
    until(lambda: [r for r in guarded.records(first) if r.get("isApiErrorMessage")], "the refusal", show=main.screen)
    main.keys("C-o")  # the transcript view: there is no prompt box, so the session is started again
    until(lambda: main.box() is None, "the transcript view", show=main.screen)
    daemon.send(signal.SIGCONT)

    def continued() -> list[dict[str, Any]]:
        return [turn for turn in guarded.turns() if (turn["prompt"], turn["tag"]) == ("continue", "B")]

    turn = until(continued, "continue answered under B", timeout=120, show=lambda: main.screen() + daemon.log())[0]
    assert turn["session"] != first and turn["messages"] >= 4
    until(lambda: daemon.row("main")["state"] == "idle", "the session to be idle", show=daemon.log)
    row = daemon.row("main")
    assert row["uuid"] == turn["session"]
    record = until(daemon.switches, "the record of the switch", show=daemon.log)[0]
    rows = [(row["uuid"], row["method"], row["result"]) for row in record["sessions"]]
    assert rows == [(turn["session"], "restart", "continued")]
    copied = [record for record in guarded.records(row["uuid"]) if "forkedFrom" in record]
    assert copied and {record["forkedFrom"]["sessionId"] for record in copied} == {first}
    assert owners(guarded, row["uuid"]) == {guarded.identity("B")["accountUuid"]}
    assert "example.invalid" not in daemon.log()


def test_a_copy_is_made_within_one_organization_only(worlds: MakeWorld) -> None:
    """With ``copy`` and ``across_organizations`` the question of another organization is a person's all the same."""
    needs(GUARDED, "it minds no owner")
    world = worlds(real(cli.NEW), guard=True, company=False)
    world.person = False
    daemon, main = begin(world, session_owner="copy", across_organizations=True)
    assert daemon.command("switch", "B").returncode == 0
    ended(main)
    row = until(lambda: r if (r := daemon.row("main"))["state"] == "waiting" else None, "the status", show=daemon.log)
    assert "of another organization" in row["reason"]
    time.sleep(4)  # in which no key may come
    assert main.cursor_at("Exit Claude Code")
