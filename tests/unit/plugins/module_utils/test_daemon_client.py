# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of a module within one bound, and a task that is asked for once however often its answer is lost."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils._daemon_client import DaemonClient, displayable
from ansible_collections.secuaas.claude.plugins.module_utils._status_facts import status_facts
from ansible_collections.secuaas.claude.plugins.module_utils._task_request import dispatch_task, wait_for_task
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import ControlError, NoAnswer, NotRunning
from fake_control import account, status


class Daemon:
    """A daemon with a clock: each request takes a second, and its answers come in turn; the last one stays."""

    def __init__(self, *answers: Any, timeout: int = 30) -> None:
        self.now, self.answers = 1000.0, list(answers)
        self.asked: list[tuple[str, dict[str, Any], float]] = []
        self.client = DaemonClient("/s", timeout, monotonic=lambda: self.now, send=self.send)

    def send(self, op: str, options: dict[str, Any], *, socket_path: str, timeout: float) -> Any:
        assert socket_path == "/s"
        self.asked.append((op, options, timeout))
        self.now += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("path", ["s", "", "~/s", "/a\0b", "/\ud800"])
def test_a_path_that_can_be_no_socket_is_wrong_use(path: str) -> None:
    with pytest.raises(ControlError, match="expected an absolute path") as caught:
        DaemonClient(path, 10)
    assert caught.value.code == 2 and str(caught.value).isprintable()


def test_all_requests_together_are_bounded() -> None:
    daemon = Daemon({}, timeout=3)
    for _request in range(3):
        daemon.client.ask("status")
    assert [bound for _op, _options, bound in daemon.asked] == [3, 2, 1]
    with pytest.raises(NoAnswer, match="within 3 s"):
        daemon.client.ask("status")
    assert len(daemon.asked) == 3


def test_a_lost_answer_is_asked_for_again_under_the_same_id() -> None:
    row = {"state": "accepted", "known": True}
    daemon = Daemon(NoAnswer("lost"), NotRunning("restarts"), row)
    task = dispatch_task(daemon.client, {"prompt": "go", "request_id": "x"}, sleep=daemon.sleep)
    assert (task.row, task.new) == (row, True)  # it may be the first request that made it
    assert [options["request_id"] for _op, options, _bound in daemon.asked] == ["x"] * 3


def test_it_is_told_where_it_is_not_known_if_there_is_a_task() -> None:
    daemon = Daemon(NoAnswer("lost"), timeout=10)
    with pytest.raises(NoAnswer, match=r"not known.*request_id: x"):
        dispatch_task(daemon.client, {"prompt": "go", "request_id": "x"}, sleep=daemon.sleep)
    assert daemon.now < 1011


@pytest.mark.parametrize("error", [NotRunning("nobody"), ControlError("refused")])
def test_what_was_not_taken_is_not_asked_for_again(error: ControlError) -> None:
    daemon = Daemon(error)
    with pytest.raises(type(error)):
        dispatch_task(daemon.client, {"prompt": "go", "request_id": "x"}, sleep=daemon.sleep)
    assert len(daemon.asked) == 1


def test_a_wait_outlives_a_restart_and_ends_with_the_task() -> None:
    rows = [[{"id": "a", "state": "sent"}], [{"id": "b", "state": "done"}, {"id": "a", "state": "done"}]]
    daemon = Daemon(rows[0], NotRunning("restarts"), NoAnswer("lost"), rows[1])
    row = wait_for_task(daemon.client, {"id": "a", "state": "queued"}, sleep=daemon.sleep)
    assert (row["state"], len(daemon.asked)) == ("done", 4)


def test_a_wait_has_an_end_and_returns_the_state_then() -> None:
    daemon = Daemon([{"id": "a", "state": "accepted"}], timeout=10)
    row = wait_for_task(daemon.client, {"id": "a", "state": "queued"}, sleep=daemon.sleep)
    assert (row["state"], daemon.now <= 1010) == ("accepted", True)


def test_a_task_that_is_gone_is_an_error() -> None:
    daemon = Daemon([])
    with pytest.raises(ControlError, match="no longer in the queue"):
        wait_for_task(daemon.client, {"id": "a", "state": "queued"}, sleep=daemon.sleep)


def test_the_facts_of_a_status_change_nothing_that_they_were_made_of() -> None:
    name = "me@example.com"
    document = status(accounts=[account(name, identity={"address": name, "plan": "max"})])
    before = displayable(document)

    def facts(addresses: bool) -> Any:
        return status_facts(document, addresses)["accounts"][0]

    assert facts(False)["name"] == "account-1" and facts(False)["identity"] == {"plan": "max"}
    assert facts(True)["name"] == name
    assert document == before
