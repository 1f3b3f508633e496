# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse a message's reset time into UTC.

A banner gives a time of day in the zone of its host, and a date only if the reset is more than 24 hours away (Claude
Code 2.1.330, found in its code). Ambiguities are resolved as follows; the note of the result says so:

* A time of day means its next occurrence, or the last one if that was at most `TOLERANCE` ago: a banner may be read
  shortly after the time that it names.
* A date without a year means the occurrence nearest to now.
* A reset more than `MAX_AHEAD` away (a spend limit: `MAX_AHEAD_SPEND`) is rejected, and so is a date more than
  `MAX_AHEAD` ago.
* An unknown zone name means the host's zone: the CLI prints the zone of its host.
* A local time skipped by a clock change is converted with the offset before the change; one that occurs twice means the
  earlier one, unless that has passed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from re import Match, Pattern

from .zones import ABBREVIATED, zone_named

TOLERANCE = timedelta(minutes=10)
MAX_AHEAD = timedelta(days=8)
MAX_AHEAD_SPEND = timedelta(days=32)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_INTRO = (
    r"(?:\b(?:limits?\s+)?(?:will\s+)?resets?|\b(?:try again|available again|continue automatically|"
    r"continuing automatically|auto-continue))[:\s]+"
)
# A row wrapped by the terminal has a blank anywhere. A truncated 12-hour time ("9:36p") must not match as a 24-hour
# time.
_CLOCK = (
    r"(?:(?P<hour>\d{1,2})(?:\s?:\s?(?P<minute>\d{2})(?::\d{2})?)?\s*(?P<half>[ap])\s?\.?m\b\.?"
    r"|(?P<hour24>\d{1,2}):(?P<minute24>\d{2})(?::\d{2})?(?!\s?\d|:|\s*[ap](?:\b|\.?m))|(?P<word>noon|midnight)\b)"
)
_ZONE = r"(?:\s*\((?P<zone>[A-Za-z0-9_+\-:/ ]{1,48})\)|\s+(?P<bare>" + "|".join(("UTC", "GMT", *ABBREVIATED)) + r")\b)?"
#: The day of the week before a date, which says nothing more.
_WEEKDAY = r"(?:(?:" + "|".join(_DAYS) + r")[a-z]*\.?,?\s+)?"
_MONTH = r"(?P<month>" + "|".join(_MONTHS) + r")[a-z]*\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b"
_YEAR = r"(?:,?\s+(?P<year>20\d{2})\b)?"
# No time, or a readable one: a date with a garbled time must not mean midnight.
_TIME = r"(?:(?:\s?,|\s)\s*(?:at\s+)?" + _CLOCK + r"|(?!\s*,?\s*(?:at\s+)?\d))"


@dataclass(frozen=True)
class ResetFormat:
    """A notation of a reset time; ``name`` selects how the pattern's groups are resolved."""

    name: str
    pattern: Pattern[str]
    seen: str
    example: str


def _row(name: str, pattern: str, seen: str, example: str) -> ResetFormat:
    return ResetFormat(name, re.compile(pattern, re.IGNORECASE), seen, example)


