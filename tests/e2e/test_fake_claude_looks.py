# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The looks of the prompt box on the real CLI and on the fake Claude: what others rely on is the same in both."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.driven import READER, Look, vim
from harness.session import Session
from harness.wait import until
from harness.world import FAKE_CLAUDE, World
from test_fake_claude_conformance import show

AGENTS = re.compile(r" · (?:←.*|…)$|(?<=interrupt)(?: ?…)$")
WIDTHS = (36, 40, 44, 48, 58, 60, 80, 120)


def paste(session: Session, text: str) -> None:
    """Paste text, bracketed."""
    session.world.tmux("set-buffer", "-b", "words", text)
    session.world.tmux("paste-buffer", "-p", "-d", "-b", "words", "-t", f"={session.name}:")


def footers(session: Session, seen: dict[str, Any], phase: str) -> None:
    """Record the last line at every width."""
    for columns in WIDTHS:
        session.world.tmux("resize-window", "-t", f"={session.name}:", "-x", str(columns), "-y", "40")
        until(lambda columns=columns: any(line == "─" * columns for line in session.lines()), "the new width")
        until(lambda: not session.lines()[-1].startswith("❯"), "the rows below the prompt", show=session.screen)
        time.sleep(0.3)  # they are drawn after the box
        # The real one has the hint about agents, or what is left of it, for the 10 s after its start (2.1.332).
        seen[f"footer, {phase}, {columns}"] = AGENTS.sub("", session.lines()[-1])


def looks(world: World) -> dict[str, Any]:
    """Run the scenario and return what was seen."""
    seen: dict[str, Any] = {}
    boxed = Session(world, "boxed").start()
    footers(boxed, seen, "idle")
    world.set("A", "hold")
    boxed.prompt("work")
    boxed.wait_screen("esc to interrupt")
    footers(boxed, seen, "busy")
    boxed.text("half a thought")
    until(lambda: boxed.box() == "half a thought", "the draft", show=boxed.screen)
    footers(boxed, seen, "draft")
    world.tmux("kill-session", "-t", "=boxed")
    world.set("A", "ok")

    vim(world)
    normal = Session(world, "vim").start()
    # The real one draws its box first (2.1.332).
    until(lambda: "-- INSERT --" in normal.screen(), "INSERT mode, in which it starts", show=normal.screen)
    normal.keys("Escape")
    until(lambda: "-- INSERT --" not in normal.screen(), "NORMAL mode", show=normal.screen)
    paste(normal, "pasted words")
    until(lambda: normal.box() == "pasted words", "the paste", show=normal.screen)
    seen["vim, after the paste"] = "-- INSERT --" in normal.screen()
    normal.keys("C-u")
    until(lambda: normal.box() == "", "an empty box", show=normal.screen)
    normal.text("i")
    until(lambda: "-- INSERT --" in normal.screen(), "INSERT mode", show=normal.screen)
    seen["vim, the command"] = normal.box()
    world.tmux("kill-session", "-t", "=vim")
    for tag in world.accounts:
        world.settings(tag, {"editorMode": "normal"})

    reader = Look(world, "reader")
    reader.start("--ax-screen-reader", "--permission-mode", "bypassPermissions")
    seen["reader, at the start"] = spoken(reader)
    reader.text("half a thought")
    until(lambda: reader.box() == "half a thought", "the draft", show=reader.screen)
    seen["reader, draft"] = reader.lines()[-1]
    reader.keys("C-u")
    reader.keys("C-u")
    until(lambda: reader.box() == "", "an empty prompt", show=reader.screen)
    reader.ask("hello")
    world.set("A", "limit", resets_at=int(time.time()) // 3600 * 3600 + 7200)
    reader.prompt("the big job")
    reader.wait_screen("Continuing automatically at")
    seen["reader, waits"] = spoken(reader)
    reader.keys("Escape")
    until(lambda: "Esc to cancel" not in reader.screen(), "Escape to take effect", show=reader.screen)
    world.set("A", "limit", claim="seven_day", resets_at=(int(time.time()) // 86400 + 3) * 86400)
    reader.prompt("the next")
    reader.wait_screen("Enter to confirm")
    seen["reader, menu"] = spoken(reader)
    world.tmux("kill-session", "-t", "=reader")

    waiting = Session(world, "waiting").start(CLAUDE_CODE_RETRY_WATCHDOG="1")
    world.set("A", "limit", claim="seven_day", resets_at=int(time.time()) // 3600 * 3600 + 3 * 3600 + 60)
    waiting.prompt("the big job")
    seen["retry"] = next(line for line in waiting.wait_screen("limit reached · retrying") if "retrying" in line)
    waiting.keys("Escape")
    until(lambda: waiting.box() == "the big job", "the prompt to be put back", show=waiting.screen)
    seen["the prompt in the conversation"] = sum("the big job" in line for line in waiting.lines())
    seen["interruptions"] = sum("[Request interrupted" in str(record) for record in world.records(waiting.id))
    return seen


def spoken(session: Look) -> list[str]:
    """Return the lines from the permission mode on, or from the banner on; hints are left out."""
    lines = [line.replace("\xa0", " ") for line in session.lines() if "/effort" not in line and "ctrl+" not in line]
    begin = max((i for i, line in enumerate(lines) if line.startswith("you: ")), default=3)
    return [line for line in lines[begin + 1 :] if not line.startswith(("/upgrade", "automatic continue", "Tip: "))]


@pytest.fixture
def both(make_world: MakeWorld) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was seen with the real CLI, and what with the fake Claude."""
    needs(READER, "the fake Claude imitates a newer one's look for screen readers")
    real_world = make_world(real(cli.NEW))
    seen_real = looks(real_world)
    real_world.namespace.clear()
    return seen_real, looks(make_world(FAKE_CLAUDE))


@pytest.mark.unguarded("the fake Claude imitates one that is kept from the server's flags")
def test_the_stand_in_looks_as_the_real_one(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Every part of the scenario, each difference told."""
    seen_real, seen_fake = both
    differences = [
        f"{part}:\n  real:     {show(expected, seen_fake[part])}\n  fake:     {show(seen_fake[part], expected)}"
        for part, expected in seen_real.items()
        if seen_fake[part] != expected
    ]
    assert not differences, "\n".join(differences)
