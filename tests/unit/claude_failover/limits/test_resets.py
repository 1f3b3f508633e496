# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsing of reset times: zones, dates, clocks, roll-over, clock changes, implausible times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.limits.resets import MAX_AHEAD_SPEND, RESET_FORMATS, TOLERANCE, find_reset, reset_of_field
from claude_failover.limits.zones import RENAMED, zone_named

UTC = timezone.utc
PARIS = ZoneInfo("Europe/Paris")


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


NOW = utc(2026, 11, 22, 20, 10)


def found(clause, now=NOW, tz=UTC, **more):
    return find_reset(f"You've hit your limit · {clause}", now=now, tz=tz, **more)


@pytest.mark.parametrize(
    ("clause", "at"),
    [
        ("resets 9:36pm (UTC)", utc(2026, 11, 22, 21, 36)),
        ("resets 10pm", utc(2026, 11, 22, 22)),
        ("resets 10PM", utc(2026, 11, 22, 22)),
        ("resets 10 p.m.", utc(2026, 11, 22, 22)),
        ("resets 5am", utc(2026, 11, 23, 5)),
        ("resets 12am (UTC)", utc(2026, 11, 23)),
        ("resets 12pm (UTC)", utc(2026, 11, 23, 12)),
        ("resets noon", utc(2026, 11, 23, 12)),
        ("resets at midnight", utc(2026, 11, 23)),
        ("resets 21:36 (UTC)", utc(2026, 11, 22, 21, 36)),
        ("resets at 07:05", utc(2026, 11, 23, 7, 5)),
        ("Limits will reset at 9:30 AM. View your usage details.", utc(2026, 11, 23, 9, 30)),
        ("Your limit will reset at 11pm.", utc(2026, 11, 22, 23)),
        ("resets 11pm (America/Anchorage)", utc(2026, 11, 23, 8)),
        ("resets 3am (Europe/London)", utc(2026, 11, 23, 3)),
        ("resets 10:10pm (Asia/Calcutta)", utc(2026, 11, 23, 16, 40)),
        ("resets 10:10pm (Asia/Kolkata)", utc(2026, 11, 23, 16, 40)),
        ("resets 3:50pm (America/Buenos_Aires)", utc(2026, 11, 23, 18, 50)),
        ("resets 3:50pm (America/Argentina/Buenos_ Aires)", utc(2026, 11, 23, 18, 50)),
        ("resets 9pm (GMT+2)", utc(2026, 11, 23, 19)),
        ("resets 9pm (UTC-05:30)", utc(2026, 11, 23, 2, 30)),
        ("resets 9pm (Etc/GMT+5)", utc(2026, 11, 23, 2)),
        ("resets 9pm UTC", utc(2026, 11, 22, 21)),
        ("resets Nov 25, 8:10pm (UTC)", utc(2026, 11, 25, 20, 10)),
        ("resets Nov 25 at 8:10pm (UTC)", utc(2026, 11, 25, 20, 10)),
        ("resets November 25th, 8pm", utc(2026, 11, 25, 20)),
        ("resets Nov 25, 20:10", utc(2026, 11, 25, 20, 10)),
        ("resets Nov 25", utc(2026, 11, 25)),
        ("resets 25 Nov, 20:10", utc(2026, 11, 25, 20, 10)),
        ("resets Nov 25, 2026, 9:30am (UTC)", utc(2026, 11, 25, 9, 30)),
        ("Your limit will reset at Nov 25, 6pm.", utc(2026, 11, 25, 18)),
        ("resets Mon 12:00am (UTC)", utc(2026, 11, 23)),
        ("resets Sun 12:00am (UTC)", utc(2026, 11, 29)),
        ("resets Thursday 4am", utc(2026, 11, 26, 4)),
        ("resets tomorrow at 9am", utc(2026, 11, 23, 9)),
        ("resets today at 11pm", utc(2026, 11, 22, 23)),
        ("resets in 2h 5m", utc(2026, 11, 22, 22, 15)),
        ("resets in 45 minutes", utc(2026, 11, 22, 20, 55)),
        ("resets in 1 hour and 30 minutes", utc(2026, 11, 22, 21, 40)),
        ("resets in 1d 4h", utc(2026, 11, 24, 0, 10)),
        ("try again in 3 hours", utc(2026, 11, 22, 23, 10)),
        ("resets 2026-11-23T15:00:00+09:00", utc(2026, 11, 23, 6)),
        ("resets 2026-11-23T15:00:00Z", utc(2026, 11, 23, 15)),
        ("resets at 2026-11-23 15:00", utc(2026, 11, 23, 15)),
        ("continuing automatically at 9:36pm", utc(2026, 11, 22, 21, 36)),
        ("limit resets 9:36pm", utc(2026, 11, 22, 21, 36)),
        ("raise it at claude.ai · your 5-hour limit resets 9pm", utc(2026, 11, 22, 21)),
        ("x|1795383393", utc(2026, 11, 22, 21, 36, 33)),
        ("x|1795383393000", utc(2026, 11, 22, 21, 36, 33)),
        ("x|1750708800", utc(2025, 6, 23, 20)),
        # not seen
        ("resets Wed, Nov 25, 9am (UTC)", utc(2026, 11, 25, 9)),
        ("resets Wednesday, November 25 at 9am (UTC)", utc(2026, 11, 25, 9)),
        ("resets on Wed 25 Nov, 20:10", utc(2026, 11, 25, 20, 10)),
        ("resets 9:36:00 PM (UTC)", utc(2026, 11, 22, 21, 36)),
        ("resets 21:36:30 (UTC)", utc(2026, 11, 22, 21, 36)),
        ("resets in about 3 hours", utc(2026, 11, 22, 23, 10)),
        ("resets 2026-11-23T15:00:00+0900", utc(2026, 11, 23, 6)),
        ("resets 2026-11-23T15:00:00.000-0330", utc(2026, 11, 23, 18, 30)),
        # wrapped by a narrow pane
        ("resets 9:36p m (UTC)", utc(2026, 11, 22, 21, 36)),
        ("resets Nov 25 , 8: 10pm (UTC)", utc(2026, 11, 25, 20, 10)),
        ("x|179 5383393", utc(2026, 11, 22, 21, 36, 33)),
        ("x|1795383393 000", utc(2026, 11, 22, 21, 36, 33)),
        ("x|1795383393 2 more", utc(2026, 11, 22, 21, 36, 33)),
    ],
)
def test_reset_times(clause, at):
    assert found(clause).at == at


