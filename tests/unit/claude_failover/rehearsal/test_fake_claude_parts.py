# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the pure parts of the fake Claude: keys, draft, texts, screen, options."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest

from claude_failover.rehearsal.fake_claude import dialogs, texts
from claude_failover.rehearsal.fake_claude.editor import Editor
from claude_failover.rehearsal.fake_claude.keys import Decoder, InputEvent
from claude_failover.rehearsal.fake_claude.options import OptionError, parse
from claude_failover.rehearsal.fake_claude.screen import View, render, width_of, wrap

UUID = "11111111-1111-4111-8111-111111111111"
PLAIN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def keys(*reads: str) -> list[InputEvent]:
    decoder = Decoder()
    return [event for read in reads for event in decoder.feed(read)]


def test_text_and_enter() -> None:
    assert keys("hello", "\r") == [InputEvent("text", "hello"), InputEvent("key", "Enter")]


def test_a_short_text_with_enter_in_one_read_submits() -> None:
    assert keys("x" * 62 + "\r") == [InputEvent("text", "x" * 62), InputEvent("key", "Enter")]


def test_a_longer_one_is_a_paste_and_does_not() -> None:
    assert keys("x" * 63 + "\r") == [InputEvent("paste", "x" * 63)]


def test_a_bracketed_paste_arrives_whole_even_in_pieces() -> None:
    assert keys("\x1b[200~one\rt", "wo\x1b[20", "1~", "\r") == [
        InputEvent("paste", "one\ntwo"),
        InputEvent("key", "Enter"),
    ]


def test_escape_waits_for_what_follows() -> None:
    decoder = Decoder()
    assert decoder.feed("\x1b") == []
    assert decoder.pending_escape
    assert decoder.flush() == [InputEvent("key", "Escape")]
    assert decoder.flush() == []


def test_escape_and_text_at_once_lose_the_first_letter() -> None:
    assert keys("\x1b", "continue") == [InputEvent("text", "ontinue")]
    assert keys("\x1bcontinue") == [InputEvent("text", "ontinue")]


def test_arrows_and_unknown_sequences() -> None:
    assert keys("\x1b[A\x1b[B") == [InputEvent("key", "Up"), InputEvent("key", "Down")]
    assert keys("\x1b[5;3~a") == [InputEvent("text", "a")]
    assert keys("\x1b\x1b[A") == [InputEvent("key", "Escape"), InputEvent("key", "Up")]


def test_control_characters_are_no_text() -> None:
    assert keys("a\x01\x02b\nc") == [InputEvent("text", "ab\nc")]


def test_the_draft() -> None:
    editor = Editor()
    editor.type("one\ntwo")
    editor.kill_line()
    assert editor.text == "one\n"
    editor.kill_line()
    assert editor.text == "one"
    editor.backspace()
    assert editor.take() == "on"
    assert editor.text == ""


@pytest.mark.parametrize("text", ["y" * 801, "1\n2\n3\n4"])
def test_a_long_paste_is_a_placeholder_and_is_submitted_marked(text: str) -> None:
    editor = Editor()
    editor.type("see ")
    editor.paste(text)
    assert editor.text.startswith("see [Pasted text #1")
    submitted = editor.take()
    assert re.fullmatch(rf'see \n\n<pasted_content id="(\w+)">\n{text}\n</pasted_content id="\1">\n', submitted)


@pytest.mark.parametrize("text", ["y" * 800, "1\n2\n3"])
def test_a_shorter_one_stands_as_it_is(text: str) -> None:
    editor = Editor()
    editor.paste(text)
    assert editor.take() == text


def test_backspace_takes_a_placeholder_as_a_whole() -> None:
    editor = Editor()
    editor.paste("y" * 900)
    editor.backspace()
    assert editor.text == ""


