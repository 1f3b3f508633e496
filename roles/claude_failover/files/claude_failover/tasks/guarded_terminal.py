# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terminal as a task's prompt is typed to it: nothing reaches it unasked."""

from __future__ import annotations

from typing import Callable, Optional, Protocol

from ..tmux.client import Pane

Before = Optional[Callable[[], None]]


class CommandTerminalProtocol(Protocol):
    """What is needed of `tmux.client.Tmux`."""

    async def pane(self, pane_id: str) -> Pane: ...
    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]: ...
    async def keys(self, pane_id: str, *names: str, before: Before = None) -> None: ...
    async def type_text(self, pane_id: str, text: str, *, before: Before = None) -> None: ...
    async def paste(self, pane_id: str, text: str, *, before: Before = None) -> None: ...
    async def leave_mode(self, pane_id: str, *, before: Before = None) -> None: ...
    async def command(self, *arguments: str) -> list[str]: ...


class AssignmentRevoked(Exception):
    """The session may not have the task any more; nothing further is typed."""


class GuardedTerminal:
    """The terminal as `tmux.send.deliver` gets it.

    Before each thing that is typed tmux is asked how the pane stands, and ``allow(pane, enter)`` has the last word, at
    the very moment at which the keys go to tmux: a reload cannot come in between. What it raises comes out of here.
    """

    def __init__(self, terminal: CommandTerminalProtocol, allow: Callable[[Pane, bool], None]) -> None:
        self._terminal = terminal
        self._allow = allow
        self.typed = False  # whether text of ours can stand in the prompt box

    async def ask(self, pane_id: str) -> None:
        """Ask as before a key, and type nothing."""
        self._allow(await self._terminal.pane(pane_id), False)

    async def pane(self, pane_id: str) -> Pane:
        return await self._terminal.pane(pane_id)

    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]:
        return await self._terminal.screen(pane_id, escapes)

    async def keys(self, pane_id: str, *names: str) -> None:
        pane = await self._terminal.pane(pane_id)
        await self._terminal.keys(pane_id, *names, before=lambda: self._allow(pane, "Enter" in names))

    async def type_text(self, pane_id: str, text: str) -> None:
        pane = await self._terminal.pane(pane_id)
        await self._terminal.type_text(pane_id, text, before=lambda: self._allow_text(pane))

    async def paste(self, pane_id: str, text: str) -> None:
        pane = await self._terminal.pane(pane_id)
        await self._terminal.paste(pane_id, text, before=lambda: self._allow_text(pane))

    async def leave_mode(self, pane_id: str) -> None:
        pane = await self._terminal.pane(pane_id)
        await self._terminal.leave_mode(pane_id, before=lambda: self._allow(pane, False))

    def _allow_text(self, pane: Pane) -> None:
        self._allow(pane, False)
        self.typed = True
