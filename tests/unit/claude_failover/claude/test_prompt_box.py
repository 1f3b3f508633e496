# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompt boxes and dialogs on screens of the real Claude Code."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.claude.prompt_box import OWNER_DIALOGS, PromptBox, find_dialog, find_prompt_box, holds, holds_part
from claude_failover.claude.screen import parse_screen

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PANES = os.path.join(TESTS, "fixtures", "claude-code", "panes")
VERSIONS = ["", "v2.1.197_"]
ESCAPES = re.compile("\x1b\\[[0-9;]*m")
RULE = "─" * 40


def screen(name: str) -> list[str]:
    with open(os.path.join(PANES, name), encoding="utf-8") as stream:
        return stream.read().replace("\\u2019", "\u2019").split("\n")


BOXES = {
    "box_empty": "",
    "box_draft": "hello draft",
    "box_draft_escaped": "keep this draft",
    "box_three_lines": "line one\nline two\nline three",
    "box_pasted_14_lines": "[Pasted text #1 +13 lines]",
    "box_pasted_2000_chars": "[Pasted text #2]",
    "box_help_below": "",
    "box_busy": "",
    "box_busy_draft": "queued draft",
    "box_not_logged_in": "",
}
DIALOGS = {
    "dialog_limit_menu": "limit_menu",
    "dialog_permission": "permission",
    "dialog_trust": "trust",
    "dialog_bypass": "bypass",
    "dialog_rewind": "other",
    "dialog_model": "other",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "draft"), BOXES.items())
def test_prompt_box_and_draft(version: str, name: str, draft: str) -> None:
    lines = screen(f"{version}{name}.ansi.txt")
    box = find_prompt_box(lines)
    assert box is not None
    assert (box.draft, box.ghost, box.shell) == (draft, False, False)
    assert find_dialog(lines) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_ghost_text_is_no_draft(version: str) -> None:
    lines = screen(f"{version}box_ghost.ansi.txt")
    box = find_prompt_box(lines)
    assert box is not None
    assert (box.draft, box.ghost) == ("", True)
    # Without escapes it cannot be distinguished from a draft.
    plain = find_prompt_box([ESCAPES.sub("", line) for line in lines])
    assert plain is not None
    assert (plain.draft, plain.ghost) == ("Press up to edit queued messages", False)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "draft"), [("box_shell_empty", ""), ("box_shell_draft", "ls")])
def test_shell_mode(version: str, name: str, draft: str) -> None:
    box = find_prompt_box(screen(f"{version}{name}.ansi.txt"))
    assert box is not None
    assert (box.shell, box.draft) == (True, draft)
    assert not holds(box, "ls")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_wrapped_draft_holds_its_text(version: str) -> None:
    box = find_prompt_box(screen(f"{version}box_wrapped.ansi.txt"))
    assert box is not None
    assert box.rows == 3
    assert holds(box, "word " * 60)
    assert not holds(box, "word " * 61)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "kind"), DIALOGS.items())
def test_dialogs(version: str, name: str, kind: str) -> None:
    lines = screen(f"{version}{name}.ansi.txt")
    found = find_dialog(lines)
    assert found is not None
    assert found.kind == kind
    assert find_prompt_box(lines) is None
    assert find_dialog([ESCAPES.sub("", line) for line in lines]) == found


def test_the_limit_menu_of_each_capture() -> None:
    for name in (
        "limit_seven_day.ansi.txt",
        "limit_seven_day.txt",
        "limit_seven_day_sonnet.txt",
        "limit_noclaim.txt",
        "limit_five_hour_autocontinue_off.txt",
        "v2.1.197_five_hour.txt",
    ):
        found = find_dialog(screen(name))
        assert found is not None, name
        assert found.kind == "limit_menu"
        assert found.title.endswith("What do you want to do?")
        assert found.options[0] == "Stop and wait for limit to reset"
        assert found.options[-1] == "Upgrade your plan"


def test_automatic_continue_shows_a_box_and_no_dialog() -> None:
    for name in ("limit_five_hour_A.ansi.txt", "limit_five_hour_A.txt"):
        lines = screen(name)
        assert find_dialog(lines) is None
        box = find_prompt_box(lines)
        assert box is not None
        assert box.draft == ""


