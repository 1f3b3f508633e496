# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the answer to the owner dialog, on a screen that behaves as the real one."""

from __future__ import annotations

import asyncio
import textwrap

import pytest

from claude_failover.claude.owner_answer import SETTLE, copy_conversation

OURS = "b@example.invalid"
BOX = ["─" * 40, "❯ ", "─" * 40]
OWNER = ("Exit Claude Code", "Change login", f"Copy to {OURS} (Acme) and continue")


class Screen:
    """The two questions and the prompt box after them. A key in a question's first second begins the second anew."""

    def __init__(self, options=OWNER, copy_to=f"{OURS} (Acme)", open_="owner", columns=999):
        self.options, self.copy_to, self.open = options, copy_to, open_
        self.selected = 0 if open_ == "owner" else 1
        self.now, self.deaf_until = 0.0, 1.0
        self.pressed = []
        self.columns = columns
        self.allowed = True
        self.moves = True

    async def sleep(self, seconds):
        self.now += seconds

    async def screen(self, _pane, escapes=False):
        assert escapes
        if self.open == "box":
            return BOX
        owner = self.open == "owner"
        title = "This session belongs to another account" if owner else f"Copy this session to {self.copy_to}?"
        shown = [row for i, text in enumerate(self.choices()) for row in self.wrapped(text, i == self.selected)]
        return ["─" * 40, f"  {title}", "", *shown, "", f"  Enter to confirm · Esc to {'exit' if owner else 'cancel'}"]

    def wrapped(self, option, selected):
        return textwrap.wrap(
            option, self.columns, initial_indent="  ❯ " if selected else "    ", subsequent_indent="    "
        )

    def choices(self):
        return self.options if self.open == "owner" else ["Continue", "Go Back"]

    async def keys(self, _pane, *names):
        for name in names:
            self.pressed.append((self.open, name))
            if self.now < self.deaf_until:
                self.deaf_until = self.now + 1.0
            elif name in ("Up", "Down") and self.moves:
                self.selected += 1 if name == "Down" else -1
            elif name == "Enter":
                self.enter()

    def enter(self):
        chosen = self.choices()[self.selected]
        assert chosen.startswith(("Copy to ", "Continue")), f"Enter at {chosen}"
        self.open, self.selected = ("copy", 1) if self.open == "owner" else ("box", 0)
        self.deaf_until = self.now + 1.0

    def answer(self):
        return asyncio.run(copy_conversation(self, "%1", OURS, lambda: self.allowed, sleep=self.sleep))


def test_the_cursor_is_moved_to_the_copy_seen_there_and_confirmed_twice():
    screen = Screen()
    assert screen.answer() is None
    assert screen.open == "box"
    assert screen.pressed == [
        ("owner", "Down"),
        ("owner", "Down"),
        ("owner", "Enter"),
        ("copy", "Up"),
        ("copy", "Enter"),
    ]
    assert screen.now >= 2 * SETTLE


def test_an_option_that_a_narrow_pane_wraps_is_known():
    """Seen on 2.1.332 in 36 columns: what has no room stands in a row of its own."""
    screen = Screen(columns=36)
    assert screen.wrapped(OWNER[2], False)[1:] == ["    and continue"]
    assert screen.answer() is None
    assert [key for _question, key in screen.pressed] == ["Down", "Down", "Enter", "Up", "Enter"]
    for offered in ("c@example.invalid (Acme)", f"{OURS}.example (Acme)"):
        other = Screen([*OWNER[:2], f"Copy to {offered} and continue"], columns=36)
        assert (other.answer(), other.pressed) == ("it does not offer the active account", [])


def test_an_answer_that_was_begun_goes_on_at_the_second_question():
    screen = Screen(open_="copy")
    assert screen.answer() is None
    assert screen.pressed == [("copy", "Up"), ("copy", "Enter")]


@pytest.mark.parametrize(
    "offered",
    [
        "Copy to c@example.invalid (Acme) and continue",
        f"Copy to x{OURS} (Acme) and continue",
        f"Copy to {OURS}.example (Acme) and continue",
        "Copy to your current account and continue",
        f"Copy to {OURS}",
    ],
)
def test_no_key_is_pressed_where_another_account_is_offered(offered):
    screen = Screen([*OWNER[:2], offered])
    assert screen.answer() == "it does not offer the active account"
    assert screen.pressed == []


def test_an_address_without_an_organization_is_the_same_account():
    assert Screen([*OWNER[:2], f"Copy to {OURS} and continue"], copy_to=OURS).answer() is None


def test_the_second_question_has_to_name_the_account_too():
    screen = Screen(copy_to="c@example.invalid (Acme)")
    assert "for another account" in screen.answer()
    assert [key for question, key in screen.pressed if question == "copy"] == []


def test_enter_is_not_pressed_when_another_account_is_active_by_then():
    screen = Screen()
    screen.allowed = False
    assert screen.answer() == "another account is active, or another conversation open, by now"
    assert "Enter" not in [key for _question, key in screen.pressed]


def test_a_cursor_that_does_not_move_is_given_up_without_enter():
    screen = Screen()
    screen.moves = False
    assert screen.answer() == "its cursor does not move"
    assert {key for _question, key in screen.pressed} == {"Down"}


def test_a_question_without_a_cursor_gets_no_key():
    """The look for screen readers (2.1.332): numbered options, and no mark at any."""

    class ReadAloud(Screen):
        async def screen(self, _pane, escapes=False):
            options = [f"{number}. {text}" for number, text in enumerate(self.choices(), 1)]
            return [
                "This session belongs to another account",
                *options,
                "Select with numbers [1-3]. Then Enter to submit:",
            ]

    screen = ReadAloud()
    assert screen.answer() == "it shows no cursor, as in the look for screen readers"
    assert screen.pressed == []


def test_a_question_that_a_person_has_answered_gets_no_key():
    screen = Screen()
    screen.open = "box"
    assert screen.answer() == "the question of the copy did not come"
    assert screen.pressed == []


def test_escape_is_never_pressed():
    for screen in (Screen(), Screen(open_="copy"), Screen(OWNER[:2]), Screen(copy_to="x")):
        screen.answer()
        assert "Escape" not in [key for _question, key in screen.pressed]
