# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix: every durable step meets every fault, and afterwards everything is well.

FAULTS=all walks the whole matrix (`make faults`); without it each step meets one fault (`make test`).
"""

from __future__ import annotations

import json
import os
import shutil

import pytest
from faked_clock import told_jumps

from .cases import SCENARIOS, Case, matrix, short
from .world import RESUME, FaultyHost, check_invariants

RESET = 200_000  # seconds until a limit has passed: more than any jump of the clock
CASES = list(matrix() if os.environ.get("FAULTS") == "all" else short())


@pytest.fixture
def host(short_folder, python_path):
    if shutil.which("tmux") is None:
        pytest.fail("these tests need tmux: apt-get install tmux")
    host = FaultyHost(short_folder, python_path)
    yield host
    print(host.daemon_log())  # shown when the test failed
    if host.marked("fired") and not host.marked("mended"):
        host.mend()
    host.close()


def start(host, case):
    """Start everything with the fault planned, and wait until it is well."""
    host.session("main", command=["claude"], dedicated=True)
    host.session("worker", command=["claude"])
    if case.fault.jump:
        host.fake_clock()
    host.start_tmux()
    host.prepare(case)
    host.launch()
    if case.scenario == "registry":
        host.meet(case)
    host.until(host.well, "the start")


def fail_over(host, case):
    """Limit the session ``main``, and see it go on once under the next account."""
    uuid = host.row("main")["uuid"]
    host.limit("one", seconds=RESET)
    host.prompt("main", "the big job")
    host.meet(case)
    host.until(lambda: host.turns("two", RESUME), "the session to go on")
    host.until(host.well, "everything to be well")
    assert host.row("main")["uuid"] == uuid
    assert host.prompts()[uuid][0] == "the big job", "the conversation is the same"
    assert len(host.turns("two", RESUME)) == 1, "it went on once"
    rows = host.until(
        lambda: [row for row in host.switches() if row["outcome"] == "switched" and row["to_account"] == "two"],
        "the record",
    )
    assert len(rows) == 1, rows
    host.until(lambda: f"switch id={rows[0]['id']} " in host.daemon_log(), "the record in the daemon's log")
    host.until(lambda: rows[0]["id"] in host.switch_events(), "the event in the log of events")
    check_invariants(host, "two")
    if case.fault.jump:
        jumped(host, case.fault.jump)


def jumped(host, seconds):
    """See that the jump is told once, and that the next limit is not lost by it."""
    assert told_jumps(host.daemon_log()) == [seconds]
    host.limit("two", seconds=2 * RESET)  # right after a flip, one and the same reset would be that of the account left
    host.prompt("main", "more of it")
    host.until(lambda: host.turns("three", RESUME), "the session to go on under the third account")
    host.until(host.well, "everything to be well")
    assert len(host.turns("three", RESUME)) == 1, "it went on once"
    assert told_jumps(host.daemon_log()) == [seconds]
    check_invariants(host, "three")


def dispatch(host, case):
    """Dispatch a task by a client that asks again, and see it done once."""

    def ask():
        return host.client("dispatch", "--json", "--request-id", "one", "a task")

    client = ask()
    host.meet(case)
    host.until(lambda: client.poll() is not None, "the answer")
    out, errors = client.communicate()
    if client.returncode != 0:
        assert b"was not taken" in errors or b"--request-id one" in errors, errors
        client = ask()
        host.until(lambda: client.poll() is not None, "the answer")
        out, errors = client.communicate()
    assert client.returncode == 0, errors
    identity = json.loads(out)["id"]

    def task():
        (row,) = json.loads(host.command("queue", "--json").stdout)
        return row

    host.until(lambda: task()["state"] in ("done", "failed"), "the end of the task")
    host.until(host.well, "everything to be well")
    row, prompts = task(), [prompt for prompts in host.prompts().values() for prompt in prompts]
    assert row["id"] == identity
    if case.fault.name == "tmux killed" and row["state"] == "failed":
        # The session ended with its server: the task is never sent again on a guess, and says why.
        assert row["detail"]
        assert prompts in ([], ["a task"])
    else:
        assert (row["state"], prompts) == ("done", ["a task"]), row
    assert f"task {identity}: {row['state']}" in host.daemon_log()
    check_invariants(host, "one")


def register(host, _case):
    """See that each session has one conversation, which outlives another kill."""
    uuids = {name: host.row(name)["uuid"] for name in ("main", "worker")}
    assert len(set(uuids.values())) == 2
    host.prompt("main", "hello")
    host.answered("one", "hello")
    host.daemon.kill()
    host.until(host.well, "the start")
    assert {name: host.row(name)["uuid"] for name in uuids} == uuids
    assert [prompts for prompts in host.prompts().values() if prompts] == [["hello"]]
    check_invariants(host, "one")


def handle(host, case):
    """Stop the session ``main`` and restart it, by a client that asks again, and see one conversation."""
    uuid = host.row("main")["uuid"]
    host.prompt("main", "hello")
    host.answered("one", "hello")
    host.until(host.well, "the session to be idle")

    def ask(command, meets):
        client = host.client(command, "main")
        if meets:
            host.meet(case)
        host.until(lambda: client.poll() is not None, f"the answer to {command}")
        client.communicate()
        return client.returncode

    def stopped():
        row = host.row("main")
        return (row["state"], row["reason"]) == ("down", "stopped by hand")

    first = case.step == "session stopped"
    if ask("stop", meets=first) != 0:
        host.until(lambda: stopped() or ask("stop", meets=False) == 0, "the stop")
    host.until(stopped, "the session to be stopped")
    if ask("restart", meets=not first) != 0:
        host.until(lambda: host.row("main")["state"] == "idle" or ask("restart", meets=False) == 0, "the restart")
    host.until(host.well, "everything to be well")
    assert host.row("main")["uuid"] == uuid
    assert host.prompts()[uuid] == ["hello"]
    check_invariants(host, "one")


RUN = {"failover": fail_over, "dispatch": dispatch, "registry": register, "hands": handle}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_everything_is_well_after(host, case):
    start(host, case)
    RUN[case.scenario](host, case)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_steps_of_the_matrix_are_the_durable_steps(host, scenario):
    """A step that the daemon makes and the matrix does not name would be tried with no fault."""
    steps, _places = SCENARIOS[scenario]
    first = {*SCENARIOS["registry"][0], "first link", "first look at the link"}
    case = Case(scenario, "none", next(iter(matrix())).fault)
    host.meet = lambda _case: None
    start(host, case)
    RUN[scenario](host, case)
    trace = set(host.trace())
    harmless = {"journal: closed", "evidence attributed", "usage.json", "logins.json"}
    assert trace - harmless - first == set(steps) - first
    assert set(steps) <= trace
