# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that are no failed turn of the session, and what Claude Code writes below a limit, with the real CLI."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import HOURS, RESUME, Driven, begin, one_switch, went_on_hot
from harness.session import Session
from harness.wait import until
from harness.world import FAKE_CLAUDE, World

BOTH = pytest.mark.parametrize("version", cli.VERSIONS)
CREDITS, CREDITS_SINCE = "/usage-credits", "2.1.150"  # the first version that was seen to have it


def weekly(world: World, tag: str) -> int:
    """Let an account refuse from now on; return the epoch of its reset, which is on no full minute."""
    reset = int(time.time()) + 3 * 86400 + 17
    world.set(tag, "limit", claim="seven_day", resets_at=reset)
    return reset


def command(session: Driven, text: str) -> None:
    """Type a command of the CLI's once no turn runs, and press Enter."""
    session.turn_over()
    session.text(text)
    until(lambda: text in (session.box() or ""), f"{text!r} in the prompt box", show=session.screen)
    session.keys("Enter")


def resets(daemon: Daemon, tag: str) -> list[str]:
    """Return the resets that are recorded for an account."""
    (row,) = [row for row in daemon.status()["accounts"] if row["name"] == tag]
    return [limit["resets_at"] for limit in row["exhausted"]]


@BOTH
def test_a_refused_compaction_switches(make_world: MakeWorld, version: str) -> None:
    """No StopFailure of the session and no error record: the output of the command tells it."""
    needs(cli.OLD, "it takes the text of the refusal for the summary", version)
    world = make_world(real(version))
    daemon, main = begin(world, greet=False)
    for text in ("hello", "and again"):
        main.prompt(text)
        main.answered(text, "A")
    weekly(world, "A")
    command(main, "/compact")
    main.answered(RESUME, "B")
    record = went_on_hot(daemon)
    assert (record["limit"], record["from_account"], record["to_account"]) == ("seven_day", "A", "B")
    assert resets(daemon, "B") == []


def test_a_refusal_that_became_the_summary_is_told(make_world: MakeWorld) -> None:
    """Up to 2.1.150: the model has lost the conversation, and Claude Code says ``Compacted``."""
    if cli.numbers(cli.NEW) > cli.numbers("2.1.150"):
        pytest.skip(f"Claude Code {cli.version_number(cli.NEW)} tells of a refused compaction itself")
    world = make_world(real(cli.NEW))
    daemon, main = begin(world, greet=False)
    for text in ("hello", "and again"):
        main.prompt(text)
        main.answered(text, "A")
    weekly(world, "A")
    command(main, "/compact")
    reason = until(lambda: daemon.row("main")["reason"], "the reason", show=daemon.log)
    assert "took the refusal of a compaction for the summary" in reason
    assert f"WARNING session main: {reason}" in daemon.log()
    (summary,) = [record for record in world.records(main.id) if record.get("isCompactSummary")]
    assert "You've hit your weekly limit" in summary["message"]["content"]


@BOTH
@pytest.mark.parametrize("claim", HOURS)
def test_a_goal_goes_on_under_the_next_account(make_world: MakeWorld, version: str, claim: str) -> None:
    """`Goal paused` stands below the banner (2.1.330, not 2.1.260), and the waiting footer or the menu is open.

    The daemon comes when all of it is on the screen.
    """
    needs(cli.OLD, "/goal was not tried", version)
    world = make_world(real(version))
    daemon, main = begin(world)
    world.set("A", "limit", claim=claim, resets_at=int(time.time()) + HOURS[claim] * 3600)
    daemon.send(signal.SIGSTOP)
    command(main, "/goal finish the parser")
    main.wait_screen("Goal paused · usage limit" if cli.numbers(version) >= (2, 1, 330) else "You've hit your")
    main.wait_screen("Esc to cancel")
    daemon.send(signal.SIGCONT)
    main.answered(RESUME, "B", timeout=60)
    record = went_on_hot(daemon)
    assert (record["limit"], record["from_account"], record["to_account"]) == (claim, "A", "B")
    assert resets(daemon, "B") == []


