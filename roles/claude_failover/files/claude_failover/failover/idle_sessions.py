# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell which sessions are not idle, so that a failback disturbs none.

A session whose conversation went on in the background (agents view) has nothing under way in its pane, and what it does
there is not watched, so that its end would never be seen: it is waited for no longer than `PARKED`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..common.log_fields import log_fields
from ..common.text import natural_key
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession

log = logging.getLogger(__name__)

PARKED = 3600.0  # seconds


class IdleSessions:
    """The sessions that a failback waits for; ``monotonic`` returns seconds."""

    def __init__(self, sessions: SessionTable, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._monotonic = monotonic
        self._parked: dict[str, tuple[str, float]] = {}  # by session: the background job, and when it was first seen
        self._told: set[tuple[str, str]] = set()

    def not_idle(self) -> list[str]:
        """Return the sessions that have something under way, each with its state.

        Those aside that are set aside or not waited for.
        """
        self._parked = {
            tracked.name: self._parked_since(tracked.name, tracked.parked_job)
            for tracked in self._sessions
            if tracked.parked_job is not None
        }
        found = [tracked for tracked in self._sessions if self._is_waited_for(tracked)]
        found.sort(key=lambda tracked: natural_key(tracked.name))
        return [f"{tracked.name} ({tracked.state})" for tracked in found]

    def _is_waited_for(self, tracked: TrackedSession) -> bool:
        if tracked.state == "waiting" and tracked.question is None:
            return not self._is_given_up(tracked.name)
        return tracked.state not in ("idle", "down", "other")

    def _parked_since(self, name: str, job: str) -> tuple[str, float]:
        known = self._parked.get(name)
        return known if known is not None and known[0] == job else (job, self._monotonic())

    def _is_given_up(self, name: str) -> bool:
        """Return whether a parked session is not waited for any more, which is told once."""
        if name not in self._parked:
            return False
        job, since = self._parked[name]
        if self._monotonic() - since < PARKED:
            return False
        if (name, job) not in self._told:
            self._told.add((name, job))
            log.warning(
                "session %s: its conversation has been in the background (agents view) for %.0f minutes; a failback "
                "waits for it no longer",
                name,
                PARKED / 60,
                extra=log_fields(session=name),
            )
        return True
