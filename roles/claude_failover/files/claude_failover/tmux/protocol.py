# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tmux control-mode client prints, taken apart. Pure: bytes in, events out.

The protocol (tmux(1), CONTROL MODE; seen on tmux 3.3a): each command that ran prints a block, from ``%begin TIME NUMBER
FLAGS`` to ``%end`` or ``%error`` with the same three numbers. FLAGS is 1 for the commands of this client
and 0 for others (the command line that started it, and hooks). Between blocks come notices, ``%NAME …``.
A line of several commands prints one block a command, and stops after the first that fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union


@dataclass(frozen=True)
class CommandReply:
    """The answer to one command. ``ours``: this client sent it; ``ok``: False when tmux printed %error."""

    number: int
    ours: bool
    ok: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Notice:
    """Something that happened in the server: ``name`` without its ``%``, and the rest of the line."""

    name: str
    rest: str


@dataclass(frozen=True)
class Stray:
    """A line that belongs to nothing.

    tmux does not escape what it prints in a block, so a pane can show a text that looks like the end of one.
    The real end then comes as a stray: whoever sees one must not trust this connection any further.
    """

    line: str


Event = Union[CommandReply, Notice, Stray]


class ProtocolParser:
    """Takes the bytes as they come, in pieces of any size."""

    def __init__(self) -> None:
        self._partial: list[bytes] = []
        self._guard: Optional[_BlockMarker] = None
        self._lines: list[str] = []

    def feed(self, data: bytes) -> list[Event]:
        """Take more bytes; return the events that they complete."""
        first, *others = data.split(b"\n")
        self._partial.append(first)
        events: list[Event] = []
        for following in others:
            event = self._line(b"".join(self._partial))
            self._partial = [following]
            if event is not None:
                events.append(event)
        return events

    def _line(self, line: bytes) -> Optional[Event]:
        word, _blank, rest = line.partition(b" ")
        if self._guard is not None:
            if word in (b"%end", b"%error") and rest == self._guard.text:
                block = CommandReply(self._guard.number, self._guard.ours, word == b"%end", tuple(self._lines))
                self._guard, self._lines = None, []
                return block
            self._lines.append(_text(line))
            return None
        if word == b"%begin":
            self._guard = _guard(rest)
            return None if self._guard else Stray(_text(line))
        if word in (b"%end", b"%error") or not word.startswith(b"%") or len(word) < 2:
            return Stray(_text(line))
        return Notice(_text(word[1:]), _text(rest))


@dataclass(frozen=True)
class _BlockMarker:
    """What ``%begin`` said: the very text that the end has to repeat."""

    text: bytes
    number: int
    ours: bool


def _guard(text: bytes) -> Optional[_BlockMarker]:
    """Read ``TIME NUMBER FLAGS``; None when it is something else."""
    words = text.split(b" ")
    if len(words) != 3 or not all(word.isdigit() for word in words):
        return None
    return _BlockMarker(text, number=int(words[1]), ours=bool(int(words[2]) & 1))


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
