# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a limit resets, out of a message, in UTC.

A banner gives a time of day in the zone of its host, and a date only when the reset is more than 24 hours away
(Claude Code 2.1.330, read in the program). What is decided here, and told in the note that goes with the answer:

* A time of day means its next occurrence, except that one up to `TOLERANCE` ago stays today's: a banner may be read
  shortly after the time it names, and must not become tomorrow's.
* A date without a year means the occurrence nearest to now.
* A reset further away than `AHEAD` (a spend limit: `AHEAD_SPEND`), or a date longer gone than `AHEAD`, is not believed.
* An unknown zone name counts as the host's zone: the CLI prints the zone of the host it runs on.
* A local time that a clock change skips is taken as if the clock had not been changed yet; one that occurs twice as
  the earlier of the two, unless that is past.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from re import Match, Pattern

from .zones import zone_named

TOLERANCE = timedelta(minutes=10)
AHEAD = timedelta(days=8)
AHEAD_SPEND = timedelta(days=32)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_INTRO = (
    r"(?:\b(?:limits?\s+)?(?:will\s+)?resets?|\b(?:try again|available again|continue automatically|"
    r"continuing automatically|auto-continue))[:\s]+"
)
# A row that was broken by force leaves a blank anywhere; half a clock ("9:36p", cut off) is no time on 24 hours.
_CLOCK = (
    r"(?:(?P<hour>\d{1,2})(?:\s?:\s?(?P<minute>\d{2}))?\s*(?P<half>[ap])\s?\.?m\b\.?"
    r"|(?P<hour24>\d{1,2}):(?P<minute24>\d{2})(?!\s?\d|\s*[ap](?:\b|\.?m))|(?P<word>noon|midnight)\b)"
)
_ZONE = r"(?:\s*\((?P<zone>[A-Za-z0-9_+\-:/ ]{1,48})\)|\s+(?P<bare>UTC|GMT)\b)?"
_MONTH = r"(?P<month>" + "|".join(_MONTHS) + r")[a-z]*\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b"
_YEAR = r"(?:,?\s+(?P<year>20\d{2})\b)?"
# No time at all, or one that can be read: a date whose time is garbled would become midnight.
_TIME = r"(?:(?:\s?,|\s)\s*(?:at\s+)?" + _CLOCK + r"|(?!\s*,?\s*(?:at\s+)?\d))"


@dataclass(frozen=True)
class ResetFormat:
    """One way to write a reset time; which groups the pattern has says how it is resolved."""

    name: str
    pattern: Pattern[str]
    seen: str
    example: str


def _row(name: str, pattern: str, seen: str, example: str) -> ResetFormat:
    return ResetFormat(name, re.compile(pattern, re.IGNORECASE), seen, example)


#: The first that is found decides.
GRAMMARS = (
    _row(
        "epoch",
        r"\|\s*(?P<epoch>\d{9,13}\b|(?=(?:\d\s?){9}\d(?:\s?\d\s?\d\s?\d)?(?!\s?\d))\d+\s\d+\b)",
        "1.0.31 to 1.0.84; with a blank: broken by a narrow pane",
        "limit reached|1750708800",
    ),
    _row(
        "relative",
        _INTRO + r"in\s+(?P<relative>(?:\d+\s*(?:d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)\b"
        r"[,\s]*(?:and\s+)?)+)",
        "2.1.2xx",
        "resets in 2h 5m",
    ),
    _row(
        "iso",
        _INTRO + r"(?:at\s+|on\s+)?(?P<iso>20\d{2}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?"
        r"(?:Z|[+-]\d{2}:\d{2})?)" + _ZONE,
        "not seen; what a structured error would give",
        "reset at 2026-06-06T15:00:00+09:00",
    ),
    _row(
        "date",
        _INTRO + r"(?:at\s+|on\s+)?" + _MONTH + r"\s+" + _DAY + _YEAR + _TIME + _ZONE,
        "2.1.218 to 2.1.330; with a year, read in 2.1.330",
        "resets Nov 25, 8:10pm (UTC)",
    ),
    _row(
        "day-first",
        _INTRO + r"(?:at\s+|on\s+)?" + _DAY + r"\s+" + _MONTH + _YEAR + _TIME + _ZONE,
        "not seen; other locales",
        "resets 25 Nov, 20:10",
    ),
    _row(
        "weekday",
        _INTRO + r"(?:at\s+|on\s+)?(?P<weekday>" + "|".join(_DAYS) + r")[a-z]*\.?" + _TIME + _ZONE,
        "2.1.2xx",
        "resets Mon 12:00am",
    ),
    _row("near-day", _INTRO + r"(?P<near>today|tomorrow)" + _TIME + _ZONE, "not seen", "resets tomorrow at 9am"),
    _row("clock", _INTRO + r"(?:at\s+)?" + _CLOCK + _ZONE, "1.0.89 to 2.1.330", "resets 9:36pm (UTC)"),
)


@dataclass(frozen=True)
class Reset:
    """A reset time (aware, UTC; None: none given, or none to believe) and what had to be decided to get it."""

    at: datetime | None
    note: str


def find_reset(text: str, *, now: datetime, tz: tzinfo, spend: bool = False) -> Reset:
    """Return when a normalised message says that its limit resets.

    ``now`` (aware) is the moment the message was seen; ``tz`` the host's zone, for times without one.
    """
    found: Match[str] | None = None
    grammar = None
    for grammar in GRAMMARS:
        found = grammar.pattern.search(text)
        if found:
            break
    if found is None or grammar is None:
        return Reset(None, "no reset time given")
    notes: list[str] = []
    try:
        moment = _resolve(grammar.name, found, now, tz, notes)
    except (ValueError, OverflowError) as error:
        return Reset(None, f"reset time {found.group(0).strip()!r} makes no sense ({error})")
    return _believable(moment, now, spend, grammar.name, notes)