#: The first match wins.
RESET_FORMATS = (
    _row(
        "epoch",
        r"\|\s*(?P<epoch>\d{9,13}\b|(?=(?:\d\s?){9}\d(?:\s?\d\s?\d\s?\d)?(?!\s?\d))\d+\s\d+\b)",
        "1.0.31 to 1.0.84; with a blank: wrapped by a narrow pane",
        "limit reached|1750708800",
    ),
    _row(
        "relative",
        _INTRO + r"in\s+(?:about\s+)?(?P<relative>(?:\d+\s*(?:d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|"
        r"s(?:ec(?:ond)?s?)?)\b[,\s]*(?:and\s+)?)+)",
        "2.1.2xx",
        "resets in 2h 5m",
    ),
    _row(
        "iso",
        _INTRO + r"(?:at\s+|on\s+)?(?P<iso>20\d{2}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?"
        r"(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?)" + _ZONE,
        "not seen; expected in structured errors",
        "reset at 2026-06-06T15:00:00+09:00",
    ),
    _row(
        "date",
        _INTRO + r"(?:at\s+|on\s+)?" + _WEEKDAY + _MONTH + r"\s+" + _DAY + _YEAR + _TIME + _ZONE,
        "2.1.218 to 2.1.330; with a year: in the code of 2.1.330",
        "resets Nov 25, 8:10pm (UTC)",
    ),
    _row(
        "day-first",
        _INTRO + r"(?:at\s+|on\s+)?" + _WEEKDAY + _DAY + r"\s+" + _MONTH + _YEAR + _TIME + _ZONE,
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
    """A reset time (aware, UTC; None if not given or implausible) and notes on its interpretation."""

    at: datetime | None
    note: str


def find_reset(text: str, *, now: datetime, tz: tzinfo, spend: bool = False) -> Reset:
    """Return the reset time that a normalised message names.

    Args:
        text: the message.
        now: when the message was seen (aware).
        tz: the host's time zone, for times without one.
        spend: the message is about a spend limit.
    """
    for reset_format in RESET_FORMATS:
        match = reset_format.pattern.search(text)
        if match:
            break
    else:
        return Reset(None, "no reset time given")
    notes: list[str] = []
    try:
        return _plausible(_resolve(reset_format.name, match, now, tz, notes), now, spend, reset_format.name, notes)
    except (ValueError, OverflowError) as error:
        return Reset(None, f"reset time {match.group(0).strip()!r} is invalid ({error})")


def reset_of_field(value: object, *, now: datetime, spend: bool = False) -> Reset:
    """Return the reset time of a record's field: an epoch (milliseconds from 12 digits on) or an ISO 8601 time."""
    if isinstance(value, str):
        return _reset_of_text(value.strip(), now=now, spend=spend)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e15:
        return Reset(None, "no reset time given")
    try:
        return _plausible(_from_epoch(float(value)), now, spend, "epoch", [])
    except (ValueError, OverflowError) as error:
        return Reset(None, f"reset time {value!r} is invalid ({error})")


def _reset_of_text(text: str, *, now: datetime, spend: bool) -> Reset:
    if re.fullmatch(r"\d{9,13}(?:\.\d{1,9})?", text, re.ASCII):
        return reset_of_field(float(text), now=now, spend=spend)
    if not re.match(r"20\d{2}-", text):
        return Reset(None, "no reset time given")
    return find_reset(f"resets {text}", now=now, tz=timezone.utc, spend=spend)


def _plausible(moment: datetime, now: datetime, spend: bool, format_name: str, notes: list[str]) -> Reset:
    moment = moment.astimezone(timezone.utc)
    shown = moment.strftime("%Y-%m-%dT%H:%MZ")
    if moment - now > (MAX_AHEAD_SPEND if spend else MAX_AHEAD):
        notes.append(f"reset time {shown} is further ahead than any limit lasts: ignored")
        return Reset(None, "; ".join(notes))
    # An epoch is exact, however old; a date without a year that is long past was misread.
    if format_name not in ("epoch", "iso") and now - moment > MAX_AHEAD:
        notes.append(f"reset date {shown} is long past: ignored")
        return Reset(None, "; ".join(notes))
    if moment <= now:
        notes.append("that time has passed")
    return Reset(moment, "; ".join(notes))


def _from_epoch(value: float) -> datetime:
    return datetime.fromtimestamp(value / 1000 if value >= 1e11 else value, timezone.utc)


def _resolve(format_name: str, match: Match[str], now: datetime, tz: tzinfo, notes: list[str]) -> datetime:
    groups = match.groupdict()
    if format_name == "epoch":
        return _from_epoch(float("".join(groups["epoch"].split())))
    if format_name == "relative":
        return now + _duration(groups["relative"])
    zone = _zone(groups, tz, notes)
    if format_name == "iso":
        # fromisoformat accepts a trailing Z, an offset without a colon and any fraction from Python 3.11 on.
        text = re.sub(r"\.\d+", "", re.sub("[Zz]$", "+00:00", groups["iso"]))
        iso = datetime.fromisoformat(re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", text))
        return iso if iso.tzinfo is not None else _to_utc(iso.date(), iso.time(), zone, now, notes)
    clock = _time_of_day(groups)
    today = now.astimezone(zone).date()
    if format_name in ("date", "day-first"):
        return _resolve_date(groups, clock, zone, now, notes)
    if format_name == "near-day":
        return _to_utc(today + timedelta(days=int(groups["near"].lower() == "tomorrow")), clock, zone, now, notes)
    if format_name == "weekday":
        weekday = _DAYS.index(groups["weekday"].lower())
        days = [today + timedelta(days=n) for n in range(-1, 8)]
        return _next_occurrence([day for day in days if day.weekday() == weekday], clock, zone, now, notes)
    return _next_occurrence([today + timedelta(days=n) for n in (-1, 0, 1)], clock, zone, now, notes)


def _duration(text: str) -> timedelta:
    seconds = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"(\d+)\s*([dhms])", text, re.IGNORECASE)
    return timedelta(seconds=sum(int(n) * seconds[unit.lower()] for n, unit in parts))


def _zone(groups: dict[str, str], tz: tzinfo, notes: list[str]) -> tzinfo:
    name = (groups.get("zone") or groups.get("bare") or "").strip()
    if not name:
        notes.append(f"no zone given, read in the host's zone ({tz})")
        return tz
    zone = zone_named(name)
    if zone is None:
        notes.append(f"unknown zone {name!r}, read in the host's zone ({tz})")
        return tz
    return zone


def _time_of_day(groups: dict[str, str]) -> time:
    if groups.get("word"):
        return time(12 if groups["word"].lower() == "noon" else 0)
    if groups.get("hour24"):
        return time(
            int(groups["hour24"]) % 24 if groups["hour24"] == "24" else int(groups["hour24"]), int(groups["minute24"])
        )
    if not groups.get("hour"):
        return time(0)  # a date without a time: midnight
    hour = int(groups["hour"])
    if not 1 <= hour <= 12:
        raise ValueError(f"hour {hour} on a 12-hour clock")
    return time(hour % 12 + (12 if groups["half"].lower() == "p" else 0), int(groups["minute"] or 0))


def _resolve_date(groups: dict[str, str], clock: time, zone: tzinfo, now: datetime, notes: list[str]) -> datetime:
    month, day = _MONTHS.index(groups["month"].lower()) + 1, int(groups["day"])
    if groups.get("year"):
        return _to_utc(date(int(groups["year"]), month, day), clock, zone, now, notes)
    this_year = now.astimezone(zone).year
    days = []
    for year in (this_year - 1, this_year, this_year + 1):
        last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
        if 1 <= day <= last:  # February 29 exists in leap years only
            days.append(date(year, month, day))
    if not days:
        raise ValueError(f"no day {day} in that month")
    today = now.astimezone(zone).date()
    return _to_utc(min(days, key=lambda d: abs(d - today)), clock, zone, now, notes)


def _next_occurrence(days: list[date], clock: time, zone: tzinfo, now: datetime, notes: list[str]) -> datetime:
    """Return the time on the first of ``days`` that is at most `TOLERANCE` ago."""
    for day in days:
        day_notes: list[str] = []
        moment = _to_utc(day, clock, zone, now, day_notes)
        if moment >= now - TOLERANCE:
            notes.extend(day_notes)
            return moment
    raise ValueError("no such time in the days to come")


def _to_utc(day: date, clock: time, zone: tzinfo, now: datetime, notes: list[str]) -> datetime:
    """Return a local time in UTC, with a note if a clock change skips or repeats it."""
    naive = datetime.combine(day, clock)
    first = naive.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)
    second = naive.replace(tzinfo=zone, fold=1).astimezone(timezone.utc)
    if first == second:
        return first
    # fold=0 is the later moment in a gap (the offset before the change) and the earlier one in an overlap (PEP 495).
    if first > second:
        notes.append("that local time is skipped by a clock change")
        return first
    notes.append("that local time occurs twice at a clock change")
    return first if first >= now - TOLERANCE else second
