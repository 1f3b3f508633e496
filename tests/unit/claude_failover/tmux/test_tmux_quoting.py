# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quoting of commands, formats, names and search patterns; tests/integration/tmux checks them against tmux."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.tmux.quoting import (
    QuotingError,
    command_line,
    literal_format,
    quote,
    search_pattern,
    session_name,
    typable,
    window_target,
)

LINES = st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]))


def unquote(line: str) -> str:
    """Return the text that `quote` has quoted."""
    out, inside, i = "", False, 0
    while i < len(line):
        if line[i] == "'":
            inside = not inside
        elif inside:
            out += line[i]
        else:
            assert line[i : i + 2] == "\\'"
            out += "'"
            i += 1
        i += 1
    assert not inside
    return out


@given(LINES)
def test_quoting_round_trip(text: str) -> None:
    assert unquote(quote(text)) == text


@pytest.mark.parametrize(("text", "what"), [("a\0b", "NUL"), ("a\nb", "line break")])
def test_nul_and_line_break_are_refused(text: str, what: str) -> None:
    with pytest.raises(QuotingError, match=what):
        quote(text)


def test_commands_are_one_line() -> None:
    assert command_line(["a", "b c"], ["d;"]) == "'a' 'b c' ; 'd;'"


@pytest.mark.parametrize(
    ("text", "written"),
    [("plain", "plain"), ("a#{pid}", "a##{pid}"), ("#", "##"), ("##", "####"), ("a#[b", "a#[b"), ("a##[b", "a##[b")],
)
def test_literal_formats(text: str, written: str) -> None:
    assert literal_format(text) == written


@pytest.mark.parametrize("name", ["", "a.b", "a:b", "a\\b", "a$b", "a${b}", "a\tb", "a\x7fb", "a\u2028b"])
def test_names_that_tmux_would_change_are_refused(name: str) -> None:
    with pytest.raises(QuotingError, match="session name"):
        session_name(name)


def test_targets_are_exact() -> None:
    assert window_target("main") == "=main:"


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4))
def test_a_search_pattern_matches_its_anchors_and_is_safe_in_a_format(anchors: list[str]) -> None:
    pattern = search_pattern(anchors)
    assert not set(pattern) & set("#{},:/\\'\"$")
    for anchor in anchors:
        assert re.search(pattern, anchor, re.DOTALL)


@pytest.mark.parametrize("anchors", [[], [""], ["a", ""]])
def test_an_empty_search_is_refused(anchors: list[str]) -> None:
    with pytest.raises(ValueError, match="anchor"):
        search_pattern(anchors)


@given(st.text())
def test_typable_text_has_no_control_character_but_newline_and_tab(text: str) -> None:
    left = typable(text)
    assert not [c for c in left if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160]
    assert typable(left) == left


def test_a_paste_cannot_be_ended_early_and_line_endings_are_normalised() -> None:
    assert typable("a\x1b[201~b\x9b201~\r\nc\rd\te\n") == "a[201~b201~\nc\nd\te\n"