NOW = datetime(2026, 11, 22, 20, 6, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 21, 36, tzinfo=timezone.utc), "9:36pm"),
        (datetime(2026, 11, 22, 22, 0, tzinfo=timezone.utc), "10pm"),
        (datetime(2026, 11, 23, 0, 5, tzinfo=timezone.utc), "12:05am"),
        (datetime(2026, 11, 25, 20, 10, tzinfo=timezone.utc), "Nov 25, 8:10pm"),
    ],
)
def test_times_of_resets(moment: datetime, text: str) -> None:
    assert texts.clock(moment, NOW) == text


def test_the_line_of_a_limit_is_that_of_the_fixtures() -> None:
    reset = int(datetime(2026, 11, 22, 21, 36, tzinfo=timezone.utc).timestamp())
    assert texts.limit_line("five_hour", reset, NOW, timezone.utc, "UTC", "2.1.330") == (
        "You've hit your 5-hour limit · resets 9:36pm (UTC)"
    )
    assert texts.limit_line("five_hour", reset, NOW, timezone.utc, "UTC", texts.OLD) == (
        "You've hit your session limit · resets 9:36pm (UTC)"
    )


def view() -> View:
    return View("2.1.330", "Claude Max", "/srv/work", "auto")


@pytest.mark.parametrize(("width", "height"), [(120, 50), (80, 24), (30, 8), (10, 3), (1, 1)])
def test_every_screen_fits(width: int, height: int) -> None:
    shown = view()
    for number in range(30):
        shown.add("prompt", f"prompt {number} " + "word " * 20)
        shown.add("answer", "日本語" * 30)
        shown.add("limit", "You've hit your weekly limit · resets Nov 25, 8:10pm (UTC)")
    shown.draft = "x" * 500
    for dialog in (None, dialogs.limit_menu("9:36pm", "2.1.330"), dialogs.trust("/srv"), dialogs.login()):
        shown.dialog = dialog
        assert len(render(shown, width, height)) == height


def test_the_prompt_box_is_two_rules_with_the_draft_between() -> None:
    shown = view()
    shown.draft = "hello"
    lines = [PLAIN.sub("", line).rstrip() for line in render(shown, 60, 20)]
    place = lines.index("❯\xa0hello")
    assert lines[place - 1] == lines[place + 1] == "─" * 60


def test_the_proposal_in_an_empty_box_is_dim() -> None:
    shown = view()
    shown.ghost = "Resend"
    assert any("\x1b[7mR\x1b[0;2mesend" in line for line in render(shown, 60, 20))


def test_the_menu_stands_in_place_of_the_box() -> None:
    shown = view()
    shown.dialog = dialogs.limit_menu("9:36pm", "2.1.330")
    lines = [PLAIN.sub("", line).rstrip() for line in render(shown, 60, 20)]
    assert "  ❯ 1. Stop and wait for limit to reset" in lines
    assert "    4. Upgrade your plan" in lines
    assert not any(line.startswith("─" * 20) for line in lines)


@pytest.mark.parametrize("text", ["", "word", "two words", "a" * 50, "日" * 30, "one\ntwo", "é" * 21, "  lead"])
def test_wrapping_loses_nothing_and_is_never_too_wide(text: str) -> None:
    lines = wrap(text, 10)
    assert all(sum(map(width_of, line)) <= 10 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")


def test_options() -> None:
    options = parse(["--session-id", UUID, "--settings={}", "--permission-mode", "plan", "--model", "opus", "do it"])
    assert (options.session_id, options.settings, options.permission_mode, options.prompt) == (
        UUID,
        "{}",
        "plan",
        "do it",
    )
    assert parse(["--resume", UUID]).resume == UUID
    assert parse(["--dangerously-skip-permissions"]).permission_mode == "bypassPermissions"


@pytest.mark.parametrize(
    "argv", [["--session-id"], ["--session-id", "no"], ["--nonsense"], ["--permission-mode", "x"], ["a", "b"]]
)
def test_options_that_cannot_be(argv: list[str]) -> None:
    with pytest.raises(OptionError):
        parse(argv)
