# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decode terminal input into keys, typed text and pastes (pure).

The real CLI treats 64 bytes or more that hold an Enter and arrive in one read as a paste, in which Enter submits
nothing; an Escape followed directly by text is read as Alt and a letter, which is lost. Both seen on 2.1.330.
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
class InputEvent:
    """``kind`` is ``key`` (``value`` is its name), ``text`` or ``paste``."""

    kind: str
    value: str


class Decoder:
    """Converts reads to events; an incomplete Escape sequence or paste waits for the next read."""

    def __init__(self) -> None:
        self._rest = ""

    @property
    def pending_escape(self) -> bool:
        """True while a lone Escape may still start a sequence."""
        return self._rest == "\x1b"

    def flush(self) -> list[InputEvent]:
        """Return a pending lone Escape as the Escape key."""
        if self.pending_escape:
            self._rest = ""
            return [InputEvent("key", "Escape")]
        return []

    def feed(self, text: str) -> list[InputEvent]:
        """Return the events of one read."""
        one_read = len(text.encode()) >= PASTE_FROM and "\r" in text and "\x1b" not in text and not self._rest
        if one_read:
            return [InputEvent("paste", text.replace("\r", "\n").rstrip("\n"))]
        text, self._rest = self._rest + text, ""
        events: list[InputEvent] = []
        while text:
            event, text = self._next(text)
            if event is None:
                break
            if event.kind == "text" and events and events[-1].kind == "text":
                event = InputEvent("text", events.pop().value + event.value)
            if event.value:
                events.append(event)
        return events

    def _next(self, text: str) -> tuple[InputEvent | None, str]:
        """Split one event off ``text``; None if the rest is incomplete."""
        if text.startswith(PASTE_BEGIN):
            body, end, rest = text[len(PASTE_BEGIN) :].partition(PASTE_END)
            if not end:
                self._rest = text
                return None, ""
            return InputEvent("paste", body.replace("\r\n", "\n").replace("\r", "\n")), rest
        if text[0] == "\x1b":
            return self._escape(text)
        if text[0] in CONTROL:
            return InputEvent("key", CONTROL[text[0]]), text[1:]
        if text[0] == "\n" or text[0] >= " ":
            return InputEvent("text", text[0]), text[1:]
        return InputEvent("text", ""), text[1:]

    def _escape(self, text: str) -> tuple[InputEvent | None, str]:
        if len(text) == 1 or (text[1] == "[" and not _sequence_end(text)):
            self._rest = text
            return None, ""
        if text[1] == "[":
            end = _sequence_end(text)
            return InputEvent("key", ARROWS.get(text[end - 1], "")), text[end:]
        if text[1] == "\x1b":
            return InputEvent("key", "Escape"), text[1:]
        return InputEvent("key", ""), text[2:]  # Alt and a letter: ignored


def _sequence_end(text: str) -> int:
    """Return the index after the control sequence at the start of ``text``, or 0 if it is incomplete."""
    for place in range(2, len(text)):
        if "@" <= text[place] <= "~":
            return place + 1
    return 0