@BOTH
@pytest.mark.parametrize("claim", HOURS)
def test_a_limit_met_by_a_background_task_switches(make_world: MakeWorld, version: str, claim: str) -> None:
    """The turn that started it is over; what is refused next is the turn that Claude Code itself begins at its end."""
    world = make_world(real(version))
    daemon, main = begin(world, "--permission-mode", "bypassPermissions", greet=False)
    pid = main.pid()
    world.set("A", "ok", hold="the errand")
    main.prompt("begin [[agent the errand]]")
    until(lambda: main.asked("the errand"), "the background task to ask the model", show=main.screen)
    until(lambda: [t for t in world.turns(main.ids) if t["tool_result"]], "the end of the turn", show=main.screen)
    until(lambda: main.box() == "" and "esc to interrupt" not in main.screen(), "idle", show=main.screen)
    assert daemon.switches() == []
    world.set("A", "limit", claim=claim, resets_at=int(time.time()) + HOURS[claim] * 3600)
    main.answered(RESUME, "B", timeout=60)
    record = went_on_hot(daemon)
    assert (record["limit"], record["from_account"], record["to_account"]) == (claim, "A", "B")
    assert "task-notification" in str(world.records(main.id))
    assert resets(daemon, "B") == []
    assert main.pid() == pid


