# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failover of sessions that people look at in another way: screen reader, vim mode, narrow panes, queued prompts.

A limited session goes on hot, with one prompt, in every look; what a person typed is neither sent nor lost.
"""

from __future__ import annotations

import os
import time

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import READER, RESUME, Driven, DrivenReader, begin, turns_of, vim, went_on, went_on_hot, whole
from harness.wait import until
from harness.world import World

LONG_RESUME = "go on with the work where you were interrupted, and finish it"


@pytest.mark.parametrize("claim", ["five_hour", "seven_day"])
def test_a_screen_readers_session_goes_on_hot(make_world: MakeWorld, claim: str) -> None:
    """There is no prompt box to see; the prompt is the line after the dollar sign."""
    needs(READER, "its look for screen readers has no prompt to see")
    world = make_world(real(cli.NEW))
    daemon, main = begin(world, "--ax-screen-reader", session=DrivenReader)
    pid = main.pid()
    main.refused(claim)
    main.answered(RESUME, "B")
    went_on_hot(daemon)
    assert main.pid() == pid
    whole(world, main, "hello", "the big job", RESUME)


def test_a_screen_readers_draft_is_left_in_place(make_world: MakeWorld) -> None:
    """A person is typing when the limit comes: the text stays, and is not sent."""
    needs(READER, "its look for screen readers has no prompt to see")
    world = make_world(real(cli.NEW))
    daemon, main = begin(world, "--ax-screen-reader", session=DrivenReader, greet=False)
    world.set("A", "hold")
    main.prompt("the big job")
    main.text("half a thought")
    until(lambda: main.box() == "half a thought", "the draft", show=main.screen)
    world.set("A", "limit", resets_at=int(time.time()) + 7200)
    until(lambda: "draft" in (daemon.row("main")["reason"] or ""), "the draft to be told", show=daemon.log)
    assert main.box() == "half a thought"
    assert not main.asked(RESUME) and not main.asked("half a thought")
    main.keys("C-u")
    main.answered(RESUME, "B", timeout=60)


@pytest.mark.parametrize("version", cli.VERSIONS)
def test_vims_normal_mode_takes_the_prompt(make_world: MakeWorld, version: str) -> None:
    """Typed text would run as commands there: the prompt is pasted, seen in the box, and sent; nothing is restarted."""
    world = make_world(real(version))
    vim(world, version)
    daemon, main = begin(world)
    pid = main.pid()
    world.set("A", "hold")
    main.prompt("the big job")
    main.wait_screen("-- INSERT --")
    main.keys("Escape")
    until(lambda: "-- INSERT --" not in main.screen(), "NORMAL mode", show=main.screen)
    world.set("A", "limit", resets_at=int(time.time()) + 7200)
    main.answered(RESUME, "B", timeout=60)
    assert main.pid() == pid
    went_on_hot(daemon)
    whole(world, main, "hello", "the big job", RESUME)


@pytest.mark.parametrize("version", cli.VERSIONS)
def test_a_queued_prompt_is_the_one_that_goes_on(make_world: MakeWorld, version: str) -> None:
    """Typed while the turn ran, it is sent by the CLI itself after the refusal: ours is not sent as well."""
    world = make_world(real(version), accounts="ABCDEF")
    daemon, main = begin(world, greet=False)
    for origin, target in zip("ABCDE", "BCDEF"):
        queue_and_refuse(world, daemon, main, origin, target)


def queued_now(world: World, main: Driven) -> int:
    """Return how many prompts and commands wait in the session: one that waits can go on in a copy."""
    records = [record for identity in main.ids for record in world.records(identity)]
    found = [record["operation"] for record in records if record["type"] == "queue-operation"]
    return found.count("enqueue") - found.count("dequeue") - found.count("remove")


def queue_and_refuse(world: World, daemon: Daemon, main: Driven, origin: str, target: str) -> None:
    """Queue a prompt while a turn runs, refuse the turn, and check that one prompt goes on under the next account."""
    job, queued = f"the job of {origin}", f"the next of {origin}"
    world.set(origin, "hold")
    main.prompt(job)
    main.text(queued)
    until(lambda: main.box() == queued, "the next prompt", show=main.screen)
    main.keys("Enter")
    until(lambda: main.box() != queued, "the prompt to be queued", show=main.screen)
    # Each account has a reset of its own: one and the same, soon after a flip, would be doubted.
    world.set(origin, "limit", resets_at=int(time.time()) + 3600 * (2 + "ABCDE".index(origin)))
    until(lambda: os.readlink(world.link) == world.account_home(target), "the flip", show=daemon.log)
    main.until(
        lambda: turns_of(world, main.ids, queued, target) or turns_of(world, main.ids, RESUME, target),
        "an answer under the next account",
        show=lambda: main.screen() + daemon.log()[-3000:],
    )
    time.sleep(2.0)  # to see whether a second prompt follows
    # Up to 2.1.197 the menu of the refused turn waits behind the queued prompt, and opens once that turn's hooks end.
    main.until(lambda: queued_now(world, main) == 0, "an empty queue")
    main.wait_still()
    if "What do you want to do?" in main.screen():
        main.escape()
    until(lambda: main.box() == "", "our text not to stay in the box", show=main.screen)
    by_itself, ours = (len(turns_of(world, main.ids, text, target)) for text in (queued, RESUME))
    assert (by_itself, ours) in ((1, 0), (0, 1)), (origin, main.screen(), daemon.log()[-4000:])


@pytest.mark.parametrize(("columns", "rows"), [(36, 40), (58, 40), (80, 40), (400, 40), (120, 12)])
def test_a_pane_of_any_size(make_world: MakeWorld, columns: int, rows: int) -> None:
    """Banner, menu and prompt are wrapped, the footer is cut, and a low pane lacks the last line of the menu."""
    world = make_world(real(cli.NEW))
    daemon, main = begin(world, greet=False, resume_prompt=LONG_RESUME)
    world.tmux("resize-window", "-t", "=main:", "-x", str(columns), "-y", str(rows))
    main.wait_ready()
    pid = main.pid()
    main.refused("seven_day", "the job")
    main.answered(LONG_RESUME, "B")
    until(lambda: daemon.row("main")["state"] == "idle", "idle", show=main.screen)
    world.set("B", "limit", resets_at=int(time.time()) + 7200)
    main.prompt("the next")
    main.answered(LONG_RESUME, "C")
    records = until(lambda: daemon.switches()[1:] and daemon.switches(), "both records", show=daemon.log)
    results = [(row["method"], went_on(world, row)) for record in records for row in record["sessions"]]
    print(daemon.log()[-6000:])  # where a session was restarted, with the reason
    assert results == [("hot", True)] * 2, records
    assert main.pid() == pid
