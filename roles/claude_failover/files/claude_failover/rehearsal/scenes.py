# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes of a rehearsal as they happen, and the part of a session's screen that belongs to one (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

_PROMPT = "❯ "
_ITEMS = ("● ", "  ⎿")  # an answer, a limit


@dataclass(frozen=True)
class Scene:
    """One scene, ``seconds`` after the rehearsal began.

    ``tone`` is ``good``, ``bad`` or empty; ``screen`` holds rows of the screen of ``session``.
    """

    seconds: float
    text: str
    tone: str = ""
    session: str = ""
    screen: tuple[str, ...] = ()


Observer = Callable[[Scene], None]


def turn_on_screen(rows: Sequence[str], prompt: str) -> tuple[str, ...]:
    """Return the prompt of the newest such turn and the first row that answers it; the latter may be missing yet."""
    found: tuple[str, ...] = ()
    unanswered = False
    for row in (row.rstrip() for row in rows):
        if row.startswith(_PROMPT):
            unanswered = row == _PROMPT + prompt
            found = (row,) if unanswered else found
        elif unanswered and row.startswith(_ITEMS):
            found, unanswered = (*found, row), False
    return found
