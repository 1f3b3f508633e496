# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Screens on which Escape may end the turn: only those whose newest line waits for the reset of a limit."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from claude_failover.limits import classify_pane
from claude_failover.limits.retry import waits_for_reset

NOW = datetime(2026, 11, 26, 20, 0, tzinfo=timezone.utc)
FIXTURES = Path(__file__).parents[4] / "tests" / "fixtures"
BOX = ["─" * 80, "❯\xa0", "─" * 80, "  ⏵⏵ auto mode on (shift+tab to cycle) · esc to interrupt"]
READER = ["auto mode on (shift+tab to cycle)  ·  esc to interrupt", "effort: medium · /effort", "$"]


@pytest.mark.parametrize(
    "line",
    [
        "Weekly limit reached · retrying in 2h (10:44pm) · attempt 1/300",
        "5-hour limit reached · retrying in 2h (7:33am) · attempt 1/300",
        "Weekly limit reached · Retrying in 6h (Sep 15 at 7pm) · attempt 1/300",
        "Weekly limit reached · Retrying in 1h · attempt 3/10",
    ],
)
def test_a_retry_of_a_limit_waits(line: str) -> None:
    assert waits_for_reset(["❯ go", "", f"✻ {line}", "", *BOX])
    assert waits_for_reset(["❯ go", "", f"✻ {line}", "  ⎿  Tip: Use /memory to view", "", *BOX])
    assert waits_for_reset(["❯ go", "", "❯ and then", "  ⎿  Queued · ctrl+x", "", f"· {line}", "", *BOX])
    assert waits_for_reset(["you: go", line, *READER])


RETRY = "✻ Weekly limit reached · retrying in 2h (10:44pm) · attempt 1/300"


@pytest.mark.parametrize(
    "rows",
    [
        ["❯ go", "", "· Spinning…"],
        ["❯ go", "", "✻ 529 Overloaded · retrying in 4s · attempt 6/10"],
        ["❯ go", "", "✻ 429 Server is temporarily limiting requests · retrying in 28s · attempt 9/10"],
        ["❯ go", "", RETRY, "", "● Yes.", "", "· Spinning…"],  # it is not the newest
        ["❯ go", "", RETRY, "", "● Yes."],
        ["❯ what does it say?", "", f"● {RETRY[2:]}", "", "· Spinning…"],
        ["❯ go", "  ⎿  You've hit your weekly limit · resets Nov 29, 4:32am (UTC)"],
        ["❯ go", "", "✻ Baked for 2s · done 4:32 AM"],
    ],
)
def test_no_other_turn_waits(rows: list[str]) -> None:
    assert not waits_for_reset([*rows, "", *BOX])


def test_no_turn_waits_behind_a_menu() -> None:
    menu = [
        "▔" * 80,
        "  What do you want to do?",
        "  ❯ 1. Stop and wait for limit to reset",
        "    2. Upgrade your plan",
    ]
    assert not waits_for_reset(["❯ go", "", RETRY, "", *menu, "", "  Enter to confirm · Esc to cancel"])


@pytest.mark.parametrize("path", sorted((FIXTURES / "claude-code" / "panes").glob("*.txt")), ids=lambda path: path.name)
def test_no_capture_without_the_variable_waits(path: Path) -> None:
    with open(path, encoding="utf-8") as stream:
        assert not waits_for_reset(stream.read().split("\n"))


LINE = RETRY[2:]
AT_REST = ["auto mode on (shift+tab to cycle)", "effort: medium · /effort"]


@pytest.mark.parametrize("prompt", ["$", "$\xa0 a draft"])
@pytest.mark.parametrize("rows", [["claude: the log ends with", LINE], ["tool: Bash (cat log)", LINE]])
def test_no_text_of_a_reply_is_a_retry_for_screen_readers(rows: list[str], prompt: str) -> None:
    """At rest nothing but the footer tells a row of the model's, or of a tool's, from the CLI's own."""
    screen = ["[Screen Reader Mode: on via flag]", "you: what does the log say?", *rows, *AT_REST, prompt]
    assert not classify_pane(screen, now=NOW, tz=timezone.utc).limited
    assert waits_for_reset(screen) == (prompt != "$"), "a prompt box with a draft gets no Escape"


def test_a_retry_for_screen_readers_is_a_limit() -> None:
    verdict = classify_pane(["you: go", LINE, *READER], now=NOW, tz=timezone.utc)
    assert (verdict.limited, verdict.rule, verdict.limit) == (True, "retrying-limit", "seven_day")


@pytest.mark.parametrize(
    "rows",
    [
        ["Weekly li… · retrying in 5h (Nov 30, 7:30pm) · attempt", "1/300"],
        ["Weekly li… · retrying in 5h", "(Nov 30, 7:30pm) · attempt", "1/300"],
        ["Weekly li… · retrying in 5h (Nov 30, 7:30pm)", "· attempt 1/300"],
        ["Weekly li… · retrying in 5h (Nov 30,", "7:30pm) · attempt 1/300"],
        ["Weekly li… · retrying in 5h", "(Nov 30,", "7:30pm) ·", "attempt 1/300"],
    ],
)
def test_the_rows_of_a_wrapped_retry_for_screen_readers_are_one(rows: list[str]) -> None:
    """2.1.332 in 58 columns and (the second) in 30; the others are not seen."""
    now = NOW.replace(month=11, day=27)
    verdict = classify_pane(["you: go", *rows, *READER], now=now, tz=timezone.utc)
    assert (verdict.limited, verdict.rule, verdict.limit) == (True, "retrying-limit", "seven_day")
    assert verdict.resets_at == now.replace(day=30, hour=19, minute=30, second=0, microsecond=0)
    assert waits_for_reset(["you: go", *rows, *READER])
    for other in (rows[:-1], [*rows, "1/300"], [*rows, "claude: done"]):
        assert not waits_for_reset(["you: go", *other, *AT_REST, "$"])
    assert not classify_pane(["you: go", *rows, "claude: done", *READER], now=now, tz=timezone.utc).limited


@pytest.mark.parametrize("above", [[], ["$ tail log"]])
def test_no_line_of_another_program_is_a_retry(above: list[str]) -> None:
    """A pager, an editor or a shell in place of Claude Code has no prompt box below."""
    screen = [*above, RETRY]
    assert not classify_pane(screen, now=NOW, tz=timezone.utc).limited
    assert not waits_for_reset(screen)
