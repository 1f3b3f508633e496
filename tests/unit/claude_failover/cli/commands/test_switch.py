# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of ``switch`` and ``history`` with made-up answers of the daemon."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from claude_failover.cli import common, main
from claude_failover.cli.commands import switch
from claude_failover.common.errors import FailoverError

NOW = datetime(2026, 11, 22, 20, 10, tzinfo=timezone.utc)
RECORD = {
    "id": "1",
    "time": "2026-11-22T20:00:00.000Z",
    "reason": "limit",
    "trigger_session": "main",
    "source": "hook",
    "pattern": "p",
    "snippet": "s",
    "limit": "five_hour",
    "resets_at": None,
    "from_account": "a",
    "to_account": "b",
    "outcome": "switched",
    "detail": "b: can be used",
    "sessions": [{"name": "main"}],
    "seconds": 0.5,
}


@pytest.fixture
def call(monkeypatch, capsys):
    asked = []

    def run(answer, *words):
        def ask(arguments, op, options=None, timeout=10.0):
            asked.append((op, options))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(common, "request", ask)
        code = main.main(list(words))
        out = capsys.readouterr()
        return code, out.out, out.err, asked[-1] if asked else None

    return run


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {"dry_run": False, "force": False}),
        (["b"], {"dry_run": False, "force": False, "account": "b"}),
        (["b", "--reason", "R", "--force"], {"dry_run": False, "force": True, "account": "b", "reason": "R"}),
        (["--dry-run"], {"dry_run": True, "force": False}),
    ],
)
def test_the_options_are_the_requests_keys(call, words, options):
    code, out, _err, asked = call(RECORD, "switch", *words)
    assert (code, asked) == (0, ("switch", options))
    assert out == "switched from a to b: b: can be used\n"


def test_a_switch_by_hand_reads_forwards():
    record = {**RECORD, "reason": "manual", "detail": "by hand: a is needed; b: can be used"}
    assert switch.explain(record, NOW) == "switched from a to b by hand: a is needed; b: can be used"
    assert switch.explain({**record, "outcome": "stayed"}, NOW) == "stayed with b: by hand: a is needed; b: can be used"


def test_a_refusal_is_exit_1_with_the_reason(call):
    code, out, err, _asked = call(FailoverError("refused: b: its login is dead"), "switch", "b")
    assert (code, out) == (1, "")
    assert "its login is dead" in err


def test_a_dry_run_shows_every_candidate(call):
    candidates = [
        {"account": "a", "eligible": False, "why": "it is the active account"},
        {"account": "b\x1b[2J", "eligible": True, "why": "can be used"},
    ]
    code, out, _err, _asked = call({**RECORD, "dry_run": True, "candidates": candidates}, "switch", "--dry-run")
    assert code == 0
    assert out.startswith("would switch from a to b")
    assert "it is the active account" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("outcome", "dry", "head"),
    [
        ("stayed", False, "stayed with b"),
        ("stayed", True, "would stay with b"),
        ("refused", True, "would be refused"),
        ("failed", False, "failed"),
    ],
)
def test_outcomes_in_words(outcome, dry, head):
    assert switch.explain({**RECORD, "outcome": outcome, "dry_run": dry}, NOW).startswith(head + ":")


def test_json_is_what_the_daemon_said(call):
    code, out, _err, _asked = call(RECORD, "switch", "--json")
    assert (code, json.loads(out)) == (0, RECORD)
