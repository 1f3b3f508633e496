# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Screens of Claude Code's agents view: its own prompt box would begin a new session, and takes no prompt of ours."""

from __future__ import annotations

import os

import pytest

from claude_failover.claude.prompt_box import find_prompt_box

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PANES = os.path.join(TESTS, "fixtures", "claude-code", "panes")


@pytest.mark.parametrize("version", ["2.1.197", "2.1.260", "2.1.332"])
def test_the_views_box_never_counts_as_an_empty_prompt_box(version):
    with open(os.path.join(PANES, f"v{version}_agents_view.ansi.txt"), encoding="utf-8") as stream:
        box = find_prompt_box(stream.read().split("\n"))
    assert box is None or box.draft
