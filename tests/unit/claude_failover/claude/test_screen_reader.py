# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look for screen readers: what was seen on 2.1.332, and what only resembles it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from claude_failover.claude.prompt_box import find_dialog, find_prompt_box, holds
from claude_failover.claude.running_turn import find_running_turn
from claude_failover.claude.screen import parse_screen
from claude_failover.limits import classify_pane
from claude_failover.limits.retry import waits_for_reset

HEADER = ["[Screen Reader Mode: on via flag]", "Claude Code v2.1.332", "Opus 5.5 · Claude Max", "/srv/work"]
HELLO = ["you: hello", "claude: STUB-OK #3", "Churned for 1s · done 4:18 AM"]
REFUSED = ["you: the big job", "You've hit your weekly limit · resets Nov 29, 4:19am (UTC)"]
WAITING = [
    "you: the big job",
    "You've hit your 5-hour limit · resets 7:15am (UTC)",
    "Usage limit reached · set to continue automatically at 7:15am",
    "⚠ Usage limit reached · limit resets 7:15am",
    "Continuing automatically at 7:15am · Esc to cancel",
]
MENU = [
    "you: /rate-limit-options",
    "What do you want to do?",
    "1. Stop and wait for limit to reset",
    "2. Wait here, then continue automatically at Nov 29, 4:19am",
    "3. Switch to usage credits",
    "4. Upgrade your plan",
    "Select with numbers [1-4]. Then Enter to submit:",
    "Enter to confirm · Esc to cancel",
]
PERMISSION = [
    "tool: Bash (touch x)",
    "Waiting…",
    "Permission Required: Bash command",
    "> touch x",
    "Do you want to proceed?",
    "1. Yes",
    "2. Yes, and always allow access to /srv/work from this project",
    "3. No",
    "Select with numbers [1-3]. Then Enter to submit or Escape to cancel:",
    "Esc to cancel",
]
OWNER = [
    "This session belongs to another account",
    "Started as    another account",
    "Logged in as  b@example.invalid (Organization A)",
    "1. Exit Claude Code",
    "2. Change login",
    "3. Copy to b@example.invalid (Organization A) and continue",
    "Select with numbers [1-3]. Then Enter to submit:",
    "Enter to confirm · Esc to exit",
]
OWNER_COPY = [
    "Copy this session to b@example.invalid (Organization A)?",
    "Continuing this conversation in a new account shares its history, including the files that Claude read, with that",
    "account.",
    "y. Continue",
    "n. Go Back",
    "Enter y/n:",
    "Enter to confirm · Esc to cancel",
]
MODE = "manual mode on"
HINT = "effort: medium · /effort"
RETRY = "5-hour limit reached · retrying in 2h (7:33am) · attempt 1/300"


def screen(*rows: str, mode: str = MODE, prompt: str = "$") -> list[str]:
    """Return a screen of a running session, with the blank rows of a pane below."""
    return [*HEADER, *rows, mode, HINT, *prompt.split("\n"), "", ""]


@pytest.mark.parametrize("above", [HELLO, REFUSED, WAITING[:3], ["you: continue"]])
@pytest.mark.parametrize(("asked", "kind"), [(OWNER, "owner"), (OWNER_COPY, "owner_copy")])
def test_the_owners_questions_below_whatever_the_conversation_ends_with(
    above: list[str], asked: list[str], kind: str
) -> None:
    """The done line, or a note of the CLI's own; the title of another dialog goes into the log, with the address."""
    for typed in ("", " 3"):
        rows = [*HEADER, *above, *asked[:-2], asked[-2] + typed, asked[-1], "", ""]
        found = find_dialog(rows)
        assert found is not None and (found.kind, found.selected) == (kind, None)
        assert found.title.startswith(asked[0])
        assert find_prompt_box(rows) is None
    menu = find_dialog([*HEADER, "claude: it says", "as follows:", asked[0], *MENU[1:]])
    assert menu is not None and menu.kind == "limit_menu", "the words of the model's make no such question"
    narrow = [row[i : i + 31] for row in [*HEADER, *above, *asked] for i in range(0, len(row), 31)]
    found = find_dialog(narrow)
    assert found is not None and found.kind == kind


