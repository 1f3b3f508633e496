# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the scenes of a rehearsal on a terminal (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.text import one_line, printable
from .layout import fit, paint, wrap

if TYPE_CHECKING:
    from ..rehearsal.scenes import Scene

_WIDEST = 80
_INDENT = " " * 9  # below "  1.2 s  "
_HEAD = (
    "A failover as it happens: the real daemon, a real tmux, and in the place of Claude Code a stand-in with made-up "
    "logins. All of it lives in a scratch folder; nothing leaves this machine."
)
_REMOVED = "The rehearsal is over. Nothing is left of it: no process, no folder, no tmux server."
_KEPT = "The rehearsal is over. Its folder is kept."
# Signs of Claude Code's screen, for a terminal without them.
_PLAIN = str.maketrans(
    {"❯": ">", "●": "*", "✻": "*", "⎿": "`", "│": "|", "·": "-", "…": ".", "\xa0": " ", "\u2019": "'"}
)


class Narrator:
    """Lays out scenes for a terminal of a width; without ``columns``, for one of 80."""

    def __init__(self, *, columns: int | None, colour: bool, encoding: str) -> None:
        self._columns = min(columns or _WIDEST, _WIDEST)
        self._colour = colour
        self._plain = not _can_encode(encoding)
        self._begun = False

    def lines(self, scene: Scene) -> str:
        """Return the lines of the next scene: its time and text, and the rows of the screen."""
        page = self._page(scene)
        if not self._begun:
            self._begun = True
            page = "\n".join([*wrap(_HEAD, self._columns), "", page])
        return page.translate(_PLAIN) if self._plain else page

    def _page(self, scene: Scene) -> str:
        text = wrap(one_line(scene.text), self._columns - len(_INDENT))
        lines = list(zip([f"{scene.seconds:5.1f} s  ", *[_INDENT] * (len(text) - 1)], text))
        edge = f"{_INDENT}│ "
        lines += [(edge, fit(printable(row), self._columns - len(edge))) for row in scene.screen]
        if scene.tone:
            start, last = lines[-1]
            lines[-1] = (start, paint(last, scene.tone, self._colour))
        return "\n".join(start + line for start, line in lines)

    def end(self, *, removed: bool) -> str:
        """Return what comes after the last scene of a rehearsal that succeeded."""
        return "\n" + "\n".join(wrap(_REMOVED if removed else _KEPT, self._columns))


def _can_encode(encoding: str) -> bool:
    try:
        "❯●✻⎿│·…".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
