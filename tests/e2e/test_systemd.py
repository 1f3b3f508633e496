# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with systemd on which the real Claude Code CLI is in use: adopted, provisioned, flipped and booted again.

The playbooks run as on any host, by a connection to a container; the CLI asks the stub's API there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator

import pytest
from conftest import real
from harness import cli
from harness.container import Container, lacking_engine
from harness.driven import JOB, RESUME, Driven, turns_of
from harness.host import SOCKET, Host
from harness.person import HTTP_SERVER, PROJECT_SERVER, SERVER, move_in, servers, use
from harness.session import Session
from harness.used_machine import UsedMachine
from harness.wait import until
from harness.world import HERE, World
from playbook_run import on_a_controller

CLAUDE = "/usr/local/bin/claude"
EDITS = ("--permission-mode", "acceptEdits")  # auto mode asks a classifier
DENIED, SKILL = "/marked-command", "/marked-skill"
STEP = re.compile(r'^ +"(\w+) (/\S+?)(?: -> (/\S+?))?",?$', re.MULTILINE)


@pytest.fixture
def container() -> Container:
    """A container that can be booted."""
    if lacks := lacking_engine():
        pytest.skip(f"SKIPPED, NOT TESTED: no container can be booted: {lacks}")
    return Container()


@pytest.fixture
def world(container: Container) -> Iterator[World]:
    """A world in the booted container, with the stub and the user's own tmux running."""
    program = real(cli.NEW)
    if program.endswith(".js"):
        pytest.skip(f"SKIPPED, NOT TESTED: Claude Code {cli.NEW} is a script, and the image has no Node")
    made = World(container, program, accounts="AB")
    try:
        container.boot(made.folder, {HERE: HERE, program: CLAUDE})
        made.claude = CLAUDE
        made.start_stub()
        made.start_tmux()
        yield made
    finally:
        made.close()


@on_a_controller
def test_a_machine_in_use_is_adopted_and_a_failover_goes_on_in_it(
    world: World, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session started by hand is in the way; without it, every file is foreseen, and an old conversation goes on."""
    machine = UsedMachine(world, monkeypatch)
    host = Host(container, world, "claude", *EDITS)
    move_in(world)
    texts = {version: f"hello {version}" for version in cli.VERSIONS}
    ids = {version: machine.converse(version, real(version), text) for version, text in texts.items()}
    # Beside it, as some do: another account in a home of its own.
    in_b = {**world.env(), "CLAUDE_CONFIG_DIR": world.account_home("B")}
    second = world.namespace.run([CLAUDE, "-p", "hello B"], in_b)
    assert "tag=B" in second.stdout, second
    known = dict.fromkeys((SERVER, HTTP_SERVER, PROJECT_SERVER), True)
    assert servers(world) == known

    running = Session(world, "running").start()
    refused = host.play("adopt")
    assert refused.returncode == 2
    assert f"a session of Claude Code uses these homes (process {running.pid()}); end it" in refused.stdout
    running.ask("on the way")
    pid = str(running.pid())
    world.tmux("kill-session", "-t", "=running")
    until(lambda: host.root("kill", "-0", pid).returncode != 0, "the session's end")
    before = everything(world.home)
    foreseen = host.play("adopt", "--check", "--diff")
    assert (changed(foreseen), everything(world.home)) == (1, before)
    assert changed(host.play("adopt", "--diff")) == 1
    after = everything(world.home)
    assert set(before.values()) - set(after.values()) == set(), "every byte is still there"
    assert unforeseen(world, before, after, foreseen.stdout) == []

    changed(host.play("site"))
    world.socket = SOCKET
    main = Driven(world, "main", identity=host.row("main")["uuid"])
    use(main, "A", DENIED)
    oldest = cli.VERSIONS[-1]
    resume(main, ids[oldest])
    main.wait_screen(texts[oldest])
    until(lambda: host.row("main")["uuid"] == main.id, "its conversation to be known", show=host.journal)
    world.set("A", "limit")
    main.prompt(JOB)
    answered(host, main, RESUME, "B")
    assert turns_of(world, main.ids, JOB, "A", "limit")
    records = until(lambda: host.ask("history"), "the record of the switch", show=host.journal)
    assert [(row["outcome"], row["from_account"], row["to_account"]) for row in records] == [("switched", "A", "B")]
    assert os.readlink(world.link) == world.account_home("B")
    for text in (DENIED, SKILL):
        use(main, "B", text)
    assert servers(world) == known, "of one who types claude beside it"
    with open(machine.state, encoding="utf-8") as stream:
        assert json.load(stream)["oauthAccount"]["emailAddress"] == world.identity("B")["emailAddress"]

    assert changed(host.play("adopt")) == 0, "with a session under way"
    assert [row for row in host.ask("doctor")["checks"] if row["level"] != "ok"] == []
    container.restart()
    until(lambda: host.root("claude-failover", "status").returncode == 0, "the daemon after a boot", show=host.journal)
    main.wait_ready()
    assert [(row["uuid"], row["account"]) for row in host.ask("status")["sessions"]] == [(main.id, "B")]
    assert "sk-ant-o" not in host.told + host.journal()
    assert "MARK-" not in host.told + host.journal()


def resume(session: Session, identity: str) -> None:
    """Have a session go on in another conversation, as a person would."""
    session.turn_over()
    session.text(f"/resume {identity}")
    session.until(lambda: session.box() == f"/resume {identity}", "the command in the prompt box")
    session.keys("Enter")
    session.ids.append(identity)


def answered(host: Host, session: Session, text: str, tag: str) -> None:
    """Wait until a prompt is answered under an account."""
    session.until(
        lambda: turns_of(session.world, session.ids, text, tag),
        f"{text!r} answered under {tag}",
        show=lambda: session.screen() + host.journal(),
    )


def changed(done: subprocess.CompletedProcess[str]) -> int:
    """Return how many tasks of a run that succeeded have changed something on the host."""
    assert done.returncode == 0, done.stdout + done.stderr
    return max(map(int, re.findall(r" changed=(\d+) ", done.stdout)))


def everything(folder: str) -> dict[str, str]:
    """Return the digest, the text or the kind of everything below a folder, by its path."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for path in (os.path.join(parent, name) for name in (*folders, *names)):
            if os.path.islink(path):
                found[path] = f"link to {os.readlink(path)}"
            elif os.path.isdir(path):
                found[path] = "folder"
            else:
                with open(path, "rb") as stream:
                    found[path] = hashlib.sha256(stream.read()).hexdigest()
    return found


def unforeseen(world: World, before: dict[str, str], after: dict[str, str], plan: str) -> list[str]:
    """Return what an adoption has touched and its plan does not name, by the path from before it.

    What a folder holds that is moved whole is named by it, but for the home itself.
    """
    home, link = world.account_home("A"), world.link
    steps = STEP.findall(plan)
    named = {path for _action, *paths in steps for path in paths}
    moved = [path + "/" for action, *paths in steps if action == "move" and paths != [link, home] for path in paths]
    assert ("move", link, home) in steps
    there = {link + path[len(home) :] if path.startswith(home + "/") else path: kind for path, kind in after.items()}
    touched = {path for path in {**before, **there} if before.get(path) != there.get(path)}
    return sorted(path for path in touched - named if not path.startswith(tuple(moved)))
