# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer Claude Code's owner dialog with a copy of the conversation to the account that is logged in.

Seen on 2.1.330 and 2.1.332: the dialog has two questions, and the cursor is at the exit at first. Neither takes a key
in its first second, and a key in it begins the second anew. The account that is offered is the one whose name the CLI
has read last, which can be another than the active one. The copy is confirmed in the second question, whose cursor is
at "Go Back". Esc is sent to neither, and Enter only where the cursor was seen at the entry with the address of the
account.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Sequence
from typing import Callable, Optional, Protocol

from .prompt_box import Dialog, find_dialog

SETTLE = 1.3  # seconds without a key, after which a question takes one
SEEN = 3.0  # seconds for the cursor to move, or the next question to come
POLL = 0.1
MOVES = 6  # keys that the cursor is moved with at most


class KeyboardProtocol(Protocol):
    """The methods of `tmux.client.Tmux` that an answer uses."""

    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]:
        """Return the visible rows of a pane."""

    async def keys(self, pane_id: str, *names: str) -> None:
        """Send keys by name."""


class _NotAnswered(Exception):
    """The question is left as it is."""


async def copy_conversation(
    tmux: KeyboardProtocol,
    pane_id: str,
    address: str,
    allowed: Callable[[], bool],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Optional[str]:
    """Copy the conversation to the account with that address; returns None when that was confirmed, else why not.

    ``allowed`` is asked right before each Enter: whether that account is active and may be copied to still, and the
    question is about the same conversation. Raises TmuxError.
    """
    answer = _Answer(tmux, pane_id, allowed, sleep)
    try:
        dialog = await answer.look()
        if dialog is not None and dialog.kind == "owner":
            await answer.choose("owner", lambda options: _offers(options, address))
            dialog = await answer.wait_for(lambda found: found is None or found.kind == "owner_copy")
        if dialog is None or dialog.kind != "owner_copy":
            return "the question of the copy did not come"
        if not _names(dialog.title.partition("?")[0], "Copy this session to ", address):
            return "the copy that it asks about is for another account than the active one"
        await answer.choose("owner_copy", lambda options: [i for i, row in enumerate(options) if row == "Continue"])
        dialog = await answer.wait_for(lambda found: found is None or found.kind != "owner_copy")
    except _NotAnswered as error:
        return str(error)
    return None if dialog is None else "it asks again"


class _Answer:
    """The keys of one answer."""

    def __init__(
        self,
        tmux: KeyboardProtocol,
        pane_id: str,
        allowed: Callable[[], bool],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._tmux, self._pane_id, self._allowed, self._sleep = tmux, pane_id, allowed, sleep

    async def look(self) -> Optional[Dialog]:
        """Return the dialog that is open, or None."""
        return find_dialog(await self._tmux.screen(self._pane_id, escapes=True))

    async def wait_for(self, seen: Callable[[Optional[Dialog]], bool]) -> Optional[Dialog]:
        """Look until it is seen; returns what is there then. Raises _NotAnswered."""
        for _look in range(int(SEEN / POLL)):
            dialog = await self.look()
            if seen(dialog):
                return dialog
            await self._sleep(POLL)
        raise _NotAnswered("it did not go on after a key")

    async def choose(self, kind: str, wanted: Callable[[Sequence[str]], list[int]]) -> None:
        """Move the cursor to the wanted option and press Enter. Raises _NotAnswered.

        ``wanted`` returns the places of the rows at which the wanted options begin.
        """
        await self._sleep(SETTLE)
        for _move in range(MOVES):
            dialog = await self._with_cursor(kind)
            if dialog is None or dialog.kind != kind or dialog.selected is None:
                raise _NotAnswered("it is not open any more")
            places = wanted(dialog.options)
            if len(places) != 1:
                raise _NotAnswered("it does not offer the active account")
            if dialog.selected == places[0]:
                if not self._allowed():
                    raise _NotAnswered("another account is active, or another conversation open, by now")
                await self._tmux.keys(self._pane_id, "Enter")
                return
            was = dialog.selected
            await self._tmux.keys(self._pane_id, "Down" if was < places[0] else "Up")
            await self._moved(kind, was)
        raise _NotAnswered("its cursor does not move")

    async def _with_cursor(self, kind: str) -> Optional[Dialog]:
        """Look until the question shows its cursor, which its first frame does not. Raises _NotAnswered."""
        for _look in range(int(SEEN / POLL)):
            dialog = await self.look()
            if dialog is None or dialog.kind != kind or dialog.selected is not None:
                return dialog
            await self._sleep(POLL)
        raise _NotAnswered("it shows no cursor, as in the look for screen readers")

    async def _moved(self, kind: str, was: int) -> None:
        """Wait for the cursor to leave a place, no longer than a question needs to take a key again."""
        for _look in range(int(SETTLE / POLL)):
            dialog = await self.look()
            if dialog is None or dialog.kind != kind or dialog.selected not in (None, was):
                return
            await self._sleep(POLL)


def _offers(options: Sequence[str], address: str) -> list[int]:
    """Return where the copy to that address begins; in a narrow pane each of its rows is one of ``options``."""
    found = []
    for place in range(len(options)):
        for end in range(place + 1, len(options) + 1):
            text = " ".join(options[place:end])
            if text.endswith(" and continue"):
                if _names(text[: -len(" and continue")], "Copy to ", address):
                    found.append(place)
                break
    return found


def _names(text: str, start: str, address: str) -> bool:
    """Return whether a text is ``start`` and the address, alone or with an organization in parentheses."""
    return re.fullmatch(re.escape(start + address) + r"(?: \(.*\))?", text) is not None
