# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the turn that runs on a Claude Code screen. Pure.

Seen on 2.1.197 to 2.1.332: a running turn has a spinner (`· Spinning…`) above the prompt box, which a tip, tasks and
queued prompts can follow, and ``esc to interrupt`` in the footer, which a narrow pane cuts and a draft hides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from .conversation import ScreenBlock
from .screen import parse_screen

_INTERRUPTS = "esc to interr"
_BELOW_SPINNER = ("result", "tasks", "prompt", "loose")
_MARKS = "✻✽✶✳✢*·∗"  # not `⏺`, with which replies begin, too


@dataclass(frozen=True)
class RunningTurn:
    """A running turn. ``spinner`` is its spinner's text ("" if out of view), ``prompt`` what it was asked."""

    spinner: str
    prompt: str


def find_running_turn(lines: Iterable[str]) -> Optional[RunningTurn]:
    """Return the turn that runs above the prompt box; None without one, and while a menu is open."""
    screen = parse_screen(lines)
    spinner = spinner_of(screen.blocks)
    if screen.menu is not None or (not spinner and _INTERRUPTS not in screen.footer_text()):
        return None
    prompts = (block for block in reversed(screen.blocks) if block.kind == "prompt")
    return RunningTurn(spinner, next((" ".join(block.paragraphs) for block in prompts), ""))


def spinner_of(blocks: Sequence[ScreenBlock]) -> str:
    """Return the text of the spinner at the end of a conversation; "" without one."""
    for block in reversed(blocks):
        if block.kind == "spinner":
            return block.text if block.text[0] in _MARKS else ""
        if block.kind not in _BELOW_SPINNER:
            break
    return ""
