# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captured lines as plain text, whatever they hold."""

from __future__ import annotations

import pytest

from claude_failover.common.ansi import plain


@pytest.mark.parametrize("end", "CG`")
def test_a_cursor_movement_of_any_number_of_digits_is_bounded(end: str) -> None:
    assert 1 <= len(plain("\x1b[" + "9" * 5000 + end + "x")) <= 1001


def test_cursor_movements_do_not_add_up_beyond_the_margin() -> None:
    assert len(plain("\x1b[999C" * 1000 + "x")) == 1001


def test_movements_keep_their_meaning() -> None:
    assert plain("a\x1b[Cb\x1b[3Cc\x1b[10Gd") == "a b   c  d"
