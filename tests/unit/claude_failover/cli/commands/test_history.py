# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of ``claude-failover history``: words for each switch, and the fate of each session."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from claude_failover.cli import common, history_page, main
from claude_failover.switching.record import REASONS

NOW = datetime(2026, 11, 22, 20, 54, tzinfo=timezone.utc)
RECORD: dict[str, Any] = {
    "id": "1",
    "time": "2026-11-22T20:00:00.000Z",
    "reason": "limit",
    "trigger_session": "main",
    "source": "hook",
    "pattern": "p",
    "snippet": "s",
    "limit": "five_hour",
    "resets_at": "2026-11-22T21:36:00.000Z",
    "from_account": "a",
    "to_account": "b",
    "outcome": "switched",
    "detail": "b: can be used; a: exhausted until 2026-11-22T21:36:00.000Z",
    "sessions": [
        {"name": "s10", "uuid": None, "method": "hot", "result": "continued", "seconds": 0.5},
        {"name": "s2", "uuid": None, "method": "hot", "result": "continued", "seconds": 0.5},
        {"name": "main", "uuid": None, "method": "restart", "result": "sent", "seconds": 12.5},
        {"name": "s3", "uuid": None, "method": "none", "result": "failed: the session is down: gone", "seconds": 1},
        {"name": "s4", "uuid": None, "method": "none", "result": "dialog: trust", "seconds": 1},
    ],
    "seconds": 0.46,
}
Call = Callable[..., tuple[int, str, list[tuple[str, Any]]]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(answer: Any, *words: str) -> tuple[int, str, list[tuple[str, Any]]]:
        asked = []

        def ask(_arguments: Any, op: str, options: Any = None, timeout: float = 10.0) -> Any:
            asked.append((op, options))
            return answer

        monkeypatch.setattr(common, "request", ask)
        code = main.main(list(words))
        return code, capsys.readouterr().out, asked

    return run


def test_a_switch_is_told_in_words_with_the_fate_of_each_session() -> None:
    assert (
        history_page.page([RECORD], NOW)
        == """\
20:00Z (54 min ago): switched a -> b in 0.5 s
  main reached the 5-hour limit of a, which resets 21:36Z (in 42 min)
  b: can be used; a: exhausted until 21:36Z (in 42 min)
  main: began a turn, no answer seen (restarted)
  s2, s10: went on, and was answered
  s3: failed: the session is down: gone
  s4: left to you: it asks something: trust"""
    )


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_words(reason: str) -> None:
    told = history_page.why({**RECORD, "reason": reason}, NOW)
    assert told != reason
    assert "five_hour" not in told


def test_json_is_the_records_as_they_are(call: Call) -> None:
    code, out, asked = call([RECORD], "history", "--json", "-n", "3")
    assert (code, json.loads(out), asked) == (0, [RECORD], [("history", {"limit": 3})])


def test_the_history_of_a_session_has_its_switches_and_its_own_fate(call: Call) -> None:
    other = {**RECORD, "id": "2", "trigger_session": "x", "sessions": []}
    code, out, _asked = call([other, RECORD], "history", "--session", "s2")
    assert code == 0
    assert out.count(" -> ") == 1
    assert "  s2: went on" in out
    assert "  and 4 other sessions\n" in out
    assert "s10" not in out
    code, out, _asked = call([other, RECORD], "history", "--session", "x", "--json")
    assert [row["id"] for row in json.loads(out)] == ["2"]
    code, out, asked = call([RECORD] * 9, "history", "--session", "s2", "-n", "4", "--json")
    assert len(json.loads(out)) == 4
    assert asked[0][1]["limit"] > 4


def test_a_session_without_switches_is_told_with_the_name_that_may_be_meant(call: Call) -> None:
    code, out, _asked = call([RECORD], "history", "--session", "mian")
    assert (code, out) == (0, "No switches that concern the session mian; did you mean main?\n")
    assert json.loads(call([RECORD], "history", "--session", "mian", "--json")[1]) == []


def test_the_name_that_may_be_meant_is_also_that_of_a_session_without_switches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {"history": [RECORD], "sessions": [{"name": "frontend"}, {"name": "mainly"}]}
    monkeypatch.setattr(common, "request", lambda _arguments, op, *_more: answers[op])
    told = []
    for name in ("fronted", "mainly", "zzz"):
        assert main.main(["history", "--session", name]) == 0
        told.append(capsys.readouterr().out.partition("session ")[2])
    assert told == ["fronted; did you mean frontend?\n", "mainly\n", "zzz\n"]


@pytest.mark.parametrize("detail", ["by hand; b: its login is expired", "by hand: a test; b: its login is expired"])
def test_the_cause_of_a_switch_is_said_once(detail: str) -> None:
    record = {**RECORD, "reason": "manual", "outcome": "refused", "detail": detail, "sessions": []}
    page = history_page.page([record], NOW)
    assert page.count("by hand") == 1 and detail in page


def test_an_empty_history_says_so(call: Call) -> None:
    assert call([], "history")[1] == "No switches yet.\n"


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "", "²"])
def test_a_wrong_number_is_wrong_use(call: Call, number: str) -> None:
    assert call([], "history", f"-n={number}")[0] == 2


@pytest.mark.parametrize("columns", [None, 80])
def test_what_comes_from_elsewhere_is_printable(columns: int | None) -> None:
    foreign = "a\x1b]0;x\x07\x9b31m\u202e"
    rows = [{"name": foreign, "result": f"failed: {foreign}", "method": foreign}, 7, None]
    changed = {key: foreign for key in RECORD if key not in ("sessions", "seconds")}
    page = history_page.page([{**changed, "sessions": rows, "seconds": "1"}, {}], NOW, columns=columns)
    assert page.count("failed") == 1
    assert all(character.isprintable() or character == "\n" for character in page)
