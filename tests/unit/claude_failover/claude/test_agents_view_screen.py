# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Screens of Claude Code's agents view: its own prompt box would begin a new session, and takes no prompt of ours."""

from __future__ import annotations

import os

import pytest

from claude_failover.claude.prompt_box import find_dialog, find_prompt_box
from claude_failover.claude.running_turn import find_running_turn

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PANES = os.path.join(TESTS, "fixtures", "claude-code", "panes")


@pytest.mark.parametrize("version", ["2.1.197", "2.1.260", "2.1.332"])
def test_the_views_box_never_counts_as_an_empty_prompt_box(version):
    with open(os.path.join(PANES, f"v{version}_agents_view.ansi.txt"), encoding="utf-8") as stream:
        box = find_prompt_box(stream.read().split("\n"))
    assert box is None or box.draft


RULE, FOOTER = "─" * 80, "  ⏵⏵ auto mode on (shift+tab to cycle)"


@pytest.mark.parametrize(
    "rows",
    [
        ["❯ asked in the pane", "", "● done", "", RULE, "", RULE, "", FOOTER],
        [RULE, "", RULE, "", FOOTER],
        [RULE, "  abc", RULE, "", FOOTER],
        ["  Waiting for session to redraw… Ctrl+Z to detach", "", "                   (shift+tab to cycle)"],
        ["", "  Session not responding — restarting it…"],
    ],
)
def test_a_view_that_is_drawn_in_part_takes_no_keys(rows):
    """2.1.332 passes on what a background process changes on its screen before it has drawn the whole one."""
    assert find_prompt_box(rows) is None
    assert find_dialog(rows) is None
    assert find_running_turn(rows) is None
