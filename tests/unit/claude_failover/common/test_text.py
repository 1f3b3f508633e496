# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Untrusted text made safe to print."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.common.text import encodable, escaped, one_line, printable, shorten, whole_number


def test_control_characters_are_removed_but_newline_and_tab() -> None:
    every = "".join(map(chr, range(0x100)))
    kept = printable(every)
    assert kept == "\t\n" + "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)]))


def test_terminal_escapes_are_disarmed() -> None:
    assert printable("\x1b]0;title\x07a\x1b[2Jb\x9b31mc\x7f\r") == "]0;titlea[2Jb31mc"


@given(st.text(alphabet=st.characters()))
def test_the_result_can_be_encoded_and_printable_text_is_kept(text: str) -> None:
    shown = printable(text)
    assert shown.encode().decode() == shown
    assert printable(shown) == shown
    assert [c for c in shown if c.isprintable() and c != "\ufffd"] == [
        c for c in text if c.isprintable() and c != "\ufffd"
    ]


def test_one_line_has_no_line_break() -> None:
    assert one_line("  a\n\tb\u2028c\x00  d ") == "a b c d"


def test_a_shortened_text_ends_with_an_ellipsis() -> None:
    assert shorten("abc", 3) == "abc"
    assert shorten("abcd", 3) == "ab…"
    assert shorten("abcd", 0) == "…"


@pytest.mark.parametrize("code", [0x202E, 0x2066, 0x200B, 0x200F, 0xFEFF, 0x061C, 0x2060, 0xE0041])
def test_what_hides_or_reorders_text_is_removed(code: int) -> None:
    assert printable(f"a{chr(code)}b") == one_line(f"a{chr(code)}b") == "ab"


def test_an_escaped_text_shows_what_was_there_on_one_line() -> None:
    assert escaped("a\nERROR b\x1b[2J\u202e\ud800\u2028é") == r"a\nERROR b\x1b[2J\u202e\ud800\u2028é"


@given(st.text(alphabet=st.characters()))
def test_no_text_leaves_a_line_or_moves_a_cursor_once_it_is_escaped(text: str) -> None:
    shown = escaped(text)
    assert shown.encode().decode() == shown
    assert len(shown.splitlines()) <= 1
    assert not [c for c in shown if unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in ("RLO", "LRO")]


@given(st.text(alphabet=st.characters()))
def test_only_lone_surrogates_change_in_an_encodable_text(text: str) -> None:
    assert encodable(text).encode().decode() == encodable(text)
    assert [a for a, b in zip(text, encodable(text)) if a != b] == [c for c in text if "\ud800" <= c <= "\udfff"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("0042", 42),
        ("9" * 5000, 1000),
        ("0" * 5000 + "7", 7),
        ("²", None),
        ("٣", None),
        ("", None),
        ("-1", None),
        (" 1", None),
        ("1e3", None),
    ],
)
def test_a_whole_number_is_written_in_ascii_digits_and_bounded(text: str, number: int | None) -> None:
    assert whole_number(text, 1000) == number
