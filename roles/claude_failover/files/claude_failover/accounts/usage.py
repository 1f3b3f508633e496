# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of each account's windows is used, as the status line of its sessions says.

``rate_limits`` is ``{"five_hour": {"used_percentage": 92, "resets_at": EPOCH}, "seven_day": …}``, from the first answer
on and for subscriptions only (Claude Code 2.1.330).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..storage.store import Store

DOCUMENT = "usage"


@dataclass(frozen=True)
class UsageWindow:
    """One window of one account: per cent used, and when it begins anew (None: not known)."""

    percent: float
    resets_at: datetime | None


class Usage:
    """The newest figures, by account and window. Durable, so that a restart does not forget a full account."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._windows: dict[str, dict[str, UsageWindow]] = {}
        for name, rows in store.load(DOCUMENT, {}).items():
            windows = self._windows[str(name)] = read_windows(rows)
            if not isinstance(rows, dict) or len(windows) < len(rows):
                store.keep_aside(DOCUMENT)

    def note(self, account: str, figures: Any) -> bool:
        """Take in the figures of a status line; returns whether they say anything new. Raises OSError."""
        windows = read_windows(figures)
        held = self._windows.get(account, {})
        if not windows or {**held, **windows} == held:
            return False
        self._windows[account] = {**held, **windows}
        document = {
            name: {
                window: {
                    "used_percentage": row.percent,
                    "resets_at": None if row.resets_at is None else row.resets_at.timestamp(),
                }
                for window, row in rows.items()
            }
            for name, rows in self._windows.items()
        }
        self._store.save(DOCUMENT, document)
        return True

    def percent(self, account: str, now: datetime) -> dict[str, float]:
        """Return the per cent used by window; one that has begun anew since counts as unused and is left out."""
        return {
            window: row.percent
            for window, row in self._windows.get(account, {}).items()
            if row.resets_at is None or row.resets_at > now
        }

    def next_reset(self, account: str, now: datetime) -> datetime | None:
        """Return when a window of the account next begins anew."""
        moments = [row.resets_at for row in self._windows.get(account, {}).values() if row.resets_at]
        return min((moment for moment in moments if moment > now), default=None)

    def same_as(self, account: str, figures: Any) -> bool:
        """Tell whether figures are those that are already known of the account: the same windows, to the second."""
        held = self._windows.get(account, {})
        return any(
            window in held and row.resets_at is not None and row.resets_at == held[window].resets_at
            for window, row in read_windows(figures).items()
        )


def read_windows(figures: Any) -> dict[str, UsageWindow]:
    """Return what can be read of ``rate_limits``; anything else is passed over."""
    windows = {}
    for name, row in figures.items() if isinstance(figures, Mapping) else ():
        percent = row.get("used_percentage") if isinstance(row, Mapping) else row
        if isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 <= percent <= 1000:
            continue
        windows[str(name)] = UsageWindow(
            float(percent), _moment(row.get("resets_at") if isinstance(row, Mapping) else None)
        )
    return windows


def _moment(epoch: Any) -> datetime | None:
    if isinstance(epoch, bool) or not isinstance(epoch, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(epoch, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None
