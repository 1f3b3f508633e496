# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of the real Claude Code CLI: one that does not follow a flip harms nobody, and no supported one is hurt by
what the daemon gives it."""

from __future__ import annotations

import json
import os
import time
import uuid

import pytest
from conftest import MakeWorld, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import RESUME, Driven, begin, one_switch, turns_of, whole
from harness.session import Session
from harness.wait import until
from harness.world import World

from claude_failover.claude.settings import own_settings
from claude_failover.claude.versions import MINIMUM

#: Versions of which a running session was seen to keep its account at a flip; 2.1.80 is the newest.
TOO_OLD = ("2.1.78", "2.1.80")
SUPPORTED = tuple(dict.fromkeys([MINIMUM, *cli.VERSIONS])) if not cli.NAMED else cli.VERSIONS
NOTICE = "Settings"  # `Settings Error`, and since 2.1.112 `Settings Warning`


def settings_file(world: World, hook_events: tuple[str, ...] = ()) -> str:
    """Write the daemon's settings, with hooks of further events; return the path."""
    settings = own_settings("/bin/true", world.path("control.sock"))
    row = next(iter(settings["hooks"].values()))
    settings["hooks"].update(dict.fromkeys(hook_events, row))
    path = world.path("settings.json")
    world.write_json(path, settings)
    return path


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_daemons_settings_open_no_dialog(make_world: MakeWorld, version: str) -> None:
    """And a hook event that the version does not know does, so that the test would see it."""
    world = make_world(real(version))
    session = Session(world, "own").start("--settings", settings_file(world), settings=False)
    assert NOTICE not in session.screen()
    assert session.box() is not None
    strange = Session(world, "strange").start(
        "--settings", settings_file(world, ("EventOfTheFuture",)), settings=False, ready=False
    )
    until(lambda: NOTICE in strange.screen(), "the dialog about an unknown hook event", show=strange.screen)
    assert strange.box() is None


@pytest.mark.parametrize(
    ("version", "by_hand"), [(TOO_OLD[0], False), (TOO_OLD[1], True)], ids=["configured", "by-hand"]
)
def test_a_session_that_does_not_follow_a_flip_is_set_aside(make_world: MakeWorld, version: str, by_hand: bool) -> None:
    """It exhausts no account but shows what it is, and the daemon goes on for the others, of a supported version."""
    world = make_world(real(version))
    newer = world.path("newer")
    os.mkdir(newer, 0o755)
    cli.install(real(cli.NEW), os.path.join(newer, "claude"))
    specs = [{"name": "main", "command": [os.path.join(newer, "claude")]}]
    daemon = Daemon(world, specs if by_hand else [*specs, {"name": "old"}]).start()
    if by_hand:
        old = Driven(world, "old", identity=str(uuid.uuid4())).start(settings=False)
        until(lambda: [row for row in daemon.status()["sessions"] if row["name"] == "old"], "the session to be seen")
    else:
        old = Driven(world, "old", identity=daemon.row("old")["uuid"])
        old.wait_ready()
    main = Driven(world, "main", identity=daemon.row("main")["uuid"])
    main.wait_ready()
    old.prompt("hello")
    old.answered("hello", "A")
    world.set("A", "limit", resets_at=int(time.time()) + 3600)
    old.prompt("the big job")
    until(lambda: turns_of(world, old.id, "the big job", "A", "limit"), "the refusal", show=old.screen)
    row = until(
        lambda: daemon.row("old") if daemon.row("old")["state"] == "other" else None,
        "the old version to be set aside",
        show=lambda: json.dumps(daemon.status(), indent=1) + daemon.log()[-3000:],
    )
    assert row["version"] == version
    assert f"found Claude Code {version}, expected {MINIMUM} or newer" in row["reason"]
    until(lambda: "session old is set aside: found Claude Code" in daemon.log(), "a word in the log", show=daemon.log)
    time.sleep(5)  # nothing is to happen, and everything has had its chance
    assert not any(account["exhausted"] for account in daemon.status()["accounts"]), daemon.log()[-3000:]
    assert daemon.switches() == []
    assert turns_of(world, old.id, RESUME, "A", "limit") == []
    # The others are served: it is the active account's limit that they run into.
    main.prompt("another job")
    main.answered(RESUME, "B")
    record = one_switch(daemon)
    assert [each["name"] for each in record["sessions"]] == ["main"]
    # A refusal of the old account's, which the set-aside session still uses, says nothing of the new one.
    old.keys("Escape")
    until(lambda: old.box() is not None, "the menu to close", show=old.screen)
    old.prompt("once more")
    until(lambda: turns_of(world, old.id, "once more", "A", "limit"), "the old account's refusal", show=old.screen)
    time.sleep(5)  # in which no account may be marked
    exhausted = {account["name"]: bool(account["exhausted"]) for account in daemon.status()["accounts"]}
    assert exhausted == {"A": True, "B": False, "C": False}, daemon.log()[-3000:]
    assert len(daemon.switches()) == 1


def test_the_oldest_supported_version_goes_on_hot(make_world: MakeWorld) -> None:
    """Its session files name no version, and its transcripts have no turn ids."""
    if cli.NAMED:
        pytest.skip(f"the whole suite runs on Claude Code {cli.NAMED}; {MINIMUM} has a run of its own")
    world = make_world(real(MINIMUM))
    daemon, main = begin(world)
    pid = main.pid()
    until(lambda: daemon.row("main")["version"] == MINIMUM, "the version", show=daemon.log)
    main.refused()
    main.answered(RESUME, "B")
    record = one_switch(daemon)
    assert [(row["method"], row["result"]) for row in record["sessions"]] == [("hot", "continued")]
    assert main.pid() == pid
    whole(world, main, "hello", "the big job", RESUME)
