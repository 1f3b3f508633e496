# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes that share everything but the login, with the real Claude Code CLI: a flip changes nothing but the account."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import JOB, RESUME, Driven, went_on_hot
from harness.person import (
    ALWAYS,
    HTTP_SERVER,
    KEY,
    OLD_PROMPT,
    PLUGIN,
    PROJECT_SERVER,
    SERVER,
    USES,
    claude,
    move_in,
    say,
    servers,
    use,
)
from harness.session import Session
from harness.shared_settings import links, share, target
from harness.wait import until
from harness.world import World

from claude_failover.claude.versions import MINIMUM

WRITERS = tuple(dict.fromkeys([*cli.VERSIONS, MINIMUM])) if not cli.NAMED else cli.VERSIONS
#: What 2.1.197 keeps as typed when it opens the menu of a limit.
MENU = "/rate-limit-options"


@pytest.fixture
def make_shared(make_world: MakeWorld, python_path: str) -> MakeWorld:
    """Make worlds whose homes share everything but the login."""

    def make(program: str, **options: object) -> World:
        world = make_world(program, **options)
        assert {row["status"] for row in share(world, python_path)} == {"created", "ok"}
        return world

    return make


def validated(daemon: Daemon) -> None:
    """Check that every link of every home is one and leads where it led."""
    done = daemon.command("validate", "--strict")
    assert done.returncode == 0, done


# -- a flip ---------------------------------------------------------------------------------------------------------


def typed_before(session: Session) -> list[str]:
    """Return the prompts that arrow-up brings back, newest first, to the oldest; the prompt box is empty then."""
    found = [""]
    while found[-1] != OLD_PROMPT:
        session.keys("Up")
        found.append(until(lambda: now if (now := line(session)) != found[-1] else None, "an older prompt"))
    session.keys("C-c")
    until(lambda: not line(session), "an empty prompt box", show=session.screen)
    return [text for text in found[1:] if text != MENU]


def line(session: Session) -> str:
    """Return what the prompt box holds, whose upper edge says where in the history it is (2.1.197)."""
    rows = [row for row in session.lines() if row.startswith("❯")]
    return rows[-1][1:].replace("\xa0", " ").strip()


def experience(session: Session, tag: str) -> dict[str, Any]:
    """Return what a person finds in a session under an account, each use of theirs included."""
    world = session.world
    hooks = len(session.hooks("UserPromptSubmit"))
    turns = [use(session, tag, text) for text in USES]
    found: dict[str, Any] = {"marks": sorted(ALWAYS & set(turns[-1]["marks"]))}
    session.until(lambda: session.status() in ("idle", None), "an idle session")  # 2.1.112 and older tell no status
    found["hooks"] = [hook["prompt"] for hook in session.hooks("UserPromptSubmit")[hooks:] if hook["prompt"] in USES]
    found["history"] = typed_before(session)
    session.keys(KEY)
    session.wait_screen("Showing detailed transcript")
    session.keys(KEY)
    session.wait_ready()
    found["servers"] = servers(world)
    found["agents"] = [
        (row["pid"] == session.pid(), row["sessionId"], row["cwd"])
        for row in json.loads(claude(world, "agents", "--json"))
    ]
    return found


@pytest.mark.unguarded("whose the conversation is, is another test's")
@pytest.mark.parametrize("version", cli.VERSIONS)
def test_a_flip_changes_nothing_but_the_account(make_shared: MakeWorld, version: str) -> None:
    """Neither in the running session nor in one that is restarted under the other account."""
    needs("2.1.197", "a key that is bound anew does not open its transcript", version)
    world = make_shared(real(version), accounts="AB")
    move_in(world)
    # The daemon's own hooks, of ``--settings``, work beside those of the person's settings: nothing else tells it.
    daemon, main = begin_shared(world, detection={"transcripts": False, "panes": False})
    found = experience(main, "A")
    assert found == {
        "marks": sorted(ALWAYS),
        "history": [*reversed(USES), OLD_PROMPT],
        "hooks": list(USES),
        "servers": dict.fromkeys((SERVER, HTTP_SERVER, PROJECT_SERVER), True),
        "agents": [(True, main.id, world.cwd)],
    }
    main.refused()
    main.answered(RESUME, "B")
    assert went_on_hot(daemon)["source"] == "hook"
    passes_through_states(daemon, main, "[[slow 3]] wait")
    after = [*reversed(USES), "[[slow 3]] wait", RESUME, JOB, *found.pop("history")]
    again = experience(main, "B")
    assert (again.pop("history"), again) == (after, found)
    pid = main.pid()
    assert daemon.command("restart", "main").returncode == 0
    until(lambda: main.pid() != pid, "the session to be started again", show=daemon.log)
    main.wait_ready()
    restarted = experience(main, "B")
    assert (restarted.pop("history"), restarted) == ([*reversed(USES), *after], found)
    validated(daemon)


def shared_daemon(world: World, sessions: list[dict[str, Any]], **sections: Any) -> Daemon:
    """Return a daemon of the same shared links as the homes have."""
    daemon = Daemon(world, sessions)
    daemon.config.update(shared_links=links(world), **sections)
    daemon.keep_events()
    return daemon


