# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the failover stands on, held against the real Claude Code CLI and against the fake Claude alike.

When one of these fails for the real one, the CLI has changed; when for the fake Claude only, it has drifted.
"""

from __future__ import annotations

import json
import os
import signal
import time
import uuid

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.session import Session
from harness.wait import until
from harness.world import World

WEEK = {
    "five_hour": "5-hour limit",
    "seven_day": "weekly limit",
    "seven_day_opus": "Opus limit",
    "seven_day_sonnet": "Sonnet limit",
    "seven_day_overage_included": "Fable limit",
}
MENU = "What do you want to do?"


def stopped(world: World, session: Session, count: int = 1) -> dict[str, object]:
    """Wait for the session's StopFailure hook and return its payload."""
    return until(lambda: world.hooks("StopFailure", session.id)[count - 1 :], "StopFailure", show=session.screen)[-1]


def limit_record(world: World, session: Session) -> dict[str, object]:
    """Return the newest record of an API error in the session's transcript."""
    return until(
        lambda: [r for r in world.records(session.id) if r.get("isApiErrorMessage")], "the record of the limit"
    )[-1]


def prompts(world: World, session: Session) -> list[str]:
    """Return the prompts that the transcript holds. It is written a little after the Stop hook.

    One that the guard held back until a person had copied the conversation counts as queued (2.1.330); older versions
    do not say how a prompt came (2.1.81).
    """
    sources = ("typed", "queued")
    return [
        record["message"]["content"]
        for record in world.records(session.id)
        if record.get("type") == "user" and record.get("promptSource", "typed") in sources and not record.get("isMeta")
    ]


def answered(world: World, session: Session) -> None:
    """Wait until the transcript holds an answer: a kill right after the Stop hook would come before it."""
    until(lambda: any(r.get("type") == "assistant" for r in world.records(session.id)), "an answer in the transcript")


def test_nothing_but_loopback_can_be_reached(world: World) -> None:
    """The namespace has one interface, and the CLI's own names lead to the stub."""
    links = json.loads(
        world.namespace.run(["ip", "-json", "link"], world.env(PATH="/usr/sbin:/usr/bin:/sbin:/bin")).stdout
    )
    assert [link["ifname"] for link in links] == ["lo"]
    routes = world.namespace.run(["ip", "route"], world.env(PATH="/usr/sbin:/usr/bin:/sbin:/bin"))
    assert routes.stdout == ""
    name = world.namespace.run(["getent", "hosts", "api.anthropic.com"], world.env())
    assert {line.split()[0] for line in name.stdout.splitlines()} == {"127.0.0.1"}
    identity = world.namespace.run(["id", "-u"], world.env())
    assert int(identity.stdout) != 0


@pytest.mark.owner
@pytest.mark.parametrize("gateway", [False, True], ids=["own-names", "ANTHROPIC_BASE_URL"])
def test_a_flip_moves_a_running_session(make_world: MakeWorld, gateway: bool) -> None:
    """The next request after a flip bears the other account's token; the process is the same."""
    world = make_world(real(cli.NEW), gateway=gateway)
    session = Session(world, "one").start()
    pid = session.pid()
    assert session.ask("turn one")["tag"] == "A"
    for tag in ("B", "C", "A"):
        world.flip(tag)
        assert session.ask(f"now under {tag}")["tag"] == tag
    assert session.pid() == pid
    asked = ["turn one", "now under B", "now under C", "now under A"]
    until(
        lambda: prompts(world, session) == asked,
        f"the transcript to hold {asked}",
        show=lambda: str([prompts(world, session), session.ids]),
    )


