# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON from elsewhere and for elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.common.json_text import MAX_DEPTH, JsonError, parse, parse_outline, render

ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet=st.characters()), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b'"\xed\xa0\x80"',
        b"NaN",
        b"[-Infinity]",
        b"1e999",
        b"9" * 5000,
        b"-9223372036854775809",
        b"18446744073709551616",
        b'{"a": 1, "a": 2}',
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"[" * 200_000,
    ],
)
def test_what_no_program_of_ours_writes_is_refused(raw: bytes) -> None:
    with pytest.raises(JsonError):
        parse(raw)


def test_the_deepest_value_and_the_largest_numbers_are_read() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert render(parse(deep)) == deep
    assert parse("[18446744073709551615, -9223372036854775808, 1e308]") == [(1 << 64) - 1, -(1 << 63), 1e308]


def test_lone_surrogates_become_the_replacement_character_and_pairs_stay() -> None:
    found = parse(rb'{"\ud800": ["\udfff", {"a": "\ud83d\ude00"}]}')
    assert found == {"\ufffd": ["\ufffd", {"a": "\U0001f600"}]}


@given(ANY)
def test_what_was_read_can_be_written_and_read_again(value: Any) -> None:
    try:
        found = parse(json.dumps(value))
    except JsonError:
        return
    assert parse(render(found).encode()) == found
    assert json.loads(render(found, terminal=True)) == found


@given(ANY)
def test_no_text_for_a_terminal_holds_what_it_interprets(value: Any) -> None:
    text = render(value, indent=1, terminal=True)
    assert text.encode().decode() == text
    assert all(c.isprintable() or c in "\n\xa0" or c not in "\x1b\x9b\u202e\u200b" for c in text)


def test_an_outline_says_of_texts_and_lists_only_whether_they_are_empty() -> None:
    raw = b'{"a": "secret", "b": "", "c": ["secret"], "d": [], "e": {"f": "secret", "g": 1.5, "h": null, "i": true}}'
    assert parse_outline(raw) == {
        "a": True,
        "b": False,
        "c": True,
        "d": False,
        "e": {"f": True, "g": 1.5, "h": False, "i": True},
    }
    with pytest.raises(JsonError):
        parse_outline(b'{"a": 1, "a": 2}')
