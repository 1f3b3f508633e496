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
from typing import List, Optional, Union


@dataclass(frozen=True)
class Block:
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


Event = Union[Block, Notice, Stray]


class Parser:
    """Takes the bytes as they come, in pieces of any size."""

    def __init__(self) -> None:
        self._partial: List[bytes] = []
        self._guard: Optional[bytes] = None
        self._lines: List[str] = []

    def feed(self, data: bytes) -> List[Event]:
        """Take more bytes; return the events that they complete."""
        first, *others = data.split(b"\n")
        self._partial.append(first)
        events: List[Event] = []
        for following in others:
            event = self._line(b"".join(self._partial))
            self._partial = [following]
            if event is not None:
                events.append(event)
        return events

    def _line(self, line: bytes) -> Optional[Event]:
        word, _, rest = line.partition(b" ")
        if self._guard is not None:
            if word in (b"%end", b"%error") and rest == self._guard:
                return self._close(ok=word == b"%end")
            self._lines.append(_text(line))
            return None
        if word == b"%begin" and _numbers(rest) is not None:
            self._guard = rest
            return None
        if word in (b"%begin", b"%end", b"%error") or not word.startswith(b"%") or len(word) < 2:
            return Stray(_text(line))
        return Notice(_text(word[1:]), _text(rest))

    def _close(self, ok: bool) -> Block:
        assert self._guard is not None
        numbers = _numbers(self._guard)
        assert numbers is not None
        block = Block(number=numbers[1], ours=bool(numbers[2] & 1), ok=ok, lines=tuple(self._lines))
        self._guard, self._lines = None, []
        return block


def _numbers(rest: bytes) -> Optional[tuple[int, int, int]]:
    """Read ``TIME NUMBER FLAGS``; None when it is something else."""
    words = rest.split(b" ")
    if len(words) != 3 or not all(word.isdigit() for word in words):
        return None
    return int(words[0]), int(words[1]), int(words[2])


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