@pytest.mark.parametrize(
    "clause",
    [
        "resets 9:36p",
        "resets 9:3 6pm",
        "resets 9:36 p",
        "resets Nov 25, 8:1 0pm",
        "resets Nov 2 5, 8pm",
        "resets Nov 25, 8:1",
        "resets Nov 25, 8",
        "",
        "resets soon",
        "resets when it resets",
        "resets shortly",
        "raise it at claude.ai/x",
    ],
)
def test_no_reset_time(clause):
    assert found(clause) == found("")
    assert found(clause).at is None


@pytest.mark.parametrize(
    "clause",
    [
        "resets 25:70",
        "resets 13pm",
        "resets 0am",
        "resets Nov 31, 5pm",
        "resets Feb 30, 5pm",
        "resets Nov 0, 5pm",
        "resets 2026-13-40T99:99",
        "resets in 9999999999999999h",
        "resets Jul 27 at 4:30am",
        "resets Dec 10, 5pm",
        "resets Nov 25, 2031, 9am",
        "x|9999999999",
        "x|9999999999999",
        "resets in 40 days",
    ],
)
def test_an_implausible_time_is_ignored_with_a_note(clause):
    reset = found(clause)
    assert reset.at is None
    assert "is invalid" in reset.note or "ignored" in reset.note


