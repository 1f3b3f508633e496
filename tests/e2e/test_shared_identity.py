# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes that share one ``.claude.json``: whose name requests bear after a flip, and what a logout leaves."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest
from conftest import MakeWorld, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import RESUME, Driven, begin, no_token_told
from harness.session import Session
from harness.wait import until
from harness.world import World

STATE_FILE = ".claude.json"


def share(world: World) -> str:
    """Let the homes share the file of A; returns its path."""
    target = world.shared("claude.json")
    for tag in reversed(world.accounts):
        path = os.path.join(world.account_home(tag), STATE_FILE)
        os.rename(path, target)
        os.symlink(target, path)
        os.lchown(path, world.namespace.uid, world.namespace.gid)
    return target


def record_all(world: World) -> None:
    """Record who the accounts are, as their logins do."""
    keys = {
        "account_uuid": "accountUuid",
        "address": "emailAddress",
        "organization_uuid": "organizationUuid",
        "organization": "organizationName",
        "plan": "organizationType",
    }
    rows = {}
    for tag in world.accounts:
        entry = world.identity(tag)
        rows[tag] = {**{name: entry[key] for name, key in keys.items()}, "entry": entry}
    state = world.path("state")
    os.makedirs(state, 0o700, exist_ok=True)
    os.chown(state, world.namespace.uid, world.namespace.gid)
    world.write_json(os.path.join(state, "identities.json"), {"version": 1, "data": rows}, 0o600)


def document(world: World) -> dict[str, object]:
    with open(world.shared("claude.json"), encoding="utf-8") as stream:
        found: dict[str, object] = json.load(stream)
    return found


def named(world: World) -> object:
    """Return the account that the shared file names."""
    entry = document(world).get("oauthAccount")
    return entry["accountUuid"] if isinstance(entry, dict) else None


def uuid(world: World, tag: str) -> str:
    return str(world.identity(tag)["accountUuid"])


def started(world: World, **failover: object) -> tuple[Daemon, Driven]:
    """Start the daemon, with a shared file and every account recorded."""
    share(world)
    record_all(world)
    links = ["session-env", "file-history", "projects", {"name": STATE_FILE, "kind": "file"}]
    return begin(world, extra={"shared_links": links}, **failover)


def bears(session: Driven, text: str, tag: str) -> None:
    """Check that the shared file names an account, and that the next request of a session does.

    A session looks at the file each second, and can have written the name that it had read before the flip.
    """
    world = session.world
    until(lambda: named(world) == uuid(world, tag), f"the name of {tag} in the shared file", show=session.screen)
    time.sleep(6)  # nothing tells that it has looked; with a load of ten it had not after three
    assert named(world) == uuid(world, tag)
    session.prompt(text)
    assert session.answered(text, tag)["account_uuid"] == uuid(world, tag)


@pytest.mark.unguarded(reason="the requests before and after the flip are counted")
@pytest.mark.parametrize("version", [cli.NEW, cli.OLD])
def test_after_a_flip_the_next_request_bears_the_new_account(worlds: MakeWorld, version: str) -> None:
    """A limit, a flip by hand and one that the daemon did not make: each time the file names the new account."""
    world = worlds(real(version), guard=False)
    daemon, main = started(world)
    first = [turn["account_uuid"] for turn in world.turns(main.ids) if turn["prompt"] == "hello"]
    assert first == [uuid(world, "A")]
    main.refused()
    main.answered(RESUME, "B", timeout=90)
    bears(main, "after the limit", "B")
    assert daemon.command("switch", "C").returncode == 0
    bears(main, "by hand", "C")
    world.flip("B")
    bears(main, "outside", "B")
    time.sleep(3)  # in which the session may write the file
    assert named(world) == uuid(world, "B")
    for tag in world.accounts:
        assert os.path.islink(os.path.join(world.account_home(tag), STATE_FILE))
    assert document(world)["hasCompletedOnboarding"] is True
    assert world.folder in document(world)["projects"]  # type: ignore[operator]
    assert "example.invalid" not in daemon.log() and uuid(world, "B") not in daemon.log()
    assert world.tokens_in([world.shared("claude.json"), world.path("state", "identities.json")]) == []
    no_token_told(world, daemon)


@pytest.mark.parametrize("version", [cli.NEW, cli.OLD])
def test_a_logout_leaves_no_session_with_the_first_run_questions(worlds: MakeWorld, version: str) -> None:
    """/logout of A sets the key back for every account; the next session, under B, has its prompt."""
    world = worlds(real(version), guard=False)
    daemon, main = started(world)
    main.text("/logout")
    until(lambda: main.box() == "/logout", "the command", show=main.screen)
    main.keys("Enter")
    until(lambda: not os.path.exists(os.path.join(world.account_home("A"), ".credentials.json")), "the logout")
    until(
        lambda: "hasCompletedOnboarding is true again" in daemon.log(),
        "the key to be set again",
        timeout=40,
        show=daemon.log,
    )
    assert document(world)["hasCompletedOnboarding"] is True
    assert daemon.command("switch", "B").returncode == 0
    assert named(world) == uuid(world, "B")
    other = Session(world, "other").start()
    assert other.ask("hello there")["account_uuid"] == uuid(world, "B")


@pytest.mark.parametrize("version", [cli.NEW, "2.1.81"])
def test_the_lock_of_the_file_is_that_of_the_home_and_abandoned_after_ten_seconds(
    worlds: MakeWorld, version: str
) -> None:
    """`claude_failover.claude.state_file_lock` says so, and relies on it."""
    world = worlds(real(version), guard=False)
    share(world)
    homes = {tag: os.path.join(world.account_home(tag), STATE_FILE + ".lock") for tag in world.accounts}

    def hold(tag: str, age: float) -> None:
        os.mkdir(homes[tag])
        os.chown(homes[tag], world.namespace.uid, world.namespace.gid)
        os.utime(homes[tag], (time.time() - age,) * 2)

    def add(name: str) -> int:
        words = ["mcp", "add", "--scope", "user", name, "/bin/true"]
        return world.namespace.run([world.claude, *words], world.env()).returncode

    hold("B", 0)
    assert add("other-home") == 0
    assert os.path.isdir(homes["B"]), "the lock of another home is not minded"
    hold("A", 3600)
    assert add("abandoned") == 0
    assert not os.path.isdir(homes["A"])
    hold("A", 0)
    ended = threading.Event()

    def refresh() -> None:
        while not ended.wait(1):
            os.utime(homes["A"])

    holder = threading.Thread(target=refresh)
    holder.start()
    code = add("alive")
    ended.set()
    holder.join()
    assert os.path.isdir(homes["A"]), "a lock that is held is left"
    # 2.1.81 writes without the lock in the end, 2.1.332 gives up.
    servers = {"other-home", "abandoned"} | ({"alive"} if code == 0 else set())
    assert set(document(world)["mcpServers"]) == servers  # type: ignore[call-overload]
