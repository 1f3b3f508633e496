# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions whose login does not follow the active link: they switch nothing, mark no account, and it is told.

The stub knows an account by its token, so that a session with the token of A is refused as A whatever the link says.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest
from conftest import MakeWorld, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import RESUME, Driven, begin, one_switch, turns_of, was_asked, went_on
from harness.session import Session
from harness.wait import until
from harness.world import PORT, World
from stub_world import access_token

TOKEN = "CLAUDE_CODE_OAUTH_TOKEN"
QUIET = 25.0  # seconds in which one such session went through three accounts before


def in_tmux(world: World, _options: dict[str, object], **variables: str) -> None:
    """Give the variables to the tmux server, and so to every program that it starts from now on."""
    for name, value in variables.items():
        world.tmux("set-environment", "-g", name, value)


def in_account_settings(world: World, _options: dict[str, object], **variables: str) -> None:
    """Give the variables to the account A's settings.json."""
    world.settings("A", {"env": variables})


def in_project_settings(world: World, _options: dict[str, object], **variables: str) -> None:
    """Give the variables to the project's local settings."""
    folder = os.path.join(world.cwd, ".claude")
    os.mkdir(folder)
    os.chown(folder, world.namespace.uid, world.namespace.gid)
    world.write_json(os.path.join(folder, "settings.local.json"), {"env": variables})


def in_session(world: World, options: dict[str, object], **variables: str) -> None:
    """Give the variables to the session's environment, which the daemon lets pass with claude_args: false only."""
    own = {name: value for name, value in world.env().items() if name != "PWD"}
    options.update(claude_args=False, env={**own, **variables})


def start(world: World, place: object, **variables: str) -> tuple[Daemon, Driven]:
    """Start the daemon with one session that has the variables in that place."""
    options: dict[str, object] = {"name": "main"}
    assert callable(place)
    place(world, options, **variables)
    daemon = Daemon(world, [options]).start()
    main = Driven(world, "main")
    main.wait_ready()
    until(lambda: daemon.row("main")["uuid"], "the conversation to be known", show=daemon.log)
    main.ids = [str(daemon.row("main")["uuid"])]
    return daemon, main


def told(daemon: Daemon) -> dict[str, Any] | None:
    """Return the session's row of the status once it says that the login does not follow the link."""
    row = daemon.row("main")
    return row if row["follows_link"] is False else None


def nothing_moves(world: World, daemon: Daemon, seconds: float = QUIET) -> None:
    """Check over some time that the link stays, no account is marked, and no switch is made."""
    link, end = os.readlink(world.link), time.monotonic() + seconds
    while time.monotonic() < end:
        assert os.readlink(world.link) == link, daemon.log()[-4000:]
        time.sleep(0.5)
    status = daemon.status()
    assert [row["exhausted"] for row in status["accounts"]] == [[] for _row in status["accounts"]], daemon.log()[-4000:]
    assert daemon.switches() == []


@pytest.mark.parametrize("version", [cli.NEW, cli.OLD])
@pytest.mark.parametrize("place", [in_tmux, in_account_settings, in_project_settings, in_session])
def test_a_token_in_the_environment_moves_nothing(make_world: MakeWorld, version: str, place: object) -> None:
    """Its account is out of usage: no account is marked, no switch is made, and the status says why."""
    world = make_world(real(version))
    daemon, main = start(world, place, **{TOKEN: access_token("A")})
    row = until(lambda: told(daemon), "it to be told", show=daemon.log)
    assert TOKEN in row["reason"]
    assert row["account"] is None
    main.refused()
    until(lambda: turns_of(world, main.id, "the big job", "A", "limit"), "the refusal", show=main.screen)
    nothing_moves(world, daemon)
    assert turns_of(world, main.id, RESUME, "A", "limit") == [], "no prompt was sent in vain"
    assert access_token("A") not in daemon.log() + json.dumps(daemon.status())


@pytest.mark.parametrize(
    ("name", "value"), [("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{PORT}"), ("ANTHROPIC_AUTH_TOKEN", access_token("A"))]
)
def test_another_server_or_token_of_the_projects_settings_moves_nothing(
    make_world: MakeWorld, name: str, value: str
) -> None:
    """Requests that go to another server are none of the account's, whatever token they bear."""
    world = make_world(real(cli.NEW))
    daemon, main = start(world, in_project_settings, **{name: value})
    row = until(lambda: told(daemon), "it to be told", show=daemon.log)
    assert f"env.{name} in {world.cwd}/.claude/settings.local.json" in row["reason"]
    main.refused()
    refused = until(lambda: turns_of(world, main.id, "the big job", "A", "limit"), "the refusal", show=main.screen)
    assert refused[0]["port"] == (PORT if name == "ANTHROPIC_BASE_URL" else 443)
    nothing_moves(world, daemon, 10)