def test_spend_limits_last_a_month():
    assert found("resets Dec 20, 12am (UTC)").at is None
    assert found("resets Dec 20, 12am (UTC)", spend=True).at == utc(2026, 12, 20)


def test_a_fraction_of_a_second_does_not_hide_the_zone():
    assert found("resets 2026-11-23T15:00:00.123456789Z", tz=PARIS).at == utc(2026, 11, 23, 15)


def test_a_time_without_a_zone_is_in_the_hosts_zone():
    reset = found("resets 10pm", tz=PARIS)
    assert reset.at == utc(2026, 11, 22, 21)
    assert "Europe/Paris" in reset.note


@pytest.mark.parametrize(
    ("clause", "at"),
    [
        ("resets 11:30 PM (PST).", utc(2026, 11, 23, 7, 30)),
        ("will reset at 4 PM PST", utc(2026, 11, 23, 0)),
        ("resets 4pm (EDT)", utc(2026, 11, 22, 20)),
        ("resets Nov 25, 8pm CST", utc(2026, 11, 26, 2)),
        ("resets 10pm (AKST)", utc(2026, 11, 23, 7)),
        ("resets 9 A.M. (GMT).", utc(2026, 11, 23, 9)),
    ],
)
def test_an_abbreviated_zone_is_not_the_hosts(clause, at):
    for tz in (UTC, PARIS, ZoneInfo("America/Los_Angeles")):
        assert found(clause, tz=tz).at == at


@pytest.mark.parametrize("zone", ["IST", "Nowhere/Atlantis", "America", "../../etc/passwd", "A/B/C", "Europe/"])
def test_an_unknown_zone_means_the_hosts_zone_with_a_note(zone):
    reset = find_reset(f"You've hit your limit · resets 10pm ({zone})", now=NOW, tz=PARIS)
    assert reset.at == utc(2026, 11, 22, 21)
    if "." not in zone:
        assert zone in reset.note


@pytest.mark.parametrize(("name", "now_name"), sorted(RENAMED.items()))
def test_renamed_zones_are_known_without_the_legacy_package(name, now_name):
    zone = zone_named(name)
    assert zone is not None
    assert zone.utcoffset(NOW.replace(tzinfo=None)) == ZoneInfo(now_name).utcoffset(NOW.replace(tzinfo=None))


def test_a_time_just_passed_is_not_tomorrow():
    just = found("resets 9:36pm (UTC)", now=utc(2026, 11, 22, 21, 36) + TOLERANCE)
    assert just.at == utc(2026, 11, 22, 21, 36)
    assert "passed" in just.note
    later = found("resets 9:36pm (UTC)", now=utc(2026, 11, 22, 21, 37) + TOLERANCE)
    assert later.at == utc(2026, 11, 23, 21, 36)


@pytest.mark.parametrize(
    ("now", "at"),
    [(utc(2026, 11, 22, 23, 58), utc(2026, 11, 23, 0, 0)), (utc(2026, 11, 23, 0, 5), utc(2026, 11, 23, 0, 0))],
)
def test_the_tolerance_spans_midnight(now, at):
    assert found("resets 12am (UTC)", now=now).at == at


@pytest.mark.parametrize(
    ("now", "clause", "at"),
    [
        (utc(2026, 12, 30, 12), "resets Jan 2, 9am (UTC)", utc(2027, 1, 2, 9)),
        (utc(2026, 12, 31, 23), "resets 2am (UTC)", utc(2027, 1, 1, 2)),
        (utc(2027, 1, 1, 0, 5), "resets Dec 31, 11:59pm (UTC)", utc(2026, 12, 31, 23, 59)),
        (utc(2028, 2, 27), "resets Feb 29, 9am (UTC)", utc(2028, 2, 29, 9)),
    ],
)
def test_year_rolls_over(now, clause, at):
    assert found(clause, now=now).at == at