@BOTH
@pytest.mark.parametrize("typed", [CREDITS, "/config", "/mcp"])
def test_a_local_command_after_a_limit_keeps_no_session_from_going_on(
    make_world: MakeWorld, version: str, typed: str
) -> None:
    """All accounts are out; the operator looks around; at a flip by hand the session is continued all the same."""
    if typed == CREDITS:
        needs(CREDITS_SINCE, f"it has no {CREDITS}", version)
    world = make_world(real(version), accounts="AB")
    daemon, main = begin(world)
    world.set("B", "unauthorized")
    blank = {"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0}}
    world.write_json(os.path.join(world.account_home("B"), ".credentials.json"), blank, mode=0o600)
    weekly(world, "A")
    main.prompt("the big job")
    until(lambda: daemon.row("main")["state"] == "limited", "the session to be limited", show=daemon.log)
    until(lambda: "Esc to cancel" in main.screen(), "the menu", show=main.screen)
    for _time in range(2):
        if main.box() is None or "Esc to cancel" in main.screen():
            main.escape()
    command(main, typed)
    time.sleep(2)  # some of the commands open a page
    for _time in range(3):
        if main.box() is None:
            main.keys("Escape")
            time.sleep(0.7)
    until(lambda: main.box() is not None, "the prompt box", show=main.screen)
    time.sleep(2)  # in which it may not be taken for gone on
    assert daemon.row("main")["state"] == "limited"
    world.login("B")
    world.set("B", "ok")
    main.answered(RESUME, "B", timeout=60)
    until(
        lambda: "switched" in [row["outcome"] for row in daemon.switches()], "the record of the switch", show=daemon.log
    )
    assert resets(daemon, "B") == []


def test_a_command_after_a_flip_by_hand_does_not_blame_the_new_account(make_world: MakeWorld) -> None:
    """A daemon that starts later reads the refusal below which a command was typed after the flip."""
    has_credits = cli.numbers(cli.NEW) >= cli.numbers(CREDITS_SINCE)
    if has_credits:
        needs("2.1.260", f"after a flip it answers {CREDITS} with the choice of a login, and /cost with a dialog")
    typed = CREDITS if has_credits else "/cost"
    world = make_world(real(cli.NEW))
    daemon, main = begin(world)
    daemon.send(signal.SIGSTOP)
    weekly(world, "A")
    main.prompt("the big job")
    until(lambda: [r for r in world.records(main.id) if r.get("isApiErrorMessage")], "the record of the refusal")
    until(lambda: "Esc to cancel" in main.screen(), "the wait or the menu", show=main.screen)
    main.escape()
    world.flip("B")
    time.sleep(4)  # by then the session reads the new credentials
    command(main, typed)
    until(lambda: "local-command-stdout" in str(world.records(main.id)), "the command's output", show=main.screen)
    daemon.stop(signal.SIGKILL)
    daemon.start()
    main.answered(RESUME, "B", timeout=60)
    assert resets(daemon, "B") == []
    assert os.readlink(world.link) == world.account_home("B")


@BOTH
def test_the_menu_fills_a_pane_of_few_rows(make_world: MakeWorld, version: str) -> None:
    """Fullscreen has no lines above the screen, and in a pane of few rows the menu fills it; no hook tells of it."""
    world = make_world(real(version))
    daemon = Daemon(world, [])
    daemon.config["detection"] = {"transcripts": False}
    daemon.start()
    hand = Driven(world, "hand").start(settings=False, CLAUDE_CODE_NO_FLICKER="1")
    hand.prompt("hello")
    hand.answered("hello", "A")
    hand.turn_over()
    daemon.send(signal.SIGSTOP)
    world.tmux("resize-window", "-t", "=hand:", "-x", "80", "-y", "9")
    weekly(world, "A")
    hand.text("the big job")
    until(lambda: "the big job" in hand.screen(), "the prompt", show=hand.screen)
    hand.keys("Enter")
    hand.wait_screen("wait for limit to reset")
    time.sleep(1)  # the menu is drawn bit by bit
    # 2.1.332 draws one option only, and keeps the banner in view.
    assert version != cli.OLD or "You've hit your" not in hand.screen("-S", "-500")
    daemon.send(signal.SIGCONT)
    hand.answered(RESUME, "B", timeout=60)
    assert one_switch(daemon)["to_account"] == "B"
    assert resets(daemon, "B") == []


def own_commands(world: World, commands: tuple[str, ...], reset: int) -> dict[str, Any]:
    """Run commands that are no turns; return what they leave in the transcript and send to the hooks."""
    session = Session(world, "one").start()
    for text in ("hello", "and again"):
        session.ask(text)
    world.set("A", "limit", claim="seven_day", resets_at=reset)
    before = len(world.records(session.id))
    for text in commands:
        outputs = str(world.records(session.id)).count("<local-command-std")
        command(session, text)
        until(
            lambda outputs=outputs: str(world.records(session.id)).count("<local-command-std") > outputs,
            f"the output of {text}",
            show=session.screen,
        )
        until(lambda: session.box() == "", "an empty prompt box", show=session.screen)
    found = []
    for record in world.records(session.id)[before:]:
        text = str(record.get("content") or (record.get("message") or {}).get("content"))
        if record["type"] in ("user", "system") and "local-command-caveat" not in text and "<" in text:
            found.append((record["type"], record.get("subtype"), bool(record.get("isMeta")), " ".join(text.split())))
    (failure,) = until(lambda: world.hooks("StopFailure", session.id), "the hook of the compaction's own agent")
    shown = [line for line in session.lines() if line.lstrip().startswith(("⎿", "❯ /"))]
    keys = sorted(key for key in failure if not key.startswith("_"))
    return {"records": found, "hook": (failure["error"], keys), "screen": [line.replace("\xa0", " ") for line in shown]}


@pytest.mark.unguarded("the fake Claude imitates one that is kept from the server's flags")
@pytest.mark.parametrize("version", [cli.PINNED, cli.OLD])
def test_the_stand_ins_commands_leave_what_the_real_ones_leave(make_world: MakeWorld, version: str) -> None:
    """A refused `/compact` and `/usage-credits`, by records, hook and screen."""
    world = make_world(real(version))
    # Right after a start 2.1.197 does not know `/usage-credits` yet.
    commands = ("/compact",) if version == cli.OLD else ("/compact", "/usage-credits")
    reset = (int(time.time()) // 86400 + 4) * 86400
    expected = own_commands(world, commands, reset)
    world.namespace.clear()
    fake = make_world(FAKE_CLAUDE, imitate=cli.OLD if version == cli.OLD else "")
    assert own_commands(fake, commands, reset) == expected
