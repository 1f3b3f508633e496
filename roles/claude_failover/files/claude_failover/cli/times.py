# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Format times and lengths of time for a person (pure)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from ..common.clock import parse_iso
from ..common.text import one_line

_ISO = re.compile(r"(?<![\w.:-])\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?Z(?![\w-])", re.ASCII)


def duration(seconds: float) -> str:
    """Format seconds in the one or two largest units: ``42 min``, ``3 h 5 min``, ``2 d``."""
    left = int(abs(seconds))
    if left < 60:
        return f"{left} s"
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        if len(parts) == 2 or (parts and unit == "h" and parts[0].endswith("d")):
            break
    return " ".join(parts)


def moment(value: Any, now: datetime) -> str:
    """Format an ISO time, absolute and relative: ``21:36Z (in 42 min)``, with the date if it is another day."""
    when = _time(value)
    if when is None:
        return "-" if value is None else one_line(str(value))
    offset = when - now
    length = duration(offset.total_seconds())
    relative = f"in {length}" if offset > timedelta(0) else f"{length} ago"
    if abs(offset) < timedelta(seconds=1):
        relative = "now"
    date = "" if when.date() == now.date() else when.strftime("%Y-%m-%d ")
    return f"{date}{when.strftime('%H:%M')}Z ({relative})"


def with_moments(text: str, now: datetime) -> str:
    """Return ``text`` with each ISO time in UTC in it formatted by `moment`; text is what a daemon told."""
    return _ISO.sub(lambda found: moment(found.group(), now), text)


def age(value: Any, now: datetime) -> str:
    """Format the time elapsed since an ISO time; ``-`` if there is none."""
    when = _time(value)
    return "-" if when is None else f"{duration((now - when).total_seconds())} ago"


def remaining(value: Any, now: datetime) -> float | None:
    """Return the seconds until an ISO time, negative when it has come; None if there is none."""
    when = _time(value)
    return None if when is None else (when - now).total_seconds()


def is_past(value: Any, now: datetime) -> bool:
    """Return whether an ISO time has come."""
    when = _time(value)
    return when is not None and when <= now


def _time(value: Any) -> datetime | None:
    try:
        return parse_iso(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