@pytest.mark.owner
def test_a_flip_in_the_middle_of_a_turn(either: World) -> None:
    """A session that is busy in a tool goes on under the new account, with no word from anybody."""
    needs("2.1.330", "its tool is not seen to end on a FIFO (2.1.197), or its session file has no status (2.1.112)")
    gate = either.path("tmp", "gate")
    os.mkfifo(gate, 0o666)
    os.chmod(gate, 0o666)
    session = Session(either, "busy").start("--permission-mode", "bypassPermissions")
    session.prompt(f"[[tool cat {gate}]]")
    until(lambda: session.status() == "busy" and either.turns(session.id), "the tool to run", show=session.screen)
    either.flip("B")
    with open(gate, "w", encoding="ascii") as stream:
        stream.write("done\n")
    until(lambda: either.hooks("Stop", session.id), "the end of the turn", show=session.screen)
    turns = either.turns(session.id)
    assert [(turn["tag"], turn["tool_result"]) for turn in turns] == [("A", False), ("B", True)]


def test_credentials_of_the_same_mtime_go_unnoticed_until_they_are_touched(either: World) -> None:
    """Why the daemon touches the new account's credentials after each flip."""
    session = Session(either, "one").start()
    session.ask("let it start")
    # Only now: soon after the start the CLI may write the credentials of its own accord.
    moment = time.time() - 60
    for tag in either.accounts:
        os.utime(os.path.join(either.account_home(tag), ".credentials.json"), (moment, moment))
    assert session.ask("first")["tag"] == "A"
    either.flip("B", touch=False)
    assert session.ask("not noticed")["tag"] == "A"
    os.utime(os.path.join(either.account_home("B"), ".credentials.json"))
    assert session.ask("noticed")["tag"] == "B"


@pytest.mark.parametrize(
    ("claim", "far"), [*((claim, True) for claim in WEEK), ("five_hour", False), ("seven_day", False)]
)
def test_how_each_limit_looks(either: World, claim: str, far: bool) -> None:
    """The screen, the hook and the transcript of each kind of limit; one request, and the next account answers.

    Whether 2.1.330 waits by itself or opens the menu depends on the reset alone: up to 24 hours ahead it waits.
    """
    needs("2.1.330", "other labels, no quotaLimits, no prompt_id")
    session = Session(either, "one").start()
    session.ask("before")
    resets_at = int(time.time()) + (25 if far else 23) * 3600
    either.set("A", "limit", claim=claim, resets_at=resets_at)
    session.prompt("work")
    payload = stopped(either, session)
    line = f"You've hit your {WEEK[claim]} · resets "
    assert payload["error"] == "rate_limit"
    assert str(payload["last_assistant_message"]).startswith(line)
    assert {"session_id", "transcript_path", "cwd", "prompt_id"} <= set(payload)
    assert "resets_at" not in payload
    screen = session.wait_screen(line)
    record = limit_record(either, session)
    assert (record["type"], record["apiError"], record["error"], record["apiErrorStatus"]) == (
        "assistant",
        "usage_limit_reached",
        "rate_limit",
        429,
    )
    assert record["message"]["model"] == "<synthetic>"  # type: ignore[index]  # JSON
    limits = record["quotaLimits"]
    assert (limits["status"], limits["rateLimitType"], limits["resetsAt"]) == (  # type: ignore[index]  # JSON
        "rejected",
        claim,
        resets_at,
    )
    assert [turn["status"] for turn in either.turns(session.id)] == [200, 429], "a usage limit is not retried"
    assert not [hook for hook in either.hooks("Stop", session.id) if hook["prompt_id"] == payload["prompt_id"]]
    assert any(line in shown for shown in screen)
    if not far:
        session.wait_screen("Continuing automatically at")
        assert MENU not in session.screen()
    else:
        screen = session.wait_screen("Enter to confirm · Esc to cancel")
        assert session.box() is None
        options = [shown.strip() for shown in screen[screen.index(f"  {MENU}") + 1 : -1]]
        assert options[0] == "❯ 1. Stop and wait for limit to reset"
        assert options[-1] == "4. Upgrade your plan"
    either.flip("B")
    session.escape()
    assert session.ask("continue")["tag"] == "B"


