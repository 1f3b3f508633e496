# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the pages and tables for a terminal."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_failover.cli import layout, render, times
from claude_failover.cli.layout import Cell

NOW = datetime(2026, 11, 22, 20, 54, 0, tzinfo=timezone.utc)

STATUS: dict[str, Any] = {
    "version": "0.4.0",
    "pid": 4711,
    "started_at": "2026-11-21T08:00:00.000Z",
    "active_account": "compte2",
    "accounts": [
        {
            "name": "compte1",
            "home": "/h/c1",
            "active": False,
            "links": "ok",
            "login": "ok",
            "exhausted": [{"limit": "five_hour", "until": "2026-11-22T21:36:00.000Z"}],
            "used_percent": {"five_hour": 100, "seven_day": 41.6},
        },
        {
            "name": "compte2",
            "home": "/h/c2",
            "active": True,
            "links": "ok",
            "login": "ok",
            "exhausted": [],
            "used_percent": {},
        },
        {
            "name": "compte3",
            "home": "/h/c3",
            "active": False,
            "links": "divergent",
            "login": "expired",
            "exhausted": [{"limit": "seven_day", "until": "2026-11-25T20:10:00.000Z"}],
            "used_percent": {},
        },
    ],
    "sessions": [
        {
            "name": "main",
            "uuid": "3f0c8a52-6d0e-4c49-9a55-0f3f6b1d2c11",
            "uuid_source": "hook",
            "state": "busy",
            "reason": None,
            "dedicated": True,
            "cwd": "/srv/work",
            "account": "compte2",
            "pid": 815,
            "last_event_at": "2026-11-22T20:53:48.000Z",
        },
        {
            "name": "漢字é",
            "uuid": None,
            "uuid_source": None,
            "state": "down",
            "reason": "exited with status 1\nat once",
            "dedicated": False,
            "cwd": "/srv/pool",
            "account": None,
            "pid": None,
            "last_event_at": None,
        },
    ],
    "cooldown_until": "2026-11-22T20:54:30.000Z",
    "switching": False,
    "suspended": None,
    "blind": [],
    "queue": {"queued": 2, "sent": 0, "accepted": 1},
    "last_switch": {
        "id": "s1",
        "time": "2026-11-22T20:53:30.000Z",
        "reason": "limit",
        "trigger_session": "main",
        "source": "hook",
        "limit": "five_hour",
        "from_account": "compte1",
        "to_account": "compte2",
        "outcome": "switched",
        "detail": "",
        "sessions": [],
        "seconds": 0.4,
    },
}


def test_the_page_of_the_status() -> None:
    assert (
        render.status(STATUS, NOW)
        == """\
Active account: compte2
Daemon 0.4.0, pid 4711, started 2026-11-21 08:00Z (1 d 12 h ago)

   ACCOUNT  LOGIN    LINKS      EXHAUSTED                                     USED                       HOME
   compte1  ok       ok         5-hour until 21:36Z (in 42 min)               5-hour 100 %, weekly 42 %  /h/c1
*  compte2  ok       ok         -                                             -                          /h/c2
   compte3  expired  divergent  weekly until 2026-11-25 20:10Z (in 2 d 23 h)  -                          /h/c3

SESSION  STATE  ACCOUNT  KIND       LAST EVENT  PID  CONVERSATION     FOLDER
main     busy   compte2  dedicated  12 s ago    815  3f0c8a52 (hook)  /srv/work
漢字é    down   -        pool       -           -    -                /srv/pool

  漢字é: exited with status 1 at once

compte3 is not logged in: claude-failover login compte3
No automatic switch before 20:54Z (in 30 s)
Queue: 2 queued, 1 accepted
Last switch: 20:53Z (30 s ago): switched compte1 -> compte2 (limit, 5-hour, seen in main)
"""
    )


def test_columns_line_up_by_what_the_terminal_shows() -> None:
    lines = layout.table(("A", "B"), [[Cell("漢字"), Cell("x")], [Cell("e\u0301e"), Cell("x")]]).splitlines()
    starts = {layout.width(line[: line.rindex(line[-1])]) for line in lines}
    assert starts == {6}