@pytest.mark.parametrize(
    "mode",
    [
        "manual mode on",
        "manual mode on  ·  esc to interrupt",
        "auto mode on (shift+tab to cycle)",
        "accept edits on (shift+tab to cycle)",
        "plan mode on (shift+tab to cycle)",
        "bypass permissions on (shift+tab to cycle)",
        "don't ask on (shift+tab to cycle)",
        "-- INSERT -- auto mode on (shift+tab to cycle)",
    ],
)
def test_the_prompt_below_the_mode_is_found(mode: str) -> None:
    for rows in (HELLO, REFUSED, WAITING):
        found = find_prompt_box(screen(*rows, mode=mode))
        assert found is not None
        assert (found.draft, found.shell, found.deleted) == ("", False, False)
        assert find_dialog(screen(*rows, mode=mode)) is None


def test_a_draft_is_read_over_its_rows() -> None:
    one = find_prompt_box(screen(*HELLO, prompt="$\xa0 a draft"))
    two = find_prompt_box(screen(*HELLO, prompt="$\xa0 one\ntwo"))
    assert one is not None
    assert two is not None
    assert (one.draft, two.draft, two.rows) == ("a draft", "one\ntwo", 2)
    assert holds(two, "one\ntwo")
    assert not holds(one, "a draf")


def test_a_folded_paste_takes_the_place_of_the_mode() -> None:
    found = find_prompt_box(screen(mode="paste again to expand", prompt="$\xa0 [Pasted text #1 +13 lines]"))
    assert found is not None
    assert found.folded


def test_deleted_text_that_is_announced_may_be_a_draft() -> None:
    """Both look the same: C-u of `continue`, and a draft with an empty first line."""
    found = find_prompt_box(screen(*HELLO, prompt="$\ncontinue"))
    assert found is not None
    assert (found.draft, found.deleted) == ("continue", True)


def test_shell_mode_is_no_prompt_to_type_into() -> None:
    found = find_prompt_box([*HEADER, "! for shell mode", HINT, "ls"])
    assert found is not None
    assert found.shell
    assert not holds(found, "ls")


@pytest.mark.parametrize(
    "rows",
    [
        ["$"],  # a shell
        [*HEADER, *HELLO, MODE, "$", "Resume this session with:", "claude --resume 1", "$"],  # it has ended
        [*HEADER, *HELLO, MODE, HINT, "a third hint", "one more", "$"],
        [*HEADER, *HELLO, "/ for commands", "ctrl+t to toggle tasks", "/keybindings to customize", "$"],  # its help
        [*HEADER, "you: manual mode on", "$"],
        [*HEADER, "you: hello", "Showing detailed transcript · ctrl+o to toggle · ctrl+e to show all verbose"],
        [*HEADER, *HELLO, MODE, HINT, "$ ls"],  # a common blank: a shell's
        [*HEADER, *MENU],
        [*HEADER, *PERMISSION],
        ["[Accessible screen reader mode: on]", "Claude Code v2.1.197", "● high · /effort"],  # there is no prompt
    ],
)
def test_what_only_resembles_the_prompt_is_none(rows: list[str]) -> None:
    assert find_prompt_box(rows) is None


def test_text_after_the_prompt_of_a_shell_is_never_held() -> None:
    """Below the words of the CLI an empty prompt of a shell looks the same; with text it has a common blank."""
    assert find_prompt_box(["$ cat notes", "manual mode on", "$ continue"]) is None


