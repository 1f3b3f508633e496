# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of ``dispatch`` and ``queue`` with made-up answers of the daemon."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest

from claude_failover.cli import common, main
from claude_failover.cli.commands import dispatch
from claude_failover.common.errors import FailoverError, NoAnswer, NotRunning, Refused


def row(state, **more):
    return {
        "id": "0123abcd",
        "state": state,
        "session": "w1",
        "detail": "",
        "prompt": "do it",
        "created_at": "2026-11-22T20:00:00.000Z",
        **more,
    }


@pytest.fixture
def daemon(monkeypatch):
    """Answers in turn, each a result or an error; what was asked is kept."""

    class Daemon:
        def __init__(self):
            self.answers, self.asked = [], []

        def ask(self, _arguments, op, options=None, timeout=10.0):
            self.asked.append((op, options))
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    daemon = Daemon()
    monkeypatch.setattr(common, "request", daemon.ask)
    monkeypatch.setattr(dispatch, "POLL_INTERVAL", 0)
    return daemon


def test_the_id_and_the_session_are_printed(daemon, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    daemon.answers = [row("sent")]
    assert main.main(["dispatch", "--session", "w1", "--cwd", "sub/..", "do it"]) == 0
    assert capsys.readouterr().out == "task 0123abcd: sent to w1\n"
    ((operation, options),) = daemon.asked
    assert re.fullmatch("[0-9a-f]{32}", options.pop("request_id"))
    assert (operation, options) == ("dispatch", {"prompt": "do it", "session": "w1", "cwd": str(tmp_path)})


LOST = NoAnswer("the connection was lost")
AWAY = NotRunning("nobody listens")


def test_a_request_whose_answer_is_lost_is_repeated_under_its_id(daemon, capsys):
    daemon.answers = [LOST, AWAY, LOST, row("sent")]
    assert main.main(["dispatch", "do it"]) == 0
    found = capsys.readouterr()
    assert found.out == "task 0123abcd: sent to w1\n"
    assert found.err.count("the connection was lost; asking again under the same request id") == 1
    assert len({options["request_id"] for _operation, options in daemon.asked}) == 1
    assert len(daemon.asked) == 4


@pytest.mark.parametrize("last", [LOST, AWAY])
def test_an_answer_that_stays_lost_names_the_id_to_ask_again_with(daemon, capsys, monkeypatch, last):
    monkeypatch.setattr(dispatch, "REPEAT_WITHIN", -1)
    daemon.answers = [LOST, last]
    assert main.main(["dispatch", "--request-id", "mine-1", "do it"]) == 1
    errors = capsys.readouterr().err
    assert "not known" in errors
    assert "--request-id mine-1" in errors
    assert [options["request_id"] for _operation, options in daemon.asked] == ["mine-1"]


@pytest.mark.parametrize(("error", "code"), [(AWAY, 3), (Refused("no"), 1), (FailoverError("no right"), 1)])
def test_a_request_that_was_not_sent_or_was_answered_is_not_repeated(daemon, error, code):
    daemon.answers = [error]
    assert main.main(["dispatch", "do it"]) == code
    assert len(daemon.asked) == 1


def test_a_task_that_waits_says_why(daemon, capsys):
    daemon.answers = [row("queued", session=None, detail="waits for a session of the pool: main is dedicated")]
    assert main.main(["dispatch", "do it"]) == 0
    assert capsys.readouterr().out == "task 0123abcd: queued: waits for a session of the pool: main is dedicated\n"


@pytest.mark.parametrize(("end", "code"), [("done", 0), ("failed", 1), ("cancelled", 1)])
def test_wait_bears_a_restart_of_the_daemon_and_tells_the_end(daemon, capsys, end, code):
    daemon.answers = [
        row("accepted"),
        [row("accepted")],
        NotRunning("nobody listens"),
        NotRunning("nobody listens"),
        [row("queued", id="other"), row(end, detail="why \x1b[2J")],
    ]
    assert main.main(["dispatch", "--wait", "do it"]) == code
    found = capsys.readouterr()
    assert found.out == f"task 0123abcd: accepted by w1\ntask 0123abcd: {end} by w1: why [2J\n"
    assert found.err.count("the task is kept, waiting for the daemon") == 1


def test_wait_ends_when_the_daemon_stays_away(daemon, capsys, monkeypatch):
    monkeypatch.setattr(dispatch, "RECONNECT_TIMEOUT", -1)
    daemon.answers = [row("accepted"), NotRunning("nobody listens")]
    assert main.main(["dispatch", "--wait", "do it"]) == 3


def test_wait_ends_when_the_task_is_forgotten(daemon, capsys):
    daemon.answers = [row("accepted"), []]
    assert main.main(["dispatch", "--wait", "do it"]) == 1
    assert "is no longer in the queue" in capsys.readouterr().err


def test_with_json_there_is_one_document(daemon, capsys):
    daemon.answers = [row("accepted"), [row("done")]]
    assert main.main(["dispatch", "--wait", "--json", "do it"]) == 0
    assert json.loads(capsys.readouterr().out) == row("done")


@pytest.mark.parametrize(("raw", "code"), [(b"two\nlines\n", 0), (b"\xff", 2), (b"x" * (dispatch.STDIN_MAX + 1), 1)])
def test_standard_input_is_read_whole(daemon, monkeypatch, raw, code):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    daemon.answers = [row("sent")]
    assert main.main(["dispatch", "-"]) == code
    asked = [(operation, options["prompt"]) for operation, options in daemon.asked]
    assert asked == ([("dispatch", "two\nlines\n")] if code == 0 else [])


def test_the_queue_is_a_table_with_reasons_below(daemon, capsys):
    daemon.answers = [[row("done"), row("failed", id="89abcdef", session=None, detail="given up", prompt="a\nb\x07")]]
    assert main.main(["queue"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["TASK", "STATE", "SESSION", "CREATED", "PROMPT"]
    assert lines[1].startswith("0123abcd  done") and lines[2].endswith("a b")
    assert lines[-1] == "  89abcdef: given up"


def test_an_empty_queue_and_json(daemon, capsys):
    daemon.answers = [[], [], row("cancelled")]
    assert main.main(["queue"]) == 0 and capsys.readouterr().out == "No tasks.\n"
    assert main.main(["queue", "--json"]) == 0 and json.loads(capsys.readouterr().out) == []
    assert main.main(["queue", "--cancel", "0123abcd"]) == 0
    assert daemon.asked[-1] == ("queue", {"cancel": "0123abcd"})


def test_a_refusal_is_exit_1(daemon, capsys):
    daemon.answers = [Refused("session main is dedicated")]
    assert main.main(["dispatch", "--session", "main", "do it"]) == 1
    assert "session main is dedicated" in capsys.readouterr().err
