# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the part of a screen that a rehearsal shows, and of its look on a terminal."""

from __future__ import annotations

import re

import pytest

from claude_failover.cli.narration import Narrator
from claude_failover.common.columns import width
from claude_failover.rehearsal.fake_claude.screen import View, render
from claude_failover.rehearsal.scenes import Scene, turn_on_screen

LIMIT = "You've hit your 5-hour limit · resets 12:55am (UTC)"


def screen(*entries: tuple[str, str], busy: str = "") -> list[str]:
    view = View("2.1.330", "Claude Max", "/work", "default", busy=busy)
    for kind, text in entries:
        view.add(kind, text)
    return [re.sub("\x1b\\[[0-9;]*m", "", row) for row in render(view, 200, 50)]


@pytest.mark.parametrize(
    ("entries", "busy", "shown"),
    [
        ([], "", ()),
        ([("prompt", "go")], "Prestidigitating…", ("❯ go",)),
        ([("prompt", "go"), ("answer", "Done."), ("done", "Cooked for 0s")], "", ("❯ go", "● Done.")),
        ([("prompt", "go"), ("limit", LIMIT), ("notice", "waits")], "", ("❯ go", f"  ⎿ \xa0{LIMIT}")),
        ([("prompt", "go"), ("answer", "old"), ("prompt", "go"), ("answer", "new")], "", ("❯ go", "● new")),
        ([("prompt", "go"), ("answer", "old"), ("prompt", "go")], "busy", ("❯ go",)),
        ([("prompt", "go"), ("limit", LIMIT), ("prompt", "on"), ("answer", "x")], "", ("❯ go", f"  ⎿ \xa0{LIMIT}")),
        ([("prompt", "go"), ("prompt", "on"), ("answer", "of the other")], "", ("❯ go",)),
    ],
)
def test_a_turn_is_its_prompt_and_what_answers_it(
    entries: list[tuple[str, str]], busy: str, shown: tuple[str, ...]
) -> None:
    assert turn_on_screen(screen(*entries, busy=busy), "go") == shown


def narrator(columns: int | None = None, colour: bool = False, encoding: str = "utf-8") -> Narrator:
    return Narrator(columns=columns, colour=colour, encoding=encoding)


@pytest.mark.parametrize(("columns", "most"), [(None, 80), (200, 80), (80, 80), (40, 40)])
def test_no_line_is_wider_than_the_terminal(columns: int | None, most: int) -> None:
    page = narrator(columns).lines(Scene(1.0, "word " * 40, screen=("❯ " + "x" * 300, "● 漢" * 60)))
    assert len(page.splitlines()) > 5
    assert [line for line in page.splitlines() if width(line) > most] == []


def test_the_head_comes_before_the_first_scene_only() -> None:
    told = narrator()
    assert told.lines(Scene(0.0, "one")).startswith("A failover as it happens")
    assert told.lines(Scene(12.34, "two")) == " 12.3 s  two"


def test_a_tone_is_a_colour_of_the_last_row_only() -> None:
    scene = Scene(1.0, "told", tone="bad", screen=("❯ go", "● no"))
    lines = narrator(colour=True).lines(scene).splitlines()[-3:]
    assert ["\x1b[31m" in line for line in lines] == [False, False, True]
    assert "\x1b" not in narrator().lines(scene)


def test_what_a_screen_holds_does_not_reach_the_terminal() -> None:
    assert "\x1b" not in narrator().lines(Scene(1.0, "a\x1b[2Jb", screen=("\x1b]0;title\x07",)))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "unheard-of"])
def test_a_terminal_without_the_signs_gets_plain_ones(encoding: str) -> None:
    page = narrator(encoding=encoding).lines(Scene(1.0, "told", screen=("❯ go", f"  ⎿ \xa0{LIMIT}")))
    assert page.isascii()
    assert "| > go" in page
