# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walk the table of changes: what the role predicts, tells and refuses on a live host, for every variable."""

from __future__ import annotations

import base64
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from live_changes import BEFORE, CONFIG, DAEMON_UNIT, FACTS, ROWS, SETTINGS, TMUX_CONF, TMUX_UNIT, Row
from playbook_run import on_a_controller
from role_evaluation import ROLE, evaluate, template

pytestmark = on_a_controller

FILES = {
    CONFIG: template("config.yml.j2"),
    SETTINGS: template("claude-settings.json.j2"),
    TMUX_CONF: template("tmux.conf.j2"),
    DAEMON_UNIT: template("claude-failover.service.j2"),
    TMUX_UNIT: template("claude-failover-tmux.service.j2"),
}
UNREGISTERED = ("claude_installation", "claude_link", "control_group_result", "links", "tmux_service", "daemon_service")
OPTIONS = os.path.join(ROLE, "meta", "argument_specs.yml")


def result_variables(**release: Any) -> dict[str, Any]:
    """Return what the tasks of a comparison register; `release` is the result of the release module."""
    registered = {f"__claude_failover_{name}": {"changed": False} for name in UNREGISTERED}
    return {**registered, "__claude_failover_release": {"changed": False, **release}}


@pytest.fixture(scope="module")
def before(python_path: str) -> Iterator[dict[str, Any]]:
    folder = tempfile.mkdtemp(prefix="cf-before-")
    yield evaluate(folder, python_path, {"before": (BEFORE, FILES)})["before"]
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def after(python_path: str, before: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the outcome of each row: files, the change's sentences, what waits, and drift."""
    installed = {
        "__claude_failover_installed": {"content": base64.b64encode(before[CONFIG].encode()).decode()},
        "__claude_failover_live": {"stdout_lines": FACTS},
    }
    answers = {
        "changes": "__claude_failover_changes",
        "waits": "__claude_failover_pending_tmux_files",
        "due": "__claude_failover_restart_required",
        "drift": "__claude_failover_drift",
        **FILES,
    }
    cases: dict[str, tuple[dict[str, Any], dict[str, str]]] = {}
    for number, row in enumerate(ROWS):
        restart = bool({CONFIG, SETTINGS, DAEMON_UNIT} & set(row.files))
        registered = result_variables(updated=list(row.files), restart=restart)
        cases[str(number)] = ({**BEFORE, **registered, **installed, **row.values}, answers)
    newer = {**installed, "__claude_failover_live": {"stdout_lines": [*FACTS, f"newer={TMUX_CONF}"]}}
    cases["later"] = ({**BEFORE, **result_variables(), **newer}, answers)
    cases["same"] = ({**BEFORE, **result_variables(), **installed}, answers)
    folder = tempfile.mkdtemp(prefix="cf-after-")
    yield evaluate(folder, python_path, cases)
    shutil.rmtree(folder)


def public_variables() -> list[str]:
    with open(OPTIONS, encoding="utf-8") as file:
        return list(yaml.safe_load(file)["argument_specs"]["main"]["options"])


def test_every_variable_has_a_row() -> None:
    assert list(dict.fromkeys(row.variable for row in ROWS)) == public_variables()


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row.name for row in ROWS])
def test_a_change_is_predicted_told_and_seen(before: dict[str, Any], after: dict[str, Any], number: int) -> None:
    row, found = ROWS[number], after[str(number)]
    assert [path for path in FILES if found[path] != before[path]] == [path for path in FILES if path in row.files]
    told, refused = "\n".join(found["changes"]["told"]), "\n".join(found["changes"]["refused"])
    assert all(part in told for part in row.told), told
    assert bool(refused) == bool(row.refused), refused
    assert row.refused in refused
    assert "planted" not in told + refused
    if not row.refused:
        assert bool(told) == bool(row.told), told
        assert found["due"] == row.restarts
        assert bool(found["waits"]) == row.waits
    assert found["changes"]["new_link_home"] == row.new_link
    assert ", ".join(found["drift"]) == row.drift
    assert row.package in str(found["drift"].get("host", ""))
    assert row.files or row.task, "a change that changes no file is made by a task"


@pytest.mark.parametrize("row", [row for row in ROWS if row.task], ids=lambda row: row.name)
def test_what_no_file_brings_about_is_done_by_a_task_that_uses_the_variable(row: Row) -> None:
    file, _colon, name = row.task.partition(": ")
    with open(os.path.join(ROLE, "tasks", file), encoding="utf-8") as stream:
        tasks = yaml.safe_load(stream)
    task = yaml.safe_dump(next(task for task in tasks if task["name"] == name))
    with open(os.path.join(ROLE, "vars", "main.yml"), encoding="utf-8") as stream:
        variables = yaml.safe_load(stream)
    uses = task
    for _depth in range(3):
        uses += "".join(
            yaml.safe_dump(variables[used]) for used in set(re.findall(r"__claude_failover_\w+", uses)) & set(variables)
        )
    assert row.variable in uses or row.variable == "claude_failover_state"


def test_the_words_of_the_table_are_what_is_proved() -> None:
    for row in ROWS:
        assert row.answer.startswith("refused") == bool(row.refused), row.name
        assert ("the daemon restarts" in row.answer) == row.restarts, row.name
        assert row.answer.startswith("told") or not row.told, row.name
        assert row.sessions == "live" or row.values == {"claude_failover_state": "absent"}, row.name


def test_the_readme_has_the_table() -> None:
    with open(os.path.join(ROLE, "README.md"), encoding="utf-8") as file:
        section = file.read().partition("## Changes on a live host\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `claude_failover_")]
    assert lines == [
        f"| `{row.variable}` | {row.change} | {row.answer} | {row.drift or 'none'} | {row.sessions} |" for row in ROWS
    ]


def test_settings_that_wait_for_the_tmux_server_are_told_until_it_is_restarted(after: dict[str, Any]) -> None:
    assert after["later"]["waits"] == [TMUX_CONF]
    assert list(after["later"]["drift"]) == ["service"]
    assert "tmux.conf; a restart, which ends every session" in after["later"]["drift"]["service"][0]


def test_nothing_is_told_without_a_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert {path: after["same"][path] for path in FILES} == {path: before[path] for path in FILES}
    assert after["same"]["changes"]["told"] == after["same"]["changes"]["refused"] == []
    assert after["same"]["drift"] == {}
