# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One scenario on the real CLI and on the fake Claude; what others rely on has to be the same in both.

Compared: the order of the hooks and the keys of their payloads and environment; the records of the transcript and
their keys; the lines of the screen that have a structure; the status file; the keys of the status line's input.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from typing import Any

import pytest
from conftest import MakeWorld, needs, real
from harness import cli
from harness.session import Session
from harness.wait import until
from harness.world import FAKE_CLAUDE, World

# Keys that nobody needs and that the fake Claude does not imitate.
PAYLOAD_LEFT_OUT = {"cost", "context_window", "prompt_cache", "fast_mode", "thinking"}
RECORD_LEFT_OUT = {
    "attributionAgent",
    "perTurnEffort",
    "effort",
    "requestRef",
    "requestedModel",
    "promptCacheRequested",
    "serverClassifierRequest",
    "apiBlockIndex",
    "failedResponseHadNoToolCall",
    "queueSkipSlashCommands",
    "queuePriority",
    "toolInputStreamMs",
    "permissionDecision",
    "sandboxed",
}
MESSAGE_LEFT_OUT = {"diagnostics", "container", "stop_details", "context_management"}
ENVIRONMENT = {
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_PID",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDECODE",
    "CLAUDE_PROJECT_DIR",
    "CLAUDE_CODE_ENTRYPOINT",
}
STATUS_KEYS = {
    "pid",
    "sessionId",
    "cwd",
    "startedAt",
    "procStart",
    "version",
    "kind",
    "entrypoint",
    "name",
    "nameSource",
    "status",
    "updatedAt",
    "statusUpdatedAt",
}
HINT = "← for agents"  # 2.1.332 shows it for the 10 s after its start
LOGO = ("▐▛", "▝▜")  # as it stands still: at a start of 2.1.332 it can move
WORDS = re.compile(r"(Brewed|Crunched|Baked|Cooked|Cogitated|Worked|Churned|Sautéed) for \d+s")


