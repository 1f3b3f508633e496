# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terminal while the full screen is shown: its modes, what changed drawn at once, and given back at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from types import FrameType

# Alternate screen; no cursor; no line break at the right edge.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
# Synchronized update: a terminal that knows it shows all of it at once; others ignore it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"


class Ended(Exception):
    """A signal that ends the process has arrived; ``number`` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class FullScreen:
    """The terminal of standard input and output; one in a process. Used as a context, it gives the terminal back."""

    def __init__(self) -> None:
        self._input, self._output = sys.stdin.fileno(), sys.stdout.fileno()
        self._modes = termios.tcgetattr(self._input)
        self._shown: list[str] = []
        self._wake_out, self._wake_in = os.pipe()
        for descriptor in (self._wake_out, self._wake_in):
            os.set_blocking(descriptor, False)

    @property
    def descriptors(self) -> tuple[int, int]:
        """The descriptors to wait for: that of keys, and one that is readable after `wake`."""
        return self._input, self._wake_out

    @contextlib.contextmanager
    def shown(self) -> Iterator[FullScreen]:
        """Show the full screen; raises Ended in it for SIGTERM and SIGHUP."""
        handlers = {
            signal.SIGWINCH: self._on_resize,
            signal.SIGTSTP: self._on_stop,
            signal.SIGTERM: self._on_end,
            signal.SIGHUP: self._on_end,
        }
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            self._enter()
            yield self
        finally:
            with contextlib.suppress(OSError, termios.error):  # the terminal is gone after SIGHUP
                self._leave()
            for number, handler in before.items():
                signal.signal(number, handler)

    def size(self) -> tuple[int, int]:
        """Return columns and lines; those of a usual terminal where it does not know its own."""
        size = os.get_terminal_size(self._output)
        return size.columns or 80, size.lines or 24

    def draw(self, lines: Sequence[str]) -> None:
        """Draw the lines that are other ones than before."""
        if len(lines) != len(self._shown):
            self._shown = []
        before: Sequence[str | None] = self._shown or [None] * len(lines)
        changed = [
            f"\x1b[{number};1H\x1b[0m\x1b[2K{line}\x1b[0m"
            for number, (line, old) in enumerate(zip(lines, before), 1)
            if line != old
        ]
        if changed:
            clear = "" if self._shown else "\x1b[2J"
            self._write(_BEGIN + clear + "".join(changed) + _END)
        self._shown = list(lines)

    def wake(self) -> None:
        """Make the second of `descriptors` readable; from any thread, and in a handler of signals."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_in, b"w")

    def read_keys(self) -> bytes:
        """Return what was typed; empty where the terminal is gone."""
        try:
            return os.read(self._input, 1024)
        except OSError:
            return b""

    def drain(self) -> None:
        """Forget that `wake` was called."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_out, 4096)

    def _enter(self) -> None:
        tty.setcbreak(self._input, termios.TCSANOW)
        self._shown = []
        self._write(_ENTER)

    def _leave(self) -> None:
        termios.tcsetattr(self._input, termios.TCSADRAIN, self._modes)
        self._write(_LEAVE)

    def _write(self, text: str) -> None:
        raw = text.encode("utf-8", "replace")
        while raw:
            raw = raw[os.write(self._output, raw) :]

    def _on_resize(self, _number: int, _frame: FrameType | None) -> None:
        self._shown = []
        self.wake()

    def _on_end(self, number: int, _frame: FrameType | None) -> None:
        raise Ended(number)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        """Give the terminal to the shell, stop, and take it again when the process is continued."""
        self._leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._on_stop)
        self._enter()
        self.wake()
