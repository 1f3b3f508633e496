# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit inside the CLI's own retry (``CLAUDE_CODE_RETRY_WATCHDOG=1``): the turn waits for hours, and no hook tells.

The line on the screen is the evidence; after the switch Escape ends the turn, and its prompt or ours goes on.
"""

from __future__ import annotations

import os
import time
from functools import partial

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import READER, RESUME, DrivenReader, begin, one_switch, turns_of, vim
from harness.wait import until

WAITS = "etrying in "  # with a capital on 2.1.197
WATCHDOG = "2.1.150"  # the first version that was seen to have it
begin_watched = partial(begin, env={"CLAUDE_CODE_RETRY_WATCHDOG": "1"})


def only_a_was_exhausted(daemon: Daemon) -> None:
    """Check that one switch was made, by what the pane showed, and that no other account was blamed."""
    assert one_switch(daemon)["source"] == "pane"
    assert [row["name"] for row in daemon.status()["accounts"] if row["exhausted"]] == ["A"]


@pytest.mark.parametrize("claim", ["five_hour", "seven_day"])
@pytest.mark.parametrize("version", cli.VERSIONS)
def test_the_prompt_that_waits_goes_on_under_the_next_account(make_world: MakeWorld, version: str, claim: str) -> None:
    """Nothing had come of it, so Claude Code puts it back into the box: it is sent again, and nothing else."""
    needs(WATCHDOG, "it has no CLAUDE_CODE_RETRY_WATCHDOG", version)
    world = make_world(real(version))
    daemon, main = begin_watched(world)
    pid = main.pid()
    main.refused(claim)
    main.answered("the big job", "B", timeout=60)
    assert main.asked(RESUME) == []
    assert main.pid() == pid
    only_a_was_exhausted(daemon)
    until(lambda: daemon.row("main")["state"] == "idle" and main.box() == "", "idle", show=main.screen)


def test_a_turn_that_waits_after_a_tool_is_continued(make_world: MakeWorld) -> None:
    """What it did so far stays in the conversation: `continue` suffices."""
    needs(WATCHDOG, "it has no CLAUDE_CODE_RETRY_WATCHDOG")
    world = make_world(real(cli.NEW))
    daemon, main = begin_watched(world, "--permission-mode", "bypassPermissions")
    world.set("A", "tool", command="sleep 2; touch done")
    main.prompt("the big job")
    world.set("A", "limit", resets_at=int(time.time()) + 7200)
    main.answered(RESUME, "B", timeout=60)
    only_a_was_exhausted(daemon)


def test_a_queued_prompt_goes_on_by_itself(make_world: MakeWorld) -> None:
    """Escape ends the turn that waits, and Claude Code sends what was queued behind it."""
    needs(WATCHDOG, "it has no CLAUDE_CODE_RETRY_WATCHDOG")
    world = make_world(real(cli.NEW))
    daemon, main = begin_watched(world)
    world.set("A", "hold")
    main.prompt("the big job")
    main.text("and then this")
    until(lambda: main.box() == "and then this", "the next prompt", show=main.screen)
    main.keys("Enter")
    until(lambda: main.box() != "and then this", "the prompt to be queued", show=main.screen)
    world.set("A", "limit", resets_at=int(time.time()) + 7200)
    main.answered("and then this", "B", timeout=60)
    time.sleep(2.0)  # to see whether a second prompt follows
    assert main.asked(RESUME) == []
    only_a_was_exhausted(daemon)


def test_a_draft_keeps_the_turn_from_being_ended(make_world: MakeWorld) -> None:
    """Escape would act on the draft: it is told, and the session is tried again."""
    needs(WATCHDOG, "it has no CLAUDE_CODE_RETRY_WATCHDOG")
    world = make_world(real(cli.NEW))
    daemon, main = begin_watched(world)
    world.set("A", "hold")
    main.prompt("the big job")
    main.text("half a thought")
    until(lambda: main.box() == "half a thought", "the draft", show=main.screen)
    world.set("A", "limit", resets_at=int(time.time()) + 7200)
    until(lambda: "draft" in (daemon.row("main")["reason"] or ""), "the draft to be told", timeout=60, show=daemon.log)
    assert main.box() == "half a thought"
    assert WAITS in main.screen()
    main.keys("C-u")
    main.answered("the big job", "B", timeout=90)


def test_in_vims_insert_mode_escape_is_pressed_twice(make_world: MakeWorld) -> None:
    """The first one only leads to NORMAL mode."""
    needs(WATCHDOG, "it has no CLAUDE_CODE_RETRY_WATCHDOG")
    world = make_world(real(cli.NEW))
    vim(world)
    daemon, main = begin_watched(world)
    main.refused()
    main.answered("the big job", "B", timeout=60)
    only_a_was_exhausted(daemon)


def test_the_line_is_read_in_a_screen_readers_look(make_world: MakeWorld) -> None:
    """It stands above the permission mode, without a mark."""
    needs(READER, "its look for screen readers has no prompt to see")
    world = make_world(real(cli.NEW))
    daemon, main = begin_watched(world, "--ax-screen-reader", session=DrivenReader)
    main.refused()
    main.answered("the big job", "B", timeout=60)
    only_a_was_exhausted(daemon)


@pytest.mark.parametrize("version", cli.VERSIONS)
def test_the_line_is_read_in_a_narrow_pane(make_world: MakeWorld, version: str) -> None:
    """2.1.197 splits it there: the mark stands alone, and below it the text in two columns."""
    needs(WATCHDOG, "it has no CLAUDE_CODE_RETRY_WATCHDOG", version)
    world = make_world(real(version))
    daemon, main = begin_watched(world)
    world.tmux("resize-window", "-t", "=main:", "-x", "36", "-y", "40")
    main.wait_ready()
    main.refused("seven_day")
    main.answered("the big job", "B", timeout=60)
    only_a_was_exhausted(daemon)


def test_an_overload_is_left_alone(make_world: MakeWorld) -> None:
    """`529 Overloaded · retrying in 4s` names no limit: no switch, no key."""
    world = make_world(real(cli.NEW))
    daemon, main = begin_watched(world)
    world.set("A", "overloaded")
    main.prompt("the big job")
    main.wait_screen(WAITS)
    time.sleep(5.0)  # several sweeps
    world.set("A", "ok")
    main.answered("the big job", "A", timeout=90)
    assert len(turns_of(world, main.id, "the big job", "A")) == 1
    assert daemon.switches() == []
    assert os.readlink(world.link) == world.account_home("A")