def test_the_limits_menu_is_told_from_a_permission() -> None:
    menu, permission = find_dialog([*HEADER, *REFUSED, *MENU]), find_dialog([*HEADER, *HELLO, *PERMISSION])
    assert menu is not None
    assert permission is not None
    assert (menu.kind, menu.title, len(menu.options)) == ("limit_menu", "What do you want to do?", 4)
    assert menu.options[-1] == "Upgrade your plan"
    assert permission.kind == "permission"
    assert "touch x" in permission.title


def test_the_limit_is_recognised_while_menu_or_notice_is_in_view() -> None:
    now = datetime(2026, 11, 26, 4, 20, tzinfo=timezone.utc)
    seen = {
        name: classify_pane(rows, now=now, tz=timezone.utc)
        for name, rows in {
            "menu": [*HEADER, *REFUSED, *MENU],
            "menu after an answer": [*HEADER, *HELLO, *REFUSED, *MENU],
            "notice": screen(*WAITING),
            "idle": screen(*REFUSED),
            "idle, scrolled": screen(*REFUSED)[len(HEADER) :],
            "answered": screen(*REFUSED, *HELLO),
            "permission": [*HEADER, *REFUSED, *PERMISSION],
            "quoted": screen("you: what did it say?", *REFUSED[1:], "claude: I do not know"),
        }.items()
    }
    assert {name: (verdict.limited, verdict.limit) for name, verdict in seen.items()} == {
        "menu": (True, "seven_day"),
        "menu after an answer": (True, "seven_day"),
        "notice": (True, "five_hour"),
        "idle": (False, None),
        "idle, scrolled": (False, None),
        "answered": (False, None),
        "permission": (False, None),
        "quoted": (False, None),
    }
    assert seen["idle"].rule == seen["idle, scrolled"].rule == "banner-above-idle-prompt"
    assert seen["menu"].resets_at == datetime(2026, 11, 29, 4, 19, tzinfo=timezone.utc)


def test_a_question_of_the_models_own_is_not_the_owners() -> None:
    asked = ["How shall it end?", *OWNER[3:6], "Select with numbers [1-3]. Then Enter to submit or Escape to cancel:"]
    found = find_dialog([*HEADER, *HELLO, *asked])
    assert found is not None and found.kind == "other"


def test_a_running_turn_is_seen_with_and_without_a_draft() -> None:
    tip = "Tip: Start small, ask Claude for a plan, and check its edits"
    for rows in (["Burrowing…"], ["Burrowing…", tip], ["Cooking…   ( running UserPromptSubmit hook )"], [RETRY]):
        for prompt in ("$", "$\xa0 a draft"):
            turn = find_running_turn(screen(*HELLO, "you: work", *rows, prompt=prompt))
            assert turn is not None
            assert turn.prompt == "work"
    narrow = [
        "you: work",
        "Weekly li… · retrying in 2h (8:18am)",
        " · attempt 1/300",
        "bypass permissions on (shift+tab to",
    ]
    for rows in ([*narrow, "cycle)  ·  esc to interrupt", "$"], [*narrow, "cycle)", "$\xa0 a draft"]):
        assert find_running_turn(rows) is not None
        assert waits_for_reset(rows)
        assert find_prompt_box(rows) is not None
    assert find_running_turn(screen(*HELLO)) is None
    assert find_running_turn(screen(*WAITING)) is None
    assert find_running_turn([*HEADER, *REFUSED, *MENU]) is None
    assert find_running_turn(screen("you: hello", "claude: and so on…")) is None


def test_draft_version_and_menu_are_parsed() -> None:
    parsed = parse_screen(screen(*HELLO, prompt="$\xa0 a draft"))
    assert (parsed.draft, parsed.version, parsed.header) == ("a draft", (2, 1, 332), True)
    assert [block.kind for block in parsed.blocks] == ["prompt", "reply", "done"]
    scrolled = parse_screen(screen(*HELLO)[len(HEADER) :])
    assert (scrolled.draft, scrolled.version, scrolled.header) == ("", (2, 1, 260), False)
