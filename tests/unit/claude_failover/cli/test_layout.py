# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that is cut and wrapped for a terminal."""

from __future__ import annotations

import pytest

from claude_failover.cli import layout
from claude_failover.common.columns import width


@pytest.mark.parametrize(
    "text", ["a" * 500, "word " * 100, "é" * 500, "漢字" * 200, "e\u0301" * 300, "a\u200b" * 300 + " end", "🙂 b" * 90]
)
@pytest.mark.parametrize("columns", [3, 20, 80])
def test_a_wrapped_text_is_whole_and_fits(text: str, columns: int) -> None:
    lines = layout.wrap(text, columns, " ")
    assert max(width(line) for line in lines) <= columns
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "cut"), [("abcdef", "abc…"), ("漢字漢字", "漢…"), ("e\u0301" * 6, "e\u0301" * 3 + "…"), ("abcd", "abcd")]
)
def test_a_text_that_is_too_wide_is_cut(text: str, cut: str) -> None:
    assert layout.fit(text, 4) == cut


def test_a_long_text_is_measured_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason of 64 KiB took nine seconds: each line of it was measured with all that followed."""
    measured: list[int] = []
    monkeypatch.setattr(layout, "width", lambda text: measured.append(len(text)) or width(text))
    for text in ("é" * 20_000, "é " * 10_000):
        measured.clear()
        layout.wrap(text, 80, "  ")
        assert sum(measured) < 6 * len(text)
