# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a host's status as a person reads them: whoever answers on the host may say anything (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from ansible_collections.secuaas.claude.plugins.plugin_utils._live_host import rows

BAR = 10
_MOST = 300
_USER_HOME = re.compile(r"/(?:home/[^/\s:;,'\"]+|root)(?=[/\s:;,.'\")]|$)")
_STATES = ("down", "waiting", "limited", "other", "resuming", "starting", "busy", "idle")
# As in the daemon's ``common.limit_words``.
_WINDOWS = {
    "five_hour": "5-hour",
    "seven_day": "weekly",
    "opus": "Opus",
    "sonnet": "Sonnet",
    "seven_day_opus": "Opus",
    "seven_day_sonnet": "Sonnet",
}


def one_line(value: Any, most: int = _MOST) -> str:
    """Return a text in one line, with blanks for what a terminal interprets or hides, cut at ``most`` characters."""
    text = "".join(character if character.isprintable() else " " for character in str("" if value is None else value))
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def without_homes(text: str, homes: Mapping[str, str]) -> str:
    """Return a text in which the paths of account homes are the accounts, and those of users a ``~``."""
    for path in sorted(homes, key=len, reverse=True):
        text = text.replace(path, "the home of %s" % homes[path])
    return _USER_HOME.sub("~", text)


def homes_of(status: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the accounts by their homes."""
    found = ((row.get("home"), row.get("name")) for row in rows(status, "accounts"))
    return {home: one_line(name) for home, name in found if isinstance(home, str) and len(home) > 1}


def moment(value: Any) -> Optional[datetime]:
    """Return the time of a status, None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value[:-1] + "+00:00" if value.endswith("Z") else value)
        return found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None


def clock_time(value: Optional[datetime]) -> Optional[str]:
    """Return a time to the minute, in UTC."""
    return value.strftime("%Y-%m-%d %H:%M") if value is not None else None


def time_left(end: datetime, now: datetime) -> str:
    """Return the time until an end, in its two largest units."""
    minutes = int(max(timedelta(), end - now).total_seconds()) // 60
    if minutes < 60:
        return "%d min" % minutes
    if minutes < 48 * 60:
        return "%d h %d min" % divmod(minutes, 60)
    return "%d days" % (minutes // 1440)


def per_cent(value: Any) -> Optional[int]:
    """Return a share of a window as a whole number from 0 to 100, None for anything else.

    It is 0 or 100 only where nothing or all is used.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    if value <= 0 or value >= 100:
        return 0 if value <= 0 else 100
    return min(99, max(1, round(value)))


def share_bar(share: Optional[int], width: int = BAR) -> str:
    """Return a share as a bar of characters; what is used at all has one."""
    if share is None:
        return ""
    full = min(width, max(1 if share else 0, share * width // 100))
    return "█" * full + "░" * (width - full)


def window_word(name: Any) -> str:
    """Return the word for a window or a limit."""
    text = one_line(name, 40)
    return _WINDOWS.get(text, text)


def used(windows: Any) -> dict[str, Any]:
    """Return the window of which most is used, with its bar; ``percent`` is None where nothing is known."""
    shares = usable_shares(windows)
    if not shares:
        return {"window": None, "percent": None, "bar": ""}
    name = max(shares, key=lambda each: shares[each])
    return {"window": window_word(name), "percent": shares[name], "bar": share_bar(shares[name])}


def usable_shares(windows: Any) -> dict[str, int]:
    """Return the shares of windows that are numbers."""
    found = windows.items() if isinstance(windows, Mapping) else ()
    shares = {one_line(name, 40): per_cent(value) for name, value in found}
    return {name: share for name, share in shares.items() if share is not None}


def by_state(names: Iterable[str]) -> dict[str, int]:
    """Return the number of sessions in each state, those that need a person first."""
    counts: dict[str, int] = {}
    for name in sorted(names, key=state_rank):
        counts[name] = counts.get(name, 0) + 1
    return counts


def state_rank(name: str) -> tuple[int, str]:
    """Return the place of a session's state, worst first."""
    return (_STATES.index(name), "") if name in _STATES else (_STATES.index("other"), name)


def people_count(text: str) -> list[tuple[int, str]]:
    """Return a key that sorts as people count: ``vm2`` before ``vm10``."""
    pieces = re.findall("[0-9]+|[^0-9]+", text.casefold())
    numbers = (piece.lstrip("0") if piece.isascii() and piece.isdigit() else None for piece in pieces)
    return [(len(found) + 1, found) if found is not None else (0, piece) for piece, found in zip(pieces, numbers)]
