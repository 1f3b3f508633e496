# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module claude_failover_info: facts, a host without a daemon, and what never leaves the host."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any, Callable

import pytest
import yaml
from ansible_collections.secuaas.claude.plugins.modules import claude_failover_info as module
from fake_control import FakeControl, account, done, refused, session, status
from module_run import run_module

ADDRESS = "pierre.dupont@example.com"
TOKEN = "sk-ant-oat01-planted_TOKEN-1"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def daemon(short_folder: str) -> Iterator[FakeControl]:
    with FakeControl(os.path.join(short_folder, "s")) as server:
        yield server


@pytest.fixture
def run(short_folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(check: bool = False, **arguments: Any) -> dict[str, Any]:
        arguments = {"control_socket": os.path.join(short_folder, "s"), **arguments}
        return run_module(module, monkeypatch, capsys, arguments, check)

    return call


def planted() -> dict[str, Any]:
    """Return a status that holds an address wherever one can be, a token, and the text of a screen."""
    identity = {"address": ADDRESS, "organisation": f"{ADDRESS}'s Organization", "plan": "claude_max"}
    return status(
        active_account=ADDRESS,
        accounts=[account("one", identity=identity), account(ADDRESS, identity_digest="0123456789abcdef")],
        sessions=[session("main", account=ADDRESS, reason=f"asks {ADDRESS}, {TOKEN}")],
        last_switch={"outcome": "switched", "from_account": "one", "to_account": ADDRESS, "snippet": "a prompt"},
    )


@pytest.mark.parametrize("check", [False, True])
def test_the_status_is_the_facts(run: Run, daemon: FakeControl, check: bool) -> None:
    document = status(active_account="one", accounts=[account("one", active=True)], sessions=[session("main")])
    daemon.answers["status"] = done(document)
    result = run(check)
    assert (result["running"], result["reason"], result["changed"]) == (True, "", False)
    assert result["status"] == document
    assert (daemon.ops(), "tasks" in result) == (["status"], False)


def test_a_host_without_a_daemon_is_an_answer(run: Run, short_folder: str) -> None:
    result = run(tasks=True)
    assert (result["running"], result["status"], result["tasks"], result["changed"]) == (False, {}, [], False)
    assert "the daemon is not running" in result["reason"] and f"{short_folder}/s" in result["reason"]
    assert run(control_socket="/nowhere/at/all")["running"] is False


def test_no_address_token_or_screen_leaves_the_host(run: Run, daemon: FakeControl) -> None:
    daemon.answers["status"] = done(planted())
    result = run()
    text = json.dumps(result)
    for secret in (ADDRESS, "pierre", "example.com", TOKEN, "planted", "a prompt", "Organization"):
        assert secret not in text
    found = result["status"]
    assert found["accounts"][0]["identity"] == {"plan": "claude_max"}
    assert [row["name"] for row in found["accounts"]] == ["one", "account-2"]
    assert found["active_account"] == found["sessions"][0]["account"] == "account-2"
    assert found["sessions"][0]["reason"] == "asks account-2, (token)"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("exited with status 1: > fire Alice, the password is hunter2", "exited with status 1"),
        (
            "exited with status 0: bye: a; not started again (restart: on_failure): claude-failover restart s",
            "exited with status 0; not started again (restart: on_failure)",
        ),
        ("stopped by hand", "stopped by hand"),
        (None, None),
    ],
)
def test_the_last_words_of_a_program_stay_on_the_host(
    run: Run, daemon: FakeControl, reason: str | None, shown: str | None
) -> None:
    daemon.answers["status"] = done(status(sessions=[session("s", state="down", reason=reason)]))
    (row,) = run(addresses=True)["status"]["sessions"]
    assert row["reason"] == shown


def test_a_daemon_that_tells_the_last_words_apart_has_the_whole_reason_shown(run: Run, daemon: FakeControl) -> None:
    reason = "cannot be started: [Errno 2] no tmux"
    down = {**session("s", state="down", reason=reason), "last_words": "> fire Alice"}
    daemon.answers["status"] = done(status(sessions=[down]))
    result = run(addresses=True)
    (row,) = result["status"]["sessions"]
    assert row["reason"] == reason
    assert "Alice" not in str(result)


