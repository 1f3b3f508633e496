# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Screens on which Escape may end the turn: only those whose newest line waits for the reset of a limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from claude_failover.limits.retry import waits_for_reset

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
