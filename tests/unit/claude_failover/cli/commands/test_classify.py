# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of ``classify`` with the captured panes, hooks and transcripts."""

from __future__ import annotations

import io
import json
import os
from types import SimpleNamespace

import pytest

from claude_failover.cli import main
from claude_failover.common.errors import UsageError

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "..", "fixtures", "claude-code")
NOW = "2026-11-22T20:10:00Z"


def fixture(*parts):
    with open(os.path.join(FIXTURES, *parts), "rb") as stream:
        return stream.read().replace(b"\\u2019", "\u2019".encode())


@pytest.fixture
def call(monkeypatch, capsys):
    def run(raw, *options):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
        parsed = main.parser().parse_args(["classify", *options])
        return parsed.handler(parsed), capsys.readouterr().out

    return run


def test_pane(call):
    code, out = call(fixture("panes", "limit_seven_day.ansi.txt"), "--source", "pane", "--now", NOW, "--json")
    answer = json.loads(out)
    assert code == 0
    assert list(answer) == ["limited", "limit", "resets_at", "rule", "snippet", "detail"]
    assert (answer["limited"], answer["limit"], answer["resets_at"]) == (True, "seven_day", "2026-11-25T20:10:00.000Z")
    code, out = call(fixture("panes", "resume_B.txt"), "--source", "pane")
    assert code == 1
    assert "banner-above-idle-prompt" in out


def test_hook(call):
    limit, *_others, throttle = fixture("hooks", "StopFailure.jsonl").splitlines()
    assert call(limit, "--source", "hook", "--now", NOW)[0] == 0
    code, out = call(throttle, "--source", "hook", "--json")
    assert (code, json.loads(out)["limited"], json.loads(out)["limit"]) == (1, False, None)


def test_transcript(call):
    raw = fixture("transcripts", "limit_five_hour.jsonl")
    code, out = call(raw, "--source", "transcript", "--now", NOW)
    assert code == 0
    assert out.startswith("usage limit: 5-hour, resets 21:36Z (in 1 h 26 min)\n")
    assert call(raw + b'{"type": "user", "mess', "--source", "transcript")[0] == 0
    assert call(raw + b'{"type": "user", "message": {"content": "go on"}}\n', "--source", "transcript")[0] == 1
    assert call(b"", "--source", "transcript")[0] == 1


def test_zone(call):
    raw = json.dumps(
        {
            "hook_event_name": "StopFailure",
            "error": "rate_limit",
            "last_assistant_message": "You've hit your session limit · resets 10pm",
        }
    ).encode()
    out = call(raw, "--source", "hook", "--now", NOW, "--tz", "Asia/Tokyo", "--json")[1]
    assert json.loads(out)["resets_at"] == "2026-11-23T13:00:00.000Z"


@pytest.mark.parametrize(
    ("raw", "options"),
    [
        (b"{", ["--source", "hook"]),
        (b"[]", ["--source", "hook"]),
        (b"", ["--source", "hook"]),
        (b"\xff\xfe", ["--source", "hook"]),
        (b"[" * 100000, ["--source", "hook"]),
        (b"nonsense\n{}\n", ["--source", "transcript"]),
        (b"nonsense", ["--source", "transcript"]),
        (b"{}", ["--source", "hook", "--now", "tomorrow"]),
        (b"{}", ["--source", "hook", "--now", "2026-11-22T20:10:00"]),
        (b"{}", ["--source", "hook", "--tz", "Nowhere/Atlantis"]),
        (b"{}", ["--source", "hook", "--tz", ""]),
    ],
)
def test_wrong_use(call, raw, options):
    with pytest.raises(UsageError) as caught:
        call(raw, *options)
    assert caught.value.exit_code == 2
    assert "expected" in str(caught.value)


def test_nothing_unprintable_comes_out(call):
    raw = "❯ go\n  ⎿  You've hit your limit \x9b31m\u202e · resets 9pm (\x07)".encode()
    out = call(raw, "--source", "pane")[1]
    assert "\x9b" not in out
    assert "\x07" not in out
