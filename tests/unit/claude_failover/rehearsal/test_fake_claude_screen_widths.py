# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake Claude's looks: its footer as the real one cuts it (seen on 2.1.332), and the screen readers' one."""

from __future__ import annotations

import pytest

from claude_failover.claude.prompt_box import find_dialog, find_prompt_box
from claude_failover.claude.running_turn import find_running_turn
from claude_failover.common.ansi import plain
from claude_failover.rehearsal.fake_claude import dialogs
from claude_failover.rehearsal.fake_claude.screen import View, mode_line, render

AUTO, CYCLE = "  ⏵⏵ auto mode on", " (shift+tab to cycle)"


def view(**more: object) -> View:
    """Return a view after one turn."""
    shown = View("2.1.332", "Claude Max", "/srv/work", "auto", **more)  # type: ignore[arg-type]  # passed on
    shown.add("prompt", "hello")
    shown.add("answer", "STUB-OK")
    return shown


@pytest.mark.parametrize(
    ("busy", "draft", "columns", "line"),
    [
        ("", "", 36, f"{AUTO} · ← for agents"),
        ("", "", 44, f"{AUTO}{CYCLE} · …"),
        ("", "", 48, f"{AUTO}{CYCLE} · ← fo…"),
        ("", "", 80, f"{AUTO}{CYCLE} · ← for agents"),
        ("", "words", 36, AUTO),
        ("", "words", 40, f"{AUTO}{CYCLE}"),
        ("Spinning…", "", 30, f"{AUTO} · esc to …"),
        ("Spinning…", "", 36, f"{AUTO} · esc to interr…"),
        ("Spinning…", "", 58, f"{AUTO} · esc to interrupt"),
        ("Spinning…", "", 60, f"{AUTO}{CYCLE} · esc to interrupt"),
        ("Spinning…", "words", 60, f"{AUTO}{CYCLE}"),
    ],
)
def test_the_footer_is_cut(busy: str, draft: str, columns: int, line: str) -> None:
    assert plain(mode_line(view(busy=busy, draft=draft), columns)) == line


@pytest.mark.parametrize("columns", [36, 44, 60, 120])
def test_the_box_is_found_at_every_width(columns: int) -> None:
    shown = view(draft="go on with the work where you were interrupted", continues="8:03am")
    found = find_prompt_box(render(shown, columns, 30))
    assert found is not None
    assert found.draft.split() == shown.draft.split()
    if columns == 36:
        assert [plain(line) for line in render(shown, columns, 30)[-5:-1]] == [
            "  ⚠ Usage limit reached · limit",
            "  resets 8:03am",
            "    Continuing automatically at",
            "    8:03am · Esc to cancel",
        ]


def test_vims_insert_mode_is_shown() -> None:
    assert plain(mode_line(view(vim="INSERT"), 120)).startswith("  -- INSERT -- ⏵⏵ auto mode on")


def test_the_look_for_screen_readers() -> None:
    shown = view(screen_reader=True, draft="half a thought")
    rows = render(shown, 80, 20)
    assert len(rows) == 20
    assert [row for row in rows if row][-5:] == [
        "you: hello",
        "claude: STUB-OK",
        "auto mode on (shift+tab to cycle)",
        "effort: medium · /effort",
        "$\xa0 half a thought",
    ]
    found = find_prompt_box(rows)
    assert found is not None
    assert found.draft == "half a thought"
    assert find_running_turn(rows) is None
    shown.busy = "Prestidigitating…"
    assert find_running_turn(render(shown, 80, 20)) is not None
    shown.dialog = dialogs.limit_menu("Nov 29, 4:19am", "2.1.332")
    dialog = find_dialog(render(shown, 80, 20))
    assert dialog is not None
    assert dialog.kind == "limit_menu"
    assert find_prompt_box(render(shown, 80, 20)) is None