@pytest.mark.parametrize(
    ("now", "clause", "at", "note"),
    [
        # Europe/Paris 2026-03-29: 02:00 -> 03:00; 2:30am does not exist.
        (utc(2026, 3, 28, 22), "resets 2:30am (Europe/Paris)", utc(2026, 3, 29, 1, 30), "skipped"),
        (utc(2026, 3, 28, 22), "resets 4am (Europe/Paris)", utc(2026, 3, 29, 2), ""),
        # Europe/Paris 2026-10-25: 03:00 -> 02:00; 2:30am occurs at 00:30Z and at 01:30Z.
        (utc(2026, 10, 24, 22), "resets 2:30am (Europe/Paris)", utc(2026, 10, 25, 0, 30), "twice"),
        (utc(2026, 10, 25, 0, 50), "resets 2:30am (Europe/Paris)", utc(2026, 10, 25, 1, 30), "twice"),
        (utc(2026, 10, 24, 22), "resets 4am (Europe/Paris)", utc(2026, 10, 25, 3), ""),
    ],
)
def test_clock_changes(now, clause, at, note):
    reset = found(clause, now=now)
    assert reset.at == at
    assert note in reset.note


def test_each_format_matches_its_own_example():
    for reset_format in RESET_FORMATS:
        match = next(f.name for f in RESET_FORMATS if f.pattern.search(reset_format.example))
        assert match == reset_format.name, reset_format
        assert reset_format.seen


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (1795383393, utc(2026, 11, 22, 21, 36, 33)),
        (1795383393000, utc(2026, 11, 22, 21, 36, 33)),
        (1795383393.5, utc(2026, 11, 22, 21, 36, 33, 500000)),
        (0, None),
        (-5, None),
        (None, None),
        ("1795383393", utc(2026, 11, 22, 21, 36, 33)),
        ("1795383393000", utc(2026, 11, 22, 21, 36, 33)),
        ("2026-11-22T21:36:33.250Z", utc(2026, 11, 22, 21, 36, 33)),
        ("2026-11-23T06:36:33+09:00", utc(2026, 11, 22, 21, 36, 33)),
        ("5pm", None),
        ("", None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (1e300, None),
        (4102444800, None),
    ],
)
def test_the_field_of_a_record(value, at):
    assert reset_of_field(value, now=NOW).at == at


@given(st.text(max_size=80), st.booleans())
def test_any_text_is_accepted(text, spend):
    for clause in (text, f"resets {text}", f"resets 9pm ({text})", f"resets Nov {text}", f"x|{text}"):
        reset = found(clause, spend=spend)
        assert reset.at is None or reset.at.utcoffset() == timedelta(0)
        assert reset.at is None or reset.at <= NOW + MAX_AHEAD_SPEND


_ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Paris",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/Sao_Paulo",
        "Asia/Kathmandu",
        "Africa/Casablanca",
        "Pacific/Kiritimati",
    ]
)


@given(
    _ZONES, st.integers(0, 4 * 365 * 86400).map(lambda s: utc(2025, 1, 1) + timedelta(seconds=s)), st.integers(1, 86000)
)
def test_round_trip_with_the_clis_notation(zone_name, now, ahead):
    """Within 24 hours the CLI prints only the time of day, without minutes on the hour."""
    zone = ZoneInfo(zone_name)
    reset = (now + timedelta(seconds=ahead)).replace(second=0, microsecond=0)
    local = reset.astimezone(zone)
    naive = local.replace(tzinfo=None)
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return  # occurs twice that day: the banner is ambiguous
    minutes = f":{naive.minute:02d}" if naive.minute else ""
    shown = f"{naive.hour % 12 or 12}{minutes}{'pm' if naive.hour >= 12 else 'am'}"
    read = found(f"resets {shown} ({zone_name})", now=now).at
    # If the clock changes in between, the time of day can occur before.
    assert read is not None
    if now.astimezone(zone).utcoffset() == local.utcoffset() and reset - now < timedelta(hours=23, minutes=49):
        assert read == reset
