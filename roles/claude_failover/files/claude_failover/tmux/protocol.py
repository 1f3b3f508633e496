# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse the output of a tmux control-mode client. Pure: bytes in, events out.

The protocol (tmux(1), CONTROL MODE; seen on tmux 3.3a): each command prints a block, from ``%begin TIME NUMBER FLAGS``
to ``%end`` or ``%error`` with the same three numbers. FLAGS is 1 for commands of this client and 0 for others (the
command line that started it, hooks). Between blocks there are notifications, ``%NAME …``. A line of several commands
prints one block per command and stops after the first that fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

from ..common.text import decoded, whole_number

MAX_KEPT = 64 << 20


@dataclass(frozen=True)
class CommandReply:
    """The reply to one command. ``ours``: this client sent it; ``ok`` is False if tmux printed %error."""

    number: int
    ours: bool
    ok: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Notification:
    """An event of the server: ``name`` without the ``%``, and the rest of the line."""

    name: str
    rest: str


@dataclass(frozen=True)
class UnexpectedLine:
    """A line that is neither a block nor a notification.

    tmux does not escape the text in a block, so a pane can show text that looks like a block's end. The real end then
    is an unexpected line, and the connection can no longer be trusted.
    """

    line: str


Event = Union[CommandReply, Notification, UnexpectedLine]


class ProtocolParser:
    """Incremental parser: accepts bytes in chunks of any size."""

    def __init__(self) -> None:
        self._partial: list[bytes] = []
        self._block: Optional[_BlockHeader] = None
        self._lines: list[str] = []
        self._kept = 0  # bytes of the unfinished line and of the block in progress

    def feed(self, data: bytes) -> list[Event]:
        """Parse more bytes; return the events that they complete.

        A line or a block of more than `MAX_KEPT` bytes is dropped, and an unexpected line takes its place.
        """
        self._kept += len(data)
        if self._kept > MAX_KEPT:
            self._partial, self._block, self._lines, self._kept = [], None, [], 0
            return [UnexpectedLine(f"more than {MAX_KEPT} bytes without an end")]
        first, *rest = data.split(b"\n")
        self._partial.append(first)
        events: list[Event] = []
        for piece in rest:
            event = self._parse_line(b"".join(self._partial))
            self._partial = [piece]
            if self._block is None:
                self._kept = len(piece)
            if event is not None:
                events.append(event)
        return events

    def _parse_line(self, line: bytes) -> Optional[Event]:
        word, _blank, rest = line.partition(b" ")
        if self._block is not None:
            if word in (b"%end", b"%error") and rest == self._block.text:
                reply = CommandReply(self._block.number, self._block.ours, word == b"%end", tuple(self._lines))
                self._block, self._lines = None, []
                return reply
            self._lines.append(_text(line))
            return None
        if word == b"%begin":
            self._block = _parse_header(rest)
            return None if self._block else UnexpectedLine(_text(line))
        if word in (b"%end", b"%error") or not word.startswith(b"%") or len(word) < 2:
            return UnexpectedLine(_text(line))
        return Notification(_text(word[1:]), _text(rest))


@dataclass(frozen=True)
class _BlockHeader:
    """The arguments of ``%begin``; the block's end repeats ``text`` exactly."""

    text: bytes
    number: int
    ours: bool


def _parse_header(text: bytes) -> Optional[_BlockHeader]:
    """Parse ``TIME NUMBER FLAGS``; return None for anything else."""
    numbers = [number for number in map(whole_number, _text(text).split(" ")) if number is not None]
    if len(numbers) != 3 or text.count(b" ") != 2:
        return None
    return _BlockHeader(text, number=numbers[1], ours=bool(numbers[2] & 1))


def _text(line: bytes) -> str:
    return decoded(line)
