# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the turn that runs on a Claude Code screen. Pure.

Seen on 2.1.197 to 2.1.332: a running turn has a spinner (`· Spinning…`) above the prompt box, which a tip, tasks and
queued prompts can follow, and ``esc to interrupt`` in the footer, which a narrow pane cuts and a draft hides. A queued
prompt is sent as soon as the turn before it has ended: it is shown as ``Queued`` (2.1.332), or by ghost text in the
box.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from .conversation import ScreenBlock
from .screen import ParsedScreen, parse_screen

INTERRUPTS = "esc to interr"  # in the footer
_QUEUED, _QUEUED_GHOST = re.compile(r"Queued(?:$|\s+·)"), "Press up to edit queued"
_BELOW_SPINNER = ("result", "tasks", "prompt", "loose")
_MARKS = "✻✽✶✳✢*·∗"  # not `⏺`, with which replies begin, too


@dataclass(frozen=True)
class RunningTurn:
    """A running turn. ``spinner`` is its spinner's text ("" if out of view), ``prompt`` what it was asked."""

    spinner: str
    prompt: str


def find_running_turn(lines: Iterable[str]) -> Optional[RunningTurn]:
    """Return the turn that runs, or is about to, above the prompt box; None without one, and while a menu is open."""
    screen = parse_screen(lines)
    spinner = spinner_of(screen.blocks)
    if screen.menu is not None or not (spinner or INTERRUPTS in screen.footer_text() or _has_queued(screen)):
        return None
    prompts = (block for block in reversed(screen.blocks) if block.kind == "prompt")
    return RunningTurn(spinner, next((" ".join(block.paragraphs) for block in prompts), ""))


def _has_queued(screen: ParsedScreen) -> bool:
    """Return whether a prompt is queued."""
    last = screen.blocks[-1] if screen.blocks else None
    queued = last is not None and last.kind == "result" and _QUEUED.match(last.text) is not None
    return queued or (screen.draft or "").startswith(_QUEUED_GHOST)


def spinner_of(blocks: Sequence[ScreenBlock]) -> str:
    """Return the text of the spinner at the end of a conversation; "" without one."""
    for block in reversed(blocks):
        if block.kind == "spinner":
            return block.text if block.text[0] in _MARKS else ""
        if block.kind not in _BELOW_SPINNER:
            break
    return ""