def test_addresses_are_returned_where_they_are_asked_for_and_a_token_is_not(run: Run, daemon: FakeControl) -> None:
    daemon.answers["status"] = done(planted())
    result = run(addresses=True)
    assert result["status"]["accounts"][0]["identity"]["address"] == ADDRESS
    assert result["status"]["active_account"] == ADDRESS
    assert TOKEN not in json.dumps(result) and "a prompt" not in json.dumps(result)


def test_tasks_have_no_prompt(run: Run, daemon: FakeControl) -> None:
    row = {"id": "4c6c5b0e", "state": "queued", "session": None, "prompt": "secret words", "prompt_bytes": 12}
    daemon.answers.update(status=done(status()), queue=done([row]))
    result = run(tasks=True)
    assert result["tasks"] == [{"id": "4c6c5b0e", "state": "queued", "session": None, "prompt_bytes": 12}]
    assert daemon.ops() == ["status", "queue"]


def test_nothing_a_terminal_interprets_is_returned(run: Run, daemon: FakeControl) -> None:
    name = "\x1b[2J\nok: [forged]\u202e"
    # \ud800 is what JSON can hold and UTF-8 cannot.
    line = json.dumps(done(status(sessions=[session(name, reason="\ud800")], x=float("nan")))).encode() + b"\n"
    daemon.answers["status"] = line
    result = run()
    shown = result["status"]["sessions"][0]
    assert shown["name"] == "\\x1b[2J\\nok: [forged]\\u202e"
    assert (shown["reason"], result["status"]["x"]) == ("\\ud800", None)


DEEP = b'{"ok": true, "result": ' + b'{"a": ' * 100 + b"1" + b"}" * 100 + b"}\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (done(None), "found NoneType, expected an object"),
        (done({}), "expected a list"),
        (done({"accounts": [{"name": 5}], "sessions": []}), "found int at name"),
        (done({"accounts": [], "sessions": ["x"]}), "expected an object"),
        (b"no json\n", "none of the daemon's"),
        (b"[" * 100000 + b"\n", "none of the daemon's"),
        (DEEP, "more than 30 levels"),
        (b"", "closed it without an answer"),
        (refused("\x1b[2Jno"), "\\x1b[2Jno"),
        (refused("there is no operation status", 2), "no operation"),
    ],
)
def test_an_answer_that_is_none_fails_with_words(run: Run, daemon: FakeControl, answer: Any, words: str) -> None:
    daemon.answers["status"] = (lambda _request: None) if answer == b"" else answer
    result = run()
    assert result["failed"] and not result["running"] and words in result["msg"]
    assert result["reason"] == result["msg"] and result["status"] == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"control_socket": "relative"}, "expected an absolute path"),
        ({"control_socket": ""}, "expected an absolute path"),
        ({"control_socket": "/" + "x" * 200}, "expected at most"),
        ({"timeout": 0}, "timeout: found 0"),
        ({"timeout": -1}, "timeout: found -1"),
        ({"timeout": 10**30}, "timeout: found 1000"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": [1]}, "timeout"),
        ({"addresses": "perhaps"}, "addresses"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_wrong_argument_fails_with_words(run: Run, arguments: dict[str, Any], words: str) -> None:
    result = run(**arguments)
    assert result["failed"] and words in result["msg"]


def test_a_silent_daemon_is_waited_for_no_longer_than_asked(run: Run, daemon: FakeControl) -> None:
    over = threading.Event()
    daemon.answers["status"] = lambda _request: over.wait(20) and None
    try:
        result = run(timeout=1)
    finally:
        over.set()
    assert result["failed"] and "did not answer within 1 s" in result["msg"]


def test_the_documentation_names_the_results(run: Run, daemon: FakeControl) -> None:
    document = status(accounts=[account("one")], sessions=[session("main")])
    daemon.answers.update(status=done(document), queue=done([]))
    returned = yaml.safe_load(module.RETURN)
    result = run(tasks=True)
    assert set(returned) == set(result) - {"changed", "invocation", "warnings"}
    contained = returned["status"]["contains"]
    assert set(contained) <= set(document)
    assert set(contained["accounts"]["contains"]) <= set(document["accounts"][0])
    assert set(contained["sessions"]["contains"]) <= set(document["sessions"][0])
