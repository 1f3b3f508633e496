# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the keys of ``status --watch``, and of what they change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.cli.watch import keys
from claude_failover.cli.watch.keys import ViewState


def after(typed: bytes, state: ViewState | None = None, page: int = 10, lines: int = 100) -> ViewState | None:
    found: ViewState | None = state or ViewState()
    for key in keys.parse(typed):
        found = keys.pressed(found, key, page=page, lines=lines) if found is not None else None
    return found


@pytest.mark.parametrize(
    ("typed", "top"),
    [
        (b"\x1b[B", 1),
        (b"jj", 2),
        (b"jjk", 1),
        (b"\x1b[A", 0),
        (b"\x1b[6~", 9),
        (b" \x1b[5~", 0),
        (b"G", 90),
        (b"\x1b[F", 90),
        (b"Gj", 90),
        (b"G\x1b[H", 0),
        (b"x\xc3\xa9\xff\x1b[99;5Z", 0),
    ],
)
def test_keys_scroll_within_the_sessions(typed: bytes, top: int) -> None:
    assert after(typed) == ViewState(top=top)


def test_nothing_scrolls_where_all_is_in_view() -> None:
    assert after(b"G", page=10, lines=3) == ViewState()
    assert after(b"j", ViewState(top=50), page=10, lines=12) == ViewState(top=2)


def test_a_filter_is_typed_kept_and_dropped() -> None:
    assert after(b"jj/do w\x7fn") == ViewState(0, "do n", typing=True)
    assert after(b"/q\r") == ViewState(0, "q")
    assert after(b"/q\x15z\n") == ViewState(0, "z")
    assert after(b"/q\x1b") == ViewState()
    assert after(b"/q\r\x1b") == ViewState()
    assert after(b"/\x1b[A\t") == ViewState(typing=True)


@pytest.mark.parametrize("typed", [b"q", b"Q", b"jjq", b"/x\rq"])
def test_q_ends_unless_it_is_a_letter_of_the_filter(typed: bytes) -> None:
    assert after(typed) is None


@given(st.binary(max_size=200), st.integers(1, 50), st.integers(0, 500))
def test_no_input_leaves_the_sessions_or_fills_the_line(typed: bytes, page: int, lines: int) -> None:
    found = after(typed, None, page, lines)
    if found is not None:
        assert 0 <= found.top <= max(lines - page, 0)
        assert len(found.filter) <= 60
        assert all(character.isprintable() for character in found.filter)