def test_without_automatic_continue_a_five_hour_limit_opens_the_menu(either: World) -> None:
    """``autoContinueAtUsageLimit: false`` in the account's settings: as if the reset were far."""
    either.settings("A", {"autoContinueAtUsageLimit": False})
    either.set("A", "limit")
    session = Session(either, "one").start()
    session.prompt("go")
    session.wait_screen(MENU)


def test_text_typed_into_the_menu_is_swallowed(either: World) -> None:
    """Text goes nowhere, and no request is made; Escape closes the menu, and the box is empty."""
    either.set("A", "limit", claim="seven_day", resets_at=int(time.time()) + 3 * 24 * 3600)
    session = Session(either, "one").start()
    session.prompt("go")
    session.wait_screen(MENU)
    session.text("continue")
    session.escape()
    assert session.box() == ""
    assert len(either.turns(session.id)) == 1
    either.flip("B")
    assert session.ask("continue")["tag"] == "B"


def test_the_old_version_shows_its_own_wording(either_old: World) -> None:
    """2.1.197: ``session limit``, the menu at once, no quotaLimits, the same hook; and it moves hot too."""
    session = Session(either_old, "one").start()
    assert session.ask("before")["tag"] == "A"
    either_old.set("A", "limit")
    session.prompt("go")
    payload = stopped(either_old, session)
    assert payload["error"] == "rate_limit"
    assert str(payload["last_assistant_message"]).startswith("You've hit your session limit · resets ")
    record = limit_record(either_old, session)
    assert record["error"] == "rate_limit" and "apiError" not in record and "quotaLimits" not in record
    session.wait_screen(MENU)
    either_old.flip("B")
    session.escape()
    assert session.ask("continue")["tag"] == "B"


def test_a_gauge_is_no_limit(either: World) -> None:
    """``allowed_warning`` shows how much is used, ends the turn as usual, and reaches the statusLine."""
    needs("2.1.330", "another label")
    either.set("A", "warning", utilization=0.92)
    session = Session(either, "one").start()
    session.ask("go")
    session.wait_screen("You've used 92% of your 5-hour limit")
    assert not either.hooks("StopFailure")


def test_a_throttle_is_retried(either: World) -> None:
    """429 without the unified headers is no usage limit: the CLI tries again by itself, and is answered."""
    needs("2.1.330", "it ends the turn")
    either.set("A", "throttle")
    session = Session(either, "one").start()
    session.prompt("go")
    until(lambda: len(either.turns(session.id)) >= 2, "a second try", show=session.screen)
    assert not either.hooks("StopFailure")
    either.set("A", "ok")
    until(lambda: either.hooks("Stop", session.id), "the answer", timeout=60, show=session.screen)


def test_an_overload_is_retried(either: World) -> None:
    """529, likewise, with a line that says so."""
    needs("2.1.330", "another text")
    either.set("A", "overloaded")
    session = Session(either, "one").start()
    session.prompt("go")
    session.wait_screen("529 Overloaded · retrying in")
    either.set("A", "ok")
    until(lambda: either.hooks("Stop", session.id), "the answer", timeout=60, show=session.screen)
    assert not either.hooks("StopFailure")


def test_a_dead_login_blanks_the_credentials(either: World) -> None:
    """``invalid_grant`` at a refresh: the tokens on the disk become empty, and the session says to log in."""
    needs("2.1.150", "a token that has expired is tried first")
    either.login("A", expires_in=-60)
    either.set("A", "ok", refresh="invalid_grant")
    session = Session(either, "one").start()
    session.prompt("go")
    payload = stopped(either, session)
    assert payload["error"] == "authentication_failed"
    with open(os.path.join(either.account_home("A"), ".credentials.json"), encoding="utf-8") as stream:
        oauth = json.load(stream)["claudeAiOauth"]
    assert (oauth["accessToken"], oauth["refreshToken"], oauth["expiresAt"]) == ("", "", 0)


