# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers that are still to come, or whose figures are: of the turns under way and of those that have ended."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..claude.turns import TurnEvent

FIGURES_DELAY = timedelta(seconds=3)  # after the end of a turn, in which its figures come; none come without a change
LONGEST = timedelta(minutes=30)  # of a turn without figures; one that Escape ended has no end
BURST = timedelta(seconds=0.5)  # in which turns can begin before a flip is in force
MEMORY = timedelta(minutes=10)  # of bursts


@dataclass
class _Turn:
    """The newest turn of a session; ``goes_on``: it has shown figures and not ended, so that it makes many requests."""

    begun: datetime
    seen: datetime
    ended: datetime | None = None
    goes_on: bool = False
    counted: bool = False
    reported: bool = False


class TurnsInFlight:
    """The newest turn of every session."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._begins: deque[datetime] = deque()  # within BURST
        self._bursts: deque[tuple[datetime, int]] = deque()  # within MEMORY; the numbers fall

    def on_turn(self, event: TurnEvent) -> None:
        """Handle the begin or the end of a turn, or of a session."""
        turn = self._turns.get(event.session)
        if event.kind == "prompt":
            self._turns[event.session] = _Turn(event.at, event.at)
            self._note_begin(event.at)
        elif event.kind in ("stop", "failure") and turn is not None and turn.ended is None:
            turn.ended = event.at
            turn.reported = event.kind == "failure"  # a refused request uses nothing
        elif event.kind == "end":
            self._turns.pop(event.session, None)

    def on_figures(self, session: str, now: datetime) -> int:
        """Handle a session's figures after an answer; returns how many answers they may hold that none held before.

        Turns of other sessions that have ended since may be in them.
        """
        answers = 1
        for name, turn in self._turns.items():
            if name != session and self._is_unreported(turn, now) and not turn.counted:
                turn.counted, answers = True, answers + 1
        own = self._turns.get(session)
        if own is None:
            return answers
        answers -= own.counted
        own.counted, own.seen = False, now
        own.goes_on = own.ended is None
        own.reported = own.ended is not None
        return answers

    def begun(self, session: str) -> datetime | None:
        """Return when the session's newest turn began, if it has ended."""
        turn = self._turns.get(session)
        return turn.begun if turn is not None and turn.ended is not None else None

    def rename(self, old: str, new: str) -> None:
        """Give a session another name."""
        if old in self._turns:
            self._turns[new] = self._turns.pop(old)

    def outstanding(self, now: datetime) -> int:
        """Return how many answers no figures hold yet.

        A turn that has shown figures goes on with another request before the next ones come.
        """
        return sum(self._answers_of(turn, now) for turn in self._turns.values())

    def next_begins(self, now: datetime) -> int:
        """Return how many turns may begin before a flip is in force: the most within `BURST` lately, at least one."""
        self._forget_bursts(now)
        most = max((count for _at, count in self._bursts), default=1)
        under_way = sum(turn.ended is None for turn in self._turns.values())
        return max(1, min(most, len(self._turns) - under_way))

    def _answers_of(self, turn: _Turn, now: datetime) -> int:
        if turn.ended is None:
            return 0 if now - turn.seen > LONGEST else 1 + turn.goes_on
        return int(self._is_unreported(turn, now))

    @staticmethod
    def _is_unreported(turn: _Turn, now: datetime) -> bool:
        return turn.ended is not None and not turn.reported and now - turn.ended <= FIGURES_DELAY

    def _note_begin(self, at: datetime) -> None:
        self._begins.append(at)
        while self._begins[0] <= at - BURST:
            self._begins.popleft()
        count = len(self._begins)
        while self._bursts and self._bursts[-1][1] <= count:
            self._bursts.pop()
        self._bursts.append((at, count))
        self._forget_bursts(at)

    def _forget_bursts(self, now: datetime) -> None:
        while self._bursts and self._bursts[0][0] < now - MEMORY:
            self._bursts.popleft()
