# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The draft in the prompt box (pure). Seen on Claude Code 2.1.330."""

from __future__ import annotations

import hashlib
import re

LONG = 800  # characters; a longer paste is shown as a placeholder
LINES = 2  # line breaks; a paste with more is shown as a placeholder
PLACEHOLDER = re.compile(r"\[Pasted text #(\d+)(?: \+\d+ lines)?\]")


class Editor:
    """A draft; the cursor is always at its end."""

    def __init__(self) -> None:
        self.text = ""
        self.pastes: dict[int, str] = {}
        self._count = 0

    def type(self, text: str) -> None:
        """Add typed text."""
        self.text += text

    def paste(self, text: str) -> None:
        """Add pasted text, or a placeholder for a long one."""
        breaks = text.count("\n")
        if len(text) <= LONG and breaks <= LINES:
            self.text += text
            return
        self._count += 1
        self.pastes[self._count] = text
        lines = f" +{breaks} lines" if breaks else ""
        self.text += f"[Pasted text #{self._count}{lines}]"

    def backspace(self) -> None:
        """Remove the last character, or a whole placeholder."""
        placeholders = list(PLACEHOLDER.finditer(self.text))
        if placeholders and placeholders[-1].end() == len(self.text):
            self.text = self.text[: placeholders[-1].start()]
        else:
            self.text = self.text[:-1]

    def kill_line(self) -> None:
        """Remove the text of the last line, or the line itself if it is empty (C-u)."""
        head, separator, line = self.text.rpartition("\n")
        self.text = head + separator if line else head

    def clear(self) -> None:
        """Empty the draft."""
        self.text = ""

    def take(self) -> str:
        """Return the draft with placeholders replaced by the marked text, and empty it."""

        def expand(found: re.Match[str]) -> str:
            text = self.pastes.get(int(found.group(1)))
            if text is None:
                return found.group(0)
            mark = hashlib.sha256(b"fake-claude").hexdigest()[:4]
            return f'\n\n<pasted_content id="{mark}">\n{text}\n</pasted_content id="{mark}">\n'

        submitted = PLACEHOLDER.sub(expand, self.text)
        self.text = ""
        self.pastes.clear()
        return submitted
