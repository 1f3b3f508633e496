# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that ask the daemon, on a real one: facts, a switch, a task, and the examples of their documentation."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import yaml
from ansible_collections.secuaas.claude.plugins.modules import (
    claude_failover_dispatch,
    claude_failover_info,
    claude_failover_switch,
)
from module_run import run_module
from playbook_run import on_a_controller

from ..daemon.conftest import wait_for
from ..dispatch.conftest import Pool
from .conftest import Fleet

MODULES = (claude_failover_info, claude_failover_switch, claude_failover_dispatch)


@pytest.fixture
def run(pool: Pool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call(module: Any, check: bool = False, **arguments: Any) -> dict[str, Any]:
        return run_module(module, monkeypatch, capsys, {"control_socket": pool.control_socket, **arguments}, check)

    return call


def begin(pool: Pool) -> None:
    pool.session("main", dedicated=True)
    pool.session("worker")
    rows = {
        name: {"account_uuid": f"u-{name}", "address": f"{name}@example.com", "organization": f"{name}@example.com's"}
        for name in ("compte1", "compte2")
    }
    os.makedirs(pool.path("state"), 0o700)
    with open(pool.path("state/identities.json"), "w", encoding="utf-8") as stream:
        json.dump({"version": 1, "data": rows}, stream)
    pool.start_tmux()
    pool.start()
    pool.ready("main", "worker")


def test_a_daemon_is_asked_switched_and_given_a_task_once(pool: Pool, run) -> None:
    assert run(claude_failover_info)["running"] is False
    begin(pool)

    result = run(claude_failover_info, tasks=True)
    status = result["status"]
    assert (result["running"], status["active_account"], result["tasks"]) == (True, "compte1", [])
    assert {row["name"]: (row["dedicated"], row["in_pool"]) for row in status["sessions"]} == {
        "main": (True, False),
        "worker": (False, True),
    }
    digests = [row["identity_digest"] for row in status["accounts"]]
    assert len(set(digests)) == 2 and all(len(digest) == 16 for digest in digests)
    assert "example.com" not in json.dumps(result)
    assert "compte2@example.com" in json.dumps(run(claude_failover_info, addresses=True))

    foreseen = run(claude_failover_switch, check=True, account="compte2")
    assert (foreseen["changed"], pool.status()["active_account"]) == (True, "compte1")
    assert [row["account"] for row in foreseen["record"]["candidates"] if row["eligible"]] == ["compte2"]
    assert run(claude_failover_switch, account="compte2", reason="a test")["changed"] is True
    assert pool.status()["active_account"] == "compte2"
    assert run(claude_failover_switch, account="compte2")["changed"] is False
    for check in (False, True):
        unknown = run(claude_failover_switch, check=check, account="nobody")
        assert unknown["failed"] and "there is no account 'nobody'" in unknown["msg"]

    for check in (False, True):
        result = run(claude_failover_dispatch, check=check, prompt="do it", session="main")
        assert result["failed"] and "is dedicated" in result["msg"]
    foreseen = run(claude_failover_dispatch, check=True, prompt="do it", request_id="x")
    assert (foreseen["changed"], foreseen["task"]["session"], pool.tasks()) == (True, "worker", [])
    first = run(claude_failover_dispatch, prompt="do it", request_id="x", wait=True, timeout=40)
    assert (first["changed"], first["task"]["state"], first["task"]["session"]) == (True, "done", "worker")
    again = run(claude_failover_dispatch, prompt="do it", request_id="x")
    assert (again["changed"], again["task"]["id"]) == (False, first["task"]["id"])
    other = run(claude_failover_dispatch, prompt="do that", request_id="x")
    assert other["failed"] and "has another prompt" in other["msg"]
    wait_for(lambda: pool.prompts() == ["do it"], "the transcript, which follows a little later")


@on_a_controller
def test_the_examples_of_the_documentation_run_under_their_action_group(pool: Pool, fleet: Fleet) -> None:
    begin(pool)
    with open(fleet.path("nightly.md"), "w", encoding="utf-8") as stream:
        stream.write("work through the list\n")
    tasks = [task for module in MODULES for task in yaml.safe_load(module.EXAMPLES)]
    play = {
        "hosts": "claude_failover",
        "gather_facts": False,
        "module_defaults": {"group/secuaas.claude.claude_failover": {"control_socket": pool.control_socket}},
        "tasks": tasks,
    }
    with open(fleet.path("play.yml"), "w", encoding="utf-8") as stream:
        yaml.safe_dump([play], stream)
    fleet.add("vm1", pool.control_socket)

    done = fleet.run("play.yml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok={len(tasks)}" in done.stdout
    assert pool.status()["active_account"] == "compte2"
    wait_for(
        lambda: sorted(pool.prompts()) == ["run the tests and fix what fails", "work through the list"], "both prompts"
    )


@on_a_controller
def test_the_playbooks_of_the_fleet_run_on_a_real_daemon(pool: Pool, fleet: Fleet) -> None:
    begin(pool)
    fleet.add("vm1", pool.control_socket)
    fleet.add("bare", fleet.path("nobody"))
    report = fleet.path("fleet.json")

    switched = fleet.run("secuaas.claude.switch", "--limit", "vm1", claude_failover_switch_account="compte2")
    given = fleet.run(
        "secuaas.claude.dispatch",
        claude_failover_dispatch_prompt="do it",
        claude_failover_dispatch_wait=True,
        claude_failover_dispatch_timeout=60,
    )
    shown = fleet.run("secuaas.claude.status", claude_failover_status_json=report)

    for done in (switched, given, shown):
        assert done.returncode == 0, done.stdout + done.stderr
    assert "is done, session worker, request id" in " ".join(given.stdout.split())
    with open(report, encoding="utf-8") as stream:
        text = stream.read()
    bare, host = json.loads(text)["hosts"]
    assert (bare["state"], host["state"], host["active"]["name"]) == ("not running", "running", "compte2")
    assert (host["last_switch"]["to"], host["last_switch"]["reason"]) == ("compte2", "manual")
    assert sorted(row["name"] for row in json.loads(text)["accounts"]) == ["compte1", "compte2"]
    assert "example.com" not in text and pool.folder not in text and "do it" not in text + shown.stdout
