# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide when the next turn would not fit into the active account, and which accounts have more room.

Pure: figures and turns come in, names of accounts go out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from ..accounts.usage import UsageWindow
from ..accounts.usage_steps import UNBOUNDED, UsageSteps
from ..claude.turns import TurnEvent
from .turns_in_flight import TurnsInFlight


class NextTurn:
    """The turns to come, as far as they are known: the steps of the accounts, and the turns in flight."""

    def __init__(self) -> None:
        self.steps = UsageSteps()
        self.turns = TurnsInFlight()

    def on_turn(self, event: TurnEvent) -> None:
        """Handle the begin or the end of a turn."""
        self.turns.on_turn(event)

    def on_figures(self, session: str, account: str, windows: Mapping[str, UsageWindow], now: datetime) -> None:
        """Handle figures of a session after an answer under that account."""
        self.steps.record(account, windows, self.turns.on_figures(session, now))

    def wanted(self, now: datetime) -> int:
        """Return how many answers have to fit: those outstanding, and of the turns that may begin before a flip."""
        return self.turns.outstanding(now) + self.turns.next_begins(now)

    def fits(self, account: str, used: Mapping[str, float], now: datetime) -> bool:
        """Return whether the turns in flight and the next one fit into the account; True if no step is known."""
        room = self.steps.room(account, used)
        return room is None or room >= self.wanted(now)

    def roomier(self, active: str, used: Mapping[str, Mapping[str, float]], now: datetime) -> Collection[str]:
        """Return the accounts to go on with, since the next turn may not fit into the active one; empty if it does.

        ``used``: the per cent used of every account, by window. Accounts into which everything fits are returned
        first of all. Where there is none, the active account is left only for one with room for a turn more, and only
        once the next request may be refused: two accounts that are nearly full are not changed at every turn.
        """
        room = self.steps.room(active, used.get(active, {}))
        wanted = self.wanted(now)
        if room is None or room >= wanted:
            return ()
        rooms = {name: self.steps.room(name, row) for name, row in used.items() if name != active}
        known = {name: UNBOUNDED if each is None else each for name, each in rooms.items()}
        ample = [name for name, each in known.items() if each >= wanted]
        if ample or room >= self.turns.outstanding(now) + 1:
            return ample
        return [name for name, each in known.items() if each >= 1 and each >= room + 1]