def scenario(world: World) -> dict[str, Any]:
    """Run it and return what was seen. The resets are on fixed days from now, so that both show the same texts."""
    seen: dict[str, Any] = {}
    session = Session(world, "one", identity="33333333-3333-4333-8333-333333333333")
    status_input = world.path("tmp", "statusline")
    with open(world.session_settings, encoding="utf-8") as stream:
        settings = json.load(stream)
    settings["statusLine"] = {
        "type": "command",
        "command": f"cat >{status_input}.$$; mv {status_input}.$$ {status_input}; echo SL",
    }
    world.write_json(world.session_settings, settings)
    # The account's own hooks run beside those of --settings.
    world.settings(
        "A", {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": f"touch {world.path('tmp', 'own')}"}]}]}}
    )
    session.start("--permission-mode", "bypassPermissions")
    seen["screen at the prompt"] = screen(whole(session, *LOGO, HINT))
    session.ask("one")
    until(lambda: os.path.exists(world.path("tmp", "own")), "the account's own hook")
    until(lambda: "rate_limits" in status_line(status_input), "the usage in the status line's input")
    seen["status line"] = sorted(set(status_line(status_input)) - PAYLOAD_LEFT_OUT)
    seen["rate limits"] = {window: sorted(value) for window, value in status_line(status_input)["rate_limits"].items()}
    session.ask("[[tool echo two]]")
    day = (int(time.time()) // 86400 + 4) * 86400
    world.set("A", "limit", claim="seven_day", resets_at=day)
    session.prompt("three")
    session.wait_screen("Enter to confirm")
    until(lambda: session.status() == "waiting", "the status of an open menu")
    seen["waits for"] = (session.status_file() or {}).get("waitingFor")
    seen["screen with the menu"] = screen(session.screen())
    session.escape()
    seen["status after the menu"] = until(lambda: session.status() if session.status() != "waiting" else None, "idle")
    # The menu opens once for one reset.
    session.prompt("four")
    until(lambda: len(world.hooks("StopFailure", session.id)) == 2, "the second limit")
    until(lambda: session.status() == "idle", "idle", show=session.screen)
    seen["menu again"] = "Enter to confirm" in session.screen()
    world.set("A", "limit", claim="five_hour", resets_at=int(time.time()) + 3600)
    session.prompt("five")
    session.wait_screen("Continuing automatically at")
    seen["screen that waits"] = screen(whole(session))
    session.escape()
    seen["screen after Escape"] = screen(whole(session))
    world.flip("B")
    seen["tag after the flip"] = session.ask("six")["tag"]
    until(
        lambda: any("six" in str(record) for record in world.records(session.id) if record["type"] == "assistant"),
        "the last answer in the transcript",
    )
    seen["status keys"] = sorted(STATUS_KEYS & set(session.status_file() or {}))
    os.kill(session.pid(), signal.SIGTERM)
    seen["exit"] = until(session.dead, "the end")
    # The one in the home that was active at the start stays behind: the path leads elsewhere since the flip.
    seen["status file stays"] = session.status_file() is not None
    seen["records"] = records(world, session)
    session.restart("--permission-mode", "bypassPermissions")
    shown = screen(whole(session, *LOGO, HINT))
    seen["screen after the resume"] = [line for line in shown if not line.startswith("✻")]
    seen["tag after the resume"] = session.ask("seven")["tag"]
    seen["hooks"] = hooks(world)
    seen["environment"] = sorted(ENVIRONMENT & set(world.hooks("Stop")[-1]["_env"]))
    return seen


def whole(session: Session, *parts: str) -> str:
    """Return the screen of an idle session once the lines below the box are drawn, which come bit by bit."""

    def drawn() -> str | None:
        text = session.screen()
        footer = "bypass permissions on (shift+tab to cycle)"
        return text if all(p in text for p in (*parts, "SL", footer)) and "esc to interrupt" not in text else None

    return str(until(drawn, "the whole screen", show=session.screen))


def status_line(path: str) -> dict[str, Any]:
    """Return the newest input of the status line's command."""
    try:
        with open(path, encoding="utf-8") as stream:
            found: dict[str, Any] = json.load(stream)
    except FileNotFoundError:
        return {}
    return found


def screen(text: str) -> list[str]:
    """Return a screen's lines without what is made of times, folders, tips and the like."""
    lines = []
    for line in (line.rstrip() for line in text.splitlines() if line.strip()):
        if line.lstrip().startswith(("▐", "▝", "▎", "/upgrade")) or "· /effort" in line or "automatic continue" in line:
            continue
        line = re.sub(r"STUB-OK #\d+", "STUB-OK #n", line.replace("\xa0", " "))
        line = re.sub(r"[▔]{20,}", "▔▔", re.sub(r"─{20,}", "──", line))
        line = WORDS.sub("Worked for 0s", line.replace(f" · {HINT}", ""))
        lines.append(re.sub(r"done \d+:\d+ [AP]M", "done 0:00 PM", re.sub(r"\d+(:\d\d)?[ap]m", "TIME", line)))
    # What stands on a tool's own lines is not imitated.
    return [line for line in lines if "echo two" not in line and "A step that" not in line and "Ran 1" not in line]


def hooks(world: World) -> list[tuple[str, Any, list[str]]]:
    """Return every hook's event, what tells it apart, and the keys of its payload."""
    return [
        (
            payload["hook_event_name"],
            payload.get("source") or payload.get("error") or payload.get("reason"),
            sorted(
                key
                for key in payload
                if not key.startswith("_")
                and key
                not in (
                    "seconds_since_last_response",
                    "context_tokens",
                    "prompt_cache_likely_expired",
                    "estimated_cache_write_usd",
                    "model",
                )
            ),
        )
        for payload in world.hooks()
    ]


def records(world: World, session: Session) -> list[Any]:
    """Return the records that make up the conversation: what they are, and their keys."""
    found = []
    for record in world.records(session.id):
        if record["type"] in ("user", "assistant") and not record.get("isMeta"):
            message = record["message"]
            content = message["content"]
            found.append(
                (
                    record["type"],
                    content if isinstance(content, str) else [block["type"] for block in content],
                    record.get("error"),
                    record.get("apiError"),
                    sorted(set(record) - RECORD_LEFT_OUT),
                    sorted(set(message) - MESSAGE_LEFT_OUT),
                )
            )
    return found


@pytest.fixture
def both(make_world: MakeWorld) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was seen with the real CLI, and what with the fake Claude."""
    needs("2.1.330", "the fake Claude imitates that version")
    real_world = make_world(real(cli.NEW))
    seen_real = scenario(real_world)
    real_world.namespace.clear()
    return seen_real, scenario(make_world(FAKE_CLAUDE))


@pytest.mark.unguarded("the fake Claude minds no owner")
def test_the_stand_in_behaves_as_the_real_one(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Every part of the scenario, each difference told."""
    seen_real, seen_fake = both
    differences = []
    for part, expected in seen_real.items():
        found = seen_fake[part]
        if found != expected:
            differences.append(f"{part}:\n  real:     {show(expected, found)}\n  fake:     {show(found, expected)}")
    assert not differences, "\n".join(differences)


def show(value: Any, other: Any) -> str:
    """Return a value, or of a list only what the other has not."""
    if isinstance(value, list) and isinstance(other, list):
        return "\n            ".join(str(item) for item in value if item not in other) or f"in another order: {value}"
    return str(value)