def test_a_narrow_terminal_gets_narrow_columns() -> None:
    for columns in (40, 80, 120):
        page = layout.table(("NAME", "FOLDER", "X"), [[Cell("n" * 30), Cell("漢" * 60), Cell("y")]], columns=columns)
        assert max(map(layout.width, page.splitlines())) <= columns
        assert "…" in page


def test_colour_changes_nothing_but_colour() -> None:
    plain = render.status(STATUS, NOW)
    painted = render.status(STATUS, NOW, colour=True)
    assert "\x1b" not in plain
    assert painted != plain
    assert [line.rstrip() for line in re.sub(r"\x1b\[\d*m", "", painted).splitlines()] == plain.splitlines()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (2520, "42 min"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (86400, "1 d"),
        (90000, "1 d 1 h"),
        (86460, "1 d"),
        (-61, "1 min"),
    ],
)
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert times.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2026-11-22T21:36:00.000Z", "21:36Z (in 42 min)"),
        ("2026-11-22T20:53:00Z", "20:53Z (1 min ago)"),
        ("2026-11-23T00:10:00Z", "2026-11-23 00:10Z (in 3 h 16 min)"),
        ("2026-11-22T20:54:00.500Z", "20:54Z (now)"),
        ("2026-11-22T22:36:00+01:00", "21:36Z (in 42 min)"),
        (None, "-"),
        ("soon\x1b", "soon"),
        (5, "5"),
    ],
)
def test_times_are_absolute_and_relative(value: Any, words: str) -> None:
    assert times.moment(value, NOW) == words


@pytest.mark.parametrize(
    ("pace", "line"),
    [
        ({"per_hour": 12.4, "runs_out_at": "2026-11-22T22:54:00.000Z"}, "12 % an hour, used up at 22:54Z (in 2 h)"),
        ({"per_hour": 0.0, "runs_out_at": None}, "0 % an hour, not used up before it resets"),
        ({"per_hour": None, "runs_out_at": None}, None),
    ],
)
def test_the_pace_of_the_active_account(pace: Any, line: str | None) -> None:
    found = re.search("^Pace: (.*)$", render.status({**STATUS, "pace": pace}, NOW), re.MULTILINE)
    assert (found.group(1) if found else None) == line


def test_what_a_failback_waits_for_is_told() -> None:
    page = render.status({**STATUS, "failback": {"waits_for": "these sessions to be idle: s2 (busy)"}}, NOW)
    assert "\nThe way back to a preferred account waits for these sessions to be idle: s2 (busy)\n" in page
    assert "way back" not in render.status({**STATUS, "failback": {"waits_for": None}}, NOW)


def test_sessions_that_there_are_none_of() -> None:
    assert render.sessions([], NOW) == "No sessions."


def test_a_switch_under_way_and_a_suspension_are_told() -> None:
    page = render.status({**STATUS, "switching": True, "suspended": "the link leads to /tmp/x"}, NOW)
    assert "A switch is in progress\n" in page
    assert "Switching is suspended: the link leads to /tmp/x\n" in page


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\x1b", "\n", "\ud800", "\u200b"])
def test_no_name_of_the_status_hides_or_reorders_what_is_seen(character: str) -> None:
    def named(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key: named(inner, name) for key, inner in value.items()}
        if isinstance(value, list):
            return [named(inner, name) for inner in value]
        return name if isinstance(value, str) else value

    shown = render.status(named(STATUS, f"a{character}b"), NOW)
    assert re.search("a[ \ufffd]?b", shown)
    assert character == "\n" or character not in shown
    assert len(shown.splitlines()) == len(render.status(named(STATUS, "ab"), NOW).splitlines())


@pytest.mark.parametrize("value", [None, 1, 1.5, True, "x", [], [None], ["x"], [{}], {}, {"x": None}])
@pytest.mark.parametrize("key", [*STATUS, "unsaved", "background_jobs", "identity"])
def test_a_part_of_another_type_breaks_no_page(key: str, value: object) -> None:
    assert render.status({**STATUS, key: value}, NOW)
    rows = [{**row, key: value} for row in STATUS["sessions"] + STATUS["accounts"]]
    assert render.status({**STATUS, "accounts": rows, "sessions": rows}, NOW)


