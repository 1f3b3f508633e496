# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timeouts and delays of a delivery."""

from __future__ import annotations

from dataclasses import dataclass

SETTLE = 0.025
"""Seconds from the moment at which a capture shows the text in the prompt box until Enter.

One Enter sent exactly the text, after a word, lines and a folded paste, on two cores with a load of 20 to 38: with
25 ms on Claude Code 2.1.332, 2.1.197 and 2.1.81 in 200 of 200 deliveries each, with none in 50 of 50 each
(``tests/bench/bench_settle.py``). Before the text was looked for, 150 ms had held in 60 of 60.
"""


@dataclass(frozen=True)
class Timing:
    """Timeouts and delays, in seconds.

    Timeouts: ``ready`` for the prompt box to appear, ``seen`` for the text to appear in it, ``leave`` for the text to
    leave the box after Enter, ``turn`` for a turn to start after that, ``interrupt`` for a turn to end after Escape.
    Delays: ``settle`` between seeing the text and Enter (see `SETTLE`), ``after_escape`` between Escape and the next
    key, ``first_poll`` and ``poll`` between two captures, at first and at most (see `Pauses`), ``ask`` between two
    questions whether the session has gone on while a turn runs (a transcript is read for each), ``backoff`` before the
    second attempt (doubled for each further one) and its maximum.
    """

    ready: float = 5.0
    seen: float = 3.0
    settle: float = SETTLE
    leave: float = 3.0
    turn: float = 15.0
    interrupt: float = 1.0
    after_escape: float = 0.4
    first_poll: float = 0.004
    poll: float = 0.05
    ask: float = 0.5
    backoff: tuple[float, float] = (0.5, 8.0)


class Pauses:
    """The pauses between the looks that wait for one thing: short at first, each half as long again, up to ``poll``.

    tmux gives no notice of a pane's output but to a client that is attached to the pane's session (%output, 3.3a), and
    an attached client takes alerts from whoever owns the session, and runs hooks. So what comes in milliseconds is
    looked for in milliseconds, and a look that finds the same rows costs no more than the capture.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._next = timing.first_poll

    def next(self) -> float:
        """Return the next pause."""
        pause = min(self._next, self._timing.poll)
        self._next = pause * 1.5
        return pause
