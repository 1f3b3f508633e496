# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the permission of a delivery before each key."""

from __future__ import annotations

from typing import Callable, Optional, Protocol

from ..tmux.client import Pane

Before = Optional[Callable[[], None]]


class CommandTerminalProtocol(Protocol):
    """The part of `tmux.client.Tmux` that deliveries use."""

    async def pane(self, pane_id: str) -> Pane:
        """Return a pane."""

    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]:
        """Return the visible rows of a pane."""

    async def keys(self, pane_id: str, *names: str, before: Before = None) -> None:
        """Send keys by name."""

    async def paste(self, pane_id: str, text: str, *, before: Before = None) -> None:
        """Paste a text, without Enter."""

    async def leave_mode(self, pane_id: str, *, before: Before = None) -> None:
        """Leave copy mode and the like."""

    async def command(self, *arguments: str) -> list[str]:
        """Run one tmux command; return the lines that it printed."""


class AssignmentRevoked(Exception):
    """The session may no longer have the task; nothing further is typed."""


class GuardedTerminal:
    """The terminal for `claude.prompt_delivery.deliver`.

    Before anything is typed, tmux lists the pane, and ``authorize(pane, enter)`` is called at the moment the keys are
    written to tmux: no reload can come in between. What it raises is passed on.
    """

    def __init__(self, terminal: CommandTerminalProtocol, authorize: Callable[[Pane, bool], None]) -> None:
        self._terminal = terminal
        self._authorize = authorize
        self.typed = False  # whether the prompt box may hold text of ours

    async def check(self, pane_id: str) -> None:
        """Check as before a key, and type nothing."""
        self._authorize(await self._terminal.pane(pane_id), False)

    async def pane(self, pane_id: str) -> Pane:
        return await self._terminal.pane(pane_id)

    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]:
        return await self._terminal.screen(pane_id, escapes)

    async def keys(self, pane_id: str, *names: str) -> None:
        pane = await self._terminal.pane(pane_id)
        await self._terminal.keys(pane_id, *names, before=lambda: self._authorize(pane, "Enter" in names))

    async def paste(self, pane_id: str, text: str) -> None:
        pane = await self._terminal.pane(pane_id)
        await self._terminal.paste(pane_id, text, before=lambda: self._authorize_text(pane))

    async def leave_mode(self, pane_id: str) -> None:
        pane = await self._terminal.pane(pane_id)
        await self._terminal.leave_mode(pane_id, before=lambda: self._authorize(pane, False))

    def _authorize_text(self, pane: Pane) -> None:
        self._authorize(pane, False)
        self.typed = True
