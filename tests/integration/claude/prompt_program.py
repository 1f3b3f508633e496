# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Minimal imitation of Claude Code's prompt box. Usage: prompt_program.py FILE [OPTION...]

Appends one JSON line to FILE for each submitted prompt and each choice made in a menu. Options: ``menu`` opens the
usage-limit menu, ``permission`` a permission dialog, ``draft=TEXT`` presets a draft, ``ghost=TEXT`` shows ghost text,
``deaf=N`` drops the first N reads, ``late=SECONDS`` delays the first drawing. As on 2.1.330: Enter counts only when it
arrives alone, Escape and a character in one read lose the character, long pastes are folded.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import tty

MENUS = {
    "menu": [
        "▔",
        "  What do you want to do?",
        "",
        "  ❯ 1. Stop and wait for limit to reset",
        "    2. Upgrade your plan",
        "",
        "  Enter to confirm · Esc to cancel",
    ],
    "permission": ["─", " Bash command", " Do you want to proceed?", " ❯ 1. Yes", "   2. No", " Esc to cancel"],
}


class Program:
    """A prompt box, or a menu in its place."""

    def __init__(self, path: str, options: list[str]) -> None:
        self.path = path
        self.settings = dict(option.partition("=")[::2] for option in options)
        self.menu = next((name for name in MENUS if name in self.settings), None)
        self.draft = self.settings.get("draft", "")
        self.deaf = int(self.settings.get("deaf", "0"))
        self.folded = ""

    def draw(self) -> None:
        width = shutil.get_terminal_size().columns
        if self.menu:
            rule, *rows = MENUS[self.menu]
            rows = [rule * width, *rows]
        else:
            ghost = self.settings.get("ghost", "")
            text = self.draft
            if ghost and not text:
                text = f"\x1b[7m{ghost[0]}\x1b[0;2m{ghost[1:]}\x1b[0m"
            lines = [text] if ghost and not self.draft else self.wrapped(text, width - 2)
            rows = [
                "─" * width,
                *(("  " if i else "❯\xa0") + line for i, line in enumerate(lines)),
                "─" * width,
                "  ⏵⏵ auto mode on",
            ]
        os.write(1, ("\x1b[H\x1b[2J● hello\r\n\r\n" + "\r\n".join(rows)).encode())

    @staticmethod
    def wrapped(text: str, width: int) -> list[str]:
        return [line[i : i + width] for line in text.split("\n") for i in range(0, max(1, len(line)), width)]

    def record(self, text: str) -> None:
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(text) + "\n")

    def read(self, data: str) -> None:
        if self.deaf:
            self.deaf -= 1
        elif self.menu:
            if data == "\x1b":
                self.menu = None
            elif "\r" in data or data[:1].isdigit():
                self.record(f"CHOSE IN {self.menu}")
                self.menu = None
        elif data.startswith("\x1b[200~"):
            self.paste(data[6:].replace("\x1b[201~", "").replace("\r", "\n"))
        elif data == "\r":
            if self.draft:
                self.record(self.folded or self.draft)
            self.draft = self.folded = ""
        elif data == "\x15":
            self.draft = self.draft.rpartition("\n")[0]
        elif data.startswith("\x1b"):
            self.draft += data[2:]
        else:
            self.draft += data.replace("\r", "\n")

    def paste(self, text: str) -> None:
        lines = text.count("\n")
        if lines > 10 or len(text) > 800:
            self.folded = text
            self.draft += f"[Pasted text #1 +{lines} lines]" if lines else "[Pasted text #1]"
        else:
            self.draft += text

    def run(self) -> None:
        tty.setraw(0)
        os.write(1, b"\x1b[?2004h")
        time.sleep(float(self.settings.get("late", "0")))
        while True:
            self.draw()
            data = os.read(0, 1 << 20)
            while data.startswith(b"\x1b[200~") and b"\x1b[201~" not in data:
                data += os.read(0, 1 << 20)
            self.read(data.decode())


Program(sys.argv[1], sys.argv[2:]).run()
