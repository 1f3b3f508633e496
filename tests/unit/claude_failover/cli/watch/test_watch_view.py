# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the picture of ``status --watch``: what is in it, at which size, and that nothing foreign gets out of it."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_failover.cli import layout
from claude_failover.cli.watch.content import WORST_FIRST, LastAnswers, session_groups
from claude_failover.cli.watch.keys import ViewState
from claude_failover.cli.watch.view import SMALLEST, Frame, draw

NOW = datetime(2026, 11, 22, 20, 54, 0, tzinfo=timezone.utc)
SIZES = [(80, 24), (200, 50)]
PAINT = re.compile(r"\x1b\[[0-9;]*m")
SWITCH: dict[str, Any] = {
    "time": "2026-11-22T20:53:30.000Z",
    "reason": "limit",
    "trigger_session": "s1",
    "limit": "five_hour",
    "resets_at": "2026-11-22T21:36:00.000Z",
    "from_account": "compte1",
    "to_account": "compte2",
    "outcome": "switched",
    "sessions": [],
    "seconds": 0.4,
}


def account(name: str, **more: Any) -> dict[str, Any]:
    usual = {"name": name, "active": False, "links": "ok", "login": "ok", "exhausted": [], "used_percent": {}}
    return {**usual, **more}


def session(name: str, state: str = "idle", **more: Any) -> dict[str, Any]:
    usual = {"name": name, "state": state, "account": "compte2", "cwd": f"/srv/{name}", "reason": None}
    return {**usual, "last_event_at": "2026-11-22T20:53:48.000Z", "follows_link": True, **more}


def document(sessions: int = 3, **more: Any) -> dict[str, Any]:
    return {
        "active_account": "compte2",
        "accounts": [
            account(
                "compte1",
                exhausted=[{"limit": "five_hour", "until": "2026-11-22T21:36:00.000Z"}],
                used_percent={"five_hour": 100, "seven_day": 41.6},
                login_expires_at="2026-12-22T20:54:00.000Z",
            ),
            account(
                "compte2",
                active=True,
                used_percent={"five_hour": 12, "seven_day": 85},
                login_expires_at="2026-11-26T20:54:00.000Z",
            ),
            account("compte3", login="expired"),
        ],
        "sessions": [session(f"s{number}") for number in range(sessions)],
        "last_switch": SWITCH,
        **more,
    }


def lines_of(frame: Frame) -> list[str]:
    return [PAINT.sub("", line).rstrip() for line in frame.lines]


def shown(found: dict[str, Any], size: tuple[int, int] = (80, 24), **more: Any) -> list[str]:
    """Return the lines of the screen without colours, after a look at its size."""
    state, answers = more.pop("state", ViewState()), LastAnswers(found, **more)
    frame = draw(answers, state, NOW, width=size[0], height=size[1])
    lines = lines_of(frame)
    assert len(lines) == size[1]
    assert [line for line in lines if layout.width(line) > size[0]] == []
    return lines


@pytest.mark.parametrize("size", SIZES)
def test_accounts_have_bars_resets_and_the_end_of_their_login(size: tuple[int, int]) -> None:
    page = "\n".join(shown(document(), size))
    assert re.search(r"  compte1 +█+ 100% +█+░+  42% +5-hour until 21:36Z \(in 42 min\)  .*in 30 d", page)
    assert re.search(r"\* compte2 +░+  12%|\* compte2 +█+░+  12%", page)
    assert re.search(r"compte2 .*85% +no .*in 4 d", page)
    assert re.search(r"compte3 +- +- +no +expired", page)


@pytest.mark.parametrize("size", SIZES)
def test_a_bar_is_full_or_empty_only_where_all_or_nothing_is_used(size: tuple[int, int]) -> None:
    for used, look in (
        (0, r" ░+ +0%"),
        (1, r" █░+ +1%"),
        (91, r" █+░+ +91%"),
        (99.4, r" █+░ +99%"),
        (100, r" █+ +100%"),
    ):
        found = {**document(), "accounts": [account("one", used_percent={"five_hour": used})]}
        page = "\n".join(shown(found, size))
        assert re.search(look, page), page


@pytest.mark.parametrize("size", SIZES)
def test_sessions_are_grouped_worst_first_and_sorted_as_people_count(size: tuple[int, int]) -> None:
    rows = [session("s10"), session("s9"), session("b", "busy"), session("x", "strange"), session("w", "waiting")]
    rows.append(session("d", "down", reason="exited with status 3", next_try_at="2026-11-22T20:55:00.000Z"))
    lines = shown({**document(), "sessions": rows}, size)
    wanted = [r"down \(1\)", "  d ", "    exited with status 3; next start 20:55Z", r"waiting \(1\)", "  w "]
    wanted += [r"strange \(1\)", "  x ", r"busy \(1\)", "  b ", r"idle \(2\)", "  s9 ", "  s10 "]
    found = [next((pattern for pattern in wanted if re.match(pattern, line)), None) for line in lines]
    expected = wanted if size[1] > 24 else wanted[: len([pattern for pattern in found if pattern])]
    assert [pattern for pattern in found if pattern] == expected
    assert len(expected) > 6
    assert "sessions: 1 down, 1 waiting, 1 strange, 1 busy, 2 id" in lines[0]


def test_every_state_has_its_place() -> None:
    rows = [session(state, state) for state in sorted(WORST_FIRST)]
    assert [group.state for group in session_groups(rows)] == list(WORST_FIRST)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sessions", [0, 1, 20, 1000])