def test_a_source_that_is_blind_is_told_above_everything() -> None:
    row = {"source": "transcripts", "since": "2026-11-22T20:50:00.000Z", "reason": "cannot watch\x1b[2J /s/p"}
    lines = render.status({**STATUS, "blind": [row]}, NOW).splitlines()
    assert lines[3] == "BLIND: transcripts since 20:50Z (4 min ago): cannot watch[2J /s/p"
    assert render.status({**STATUS, "blind": [row]}, NOW, colour=True).splitlines()[3].startswith("\x1b[31mBLIND")


def test_no_active_account() -> None:
    assert "Active account: none\n" in render.status({**STATUS, "active_account": None}, NOW)


def test_a_newer_or_broken_document_still_gives_a_page() -> None:
    documents: tuple[dict[str, Any], ...] = (
        {},
        {"accounts": 5, "sessions": "x", "queue": [], "last_switch": []},
        {"accounts": [None, {}]},
        {"sessions": [{"name": 5, "dedicated": "x", "uuid": 7}], "accounts": [{"used_percent": [1]}]},
        {"accounts": [{"exhausted": [{}], "used_percent": {"five_hour": None}}]},
    )
    for document in documents:
        assert render.status(document, NOW).startswith("Active account: ")


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(alphabet=st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a slow machine is no error of the page
@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(STATUS, _JSON),
            "sessions": st.lists(
                st.fixed_dictionaries({}, optional=dict.fromkeys(STATUS["sessions"][0], _JSON)), max_size=3
            ),
            "accounts": st.lists(
                st.fixed_dictionaries({}, optional=dict.fromkeys(STATUS["accounts"][0], _JSON)), max_size=3
            ),
        },
    )
)
def test_no_document_gets_a_control_character_to_the_terminal(document: dict[str, Any]) -> None:
    page = render.status(document, NOW)
    assert page.encode()
    assert not [c for c in page if (c < " " and c != "\n") or "\x7f" <= c < "\xa0"]


@pytest.mark.parametrize("columns", [None, 80])
def test_a_session_that_is_down_says_when_it_is_tried_next(columns: int | None) -> None:
    row = {"name": "main", "state": "down", "reason": "exited with status 3: " + "it does not work " * 6}
    page = render.sessions([{**row, "next_try_at": "2026-11-22T20:54:42.000Z"}], NOW, columns=columns)
    assert " ".join(page.split()).endswith("it does not work; next start 20:54Z (in 42 s)")
    assert all(len(line) <= 80 for line in page.splitlines()) or columns is None
    assert "next start" not in render.sessions([{**row, "next_try_at": None}], NOW, columns=columns)
    page = render.sessions([{**row, "reason": "ended", "last_words": "no\nroom"}], NOW, columns=columns)
    assert page.endswith("main: ended; its last words: no room")


def test_links() -> None:
    page = render.links([{"status": "divergent", "path": "/h/a/projects", "target": "/s/p"}])
    assert page.splitlines() == ["STATUS     LINK           TARGET", "divergent  /h/a/projects  /s/p"]


def test_an_account_that_does_not_follow_the_link_is_marked() -> None:
    row = STATUS["sessions"][0]
    for follows, account, shown in (
        (False, "compte2", "compte2 !"),
        (False, None, "- !"),
        (True, "compte2", "compte2"),
    ):
        page = render.sessions([{**row, "account": account, "follows_link": follows}], NOW)
        cells = re.split(r" {2,}", page.splitlines()[1])
        assert cells[2] == shown


def test_a_command_with_a_name_of_whoever_answers_can_be_copied():
    document = {
        **STATUS,
        "accounts": [{**STATUS["accounts"][2], "name": "a; reboot"}],
        "advised_switch": {"from_account": "a", "to_account": "$(reboot)", "since": "2026-11-22T20:00:00.000Z"},
    }
    page = render.status(document, NOW)
    assert "claude-failover login 'a; reboot'" in page
    assert "claude-failover switch '$(reboot)'" in page


def test_every_open_event_is_on_the_page_of_the_status() -> None:
    row = {"event": "prompts_spent", "severity": "error", "since": "2026-03-01T10:00:00.000Z", "session": "main"}
    events = [{**row, "account": None, "summary": "session main: its bound is reached\x1b[2J"}]
    page = render.status({**STATUS, "open_events": events}, NOW)
    assert "error: session main: its bound is reached" in page
    assert "\x1b" not in page