def reset_of_epoch(value: object, *, now: datetime, spend: bool = False) -> Reset:
    """Return the reset time of a field that holds an epoch (seconds, or milliseconds when it has 12 digits or more)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e15:
        return Reset(None, "no reset time given")
    return _believable(_epoch(float(value)), now, spend, "epoch", [])


def _believable(moment: datetime, now: datetime, spend: bool, grammar: str, notes: list[str]) -> Reset:
    moment = moment.astimezone(timezone.utc)
    shown = moment.strftime("%Y-%m-%dT%H:%MZ")
    if moment - now > (AHEAD_SPEND if spend else AHEAD):
        notes.append(f"reset time {shown} is further ahead than any limit lasts: not believed")
        return Reset(None, "; ".join(notes))
    # An epoch is what it is, however old; a date without a year that long gone was misread or is nonsense.
    if grammar not in ("epoch", "iso") and now - moment > AHEAD:
        notes.append(f"reset date {shown} is long past: not believed")
        return Reset(None, "; ".join(notes))
    if moment <= now:
        notes.append("that time has passed")
    return Reset(moment, "; ".join(notes))


def _epoch(value: float) -> datetime:
    return datetime.fromtimestamp(value / 1000 if value >= 1e11 else value, timezone.utc)


def _resolve(name: str, found: Match[str], now: datetime, tz: tzinfo, notes: list[str]) -> datetime:
    groups = found.groupdict()
    if name == "epoch":
        return _epoch(float("".join(groups["epoch"].split())))
    if name == "relative":
        return now + _span(groups["relative"])
    zone = _zone(groups, tz, notes)
    if name == "iso":
        # A trailing Z is read by fromisoformat only from Python 3.11 on.
        iso = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", groups["iso"]))
        return iso if iso.tzinfo is not None else _local(iso.date(), iso.time(), zone, now, notes)
    clock = _clock(groups)
    today = now.astimezone(zone).date()
    if name in ("date", "day-first"):
        return _dated(groups, clock, zone, now, notes)
    if name == "near-day":
        return _local(today + timedelta(days=int(groups["near"].lower() == "tomorrow")), clock, zone, now, notes)
    if name == "weekday":
        wanted = _DAYS.index(groups["weekday"].lower())
        candidates = [today + timedelta(days=n) for n in range(-1, 8)]
        return _next([day for day in candidates if day.weekday() == wanted], clock, zone, now, notes)
    return _next([today + timedelta(days=n) for n in (-1, 0, 1)], clock, zone, now, notes)


def _span(text: str) -> timedelta:
    seconds = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"(\d+)\s*([dhms])", text, re.IGNORECASE)
    return timedelta(seconds=sum(int(n) * seconds[unit.lower()] for n, unit in parts))


def _zone(groups: dict[str, str], tz: tzinfo, notes: list[str]) -> tzinfo:
    name = (groups.get("zone") or groups.get("bare") or "").strip()
    if not name:
        notes.append(f"no zone given, read in the host's ({tz})")
        return tz
    zone = zone_named(name)
    if zone is None:
        notes.append(f"unknown zone {name!r}, read in the host's ({tz})")
        return tz
    return zone


def _clock(groups: dict[str, str]) -> time:
    if groups.get("word"):
        return time(12 if groups["word"].lower() == "noon" else 0)
    if groups.get("hour24"):
        return time(
            int(groups["hour24"]) % 24 if groups["hour24"] == "24" else int(groups["hour24"]), int(groups["minute24"])
        )
    if not groups.get("hour"):
        return time(0)  # a date alone: its first moment
    hour = int(groups["hour"])
    if not 1 <= hour <= 12:
        raise ValueError(f"hour {hour} on a 12-hour clock")
    return time(hour % 12 + (12 if groups["half"].lower() == "p" else 0), int(groups["minute"] or 0))


def _dated(groups: dict[str, str], clock: time, zone: tzinfo, now: datetime, notes: list[str]) -> datetime:
    month, day = _MONTHS.index(groups["month"].lower()) + 1, int(groups["day"])
    if groups.get("year"):
        return _local(date(int(groups["year"]), month, day), clock, zone, now, notes)
    this_year = now.astimezone(zone).year
    days = []
    for year in (this_year - 1, this_year, this_year + 1):
        last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
        if 1 <= day <= last:  # February 29 is not in every year
            days.append(date(year, month, day))
    if not days:
        raise ValueError(f"no day {day} in that month")
    here = now.astimezone(zone).date()
    return _local(min(days, key=lambda d: abs(d - here)), clock, zone, now, notes)


def _next(days: list[date], clock: time, zone: tzinfo, now: datetime, notes: list[str]) -> datetime:
    """Return the first of the days, at that time, which is not further back than the tolerance."""
    for day in days:
        told: list[str] = []
        moment = _local(day, clock, zone, now, told)
        if moment >= now - TOLERANCE:
            notes.extend(told)
            return moment
    raise ValueError("no such time in the days to come")


def _local(day: date, clock: time, zone: tzinfo, now: datetime, notes: list[str]) -> datetime:
    """Return a local time in UTC."""
    naive = datetime.combine(day, clock)
    first = naive.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)
    second = naive.replace(tzinfo=zone, fold=1).astimezone(timezone.utc)
    if first == second:
        return first
    # In a gap fold=0 is the later moment (the offset before the change), in an overlap the earlier one (PEP 495).
    if first > second:
        notes.append("that local time is skipped by a clock change")
        return first
    notes.append("that local time occurs twice at a clock change")
    return first if first >= now - TOLERANCE else second