def test_a_refresh_holds_a_lock_in_the_home(either: World) -> None:
    """What the daemon waits for before a flip."""
    needs("2.1.330", "no lock is seen in the home while the refresh waits")
    either.login("A", expires_in=-60)
    either.set("A", "ok", refresh="hold")
    session = Session(either, "one").start(ready=False)
    lock = os.path.join(either.account_home("A"), ".oauth_refresh.lock")
    until(lambda: session.box() is not None, "the prompt box", show=session.screen)
    if not either.hooks("UserPromptSubmit"):
        session.text("go")
        until(lambda: "go" in (session.box() or ""), "the prompt typed", show=session.screen)
        session.keys("Enter")
    until(lambda: os.path.isdir(lock) and os.path.exists(lock + ".owner"), "the lock", show=session.screen)
    either.set("A", "ok")
    until(lambda: either.hooks("Stop", session.id), "the answer", show=session.screen)
    assert not os.path.exists(lock)


@pytest.mark.owner
def test_sigterm_ends_a_session_cleanly_and_it_can_be_resumed(either: World) -> None:
    """SessionEnd fires, the status file goes, the command to resume is printed; the same id and file go on."""
    needs("2.1.330", "the screen stays above what it prints")
    session = Session(either, "one").start()
    session.ask("remember BANANA")
    answered(either, session)
    pid = session.pid()
    status = until(session.status_file, "the status file") or {}
    assert (status["sessionId"], status["pid"]) == (session.id, pid)
    os.kill(pid, signal.SIGTERM)
    until(session.dead, "the end of the session", timeout=10)
    assert [hook["reason"] for hook in either.hooks("SessionEnd")] == ["other"]
    # Flags come in between: a search for "claude --resume" finds nothing.
    command = f"claude --settings {either.session_settings} --resume {session.id}"
    lines = session.lines()
    assert command == lines[lines.index("Resume this session with:") + 1]
    either.flip("B")
    session.restart()
    assert session.ask("and now")["tag"] == "B"
    assert either.turns(session.id)[-1]["messages"] > 2
    # Where a person had to copy the conversation, the copy begins as one more.
    copied = ["fork"] if len(session.ids) > 1 else []
    assert [hook["source"] for hook in either.hooks("SessionStart")] == ["startup", "resume", *copied]
    assert len(either.transcripts(session.id)) == 1


def test_sigkill_leaves_a_whole_transcript_and_the_status_file(either: World) -> None:
    """No hook fires; the conversation can be resumed."""
    session = Session(either, "one").start()
    session.ask("first")
    answered(either, session)
    path = os.path.join(either.account_home("A"), "sessions", f"{session.pid()}.json")
    os.kill(session.pid(), signal.SIGKILL)
    until(session.dead, "the end of the session", timeout=10)
    assert os.path.exists(path)
    assert not either.hooks("SessionEnd")
    session.restart()
    assert session.ask("second")["tag"] == "A"


def test_what_is_said_about_ids_that_cannot_be_used(either: World) -> None:
    """A used ``--session-id`` and an unknown ``--resume``."""
    session = Session(either, "one").start()
    session.ask("first")
    answered(either, session)
    used = either.namespace.run([either.claude, "--session-id", session.id, "-p", "x"], either.env())
    assert used.returncode == 1
    assert f"Error: Session ID {session.id} is already in use." in used.stdout + used.stderr
    strange = str(uuid.uuid4())
    unknown = either.namespace.run([either.claude, "--resume", strange, "-p", "x"], either.env())
    assert unknown.returncode == 1
    assert f"No conversation found with session ID: {strange}" in unknown.stdout + unknown.stderr


def test_no_token_leaves_the_credentials(either: World) -> None:
    """Neither a hook's payload nor a transcript, nor the stub's log, holds one."""
    session = Session(either, "one").start()
    session.ask("first")
    paths = [
        os.path.join(parent, name)
        for folder in (either.hooks_folder, either.stub_folder, either.shared("projects"))
        for parent, _folders, names in os.walk(folder)
        for name in names
    ]
    assert len(paths) > 3
    assert either.tokens_in(paths) == []