def test_a_permission_dialog_that_quotes_the_limit_menu() -> None:
    """Escape would deny the tool use."""
    lines = screen("dialog_permission.ansi.txt")
    at = next(i for i, line in enumerate(lines) if "╌" in line)
    lines[at + 1 : at + 1] = [" What do you want to do?", "  ❯ 1. Stop and wait for limit to reset", "    2. Upgrade"]
    found = find_dialog(lines)
    assert found is not None
    assert found.kind == "permission"


OWNER = ("Exit Claude Code", "Change login", "Copy to b@example.invalid (Organization B) and continue")


def test_the_question_whose_a_conversation_is() -> None:
    lines = screen("v2.1.332_dialog_session_owner.txt")
    assert find_prompt_box(lines) is None
    found = find_dialog(lines)
    assert found is not None
    assert (found.kind, found.options, found.selected) == ("owner", OWNER, 0)
    assert found.title.startswith("This session belongs to another account")


@pytest.mark.parametrize("cursor", [1, 2])
def test_the_cursor_of_the_owners_question_wherever_it_is(cursor: int) -> None:
    """The options above the cursor are options, and no text."""
    lines = screen("v2.1.332_dialog_session_owner.txt")
    lines = [line.replace("❯ Exit", "  Exit").replace(f"  {OWNER[cursor]}", f"❯ {OWNER[cursor]}") for line in lines]
    found = find_dialog(lines)
    assert found is not None
    assert (found.kind, found.options, found.selected) == ("owner", OWNER, cursor)


def test_a_key_that_came_too_early_leaves_the_owners_question_one() -> None:
    """Seen on 2.1.330: in the question's first second the last row says that the key was not taken."""
    lines = screen("v2.1.332_dialog_session_owner.txt")
    lines = [
        "   Not answered yet · wait a second, then press again" if "Esc to exit" in line else line for line in lines
    ]
    found = find_dialog(lines)
    assert found is not None and found.kind == "owner"
    assert find_prompt_box(lines) is None


def test_the_question_that_follows_a_copy() -> None:
    lines = screen("v2.1.332_dialog_session_owner_copy.txt")
    found = find_dialog(lines)
    assert found is not None
    assert (found.kind, found.options, found.selected) == ("owner_copy", ("Continue", "Go Back"), 1)
    assert found.title.startswith("Copy this session to b@example.invalid (Organization B)? ")
    assert find_prompt_box(lines) is None


@pytest.mark.parametrize(
    ("name", "begins", "kind"),
    [
        ("v2.1.332_dialog_session_owner.txt", "Started as", "owner"),
        ("v2.1.332_dialog_session_owner.txt", "Logged in as", "owner"),
        ("v2.1.332_dialog_session_owner_copy.txt", "Continuing this conversation", "owner_copy"),
    ],
)
def test_the_owners_questions_without_their_titles(name: str, begins: str, kind: str) -> None:
    """Seen on 2.1.332: in a pane of 10 rows, or 14 of 36 columns, the title is out of view."""
    lines = screen(name)
    lines = lines[next(row for row, line in enumerate(lines) if line.strip().startswith(begins)) :]
    found = find_dialog(lines)
    assert found is not None and found.kind == kind
    assert find_prompt_box(lines) is None
    numbered = [line.replace("❯ Exit", "❯ 1. Exit").replace("❯ Go Back", "❯ 1. Go Back") for line in lines]
    found = find_dialog(numbered)
    assert found is not None and found.kind == "other", "the model's own question can have these words"


def test_an_option_that_a_narrow_pane_wraps() -> None:
    lines = [
        "▔" * 26,
        "  What do you want to do?",
        "",
        "  ❯ 1. Stop and wait for",
        "       limit to reset",
        "    2. Upgrade your plan",
        "",
        "  Enter to confirm · Esc to",
        "  cancel",
    ]
    found = find_dialog(lines)
    assert found is not None
    assert (found.kind, found.options) == ("limit_menu", ("Stop and wait for limit to reset", "Upgrade your plan"))