@pytest.mark.parametrize("events", [0, 1, 40])
def test_every_part_has_room_at_every_size(size: tuple[int, int], sessions: int, events: int) -> None:
    row = {"event": "session_down", "severity": "error", "since": "2026-11-22T20:00:00.000Z", "summary": "it is down"}
    found = document(sessions, open_events=[row] * events)
    lines = shown(found, size, switches=[SWITCH] * 9)
    page = "\n".join(lines)
    assert lines[0].endswith("20:54:00Z")
    assert lines[-1].startswith("q: end")
    assert "20:53Z (30 s ago): switched compte1 -> compte2: s1 reached the 5-hour limit" in page
    assert ("error: it is down, since 20:00Z (54 min ago)" in page) == (events > 0)
    assert ("40 open" in page) == (events == 40)
    titles = [re.split(" ", line)[1] for line in lines if line.startswith("─ ")]
    assert titles == ["accounts", "events" if events else "notices", "sessions", "last"]
    at = lines.index(next(line for line in lines if line.startswith("─ sessions")))
    room = next(number for number, line in enumerate(lines) if line.startswith("─ last")) - at - 1
    assert room >= 4
    assert len([line for line in lines[at:] if re.match(r"  s\d+ ", line)]) >= min(sessions, room - 1)
    assert bool(re.search(rf"lines 1-{room} of {sessions + 1}", lines[at])) == (sessions + 1 > room)


def test_sessions_scroll_to_the_last_and_a_filter_finds_one() -> None:
    found = document(200)
    assert re.match("  s199 ", shown(found, state=ViewState(top=10**6))[-4])
    lines = shown(found, state=ViewState(filter="S199"))
    assert len([line for line in lines if re.match(r"  s\d+ ", line)]) == 1
    assert "─ sessions with S199 ─" in "\n".join(lines)
    assert "no session has that in it" in "\n".join(shown(found, state=ViewState(filter="nothing")))
    assert shown(found, state=ViewState(filter="ab", typing=True))[-1].startswith("filter: ab▏")


def test_many_accounts_leave_room_for_sessions() -> None:
    rows = [account(f"compte{number}", active=number == 77) for number in range(100)]
    lines = shown({**document(20), "accounts": rows, "active_account": "compte77"})
    assert any(line.startswith("* compte77 ") for line in lines)
    assert re.search(r"  and \d\d more", "\n".join(lines))
    assert any(re.match("  s0 ", line) for line in lines)


def test_accounts_whose_resets_have_lines_of_their_own_leave_room_for_sessions() -> None:
    until = [{"limit": "seven_day", "until": "2026-12-22T21:36:00.000Z"}]
    rows = [account("n" * 30 + str(number), active=number == 9, exhausted=until) for number in range(10)]
    for row in rows:
        row["used_percent"] = {"five_hour": 100, "seven_day": 99}
    lines = shown({**document(20), "accounts": rows, "active_account": "n" * 30 + "9"})
    page = "\n".join(lines)
    assert re.search(r"\* n+9 +█+ 100% .*\n    weekly until 2026-12-22 21:36Z \(in 30 d\)\n", page)
    assert re.search(r"  and \d more", page)
    assert any(re.match("  s1 ", line) for line in lines)


def test_a_daemon_that_is_gone_is_told_above_the_last_picture() -> None:
    lines = shown(document(), problem="nobody listens\x1b[2J", problem_since=NOW)
    assert lines[1].startswith(" no answer since 20:54:00Z, asked again: nobody listens[2J")
    assert any("compte1" in line for line in lines[2:])


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (29, 50), (30, 8), (31, 7), (39, 10), (79, 12), (500, 200)])
def test_no_size_breaks_it(size: tuple[int, int]) -> None:
    assert len(shown(document(50), size)) == size[1]
    assert len(shown({}, size)) == size[1]
    long = account("n" * 64, exhausted=[{"limit": "five_hour", "until": "soon"}], used_percent={"five_hour": 1e5})
    rows = [session("漢" * 40, "waiting", account="é" * 64, reason="why " * 99)]
    found = shown({**document(), "accounts": [long] * 9, "sessions": rows}, size)
    assert found[-1].startswith("q: end") or size < SMALLEST or size[1] < SMALLEST[1]


def test_without_colour_there_is_none() -> None:
    frame = draw(LastAnswers(document()), ViewState(), NOW, width=80, height=24, colour=False)
    painted = draw(LastAnswers(document()), ViewState(), NOW, width=80, height=24)
    assert lines_of(frame) == lines_of(painted)
    codes = {code for line in frame.lines for found in PAINT.findall(line) for code in found[2:-1].split(";")}
    assert not [code for code in codes if code.isdigit() and 30 <= int(code) < 50]


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(alphabet=st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def _rows(example: dict[str, Any]) -> st.SearchStrategy[Any]:
    return _JSON | st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(example, _JSON)), max_size=3)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("active_account", "blind", "queue", "suspended", "last_switch", "pace"), _JSON),
            "accounts": _rows(document()["accounts"][0]),
            "sessions": _rows(session("x", next_try_at=None)),
            "open_events": _rows({"event": 0, "severity": 0, "since": 0, "summary": 0}),
        },
    ),
    st.lists(st.dictionaries(st.sampled_from(sorted(SWITCH)), _JSON), max_size=2),
    st.text(max_size=20),
)
def test_no_document_gets_a_control_character_to_the_terminal(
    found: dict[str, Any], switches: list[dict[str, Any]], text: str
) -> None:
    frame = draw(LastAnswers(found, switches, text, NOW), ViewState(filter=text[:3]), NOW, width=80, height=24)
    assert len(frame.lines) == 24
    for line in frame.lines:
        plain = PAINT.sub("", line)
        plain.encode()  # no lone surrogate
        assert not [c for c in plain if c < " " or "\x7f" <= c < "\xa0" or c in "\u202e\u2066\u200b"]
