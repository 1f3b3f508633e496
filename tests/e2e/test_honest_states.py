# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States that the daemon tells of sessions of the real CLI, where their session files do not."""

from __future__ import annotations

import os

import pytest
from harness.daemon import Daemon
from harness.session import Session
from harness.wait import until
from harness.world import World


def in_state(daemon: Daemon, state: str) -> dict[str, object]:
    return until(
        lambda: (row := daemon.row("main"))["state"] == state and row, f"main {state}", timeout=12, show=daemon.log
    )


@pytest.mark.parametrize("restarted", [False, True])
def test_a_turn_that_is_interrupted_after_a_flip_is_over(world: World, restarted: bool) -> None:
    """The file in the home that was left says busy for ever, and no hook tells of an interruption."""
    daemon = Daemon(world, [{"name": "main"}]).start()
    main = Session(world, "main", identity=daemon.row("main")["uuid"])
    main.wait_ready()
    main.text("[[slow 60]] long work")
    main.keys("Enter")
    in_state(daemon, "busy")
    assert daemon.command("switch", "B").returncode == 0
    main.keys("Escape")
    # Of a turn that was not answered at all, the prompt is put back into the box (2.1.332).
    until(lambda: "Interrupted" in main.screen() or "long work" in (main.box() or ""), "its end", show=main.screen)
    if restarted:
        daemon.stop()
        daemon.start()
    in_state(daemon, "idle")
    found = main.status_file()
    assert found is None or found.get("status", "busy") == "busy", "else the daemon could have read it there"


@pytest.mark.parametrize(
    ("state", "words"),
    [({"hasCompletedOnboarding": True, "projects": {}}, "trust the folder"), ({}, "first start")],
)
def test_a_question_before_the_first_prompt_is_told(world: World, state: dict[str, object], words: str) -> None:
    world.write_json(os.path.join(world.account_home("A"), ".claude.json"), state)
    daemon = Daemon(world, [{"name": "main"}]).start()
    row = in_state(daemon, "waiting")
    assert words in str(row["reason"])
    assert "claude-failover attach main" in str(row["reason"])