def test_a_box_in_the_conversation_is_not_the_box() -> None:
    above = [RULE, "❯\xa0", RULE, "", "● Done, as shown above.", ""]
    assert find_prompt_box(above) is None
    asked = [RULE, " Bash command", " Do you want to proceed?", " ❯ 1. Yes", " Esc to cancel"]
    assert find_prompt_box([*above, *asked]) is None
    # Nor if everything below is indented.
    assert find_prompt_box([RULE, "❯\xa0", RULE, "  What now?", "  ❯ No, exit", "    Yes", "  Esc to cancel"]) is None


def test_a_status_line_may_hold_the_prompt_sign() -> None:
    box = find_prompt_box([RULE, "❯\xa0", RULE, "  ❯ main ~/work", "  ⏵⏵ auto mode on"])
    assert box is not None
    assert box.draft == ""


def test_a_draft_with_the_cursor_on_its_first_character() -> None:
    box = find_prompt_box([RULE, "❯\xa0\x1b[7mk\x1b[0meep this", RULE])
    assert box is not None
    assert (box.draft, box.ghost) == ("keep this", False)


def test_a_colour_number_is_no_attribute() -> None:
    box = find_prompt_box([RULE, "❯\xa0\x1b[38;5;2mgreen\x1b[48;2;7;2;2m text", RULE])
    assert box is not None
    assert (box.draft, box.ghost) == ("green text", False)


def box(draft: str, rows: int = 1) -> PromptBox:
    return PromptBox(draft=draft, ghost=False, shell=False, row=0, rows=rows)


@pytest.mark.parametrize(
    ("draft", "text", "same"),
    [
        ("continue", "continue", True),
        ("ontinue", "continue", False),
        ("continue please", "continue", False),
        ("", "continue", False),
        ("[Pasted text #3 +13 lines]", "\n".join("abcdefghijklmn"), True),
        ("[Pasted text #3 +12 lines]", "\n".join("abcdefghijklmn"), False),
        ("[Pasted text #3]", "x" * 2000, True),
        ("[Pasted text #3]", "\n" * 9 + "x", False),
        ("hello [Pasted text #3]", "x" * 2000, False),
        ("a prompt of a file", "\ufeffa prompt\u200b of a file", True),  # 2.1.332 shows neither
    ],
)
def test_holds(draft: str, text: str, same: bool) -> None:
    assert holds(box(draft), text) is same


def test_the_visible_end_of_a_text_taller_than_the_box_suffices() -> None:
    text = "".join(f"word{i} " for i in range(200))
    assert holds(box("".join(f"word{i} " for i in range(100, 200)), rows=9), text)
    assert not holds(box("".join(f"word{i} " for i in range(100, 200)), rows=2), text)


def test_holds_part() -> None:
    assert holds_part(box("ontinue"), "continue")
    assert holds_part(box("[Pasted text #1]"), "continue")
    assert not holds_part(box("continue, and more"), "continue")
    assert not holds_part(box(""), "continue")


@given(st.lists(st.text(st.sampled_from("❯>! \xa0─▔abc1.\x1b[27mEsc to ")), max_size=30))
def test_no_screen_has_both_a_box_and_a_dialog(lines: list[str]) -> None:
    assert find_prompt_box(lines) is None or find_dialog(lines) is None


NARROW_MENU = [
    "❯ the job",
    "  ⎿  You've hit your weekly limit ·",
    "     resets Nov 29, 5:21am (UTC)",
    "❯ /rate-limit-options",
    "─" * 36,
    "  What do you want to do?",
    "",
    "  ❯ 1.Stop and wait for limit to",
    "      reset",
    "    2. Switch to usage credits",
    "    3. Upgrade your plan",
    "",
    "  Enter to confirm · Esc to cancel",
]


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        (36, "───────────────── the job (Branch) ─"),
        (36, " a name of fifty characters or so… ─"),
        (36, " 日本語の名前 日本語の名前 日本語… ─"),
        (58, "──── a name of fifty characters or so, to see it cut now ─"),
        (80, " 日本語の名前 日本語の名前 日本語の名前 日本語の名前 日本語の名前 日本語の名前 ─"),
    ],
)
def test_the_name_of_the_conversation_in_the_rule_above_the_box(columns: int, rule: str) -> None:
    """A copy has one, and what /rename was given; it can leave no room for a line (2.1.332)."""
    lines = [
        "● Done.",
        "",
        rule,
        "❯\xa0half a thought",
        "─" * columns,
        "  ⚠ Usage limit reached · limit",
        "  resets 4pm",
    ]
    lines += ["    Continuing automatically at 4pm ·", "    Esc to cancel"]
    box = find_prompt_box(lines)
    assert box is not None and box.draft == "half a thought"
    assert find_dialog(lines) is None
    shown = parse_screen(lines)
    assert shown.draft == "half a thought" and shown.footer[0].strip() == "⚠ Usage limit reached · limit"
    lines[2] = f"{rule} and more"
    assert find_prompt_box(lines) is None, "no rule ends so"
    lines[2] = f" {rule}"
    assert find_prompt_box(lines) is None, "the box's two rules are of one width"


