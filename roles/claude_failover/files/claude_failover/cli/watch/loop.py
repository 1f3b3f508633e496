# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the daemon again and again, and show its answers on the full screen until a key ends it."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Any

from ...common import clock
from ...common.errors import FailoverError
from . import keys
from .content import LastAnswers

SECOND = 1.0  # between the pictures, in which times go on
SWITCHES = 5  # of the history

Ask = Callable[[str, "dict[str, Any] | None"], Any]


def is_possible() -> bool:
    """Return whether standard input and output are a terminal that can show it, and rich is installed."""
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    if os.environ.get("TERM", "dumb") == "dumb" or encoding != "utf8":
        return False
    try:
        import rich.console
        import rich.text  # noqa: F401 - whether it can be imported is the question
    except ImportError:
        return False
    return True


def run(ask: Ask, interval: float) -> int:
    """Show the status until q or Ctrl-C; returns 0, or 128 and the number of the signal that ended it.

    ``ask`` sends an operation to the daemon. Raises NotRunning or FailoverError if there is no answer at first; a
    daemon that goes away later is waited for, and the picture says so.
    """
    from .screen import Ended, FullScreen

    poller = _Poller(ask, interval)
    screen = FullScreen()
    try:
        with screen.shown():
            poller.start(screen.wake)
            _show(screen, poller)
    except KeyboardInterrupt:
        return 0
    except Ended as ended:
        return 128 + ended.number
    finally:
        poller.stop()
    return 0


def _show(screen: Any, poller: _Poller) -> None:
    """Draw, and take keys, until one ends it."""
    from .view import draw

    state: keys.ViewState | None = keys.ViewState()
    colour = not os.environ.get("NO_COLOR")
    typed, woken = screen.descriptors
    while state is not None:
        width, height = screen.size()
        frame = draw(poller.answers(), state, clock.wall(), width=width, height=height, colour=colour)
        screen.draw(frame.lines)
        ready = select.select([typed, woken], [], [], SECOND)[0]
        if woken in ready:
            screen.drain()
        if typed in ready:
            raw = screen.read_keys()
            if not raw:
                return  # nobody can type any more
            for key in keys.parse(raw):
                state = keys.pressed(state, key, page=frame.page, lines=frame.session_lines)
                if state is None:
                    return


class _Poller:
    """Asks the daemon in a thread of its own, so that keys never wait for it."""

    def __init__(self, ask: Ask, interval: float) -> None:
        self._ask = ask
        self._interval = interval
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._bug: Exception | None = None
        self._switches: list[dict[str, Any]] | None = None
        self._last_switch: Any = None  # with which they were asked for
        self._known = self._answer()

    def answers(self) -> LastAnswers:
        """Return what is known. Raises what the thread did not foresee."""
        with self._lock:
            if self._bug is not None:
                raise self._bug
            return self._known

    def start(self, on_answer: Callable[[], None]) -> None:
        """Start to ask; ``on_answer`` is called after each answer."""
        # It ends with the process: an answer that does not come keeps nobody waiting at the end.
        threading.Thread(target=self._run, args=(on_answer,), daemon=True, name="status").start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()

    def _run(self, on_answer: Callable[[], None]) -> None:
        while not self._stopped.wait(self._interval):
            try:
                found = self._answer()
            except FailoverError as error:
                with self._lock:
                    since = self._known.problem_since or clock.wall()
                    self._known = self._known._replace(problem=str(error), problem_since=since)
            except Exception as error:
                with self._lock:
                    self._bug = error
            else:
                with self._lock:
                    self._known = found
            on_answer()

    def _answer(self) -> LastAnswers:
        document = self._ask("status", None)
        if self._switches is None or document.get("last_switch") != self._last_switch:
            try:
                self._switches = self._ask("history", {"limit": SWITCHES})
            except FailoverError:  # the status has the last one
                self._switches = []
            self._last_switch = document.get("last_switch")
        return LastAnswers(document, self._switches)
