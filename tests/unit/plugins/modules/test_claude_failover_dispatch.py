# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module claude_failover_dispatch: one task for one request, and a prompt that is shown nowhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, Callable

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.secuaas.claude.plugins.module_utils import _task_request
from ansible_collections.secuaas.claude.plugins.modules import claude_failover_dispatch as module
from fake_control import FakeControl, done, refused
from module_run import run_module

Run = Callable[..., dict[str, Any]]
SECRET = "the words of the prompt"


class Pool:
    """A daemon in small, with one session ``w1`` and a dedicated one ``main``."""

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.next_states = ["accepted"]

    def dispatch(self, request: dict[str, Any]) -> Any:
        if request.get("session") == "main":
            return refused("session main is dedicated, and never gets a task; the pool has: w1")
        known = request["request_id"] in self.tasks
        row = self.tasks.get(request["request_id"]) or {
            "id": None if request.get("dry_run") else "4c6c5b0e",
            "state": self.next_states[0],
            "session": "w1",
            "detail": "it works on it",
            "prompt": request["prompt"],
            "prompt_bytes": len(request["prompt"]),
            "request_id": request["request_id"],
        }
        if not request.get("dry_run"):
            self.tasks[request["request_id"]] = row
        return done({**row, "known": known})

    def queue(self, _request: dict[str, Any]) -> Any:
        for row in self.tasks.values():
            row["state"] = self.next_states.pop(0) if len(self.next_states) > 1 else self.next_states[0]
        return done(list(self.tasks.values()))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_task_request, "_INTERVAL", 0.01)


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def daemon(short_folder: str, pool: Pool) -> Iterator[FakeControl]:
    with FakeControl(os.path.join(short_folder, "s"), dispatch=pool.dispatch, queue=pool.queue) as server:
        yield server


@pytest.fixture
def run(short_folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(check: bool = False, **arguments: Any) -> dict[str, Any]:
        arguments = {"control_socket": os.path.join(short_folder, "s"), "prompt": SECRET, **arguments}
        return run_module(module, monkeypatch, capsys, arguments, check)

    return call


def test_a_repeat_under_one_id_is_the_same_task_and_no_change(run: Run, daemon: FakeControl, pool: Pool) -> None:
    first, second = run(request_id="nightly"), run(request_id="nightly")
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["task"]["id"] == second["task"]["id"] == "4c6c5b0e"
    assert (first["task"]["session"], first["request_id"], len(pool.tasks)) == ("w1", "nightly", 1)


def test_without_an_id_each_run_has_one_of_its_own(run: Run, daemon: FakeControl) -> None:
    first, second = run(), run()
    assert first["request_id"] != second["request_id"]
    assert first["request_id"] == daemon.requests[0]["request_id"]


def test_check_mode_takes_no_task(run: Run, daemon: FakeControl, pool: Pool) -> None:
    result = run(True, request_id="x", wait=True)
    assert (result["changed"], result["task"]["id"], result["task"]["session"]) == (True, None, "w1")
    assert pool.tasks == {} and daemon.ops() == ["dispatch"]
    run(request_id="x")
    assert run(True, request_id="x")["changed"] is False


@pytest.mark.parametrize("check", [False, True])
def test_a_dedicated_session_is_refused_in_the_words_of_the_daemon(run: Run, daemon: FakeControl, check: bool) -> None:
    result = run(check, session="main")
    assert result["failed"] and "is dedicated, and never gets a task" in result["msg"]
    assert (result["task"], result["changed"]) == ({}, False)


def test_a_wait_ends_with_the_task(run: Run, daemon: FakeControl, pool: Pool) -> None:
    pool.next_states = ["accepted", "accepted", "done"]
    result = run(wait=True)
    assert (result["task"]["state"], result["changed"]) == ("done", True)


def test_a_task_that_fails_fails_the_run(run: Run, daemon: FakeControl, pool: Pool) -> None:
    pool.next_states = ["accepted", "failed"]
    result = run(wait=True)
    assert result["failed"] and "task 4c6c5b0e is failed: it works on it" in result["msg"]


def test_a_wait_that_is_over_names_the_way_to_wait_again(run: Run, daemon: FakeControl) -> None:
    result = run(wait=True, timeout=1, request_id="x")
    assert result["failed"] and result["changed"]
    assert "still accepted after 1 s, and goes on" in result["msg"] and "request_id: x" in result["msg"]


def test_the_prompt_is_in_no_result_and_no_log(run: Run, daemon: FakeControl, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda _self, message, log_args=None: logged.append(message))
    for arguments in ({}, {"session": "main"}, {"wait": "perhaps"}, {"timeout": 0}):
        assert SECRET not in json.dumps(run(**arguments))
    assert daemon.requests[0]["prompt"] == SECRET
    assert logged and SECRET not in "".join(logged)


def test_a_short_prompt_leaves_the_result_whole(run: Run, daemon: FakeControl) -> None:
    assert run(prompt="a")["task"]["state"] == "accepted"


def test_what_the_options_say_goes_to_the_daemon(run: Run, daemon: FakeControl) -> None:
    run(prompt="/compact", command=True, session="w1", cwd="/srv/work", request_id="x")
    assert daemon.requests[0] == {
        "op": "dispatch",
        "prompt": "/compact",
        "command": True,
        "session": "w1",
        "cwd": "/srv/work",
        "request_id": "x",
    }


def test_a_daemon_that_does_not_run_is_a_failure_with_words(run: Run) -> None:
    result = run()
    assert result["failed"] and "the daemon is not running" in result["msg"]


@pytest.mark.parametrize("answer", [done(None), done({"state": 5}), b"x\n"])
def test_an_answer_that_is_none_fails_with_words(run: Run, daemon: FakeControl, answer: Any) -> None:
    daemon.answers["dispatch"] = answer
    result = run()
    assert result["failed"] and "expected" in result["msg"]


@pytest.mark.parametrize("prompt", ["", "\0", {"a": 1}, ["x"], 5])
def test_any_prompt_is_the_daemons_to_judge(run: Run, daemon: FakeControl, prompt: Any) -> None:
    daemon.answers["dispatch"] = refused("the prompt is empty: expected some text", 2)
    result = run(prompt=prompt)
    assert result["failed"] and "the prompt is empty: expected some text" in result["msg"]


def test_the_documentation_names_the_results(run: Run, daemon: FakeControl) -> None:
    returned = yaml.safe_load(module.RETURN)
    result = run()
    assert set(returned) == set(result) - {"changed", "invocation", "warnings"}
    assert set(returned["task"]["contains"]) == set(result["task"])
