# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, and what they change of the view (pure)."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...common.text import decoded, one_line

_SEQUENCES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page-up",
    "\x1b[6~": "page-down",
    "\x1b[H": "home",
    "\x1bOH": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1bOF": "end",
    "\x1b[4~": "end",
    "\x1b": "escape",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x15": "erase",
}
_KEY = re.compile("\x1b(?:\\[[0-9;]*[A-Za-z~]|O[A-Z])|.", re.DOTALL)
_LETTERS = {"k": "up", "j": "down", "g": "home", "G": "end", " ": "page-down", "b": "page-up"}
_MOST = 60  # characters of a filter


class ViewState(NamedTuple):
    """The part of the sessions that is in view: from line ``top`` on, those that ``filter`` lets through."""

    top: int = 0
    filter: str = ""
    typing: bool = False
    """Whether keys are letters of the filter."""


def parse(raw: bytes) -> list[str]:
    """Return the keys in what a terminal sent: names, or characters as they are."""
    return [_SEQUENCES.get(key, key) for key in _KEY.findall(decoded(raw))]


def pressed(state: ViewState, key: str, *, page: int, lines: int) -> ViewState | None:
    """Return the view after a key, None where it ends.

    ``page`` lines of the sessions' ``lines`` are in view.
    """
    if state.typing:
        return _typed(state, key)
    if key in ("q", "Q"):
        return None
    if key == "/":
        return state._replace(typing=True)
    if key == "escape":
        return state._replace(filter="", top=0)
    last = max(lines - page, 0)
    at = min(state.top, last)
    steps = {
        "up": at - 1,
        "down": at + 1,
        "page-up": at - max(page - 1, 1),
        "page-down": at + max(page - 1, 1),
        "home": 0,
        "end": last,
    }
    return state._replace(top=max(0, min(steps.get(_LETTERS.get(key, key), at), last)))


def _typed(state: ViewState, key: str) -> ViewState:
    if key == "enter":
        return state._replace(typing=False)
    if key == "escape":
        return ViewState()
    if key == "backspace":
        return state._replace(filter=state.filter[:-1], top=0)
    if key == "erase":
        return state._replace(filter="", top=0)
    if len(key) == 1 and (key == " " or one_line(key) == key) and len(state.filter) < _MOST:
        return state._replace(filter=state.filter + key, top=0)
    return state
