# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A home that the real Claude Code CLI has made is adopted: it asks nothing anew, has all that it had, and goes on."""

from __future__ import annotations

import json
import os
import pwd
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
from conftest import MakeWorld, needs, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import RESUME, Driven, one_switch, turns_of
from harness.person import HTTP_SERVER, PROJECT_SERVER, SERVER, USES, move_in, servers, use
from harness.session import Session
from harness.used_machine import UsedMachine, files_below
from harness.wait import until
from harness.world import World

OLDEST = "2.1.81"
EDITS = ("--permission-mode", "acceptEdits")  # auto mode asks a classifier


def adopt(world: World) -> dict[str, Any]:
    """Do what the module does, in the name of the world's user."""
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


@pytest.mark.unguarded("in the copy of a conversation, 2.1.332 sends a command of the user's without its text")
def test_a_home_of_the_real_cli_is_adopted_and_a_failover_goes_on_in_it(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Conversations of three versions, all that a person has; then no question, and the oldest conversation."""
    needs("2.1.197", "the session file of a resumed conversation names another one")
    world = make_world(real(cli.NEW), accounts="AB")
    machine = UsedMachine(world, monkeypatch)
    move_in(world)
    known = dict.fromkeys((SERVER, HTTP_SERVER, PROJECT_SERVER), True)
    texts = {version: f"hello {version}" for version in dict.fromkeys((OLDEST, cli.OLD, cli.NEW))}
    ids = {version: machine.converse(version, real(version), text) for version, text in texts.items()}
    assert servers(world) == known
    before = files_below(os.path.join(world.link, "projects"))
    assert {f"{identity}.jsonl" for identity in ids.values()} <= before.keys()

    running = Session(world, "running").start()
    (failure,) = adopt(world)["failures"]
    assert f"process {running.pid()}" in failure
    world.tmux("kill-session", "-t", "=running")
    until(lambda: world.namespace.processes() and not _uses(world), "the session's end")
    result = adopt(world)
    assert result["failures"] == []
    assert adopt(world)["steps"] == []
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


def _uses(world: World) -> bool:
    homes = [world.link, *(world.account_home(tag) for tag in world.accounts)]
    request = AdoptionRequest(tuple(homes[1:]), world.link, links_of(world), DATE)
    user = pwd.getpwuid(world.namespace.uid)
    return bool(_run_as.run_as(user, lambda: _adopt_run.adopt(request, check_mode=True)["failures"]))
