# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Untrusted text made safe to print."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from claude_failover.common.text import one_line, printable, shorten


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
