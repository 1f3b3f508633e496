# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages in a terminal of 80 columns: accounts and resets are whole, whatever else there is."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import pytest

from claude_failover.cli import history_page, layout, main, render
from claude_failover.cli.command_parser import listed_commands
from claude_failover.cli.watch.content import LastAnswers
from claude_failover.cli.watch.keys import ViewState
from claude_failover.cli.watch.view import draw

NOW = datetime(2026, 11, 22, 20, 54, 0, tzinfo=timezone.utc)
RESETS = ("2026-11-25T20:10:00.000Z", "2026-12-30T09:05:00.000Z")
SHOWN = ("2026-11-25 20:10Z (in 2 d 23 h)", "2026-12-30 09:05Z (in 37 d 12 h)")
ACCOUNTS = {"short": ("compte1", "compte2"), "long": ("a" * 63 + "1", "a" * 63 + "2")}
REASON = f"limited until {SHOWN[0]}: " + "no account can be used " * 6


def account(name: str, active: bool) -> dict[str, Any]:
    return {
        "name": name,
        "home": "/home/" + "h" * 100,
        "active": active,
        "links": "divergent",
        "login": "expired",
        "exhausted": [{"limit": "five_hour", "until": RESETS[0]}, {"limit": "seven_day", "until": RESETS[1]}],
        "used_percent": {"five_hour": 100, "seven_day": 41.6, "seven_day_opus": 3},
    }


def session(number: int, name: str, account_name: str) -> dict[str, Any]:
    return {
        "name": f"{name}{number}",
        "uuid": "3f0c8a52-6d0e-4c49-9a55-0f3f6b1d2c11",
        "uuid_source": "assigned",
        "state": "resuming" if number % 7 == 0 else "idle",
        "reason": REASON if number % 7 == 0 else None,
        "follows_link": number % 2 == 0,
        "dedicated": True,
        "cwd": "/srv/" + "w" * 90,
        "account": account_name,
        "pid": 4_000_000,
        "last_event_at": "2026-11-22T10:53:48.000Z",
    }


def document(kind: str, sessions: int) -> dict[str, Any]:
    one, two = ACCOUNTS[kind]
    name = "s" if kind == "short" else "n" * 190
    return {
        "version": "0.4.0",
        "pid": 4711,
        "started_at": "2026-11-21T08:00:00.000Z",
        "active_account": two,
        "accounts": [account(one, False), account(two, True)],
        "sessions": [session(number, name, two) for number in range(1, sessions + 1)],
        "blind": [{"source": "transcripts", "since": "2026-11-22T20:50:00.000Z", "reason": "cannot watch " * 20}],
        "failback": {"waits_for": f"{one}: exhausted until {RESETS[0]}"},
        "last_switch": record(one, two),
    }


def record(one: str, two: str) -> dict[str, Any]:
    return {
        "time": "2026-11-12T20:53:30.000Z",
        "reason": "proactive",
        "trigger_session": "s" * 150,
        "limit": "seven_day",
        "resets_at": RESETS[1],
        "from_account": one,
        "to_account": two,
        "outcome": "switched",
        "detail": "x" * 100 + " and so on" * 9,
        "sessions": [{}] * 12,
        "seconds": 123.4,
    }


def words(page: str) -> list[str]:
    return page.split()


