# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions, turns and windows in made-up time, for tests of what is decided before a limit."""

from __future__ import annotations

import heapq
import itertools
from datetime import datetime, timedelta, timezone

from claude_failover.accounts.usage import UsageWindow
from claude_failover.accounts.usage_steps import MARGIN
from claude_failover.claude.turns import TurnEvent
from claude_failover.failover.next_turn import NextTurn

T0 = datetime(2026, 11, 22, 20, 0, tzinfo=timezone.utc)
RESET = T0 + timedelta(hours=5)
FLIP = 0.06  # seconds from an event to the link
AT_ONCE = 0.03  # seconds from a prompt's hook to its request
ROUNDING = 0.5  # per cent by which a figure can be above what is used
TOOL = 0.1  # seconds from an answer to the next request of a turn


class Simulation:
    """Sessions that work under one of two accounts, and change as `NextTurn` says.

    A request is refused where its step does not fit any more; it counts once it is answered. ``refused`` are the
    requests that were while more than ``spare`` answers fitted into an account, beside what is left free of each.
    """

    def __init__(self, steps, sessions, random, *, requests=(1, 1), spare=0, watched=True):
        self.steps, self.random, self.requests, self.watched = steps, random, requests, watched
        self.spare = spare
        self.used = dict.fromkeys(steps, 0.0)
        self.shown = dict.fromkeys(steps, 0.0)
        self.active = min(steps)
        self.next_turn = NextTurn()
        self.flips, self.refused, self.turns, self.flipping = [], [], 0, False
        self.now, self._order, self._events = 0.0, itertools.count(), []
        for number in range(sessions):
            self.after(random.uniform(0.1, 3), self.begin, f"session {number}")

    def after(self, seconds, action, *arguments):
        heapq.heappush(self._events, (self.now + seconds, next(self._order), action, arguments))

    @property
    def time(self):
        return T0 + timedelta(seconds=self.now)

    def free(self, account, unused=0.0):
        return int((100 - unused - self.used[account]) / self.steps[account] + 1e-9)

    def has_room(self):
        return max(self.free(account, MARGIN + ROUNDING) for account in self.steps) > self.spare

    def run(self, turns):
        """Run until so many turns have ended, or until no account has room to spare."""
        while self.turns < turns and self.has_room():
            self.now, _order, action, arguments = heapq.heappop(self._events)
            action(*arguments)
        return self

    def begin(self, session):
        self.tell(session, "prompt")
        self.after(AT_ONCE, self.ask, session, self.random.randint(*self.requests))

    def ask(self, session, left):
        account = self.active
        if self.free(account) < 1:
            if self.has_room():
                self.refused.append((self.now, account))
            self.end(session, "failure")
            return
        self.after(self.random.uniform(0.3, 5), self.answer, session, account, left)

    def answer(self, session, account, left):
        self.used[account] = min(100.0, self.used[account] + self.steps[account])
        self.after(self.random.uniform(0.3, 0.6), self.show, session, account, float(round(self.used[account])))
        if left > 1:
            self.after(TOOL, self.ask, session, left - 1)
        else:
            self.after(0.05, self.end, session, "stop")

    def end(self, session, kind):
        self.turns += 1
        self.tell(session, kind)
        self.after(self.random.uniform(0.1, 3), self.begin, session)

    def tell(self, session, kind):
        self.next_turn.on_turn(TurnEvent(session, None, kind, self.time))
        self.decide()

    def show(self, session, account, percent):
        self.shown[account] = max(percent, self.shown[account])
        windows = {"five_hour": UsageWindow(self.shown[account], RESET)}
        self.next_turn.on_figures(session, account, windows, self.time)
        self.decide()

    def decide(self):
        used = {name: {"five_hour": percent} if percent else {} for name, percent in self.shown.items()}
        roomier = self.next_turn.roomier(self.active, used, self.time)
        if self.watched and roomier and not self.flipping:
            self.flipping = True
            self.after(FLIP, self.flip, sorted(roomier)[0])

    def flip(self, target):
        self.flipping, self.active = False, target
        self.flips.append((target, dict(self.used)))
