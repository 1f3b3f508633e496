# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage of each account's windows, as reported by the status lines of its sessions.

``rate_limits`` is ``{"five_hour": {"used_percentage": 92, "resets_at": EPOCH}, "seven_day": …}``, from the first answer
on and for subscriptions only (Claude Code 2.1.330).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..common import clock
from ..common.renaming import renamed
from ..storage.store import Store

DOCUMENT = "usage"
MAX_WINDOWS = 16  # of an account; the rest is ignored
_ONE_ANSWER = 5.0  # per cent of a window that one answer can use
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")


@dataclass(frozen=True)
class UsageWindow:
    """One window of one account: per cent used, and when it resets (None: unknown)."""

    percent: float
    resets_at: datetime | None


class Usage:
    """The newest figures by account and window. Durable: a restart does not forget a full account."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._windows: dict[str, dict[str, UsageWindow]] = {}
        for name, rows in store.load(DOCUMENT, {}).items():
            windows = self._windows[str(name)] = read_windows(rows)
            if not isinstance(rows, dict) or len(windows) < len(rows):
                store.copy_aside(DOCUMENT)

    def record(self, account: str, figures: Any) -> bool:
        """Record the figures of a status line; returns whether anything changed."""
        return self.record_windows(account, read_windows(figures))

    def record_windows(self, account: str, windows: Mapping[str, UsageWindow]) -> bool:
        """Record windows of an account; returns whether anything changed."""
        known = self._windows.get(account, {})
        merged = {**windows, **{name: row for name, row in known.items() if name not in windows}}
        merged = dict(sorted(list(merged.items())[:MAX_WINDOWS]))
        if not windows or merged == known:
            return False
        self._windows[account] = merged
        self._store.keep(DOCUMENT, self._document, f"the usage of {account}")
        return True

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        self._windows = renamed(self._windows, names)
        self._store.keep(DOCUMENT, self._document, f"the usage of {', '.join(names.values())}")

    def _document(self) -> dict[str, Any]:
        return {
            name: {
                window: {
                    "used_percentage": row.percent,
                    "resets_at": None if row.resets_at is None else row.resets_at.timestamp(),
                }
                for window, row in rows.items()
            }
            for name, rows in self._windows.items()
        }

    def windows(self, account: str) -> Mapping[str, UsageWindow]:
        """Return the account's windows as they were recorded last."""
        return self._windows.get(account, {})

    def percent(self, account: str, now: datetime) -> dict[str, float]:
        """Return the per cent used by window; a window that has reset since is left out."""
        return {
            window: row.percent
            for window, row in self._windows.get(account, {}).items()
            if row.resets_at is None or clock.expected(row.resets_at) > now
        }

    def next_reset(self, account: str, now: datetime) -> datetime | None:
        """Return the next reset of any of the account's windows, or None."""
        moments = [clock.expected(row.resets_at) for row in self._windows.get(account, {}).values() if row.resets_at]
        return min((moment for moment in moments if moment > now), default=None)

    def matches(self, account: str, windows: Mapping[str, UsageWindow]) -> bool:
        """Return whether the windows are the account's: every window has its reset, to the second, and its per cent.

        An answer that was under way at the last figures can have used a little more.
        """
        known = self._windows.get(account, {})
        return any(row.resets_at is not None for row in windows.values()) and all(
            window in known
            and row.resets_at == known[window].resets_at
            and 0 <= row.percent - known[window].percent <= _ONE_ANSWER
            for window, row in windows.items()
        )


def read_windows(figures: Any) -> dict[str, UsageWindow]:
    """Return the valid windows of ``rate_limits``, at most `MAX_WINDOWS`; anything else is ignored."""
    windows: dict[str, UsageWindow] = {}
    for name, row in figures.items() if isinstance(figures, Mapping) else ():
        if len(windows) >= MAX_WINDOWS:
            break
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            continue
        percent = row.get("used_percentage") if isinstance(row, Mapping) else row
        if isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 <= percent <= 1000:
            continue
        windows[name] = UsageWindow(float(percent), _moment(row.get("resets_at") if isinstance(row, Mapping) else None))
    return windows


def _moment(epoch: Any) -> datetime | None:
    if isinstance(epoch, bool) or not isinstance(epoch, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(epoch, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None
