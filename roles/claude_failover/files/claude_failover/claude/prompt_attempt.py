# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An attempt to send a prompt: what it needs of a terminal, who permits its keys, and how it ends without success."""

from __future__ import annotations

from typing import Optional, Protocol

from ..tmux.client import Pane


class TerminalProtocol(Protocol):
    """The methods of `tmux.client.Tmux` that a delivery uses."""

    async def pane(self, pane_id: str) -> Pane: ...
    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]: ...
    async def keys(self, pane_id: str, *names: str) -> None: ...
    async def paste(self, pane_id: str, text: str) -> None: ...
    async def leave_mode(self, pane_id: str) -> None: ...


class EnterPermitProtocol(Protocol):
    """Permission to send Enter keys; `sessions.prompt_budget` implements it. A ``text`` given is the one sent.

    A key that was taken is sent once that is ``stored``.
    """

    def refusal(self) -> Optional[str]: ...
    def take(self, text: Optional[str] = None) -> Optional[str]: ...
    async def stored(self) -> None: ...


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
