# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pace at which each account's windows are used, from the figures that status lines gave within the last hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..common import clock
from .usage import UsageWindow

SPAN = timedelta(hours=1)
LEAST = timedelta(minutes=5)  # of figures, before a pace is told
_INTERVAL = timedelta(seconds=30)  # between two figures that are kept


@dataclass
class _Window:
    """The figures of one window until its reset, oldest first; a session that shows older ones again adds none."""

    resets_at: datetime | None
    figures: deque[tuple[datetime, float]] = field(default_factory=deque)

    def add(self, now: datetime, percent: float) -> None:
        newest = self.figures[-1] if self.figures else None
        if newest is None or (percent > newest[1] and now - newest[0] >= _INTERVAL):
            self.figures.append((now, percent))
        elif percent > newest[1]:
            self.figures[-1] = (newest[0], percent) if len(self.figures) > 1 else newest
        while len(self.figures) > 1 and self.figures[1][0] <= now - SPAN:
            self.figures.popleft()

    def per_hour(self, now: datetime) -> float | None:
        """Return the per cent used in an hour; None without figures of `LEAST`."""
        old = [percent for at, percent in self.figures if at <= now - SPAN]
        begin, percent = (now - SPAN, old[-1]) if old else self.figures[0]
        if now - begin < LEAST:
            return None
        return (self.figures[-1][1] - percent) / ((now - begin) / timedelta(hours=1))


class Pace:
    """The pace of every account. In memory only: after a start it is known again within minutes."""

    def __init__(self) -> None:
        self._windows: dict[str, dict[str, _Window]] = {}  # by account and name

    def record(self, account: str, windows: Mapping[str, UsageWindow], now: datetime) -> None:
        """Record the figures of a status line."""
        known = self._windows.setdefault(account, {})
        for name, row in windows.items():
            if name not in known or known[name].resets_at != row.resets_at:
                known[name] = _Window(row.resets_at)
            known[name].add(now, row.percent)

    def of(self, account: str | None, now: datetime) -> dict[str, Any]:
        """Return ``per_hour`` and ``runs_out_at`` of the account's window that is used up first; each can be None.

        It does not run out before a reset that comes earlier.
        """
        found = []
        for window in self._windows.get(account or "", {}).values():
            reset = None if window.resets_at is None else clock.expected(window.resets_at)
            pace = window.per_hour(now)
            if pace is None or (reset is not None and reset <= now):
                continue
            hours = max(0.0, 100 - window.figures[-1][1]) / pace if pace > 0 else float("inf")
            end = now + timedelta(hours=hours) if hours < 10_000 else None
            found.append((hours, pace, end if end is not None and (reset is None or end < reset) else None))
        if not found:
            return {"per_hour": None, "runs_out_at": None}
        _hours, pace, end = min(found, key=lambda row: (row[2] is None, row[0]))
        return {"per_hour": round(pace, 1), "runs_out_at": clock.optional_wall_iso(end)}