def check(page: str, kind: str) -> list[str]:
    lines = page.splitlines()
    assert [line for line in lines if layout.width(line) > 80] == []
    assert set(ACCOUNTS[kind]) <= set(words(page))
    return lines


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize("sessions", [1, 20, 200])
def test_the_status(kind: str, sessions: int) -> None:
    page = render.status(document(kind, sessions), NOW, columns=80)
    lines = check(page, kind)
    for limit, shown in zip(("5-hour", "weekly"), SHOWN):
        assert len([line for line in lines if f"{limit} until {shown}" in line]) == 2, "one for each account"
    assert words(page).count(ACCOUNTS[kind][1]) >= sessions + 2, "beside each session, too"
    assert "no account can be used" in " ".join(words(page)) or sessions < 7
    painted = render.status(document(kind, sessions), NOW, columns=80, colour=True)
    assert [line.rstrip() for line in re.sub(r"\x1b\[\d*m", "", painted).splitlines()] == lines


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize("sessions", [1, 20, 200])
@pytest.mark.parametrize("height", [24, 50])
def test_the_status_that_is_watched(kind: str, sessions: int, height: int) -> None:
    page = render.status(document(kind, sessions), NOW, columns=80, height=height)
    lines = check(page, kind)
    assert len(lines) <= height
    for limit, shown in zip(("5-hour", "weekly"), SHOWN):
        assert len([line for line in lines if f"{limit} until {shown}" in line]) == 2
    found = re.search(r"\.\.\. (\d+) more: claude-failover sessions", page)
    assert found or sessions == 1 or kind == "long"


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize("height", [24, 50])
@pytest.mark.parametrize("events", [1, 40, 1000])
def test_the_events_that_are_watched_leave_room_for_the_accounts(kind: str, height: int, events: int) -> None:
    summary = "session s1 is down: " + "cannot be started, " * (20 if events == 1 else 3)
    row = {"event": "session_down", "severity": "error", "since": "2026-11-22T20:00:00.000Z", "summary": summary}
    page = render.status({**document(kind, 20), "open_events": [row] * events}, NOW, columns=80, height=height)
    lines = check(page, kind)
    assert len(lines) <= height
    assert "error: session s1 is down: cannot be started" in page
    for limit, shown in zip(("5-hour", "weekly"), SHOWN):
        assert len([line for line in lines if f"{limit} until {shown}" in line]) == 2
    left_out = re.search(r"^and (\d+) more: claude-failover status$", page, re.MULTILINE)
    assert (int(left_out[1]) if left_out else 0) + page.count("error: session s1") == events


def test_where_not_all_accounts_have_room_the_active_one_is_watched() -> None:
    found = document("short", 3)
    found["accounts"] = [account(f"compte{number}", number == 30) for number in range(31)]
    lines = render.status(found, NOW, columns=80, height=24).splitlines()
    assert len([line for line in lines if line.startswith("*  compte30")]) == 1


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize("sessions", [1, 20, 200, 1000])
@pytest.mark.parametrize("height", [24, 50])
def test_the_status_that_is_watched_on_the_full_screen(kind: str, sessions: int, height: int) -> None:
    found = document(kind, sessions)
    for row in found["accounts"]:
        row.update(login="ok", login_expires_at=RESETS[1])
    frame = draw(LastAnswers(found), ViewState(), NOW, width=80, height=height)
    lines = check("\n".join(re.sub(r"\x1b\[[0-9;]*m", "", line) for line in frame.lines), kind)
    assert len(lines) == height
    titles = [number for number, line in enumerate(lines) if line.startswith("─ ")]
    accounts, below = lines[titles[0] : titles[1]], lines[titles[2] :]
    assert ACCOUNTS[kind][1] in words(lines[0]), "the active one"
    assert set(ACCOUNTS[kind]) <= set(words("\n".join(accounts)))
    assert len([line for line in accounts if f"weekly until {SHOWN[1]}" in line]) == 2, "the last reset of each account"
    listed = [line for line in below if re.match("  [sn]", line)]
    assert listed
    assert [line for line in listed if ACCOUNTS[kind][1] not in words(line)] == []


def test_sessions_that_need_somebody_are_watched_first() -> None:
    page = render.status(document("short", 200), NOW, columns=80, height=50)
    listed = re.findall(r"^(s\d+) +(\w+)", page, re.MULTILINE)
    assert listed
    assert {state for _name, state in listed} == {"resuming"}
    assert [name for name, _state in listed] == sorted(
        (name for name, _state in listed), key=lambda name: int(name[1:])
    )


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize("number", [1, 20, 200])
def test_the_history(kind: str, number: int) -> None:
    rows = [record(*ACCOUNTS[kind]) for _row in range(number)]
    page = history_page.page(rows, NOW, columns=80)
    check(page, kind)
    assert page.count("2026-12-30 09:05Z") == number
    assert words(page).count("->") == number
    assert words(page).count(ACCOUNTS[kind][1]) == number
    assert len(re.findall(r"in\s+2\s+min", page)) == number


@pytest.mark.parametrize("command", sorted(listed_commands(main.parser())))
def test_the_help_of_a_command_has_80_columns_at_most(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main.main(["--help"] if command == "hook" else [command, "--help"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if layout.width(line) > 80] == []


@pytest.mark.parametrize("columns", [5, 12, 80])
def test_what_is_wrapped_is_whole(columns: int) -> None:
    text = "  one two " + "x" * 30 + " 漢字漢字漢字漢字 three"
    lines = layout.wrap(text, columns, "  ")
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert max(map(layout.width, lines)) <= columns