def test_the_limit_menu_of_a_narrow_pane() -> None:
    """2.1.197 in 36 columns: the blank after the first number is missing."""
    dialog = find_dialog(NARROW_MENU)
    assert dialog is not None
    assert (dialog.kind, dialog.options[0], len(dialog.options)) == (
        "limit_menu",
        "Stop and wait for limit to reset",
        3,
    )


def test_a_cursor_on_the_last_row_of_an_option() -> None:
    """2.1.81 in 36 columns."""
    rows = [
        "────────────────────────────────────",
        "  What do you want to do?",
        "",
        "   1. Stop and wait for limit to",
        "  ❯   reset",
        "    2. Switch to extra usage",
        "    3. Upgrade your plan",
        "",
        "  Enter to confirm · Esc to cancel",
    ]
    dialog = find_dialog(rows)
    assert dialog is not None
    assert (dialog.kind, dialog.options[0], len(dialog.options)) == (
        "limit_menu",
        "Stop and wait for limit to reset",
        3,
    )


def test_the_limit_menu_of_a_pane_of_few_rows() -> None:
    """2.1.332 leaves out the hint below the options; no other dialog is certain without it."""
    dialog = find_dialog(NARROW_MENU[:-2])
    assert dialog is not None
    assert dialog.kind == "limit_menu"
    other = [
        row.replace("Stop and wait for limit to", "Yes, and").replace("reset", "do not ask") for row in NARROW_MENU
    ]
    assert find_dialog(other[:-2]) is None
    answered = [*NARROW_MENU[:-2], "● It said: stop and wait for limit to reset", "─" * 36, "❯\xa0", "─" * 36]
    assert find_dialog(answered) is None
    assert find_dialog([row.replace("❯", " ") for row in NARROW_MENU[:-2]]) is None


def test_a_number_with_a_fraction_is_no_option() -> None:
    lines = ["─" * 36, " Do you want to proceed?", " 1.5 hours of work", " ❯ 1. Yes", "   2. No", " Esc to cancel"]
    dialog = find_dialog(lines)
    assert dialog is not None
    assert (dialog.kind, dialog.options) == ("permission", ("Yes", "No"))


ASKED = ["", "Enter to select · ↑/↓ to navigate · Esc to cancel"]


@pytest.mark.parametrize(
    "rows",
    [
        # A question of the model's, whose text has line breaks.
        [
            " ☐ Plan",
            "",
            "See:",
            "─" * 80,
            "This session belongs to another account",
            "",
            "❯ 1. Copy to b@example.invalid and continue",
            "  2. Type something.",
            *ASKED,
        ],
        [
            " ☐ Plan",
            "",
            "See:",
            "─" * 80,
            "Copy this session to b@example.invalid?",
            "",
            "❯ 1. Continue",
            "  2. No",
            *ASKED,
        ],
        # The third is a permission for a command of the model's choice.
        [
            " Bash command",
            "",
            "   wait for limit to reset",
            "",
            "Do you want to proceed?",
            " ❯ 1. Yes",
            "   2. Yes, and don't ask again for: wait for limit to reset",
            "   3. No",
            "",
            " Esc to cancel",
        ],
    ],
)
def test_no_words_of_the_models_make_a_dialog_one_that_takes_a_key(rows: list[str]) -> None:
    found = find_dialog(["─" * 80, *rows])
    assert found is not None
    assert found.kind not in ("limit_menu", *OWNER_DIALOGS)
