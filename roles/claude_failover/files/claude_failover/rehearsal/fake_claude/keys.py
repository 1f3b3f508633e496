# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the terminal sends, as keys, typed text and pastes (pure).

The real CLI takes 64 bytes or more that hold an Enter and arrive in one read for a paste, in which Enter submits
nothing; an Escape with text right behind it for Alt and a letter, which is lost. Both seen on Claude Code 2.1.330.
"""

from __future__ import annotations

from dataclasses import dataclass

PASTE_BEGIN, PASTE_END = "\x1b[200~", "\x1b[201~"
PASTE_FROM = 64  # bytes in one read
CONTROL = {
    "\r": "Enter",
    "\t": "Tab",
    "\x03": "C-c",
    "\x04": "C-d",
    "\x15": "C-u",
    "\x7f": "Backspace",
    "\x08": "Backspace",
}
ARROWS = {"A": "Up", "B": "Down", "C": "Right", "D": "Left", "Z": "BackTab"}


@dataclass(frozen=True)
class Event:
    """``kind`` is ``key`` (``value`` is its name), ``text`` or ``paste``."""

    kind: str
    value: str


class Decoder:
    """Turns reads into events; an Escape or a paste that is not complete yet waits for the next read."""

    def __init__(self) -> None:
        self._rest = ""

    @property
    def pending_escape(self) -> bool:
        """Whether a lone Escape waits for what may follow it."""
        return self._rest == "\x1b"

    def flush(self) -> list[Event]:
        """Nothing has followed: a lone Escape is the key."""
        if self.pending_escape:
            self._rest = ""
            return [Event("key", "Escape")]
        return []

    def feed(self, text: str) -> list[Event]:
        """Return the events of one read."""
        one_read = len(text.encode()) >= PASTE_FROM and "\r" in text and "\x1b" not in text and not self._rest
        if one_read:
            return [Event("paste", text.replace("\r", "\n").rstrip("\n"))]
        text, self._rest = self._rest + text, ""
        events: list[Event] = []
        while text:
            event, text = self._next(text)
            if event is None:
                break
            if event.kind == "text" and events and events[-1].kind == "text":
                event = Event("text", events.pop().value + event.value)
            if event.value:
                events.append(event)
        return events

    def _next(self, text: str) -> tuple[Event | None, str]:
        """Take one event off ``text``; None when the rest has to wait."""
        if text.startswith(PASTE_BEGIN):
            body, end, rest = text[len(PASTE_BEGIN) :].partition(PASTE_END)
            if not end:
                self._rest = text
                return None, ""
            return Event("paste", body.replace("\r\n", "\n").replace("\r", "\n")), rest
        if text[0] == "\x1b":
            return self._escape(text)
        if text[0] in CONTROL:
            return Event("key", CONTROL[text[0]]), text[1:]
        if text[0] == "\n" or text[0] >= " ":
            return Event("text", text[0]), text[1:]
        return Event("text", ""), text[1:]

    def _escape(self, text: str) -> tuple[Event | None, str]:
        if len(text) == 1 or (text[1] == "[" and not _sequence_end(text)):
            self._rest = text
            return None, ""
        if text[1] == "[":
            end = _sequence_end(text)
            return Event("key", ARROWS.get(text[end - 1], "")), text[end:]
        if text[1] == "\x1b":
            return Event("key", "Escape"), text[1:]
        return Event("key", ""), text[2:]  # Alt and a letter: it means nothing here, and the letter is lost


def _sequence_end(text: str) -> int:
    """Return the index behind the control sequence that ``text`` begins with, or 0 while it is not complete."""
    for place in range(2, len(text)):
        if "@" <= text[place] <= "~":
            return place + 1
    return 0
