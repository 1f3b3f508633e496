# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An attempt to send a prompt: what it needs of a terminal, who permits its keys, and how it ends without success."""

from __future__ import annotations

from typing import Optional, Protocol

from ..tmux.client import Pane


class TerminalProtocol(Protocol):
    """The methods of `tmux.client.Tmux` that a delivery uses."""

    async def pane(self, pane_id: str) -> Pane:
        """Return a pane."""

    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]:
        """Return the visible rows of a pane."""

    async def keys(self, pane_id: str, *names: str) -> None:
        """Send keys by name."""

    async def paste(self, pane_id: str, text: str) -> None:
        """Paste a text, without Enter."""

    async def leave_mode(self, pane_id: str) -> None:
        """Leave copy mode and the like."""


class EnterPermitProtocol(Protocol):
    """Permission to send Enter keys; `sessions.prompt_budget` implements it. A ``text`` given is the one sent.

    A key that was taken is sent once that is ``stored``.
    """

    def refusal(self) -> Optional[str]:
        """Return why no key may be sent; None if one may."""

    def take(self, text: Optional[str] = None) -> Optional[str]:
        """Take a key; return why there is none, or None."""

    async def stored(self) -> None:
        """Wait until the keys that were taken are on the disk."""


class Abort(Exception):
    """The delivery ends with this result."""

    def __init__(self, result: str, detail: str, submitted: bool = False) -> None:
        super().__init__(detail)
        self.result, self.detail, self.submitted = result, detail, submitted


class Retry(Exception):
    """This attempt failed; the next one may succeed."""

    def __init__(self, result: str, detail: str) -> None:
        super().__init__(detail)
        self.result, self.detail = result, detail


class MenuOpened(Retry):
    """The usage-limit menu opened over the prompt box, and swallowed what was pasted.

    It opens after the refusal was told by the hook: 0.02 s after it in 2.1.81, 0.05 s in 2.1.197, 0.5 s in 2.1.332.
    """
