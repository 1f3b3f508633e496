# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits of sessions that no switch moves: each stands at its own until it asks again, or the limit has reset."""

from __future__ import annotations

from datetime import datetime

from ..claude.turns import TurnEvent
from ..common import clock
from ..common.limit_words import limit_word


class OwnLimits:
    """Keeps what such a session was told, until its next turn. Found anew in the transcripts after a restart."""

    def __init__(self) -> None:
        self._limits: dict[str, tuple[str | None, datetime, str]] = {}  # by session: limit, reset, whose it is

    def record(self, session: str, limit: str | None, until: datetime, account: str | None) -> None:
        """Record the limit of a session; ``account`` is None where its login is no account's."""
        self._limits[session] = limit, until, account or "a login of its own"

    def on_turn(self, event: TurnEvent) -> None:
        """Forget the limit of a session that asks again, was answered, or has ended."""
        if event.kind != "failure":
            self._limits.pop(event.session, None)

    def reason(self, session: str, now: datetime) -> str | None:
        """Return what to tell of the session's limit, or None."""
        limit, until, whose = self._limits.get(session, (None, now, ""))
        if until <= now:
            return None
        return (
            f"it has hit the {limit_word(limit)} limit of {whose}, until {clock.wall_iso(until)}; it stays with that "
            "login, so no switch moves it and nothing is sent to it"
        )