def begin_shared(world: World, **sections: Any) -> tuple[Daemon, Driven]:
    """Start the daemon with the one session main."""
    command = [world.claude, "--permission-mode", "acceptEdits"]
    daemon = shared_daemon(world, [{"name": "main", "command": command}], **sections).start()
    main = Driven(world, "main", identity=daemon.row("main")["uuid"])
    main.wait_ready()
    return daemon, main


def passes_through_states(daemon: Daemon, main: Session, text: str) -> None:
    """Type a prompt; check that the daemon and the session's own file tell of each state of the turn alike.

    The daemon has the end from the Stop hook, which comes before the file says so.
    """
    say(main, text)
    for state in ("busy", "idle"):
        until(lambda: daemon.row("main")["state"] == main.status() == state, state, show=daemon.log)  # noqa: B023  at once


# -- what the CLI writes --------------------------------------------------------------------------------------------


def pick(session: Session, command: str) -> None:
    """Open a list by a command, and choose what is below the cursor."""
    session.wait_ready()
    session.text(command)
    until(lambda: session.box() == command, f"{command} in the prompt box", show=session.screen)
    session.keys("Enter")
    until(lambda: session.box() is None, f"the list of {command}", show=session.screen)
    session.wait_still()
    session.keys("Down")
    session.wait_still()
    session.keys("Enter")
    until(lambda: session.box() == "", "the prompt box", show=session.screen)


@pytest.mark.unguarded("no account changes")
@pytest.mark.parametrize("version", WRITERS)
def test_what_the_cli_writes_keeps_the_links(make_shared: MakeWorld, version: str) -> None:
    world = make_shared(real(version), accounts="AB")
    daemon = shared_daemon(world, []).configure()
    move_in(world)
    claude(world, "plugin", "disable", PLUGIN)
    off = content(world, "settings.json")["enabledPlugins"]
    claude(world, "plugin", "enable", PLUGIN)
    session = Session(world, "one").start()
    session.ask("hello")
    pick(session, "/theme")
    pick(session, "/model")
    os.kill(session.pid(), signal.SIGTERM)
    until(session.dead, "the end of the session", show=session.screen)
    validated(daemon)
    settings, state = content(world, "settings.json"), content(world, ".claude.json")
    assert (off, settings["enabledPlugins"]) == ({PLUGIN: False}, {PLUGIN: True})
    assert list(state["mcpServers"]) == [SERVER, HTTP_SERVER]
    # The theme is in the state file of old versions.
    assert {"theme", "model"} <= {**settings, **state}.keys(), (settings, list(state))
    with open(target(world, "history.jsonl"), encoding="utf-8") as stream:
        assert [json.loads(each)["display"] for each in stream] == [OLD_PROMPT, "hello", "/theme", "/model"]
    installed = content(world, "plugins/installed_plugins.json")
    assert list(installed["plugins"]) == [PLUGIN]


def content(world: World, name: str) -> dict[str, Any]:
    """Return a shared JSON file, or one in a shared folder."""
    first, _slash, rest = name.partition("/")
    with open(os.path.join(target(world, first), rest).rstrip("/"), encoding="utf-8") as stream:
        found: dict[str, Any] = json.load(stream)
    return found


# -- a link that is one no more -------------------------------------------------------------------------------------


def test_a_link_that_was_replaced_by_a_file_is_told_and_bars_the_account(make_shared: MakeWorld) -> None:
    """As a future version of the CLI may do it. Nothing is repaired; the next account is taken."""
    world = make_shared(real(cli.NEW))
    daemon, main = begin_shared(world)
    path = os.path.join(world.account_home("B"), "settings.json")
    world.write_json(path, {"model": "of a future version"})
    before = os.lstat(path)
    until(lambda: links_events(daemon) == [("begins", "B")], "the event", timeout=15, show=daemon.log)
    assert f"account B: {path!r} is not a symlink: found a regular file" in daemon.log()
    assert [row["links"] for row in daemon.status()["accounts"]] == ["ok", "divergent", "ok"]
    for command in (["validate"], ["validate", "--strict"], ["switch", "B"], ["switch", "B", "--force"]):
        done = daemon.command(*command)
        assert done.returncode == 1 and path in done.stdout + done.stderr, (command, done)
    main.refused()
    main.answered(RESUME, "C")
    record = until(
        lambda: [row for row in daemon.switches() if row["outcome"] != "refused"], "the record", show=daemon.log
    )[0]
    assert (record["outcome"], record["to_account"]) == ("switched", "C")
    assert (os.lstat(path), os.readlink(world.link)) == (before, world.account_home("C"))
    os.unlink(path)
    os.symlink(target(world, "settings.json"), path)
    until(lambda: links_events(daemon)[1:] == [("over", "B")], "the end of it", timeout=15, show=daemon.log)
    assert daemon.command("switch", "B").returncode == 0


def links_events(daemon: Daemon) -> list[tuple[str, str]]:
    """Return the states and accounts of the events about links."""
    return [(event["state"], event["account"]) for event in daemon.events("links_divergent")]
