# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A home that the real Claude Code CLI has made is adopted: it asks nothing anew, has all that it had, and goes on."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _adopt_run, _run_as
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import AdoptionRequest
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    SharedSymlink,
    required_shared,
    shared_symlink,
    validate_all,
)
from ansible_collections.secuaas.claude.tests.unit.plugins.used_machine import DATE, SETTINGS
from conftest import MakeWorld, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import RESUME, Driven, one_switch, turns_of
from harness.person import HTTP_SERVER, PROJECT_SERVER, SERVER, USES, move_in, servers, use
from harness.session import Session
from harness.wait import until
from harness.world import SHARED, World

OLDEST = "2.1.81"
EDITS = ("--permission-mode", "acceptEdits")  # auto mode asks a classifier


class UsedMachine:
    """A world whose user runs Claude Code without any variable, as before the collection came."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self._whole = world.env
        monkeypatch.setattr(world, "env", self._without_variable)
        self.state = os.path.join(world.home, ".claude.json")
        os.unlink(world.link)
        for tag in world.accounts:
            for name in SHARED:
                os.unlink(os.path.join(world.account_home(tag), name))
        for name in SHARED:
            shutil.rmtree(world.shared(name))
        os.rename(world.account_home("A"), world.link)
        os.rename(os.path.join(world.link, ".claude.json"), self.state)

    def _without_variable(self, **more: str) -> dict[str, str]:
        return {name: value for name, value in self._whole(**more).items() if name != "CLAUDE_CONFIG_DIR"}

    def converse(self, version: str, text: str) -> str:
        """Hold a conversation with a version of the CLI; return its id."""
        place = self.world.path("bin", f"claude-{version}")
        os.mkdir(place)
        cli.install(real(version), os.path.join(place, "claude"))
        self.world.claude = os.path.join(place, "claude")
        session = Session(self.world, f"by-{version.replace('.', '-')}").start(ready=False)

        def ready() -> bool:
            if "Esc to cancel" in session.screen():
                session.keys("Escape")  # a newer version shows what is new
            return session.box() is not None

        until(ready, f"the prompt box of {version}", every=1, show=session.screen)
        session.wait_ready()
        session.ask(text)
        # 2.1.197 loses what it writes when SIGTERM comes, the prompt too: in 3 of 6 runs, right after the answer.
        session.until(lambda: _is_written(self.world, session.id), f"the answer of {version} in its file")
        os.kill(session.pid(), signal.SIGTERM)
        until(session.dead, f"the end of {version}", show=session.screen)
        return session.id

    def adopt(self) -> dict[str, Any]:
        """Do what the module does, in the name of the world's user."""
        world = self.world
        homes = tuple(world.account_home(tag) for tag in world.accounts)
        request = AdoptionRequest(homes, world.link, links_of(world), DATE)
        user = pwd.getpwuid(world.namespace.uid)
        return _adopt_run.unpacked(
            _run_as.run_as(user, lambda: _adopt_run.packed(_adopt_run.adopt(request, check_mode=False)))
        )


def links_of(world: World) -> tuple[SharedSymlink, ...]:
    """Return every link of the conversations and of the person's settings."""
    settings = (shared_symlink(world.home, name, kind) for name, kind in SETTINGS.items())
    return (*required_shared(world.home), *settings)


def files_below(folder: str) -> dict[str, bytes]:
    """Return the content of every file by its name."""
    found = {}
    for parent, _folders, names in os.walk(folder):
        for name in names:
            with open(os.path.join(parent, name), "rb") as stream:
                found[name] = stream.read()
    return found


def test_a_home_of_the_real_cli_is_adopted_and_a_failover_goes_on_in_it(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Conversations of three versions, all that a person has; then no question, and the oldest conversation."""
    world = make_world(real(cli.NEW), accounts="AB")
    machine = UsedMachine(world, monkeypatch)
    move_in(world)
    known = dict.fromkeys((SERVER, HTTP_SERVER, PROJECT_SERVER), True)
    texts = {version: f"hello {version}" for version in dict.fromkeys((OLDEST, cli.OLD, cli.NEW))}
    ids = {version: machine.converse(version, text) for version, text in texts.items()}
    assert servers(world) == known
    before = files_below(os.path.join(world.link, "projects"))
    assert {f"{identity}.jsonl" for identity in ids.values()} <= before.keys()

    running = Session(world, "running").start()
    (failure,) = machine.adopt()["failures"]
    assert f"process {running.pid()}" in failure
    world.tmux("kill-session", "-t", "=running")
    until(lambda: world.namespace.processes() and not _uses(world), "the session's end")
    result = machine.adopt()
    assert result["failures"] == []
    assert machine.adopt()["steps"] == []
    after = files_below(world.shared("projects"))
    assert {name: after.get(name) for name in before} == before

    plain = Session(world, "plain", identity=ids[cli.OLD]).start(*EDITS, resume=True)
    plain.wait_screen(texts[cli.OLD])
    for text in USES:
        use(plain, "A", text)
    world.tmux("kill-session", "-t", "=plain")
    assert servers(world) == known
    monkeypatch.undo()
    daemon = Daemon(world, [])
    daemon.config["shared_links"] = [
        {"name": link.name, "target": link.target, "kind": link.kind} for link in links_of(world)
    ]
    daemon.start()
    hand = Driven(world, "hand", identity=ids[OLDEST]).start(*EDITS, settings=False, resume=True)
    hand.wait_screen(texts[OLDEST])
    until(lambda: daemon.row("hand")["uuid"] == hand.id, "its conversation to be known", show=daemon.log)
    world.set("A", "limit")
    hand.prompt("the big job")
    hand.answered(RESUME, "B")
    one_switch(daemon)
    assert os.readlink(world.link) == world.account_home("B")
    assert turns_of(world, hand.ids, "the big job", "A", "limit")
    typed = [record["message"]["content"] for record in world.records(hand.id) if record.get("type") == "user"]
    assert [text for text in typed if text in (texts[OLDEST], "the big job", RESUME)] == [
        texts[OLDEST],
        "the big job",
        RESUME,
    ]
    assert servers(world) == known, "under the second account too"
    for text in USES:
        use(hand, "B", text)
    with open(machine.state, encoding="utf-8") as stream:
        assert list(json.load(stream)["mcpServers"]) == [SERVER, HTTP_SERVER]
    assert os.readlink(machine.state) == world.shared("claude.json")
    reports = validate_all([world.account_home(tag) for tag in world.accounts], links_of(world), check_mode=True)
    assert [report.created for report in reports] == [(), ()]


def _is_written(world: World, identity: str) -> bool:
    """Return whether the file of a conversation in the one home has the end of a turn."""
    raw = files_below(os.path.join(world.link, "projects")).get(f"{identity}.jsonl", b"")
    return b'"type":"assistant"' in raw and b'"type":"system"' in raw


def _uses(world: World) -> bool:
    homes = [world.link, *(world.account_home(tag) for tag in world.accounts)]
    request = AdoptionRequest(tuple(homes[1:]), world.link, links_of(world), DATE)
    user = pwd.getpwuid(world.namespace.uid)
    return bool(_run_as.run_as(user, lambda: _adopt_run.adopt(request, check_mode=True)["failures"]))
