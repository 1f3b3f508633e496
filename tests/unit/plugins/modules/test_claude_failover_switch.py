# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module claude_failover_switch: the daemon decides, and the module says what it did."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Callable

import pytest
import yaml
from ansible_collections.secuaas.claude.plugins.modules import claude_failover_switch as module
from fake_control import FakeControl, done, refused
from module_run import run_module

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def daemon(short_folder: str) -> Iterator[FakeControl]:
    with FakeControl(os.path.join(short_folder, "s"), switch=switch) as server:
        yield server


@pytest.fixture
def run(short_folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(check: bool = False, **arguments: Any) -> dict[str, Any]:
        arguments = {"control_socket": os.path.join(short_folder, "s"), **arguments}
        return run_module(module, monkeypatch, capsys, arguments, check)

    return call


def switch(request: dict[str, Any]) -> Any:
    """Answer as a daemon does whose active account is ``one`` and whose ``three`` is exhausted."""
    target, dry = request.get("account", "two"), request["dry_run"]
    record = {"id": "1", "outcome": "switched", "from_account": "one", "to_account": target, "detail": "by hand; two"}
    if target == "one":
        return done({**record, "outcome": "stayed", "detail": "one is the active account already"})
    if target == "three" and not request["force"]:
        why = "three: exhausted. To switch all the same: --force"
        return done({**record, "outcome": "refused", "detail": why}) if dry else refused(f"refused: {why}")
    if target == "four":
        return refused("there is no account 'four'; configured are one, two, three", 2)
    return done({**record, "snippet": "a screen", **({"dry_run": True, "candidates": []} if dry else {})})


@pytest.mark.parametrize("check", [False, True])
def test_a_switch_is_a_change_with_a_diff(run: Run, daemon: FakeControl, check: bool) -> None:
    result = run(check, account="two", reason="because")
    assert (result["changed"], result["outcome"], result["to_account"]) == (True, "switched", "two")
    assert result["diff"] == {"before": "active account: one\n", "after": "active account: two\n"}
    assert daemon.requests == [
        {"op": "switch", "account": "two", "reason": "because", "force": False, "dry_run": check}
    ]
    assert "snippet" not in result["record"]


@pytest.mark.parametrize("check", [False, True])
def test_the_active_account_is_no_change(run: Run, daemon: FakeControl, check: bool) -> None:
    result = run(check, account="one")
    assert (result["changed"], result["outcome"]) == (False, "stayed")
    assert result["diff"]["before"] == result["diff"]["after"]


def test_without_a_name_the_daemon_chooses(run: Run, daemon: FakeControl) -> None:
    assert run()["to_account"] == "two"
    assert "account" not in daemon.requests[0]


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(("name", "words"), [("three", "three: exhausted"), ("four", "there is no account")])
def test_a_refusal_fails_in_the_words_of_the_daemon(
    run: Run, daemon: FakeControl, name: str, words: str, check: bool
) -> None:
    result = run(check, account=name)
    assert result["failed"] and words in result["msg"] and words in result["detail"]
    assert result["outcome"] == "refused"
    assert not result.get("changed")


def test_force_goes_to_the_daemon(run: Run, daemon: FakeControl) -> None:
    assert run(account="three", force=True)["changed"] is True


def test_a_daemon_that_does_not_run_is_a_failure_with_words(run: Run) -> None:
    result = run(account="two")
    assert result["failed"] and "the daemon is not running" in result["msg"]


def test_a_lost_answer_is_an_unknown_outcome(run: Run, daemon: FakeControl) -> None:
    daemon.answers["switch"] = lambda _request: None
    result = run(account="two")
    assert (result["failed"], result["outcome"]) == (True, "unknown")
    assert "run this again" in result["msg"].lower()
    assert len(daemon.requests) == 1, "it is not asked for twice"


@pytest.mark.parametrize("answer", [done(None), done([]), done({"outcome": 5}), b"x\n"])
def test_an_answer_that_is_none_fails_with_words(run: Run, daemon: FakeControl, answer: Any) -> None:
    daemon.answers["switch"] = answer
    result = run(account="two")
    assert result["failed"] and "expected" in result["msg"]


def test_the_documentation_names_the_results(run: Run, daemon: FakeControl) -> None:
    returned = set(yaml.safe_load(module.RETURN))
    for name in ("two", "three"):
        assert returned <= set(run(account=name))
    assert returned == set(run(account="two")) - {"changed", "invocation", "warnings", "diff"}