def test_a_helper_for_keys_moves_nothing(make_world: MakeWorld) -> None:
    """The account's settings have an apiKeyHelper, which is asked whatever the link says."""
    world = make_world(real(cli.NEW))
    world.settings("A", {"apiKeyHelper": f"echo {access_token('A')}"})
    daemon, main = start(world, in_tmux)
    row = until(lambda: told(daemon), "it to be told", show=daemon.log)
    assert "apiKeyHelper in" in row["reason"]
    main.refused()
    until(lambda: turns_of(world, main.id, "the big job", "A", "limit"), "the refusal", show=main.screen)
    nothing_moves(world, daemon, 10)


@pytest.mark.parametrize("version", [cli.NEW, cli.OLD])
def test_a_session_that_keeps_a_login_for_an_unknown_reason_is_set_aside(make_world: MakeWorld, version: str) -> None:
    """The first switch is right by all that is known; the refusal after it is in doubt, and marks no account."""
    world = make_world(real(version))
    daemon, main = start(world, in_tmux, ANTHROPIC_CUSTOM_HEADERS=f"Authorization: Bearer {access_token('A')}")
    assert daemon.row("main")["follows_link"] is True
    main.refused()
    main.until(lambda: "set aside" in daemon.log(), "it to be set aside", timeout=60, show=daemon.log)
    time.sleep(QUIET)  # in which no account may be marked
    status, row = daemon.status(), daemon.row("main")
    assert [bool(account["exhausted"]) for account in status["accounts"]] == [True, False, False], daemon.log()[-6000:]
    assert (row["state"], status["active_account"]) == ("limited", "B")
    assert "refused under B with the limit and the reset of A" in row["reason"]
    record = one_switch(daemon)
    (result,) = record["sessions"]
    assert result["result"] == "sent" or was_asked(world, result), "no turn of it was answered"


def test_beside_it_a_session_that_follows_the_link_goes_on(make_world: MakeWorld) -> None:
    """One session has a login of its own, of the account that runs out; the other one is switched, once."""
    world = make_world(real(cli.NEW))
    own: dict[str, object] = {"name": "own"}
    in_session(world, own, **{TOKEN: access_token("A")})
    daemon = Daemon(world, [{"name": "main"}, own]).start()
    sessions = {name: Driven(world, name) for name in ("main", "own")}
    for name, session in sessions.items():
        session.wait_ready()
        session.ids = [str(until(lambda name=name: daemon.row(name)["uuid"], "the conversation", show=daemon.log))]
    world.set("A", "limit")
    sessions["main"].prompt("the big job")
    sessions["main"].answered(RESUME, "B")
    sessions["own"].prompt("a job of its own")
    until(lambda: turns_of(world, sessions["own"].id, "a job of its own", "A", "limit"), "the refusal", show=daemon.log)
    time.sleep(10)  # in which no second switch may come
    record = one_switch(daemon)
    assert [(row["name"], went_on(world, row)) for row in record["sessions"]] == [("main", True)]
    assert [bool(account["exhausted"]) for account in daemon.status()["accounts"]] == [True, False, False]
    sessions["main"].prompt("and now?")
    sessions["main"].answered("and now?", "B")


def test_two_accounts_that_end_in_the_same_minute(make_world: MakeWorld) -> None:
    """The session was answered under the second one, so that its refusal there is taken for what it is."""
    world = make_world(real(cli.NEW))
    daemon, main = begin(world, greet=False)
    reset = int(time.time()) + 3 * 3600
    world.set("A", "limit", resets_at=reset)
    main.prompt("the big job")
    main.answered(RESUME, "B")
    until(lambda: daemon.row("main")["state"] == "idle", "the session to be idle", show=daemon.log)
    world.set("B", "limit", resets_at=reset)
    main.prompt("another job")
    main.answered(RESUME, "C")
    until(lambda: len(daemon.switches()) == 2, "two records", show=daemon.log)
    records = daemon.switches()
    assert [[went_on(world, row) for row in record["sessions"]] for record in records] == [[True], [True]], records


@pytest.mark.parametrize("name", [TOKEN, "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"])
def test_a_token_in_the_environment_wins_over_the_home(either: World, name: str) -> None:
    """Whatever the link says, before a flip and after it."""
    value = access_token("C") if name != "ANTHROPIC_CUSTOM_HEADERS" else f"Authorization: Bearer {access_token('C')}"
    session = Session(either, "main").start(**{name: value})
    assert session.ask("hello")["tag"] == "C"
    either.flip("B")
    time.sleep(3)  # by then a session of the link reads the new credentials
    assert session.ask("and now?")["tag"] == "C"
