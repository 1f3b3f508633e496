# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read raw keys from the terminal and draw whole screens."""

from __future__ import annotations

import os
import sys
import termios
import tty

BEGIN = "\x1b[?1049h\x1b[?2004h\x1b[?25l"
END = "\x1b[?25h\x1b[?2004l\x1b[?1049l"


class Terminal:
    """Standard input and output, which must be a terminal."""

    def __init__(self) -> None:
        self._saved = termios.tcgetattr(0)
        self._shown = ""

    def open(self) -> None:
        """Enter raw mode, the alternate screen and bracketed paste."""
        tty.setraw(0, termios.TCSANOW)
        self._write(BEGIN)

    def close(self, notice: str) -> None:
        """Restore the terminal and print a notice."""
        self._write(END)
        termios.tcsetattr(0, termios.TCSANOW, self._saved)
        if notice:
            # The real one begins with an empty line, too; tmux scrolls one line away when it marks a pane as dead.
            self._write("\n" + notice + "\n")

    def size(self) -> tuple[int, int]:
        """Return columns and lines."""
        try:
            found = os.get_terminal_size(1)
        except OSError:
            return 80, 24
        return found.columns, found.lines

    def show(self, lines: list[str]) -> None:
        """Draw a whole screen in one write, if it differs from the current one."""
        text = "\x1b[H" + "\r\n".join(f"{line}\x1b[0m\x1b[K" for line in lines)
        if text != self._shown:
            self._shown = text
            self._write(text)

    def redraw(self) -> None:
        """Force the next `show` to draw, after a resize."""
        self._shown = ""

    @staticmethod
    def _write(text: str) -> None:
        raw = text.encode()
        while raw:
            raw = raw[os.write(1, raw) :]


def is_terminal() -> bool:
    """Return True if standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()
