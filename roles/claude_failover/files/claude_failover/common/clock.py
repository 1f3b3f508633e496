# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Current time, ISO 8601 timestamps (UTC, milliseconds, ``Z``) and the host's time zone.

`now` is steady time (`steady_clock`), which orders what happened and measures how long ago it did. Wall time is what
others write and what a person reads: `wall`, `from_wall`, `expected` and `to_wall` convert.
"""

from __future__ import annotations

import os
from datetime import MAXYEAR, MINYEAR, datetime, timezone, tzinfo
from zoneinfo import ZoneInfo

from .steady_clock import SteadyClock

_current = SteadyClock()


def current() -> SteadyClock:
    """Return the clock of this process."""
    return _current


def install(clock: SteadyClock) -> SteadyClock:
    """Replace the clock of this process, for tests; returns the one before."""
    global _current
    before, _current = _current, clock
    return before


def now() -> datetime:
    """Return the current steady time as an aware datetime in UTC."""
    return _current.now()


def wall() -> datetime:
    """Return the current wall time as an aware datetime in UTC."""
    return _current.wall()


def from_wall(moment: datetime) -> datetime | None:
    """Return the steady time of a wall time that another program wrote; None for one in the future: it is unknown."""
    return _current.from_wall(moment)


def of_ticks(ticks: int) -> datetime:
    """Return the steady time of a moment in clock ticks since the boot, as ``/proc/PID/stat`` has it."""
    return _current.since_boot(ticks / os.sysconf("SC_CLK_TCK"))


def expected(moment: datetime, at: datetime | None = None) -> datetime:
    """Return the steady time of a wall time that is, or at the steady time ``at`` was, still to come."""
    return _current.expected(moment, at)


def to_wall(moment: datetime) -> datetime:
    """Return the wall time of a steady time, for a person to read."""
    return _current.to_wall(moment)


def wall_iso(moment: datetime) -> str:
    """Format a steady time as wall time."""
    return iso(to_wall(moment))


def optional_wall_iso(moment: datetime | None) -> str | None:
    """Format a steady time as wall time; None stays None."""
    return None if moment is None else wall_iso(moment)


def iso(moment: datetime) -> str:
    """Format an aware datetime as ``2026-11-22T20:00:35.624Z``."""
    # strftime writes the year 809 in three digits, which is no ISO 8601.
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def optional_iso(moment: datetime | None) -> str | None:
    """Format an aware datetime; None stays None."""
    return None if moment is None else iso(moment)


def parse_iso(text: str) -> datetime:
    """Parse an ISO 8601 timestamp with a time zone; return it in UTC.

    Raises ValueError for any other text, a timestamp without a zone, and one in the first or last year of the calendar,
    as written or in UTC, where date arithmetic overflows.
    """
    # datetime.fromisoformat accepts a trailing Z from Python 3.11 on.
    moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    ends = (MINYEAR, MAXYEAR)
    if moment.year in ends or moment.astimezone(timezone.utc).year in ends:
        raise ValueError(f"{text!r} is at the end of the calendar")
    return moment.astimezone(timezone.utc)


def host_zone() -> tzinfo:
    """Return the host's time zone with its daylight-saving rules; UTC if none is configured.

    TZ takes precedence over /etc/localtime (tzset(3), localtime(5)).
    """
    name = os.environ.get("TZ", "").lstrip(":")
    try:
        if name and not os.path.isabs(name):
            return ZoneInfo(name)
        with open(name or "/etc/localtime", "rb") as stream:
            return ZoneInfo.from_file(stream, key="localtime")
    except (OSError, ValueError, KeyError):
        return timezone.utc
