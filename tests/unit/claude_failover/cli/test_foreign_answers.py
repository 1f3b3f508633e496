# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each value of the daemon's answers by turns is another one: what shows them neither breaks nor lets a control out."""

from __future__ import annotations

import argparse
import copy
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from claude_failover.cli import common, history_page, host_look, render
from claude_failover.cli.answers import check_answer
from claude_failover.cli.commands import reload, restart, stop, switch
from claude_failover.cli.watch.content import LastAnswers
from claude_failover.cli.watch.keys import ViewState
from claude_failover.cli.watch.view import draw
from claude_failover.common.errors import FailoverError
from claude_failover.common.text import SPECIAL
from claude_failover.doctor.running_daemon import status_findings

NOW = datetime(2026, 11, 22, 20, 54, 0, tzinfo=timezone.utc)
AT = "2026-11-22T20:53:30.000Z"
PAINT = re.compile(r"\x1b\[[0-9;]*m")
OTHERS = ("\x1b]0;x\x07\x9b2J\u202e\n\ud800", "", None, True, 2**64 - 1, 1e308, [], {}, {"a": {"b": []}})
SWITCH = {
    "id": "0123",
    "time": AT,
    "reason": "limit",
    "trigger_session": "s1",
    "limit": "five_hour",
    "resets_at": AT,
    "from_account": "a",
    "to_account": "b",
    "outcome": "switched",
    "seconds": 0.4,
    "detail": "because",
    "sessions": [{"name": "s1", "uuid": "u", "result": "failed: why", "method": "restart"}],
}
ACCOUNT = {
    "name": "a",
    "home": "/home/a",
    "active": True,
    "enabled": True,
    "standby": False,
    "links": "divergent",
    "login": "ok",
    "login_expires_at": AT,
    "exhausted": [{"limit": "five_hour", "until": AT}],
    "used_percent": {"five_hour": 42.0},
    "identity": {"address": "a@example.invalid", "organisation": "o", "plan": "max"},
}
SESSION = {
    "name": "s1",
    "uuid": "u",
    "state": "down",
    "account": "a",
    "cwd": "/srv",
    "pid": 1,
    "reason": "why",
    "last_words": "w",
    "next_try_at": AT,
    "last_event_at": AT,
    "follows_link": False,
    "restart_needed": True,
    "configured": True,
    "dedicated": True,
}
STATUS = {
    "version": "0.4.0",
    "pid": 4711,
    "started_at": AT,
    "active_account": "a",
    "suspended": "why",
    "switching": "wait",
    "cooldown_until": AT,
    "automatic": True,
    "last_switch": SWITCH,
    "queue": {"queued": 1},
    "accounts": [ACCOUNT, {**ACCOUNT, "name": "b", "login": "expired", "active": False, "links": "ok"}],
    "sessions": [SESSION, {**SESSION, "name": "s2", "state": "waiting"}],
    "open_events": [{"event": "session_down", "severity": "error", "summary": "s1 is down", "since": AT}],
    "blind": [{"source": "tmux", "since": AT, "reason": "gone"}],
    "unsaved": [{"document": "registry", "reason": "full"}],
    "background_jobs": [{"id": "j", "session": "s1", "pid": 3, "cwd": "/srv", "uuid": "u"}],
    "advised_switch": {"from_account": "a", "to_account": "b", "since": AT},
    "pace": {"per_hour": 3.5, "runs_out_at": AT},
    "failback": {"waits_for": "s1"},
}
TASK = {"id": "t", "state": "sent", "session": "s1", "detail": "why", "created_at": AT, "prompt": "p", "known": True}


def screen(status: Any, size: tuple[int, int]) -> str:
    answers = LastAnswers(status, [status["last_switch"]] if isinstance(status.get("last_switch"), dict) else [])
    return "\n".join(draw(answers, ViewState(), NOW, width=size[0], height=size[1]).lines)


def findings(status: Any) -> str:
    return host_look.page(list(status_findings(status, "0.4.0")), NOW)


SHOWN: dict[str, tuple[str, Any, Callable[[Any], str]]] = {
    "status": ("status", STATUS, lambda found: render.status(found, NOW)),
    "status in a narrow terminal": ("status", STATUS, lambda found: render.status(found, NOW, columns=40)),
    "status --watch": ("status", STATUS, lambda found: screen(found, (80, 40))),
    "status --watch in a wide terminal": ("status", STATUS, lambda found: screen(found, (200, 60))),
    "doctor": ("status", STATUS, findings),
    "sessions": ("sessions", STATUS["sessions"], lambda found: render.sessions(found, NOW)),
    "history": ("history", [SWITCH], lambda found: history_page.page(found, NOW)),
    "switch": ("switch", SWITCH, lambda found: switch.explain(found, NOW)),
    "queue": ("queue", [TASK], lambda found: render.tasks(found, NOW)),
    "dispatch": ("dispatch", TASK, render.task),
}


def places(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,)
        for path in places(inner):
            yield (key, *path)


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


def shown_or_told(op: str, found: Any, show: Callable[[Any], str]) -> str:
    """Return the page of an answer, or why it is none."""
    try:
        check_answer(op, {}, found)
    except FailoverError as error:
        return str(error)
    return show(found)


@pytest.mark.parametrize("name", SHOWN)
def test_whatever_an_answer_holds_is_shown_or_told(name: str) -> None:
    op, document, show = SHOWN[name]
    assert show(document)
    for path in places(document):
        for value in OTHERS:
            found = replaced(document, path, value)
            page = shown_or_told(op, found, show)
            assert not SPECIAL.search(PAINT.sub("", page).replace("\n", "")), (path, value, page)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (reload, {"reloaded": OTHERS[0]}),
        *((command, dict.fromkeys(("session", "state", "uuid", "detail"), OTHERS[0])) for command in (restart, stop)),
    ],
)
def test_an_answer_of_one_line_forges_no_other(
    command: Any, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(common, "request", lambda *_arguments, **_options: answer)
    assert command.run(argparse.Namespace(name="s1", force=False, json=False)) == 0
    out = capsys.readouterr().out
    assert out[-1:] == "\n"
    assert not SPECIAL.search(out[:-1])
