# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running turns, on the captures of the real CLI and on screens as narrow as 36 columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from claude_failover.claude.running_turn import find_running_turn

PANES = Path(__file__).parents[4] / "tests" / "fixtures" / "claude-code" / "panes"
RUNNING = {"box_busy", "box_busy_draft", "box_ghost", "err_o529_35s"}
RETRY = "✻ Weekly limit reached · retrying in 2h (10:44pm) · attempt 1/300"


def screen(*rows: str, draft: str = "", footer: str = "  ⏵⏵ auto mode on", width: int = 36) -> list[str]:
    """Return a screen with a prompt box."""
    rule = "─" * width
    return ["❯ the big job", "", *rows, rule, f"❯\xa0{draft}", rule, footer]


@pytest.mark.parametrize("path", sorted(PANES.glob("*.txt")), ids=lambda path: path.name)
def test_the_captures(path: Path) -> None:
    name = path.name.partition(".ansi")[0].replace(".txt", "").replace("v2.1.197_", "")
    with open(path, encoding="utf-8") as stream:
        turn = find_running_turn(stream.read().split("\n"))
    assert (turn is not None) == (name in RUNNING), turn


@pytest.mark.parametrize(
    "rows",
    [
        ["· Spinning…"],
        ["✢ Spinning… (12s · ↓ 30 tokens)"],
        ["· Spinning…", "  ⎿  Tip: Use /memory to view and", "     manage Claude memory"],
        ["✻ 529 Overloaded · retrying in 4s · attempt 6/10", "  ⎿  If it persists, check your inference gateway."],
        [RETRY],
        ["❯ and then this", "  ⎿  Queued · ctrl+x ctrl+s to send now", "", RETRY],
        ["❯ and then this", "  ⎿  Queued · ctrl+x ctrl+s to send now"],
    ],
)
def test_a_draft_does_not_hide_a_turn(rows: list[str]) -> None:
    for draft in ("", "our words"):
        turn = find_running_turn(screen(*rows, draft=draft))
        assert turn is not None
        assert turn.prompt == ("and then this" if "Queued" in str(rows) else "the big job")


def test_footer_and_ghost_text_suffice() -> None:
    assert find_running_turn(screen(footer="  ⏵⏵ auto mode on · esc to interr…")) is not None
    assert find_running_turn(screen(draft="Press up to edit queued messages")) is not None


@pytest.mark.parametrize(
    "rows",
    [
        ["● Yes."],
        ["● Yes…", "", "✻ Baked for 0s · done 8:06 PM"],
        ["● STUB-OK", "", "✻ Waiting for 2 background agents to finish"],
        [
            "  ⎿  You've hit your 5-hour limit ·",
            "     resets 7:32am (UTC)",
            "",
            "● Usage limit reached · set",
            "  to continue",
        ],
        ["⏺ Let me think about it…"],  # a reply on macOS
        ["  ⎿  Interrupted · What should Claude do instead?"],
        ["  ⎿  Queued jobs: none"],
    ],
)
def test_an_idle_box(rows: list[str]) -> None:
    assert find_running_turn(screen(*rows)) is None
