# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote Control of the real Claude Code over a switch: a flip ends it; on again where that is configured."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from conftest import MakeWorld, needs, real
from harness import cli
from harness.daemon import Daemon
from harness.session import Session
from harness.wait import until
from harness.world import HERE, PORT, SYSTEM_PATH, World
from stub_remote_control import SESSIONS

from claude_failover.claude.remote_control import COMMAND
from claude_failover.sessions.remote_control import TURN_OFF

SCOPES = ["user:inference", "user:profile", "user:sessions:claude_code"]
QUIET = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"  # keeps Remote Control off (2.1.332)
ON = "/rc active"
REASON = "signed-in claude.ai account or organization changed on this machine"


def with_remote_control(world: World, agreed: str) -> World:
    """Give the world what Remote Control needs; in the homes of ``agreed`` its first question was answered."""
    assert world.stub is not None
    world.stub.kill()
    world.stub.wait()
    before = len(world.log())
    arguments = [os.path.join(HERE, "stub_remote_control.py"), world.stub_folder, str(PORT), "443"]
    world.stub = world.namespace.start(
        ["/usr/bin/python3", "-B", *arguments, world.certificate, world.key],
        {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"},
        root=True,
    )
    until(lambda: any(record.get("phase") == "ready" for record in world.log()[before:]), "the stub to listen")
    for tag in world.accounts:
        edit(world, tag, ".claude.json", remoteDialogSeen=tag in agreed)
        path = os.path.join(world.account_home(tag), ".credentials.json")
        with open(path, encoding="utf-8") as stream:
            login = json.load(stream)["claudeAiOauth"]
        world.write_json(path, {"claudeAiOauth": {**login, "scopes": SCOPES}}, mode=0o600)
    environment = world.env

    def env(**more: str) -> dict[str, str]:
        found = environment(**more)
        found.pop(QUIET, None)
        return found

    world.tmux("set-environment", "-gu", QUIET)
    world.env = env  # type: ignore[method-assign]
    return world


def edit(world: World, tag: str, name: str, **changes: Any) -> None:
    """Change keys of a JSON file in an account's home."""
    path = os.path.join(world.account_home(tag), name)
    with open(path, encoding="utf-8") as stream:
        world.write_json(path, {**json.load(stream), **changes})


def begin(world: World, remote_control: bool = True) -> tuple[Daemon, Session]:
    """Start the daemon with one session that has Remote Control on, or where it does not, a person switches it on."""
    daemon = Daemon(world, [{"name": "main", "remote_control": remote_control}]).start()
    session = Session(world, "main", identity=daemon.row("main")["uuid"])
    session.wait_ready()
    if not remote_control:
        session.text(COMMAND)
        until(lambda: session.box() == COMMAND, "the command in the prompt box", show=session.screen)
        session.keys("Enter")
    session.wait_screen(ON)
    return daemon, session


def ended(session: Session) -> bool:
    """Ask a question under the new account B, and wait until Claude Code ends Remote Control; False if it cannot know.

    After two of 30 flips on a busy machine A's identity stood in B's home (2.1.332; probably a save of ``.claude.json``
    that the flip came into): for Claude Code nothing has changed then.
    """
    ask(session, "a question", "B")

    def notice() -> str | None:
        if REASON in " ".join(session.screen().split()):
            return "ended"
        return "crossed" if identity_in_home(session.world, "B") == session.world.identity("A")["accountUuid"] else None

    # It gives the server 3 s to say whose the token is, and asks again after 15.
    return until(notice, "the end of Remote Control", timeout=60, show=session.screen) == "ended"


def identity_in_home(world: World, tag: str) -> str:
    """Return whose account the ``.claude.json`` of a home names."""
    return str(home_of(world, tag)["oauthAccount"]["accountUuid"])


def home_of(world: World, tag: str) -> dict[str, Any]:
    """Return the ``.claude.json`` of an account's home."""
    with open(os.path.join(world.account_home(tag), ".claude.json"), encoding="utf-8") as stream:
        found: dict[str, Any] = json.load(stream)
    return found


def over_a_flip(
    make_world: MakeWorld,
    agreed: str,
    flip: Callable[[World, Session], None],
    start: Callable[[World], tuple[Daemon, Session]] = begin,
) -> tuple[Daemon, Session]:
    """Begin Remote Control under A and flip to B; in a new world where a save of Claude Code's crossed the flip."""
    needs("2.1.260", "its Remote Control stays on over a flip, under the old account (2.1.197), or it has none to see")
    for _attempt in range(4):
        world = with_remote_control(make_world(real(cli.NEW)), agreed)
        daemon, main = start(world)
        assert begun(world, "A") == 1
        ask(main, "hello", "A")
        flip(world, main)
        if ended(main):
            return daemon, main
        world.namespace.clear()
    raise AssertionError("each of four flips was crossed by a save of Claude Code's")


def begun(world: World, tag: str) -> int:
    """Return how often Remote Control was begun under an account."""
    return len([r for r in world.log() if (r.get("path"), r.get("method"), r.get("tag")) == (SESSIONS, "POST", tag)])


def ask(session: Session, text: str, tag: str, answer: str = "") -> None:
    """Type a prompt, and wait until ``answer`` (else the same text) was answered under the account."""
    session.text(text)
    until(lambda: text in (session.box() or ""), f"{text!r} in the prompt box", show=session.screen)
    session.keys("Enter")
    wanted = answer or text
    until(
        lambda: [t for t in session.world.turns() if (t["prompt"], t["tag"], t["status"]) == (wanted, tag, 200)],
        f"{wanted!r} answered under {tag}",
        show=session.screen,
    )


def by_a_limit(world: World, session: Session) -> None:
    """Let the daemon switch."""
    world.set("A", "limit")
    ask(session, "the big job", "B", answer="continue")


def by_hand(world: World, _session: Session) -> None:
    """Move the link."""
    world.flip("B")


def test_remote_control_is_on_again_after_a_switch(make_world: MakeWorld) -> None:
    """The flip ends it, since it belongs to the old account; the daemon begins it under the new one."""
    daemon, main = over_a_flip(make_world, "ABC", by_a_limit)
    until(lambda: "Remote Control is on again" in daemon.log(), "the daemon's word", show=daemon.log, timeout=60)
    main.wait_screen(ON)
    assert begun(main.world, "B") == 1
    ask(main, "after it", "B")
    assert daemon.row("main")["reason"] is None
    assert main.screen().count(f"❯ {COMMAND}") == 1


def test_a_question_of_first_use_is_left_to_a_person(make_world: MakeWorld) -> None:
    """Under an account that never used it, the command would open a question: it is told, and nothing is typed."""
    daemon, main = over_a_flip(make_world, "A", by_hand)
    reason = until(lambda: daemon.row("main")["reason"], "the reason", show=daemon.log, timeout=60)
    assert "the question of its first use is not answered under this account" in reason
    assert begun(main.world, "B") == 0
    assert main.box() == ""

    def on_once_agreed() -> bool:
        # As often as it takes: a save of Claude Code's that began before can undo it.
        if not home_of(main.world, "B").get("remoteDialogSeen"):
            edit(main.world, "B", ".claude.json", remoteDialogSeen=True)
        return ON in main.screen()

    until(on_once_agreed, ON, timeout=60, show=lambda: main.screen() + daemon.log()[-3000:])
    until(lambda: daemon.row("main")["reason"] is None, "no reason any more", show=daemon.log)


def test_a_session_without_the_key_is_left_alone(make_world: MakeWorld) -> None:
    """Remote Control that a person switched on is that person's: a flip ends it, and nothing is typed."""
    _daemon, main = over_a_flip(make_world, "ABC", by_hand, partial(begin, remote_control=False))
    time.sleep(TURN_OFF + 5)  # by then it would be typed
    ask(main, "and later", "B")
    assert main.screen().count(f"❯ {COMMAND}") == 1
    assert begun(main.world, "B") == 0
