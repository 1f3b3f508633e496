# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module claude_shared_state_adopt: arguments, result, the user it works as, and secrets it never shows."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tracemalloc
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.secuaas.claude.plugins.module_utils import _adopt_run, _adopt_steps, _run_as
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import Step
from ansible_collections.secuaas.claude.plugins.module_utils._run_as import RunAsError
from ansible_collections.secuaas.claude.plugins.modules import claude_shared_state_adopt as module
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import needs_root, picture, some_user, walk
from ansible_collections.secuaas.claude.tests.unit.plugins.used_machine import SECRET, Machine


class Runner:
    """Runs the module in this process, with the arguments that a controller would send it."""

    def __init__(self, base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.machine = Machine(base).fill()
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        sent = {
            "account_homes": list(self.machine.homes),
            "active_link": self.machine.home,
            "shared_root": self.machine.user,
            "owner": pwd.getpwuid(os.geteuid()).pw_name,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            **arguments,
        }
        self._monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": sent}).encode())
        self._monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as ended:
            module.main()
        text = self._capsys.readouterr().out
        assert SECRET not in text
        result: dict[str, Any] = json.loads(text)
        assert bool(result.get("failed")) == (ended.value.code != 0)
        return result


@pytest.fixture
def run(base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(base, monkeypatch, capsys)


def test_it_foresees_then_adopts_then_finds_nothing_to_do(run: Runner, base: str) -> None:
    before = picture(base)
    foreseen = run(check=True)
    assert picture(base) == before
    assert foreseen["changed"] is True
    assert len(foreseen["diff"]["prepared"].splitlines()) == len(foreseen["steps"])
    done = run()
    assert [done[key] for key in ("steps", "notices", "diff")] == [
        foreseen[key] for key in ("steps", "notices", "diff")
    ]
    assert os.readlink(run.machine.home) == run.machine.homes[0]
    before = picture(base)
    again = run()
    assert (again["changed"], again["steps"]) == (False, [])
    assert "diff" not in again
    assert picture(base) == before


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("account_homes", [], "account_homes: found an empty list"),
        ("account_homes", ["relative"], "'relative': found a relative path"),
        ("active_link", "~/.claude", "'~/.claude': found a relative path"),
        ("links", [{"name": "a/b"}], "link name 'a/b': found a '/'"),
        ("owner", "nobody-of-that-name", "found no user 'nobody-of-that-name'"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_touched(
    run: Runner, base: str, option: str, value: Any, expected: str
) -> None:
    before = picture(base)
    result = run(**{option: value})
    assert result["failed"] is True
    assert result["changed"] is False
    assert expected in result["msg"]
    assert picture(base) == before


def test_the_plan_of_a_year_is_not_too_long_for_an_answer() -> None:
    folder = "/home/ubuntu/.claude/file-history/0d3c5f5e-8a0c-4f43-9d1c-6b0f2a9d7c11"
    steps = [
        {"action": "copy", "path": f"{folder}/{n:016x}@v1", "source": folder, "line": folder} for n in range(100_000)
    ]
    result = {"steps": steps, "notices": [], "failures": []}
    answer = _adopt_run.packed(result)
    assert len(answer) < _run_as.MAXIMUM_ANSWER < len(json.dumps(result))
    assert _adopt_run.unpacked(answer) == result


def test_an_answer_that_becomes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip bomb: 200 MB that pack to 300 kB, of which no more is unpacked than may be."""
    answer = _adopt_run.packed({"steps": [], "notices": ["x" * 200_000_000], "failures": []})
    assert len(answer) < 1 << 20
    monkeypatch.setattr(_adopt_run, "MAXIMUM_UNPACKED", 1 << 20)
    tracemalloc.start()
    with pytest.raises(RunAsError, match="more than 1 MiB"):
        _adopt_run.unpacked(answer)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@needs_root
def test_a_user_who_stops_the_process_holds_the_adoption_up_for_as_long_as_a_step_takes(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = some_user()
    for path in walk(run.machine.user):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    copy = _adopt_steps._write_copy

    def stopped(step: Step) -> str:
        os.kill(os.getpid(), signal.SIGSTOP)
        return copy(step)

    with monkeypatch.context() as patched:
        patched.setattr(_adopt_steps, "_write_copy", stopped)
        patched.setattr(module, "IDLE", 1.0)
        result = run(owner=user.pw_name)
    assert "went on with nothing for 1 s and was killed; it was stopped by a signal; run again" in result["msg"]
    assert run(owner=user.pw_name)["changed"] is True


def test_every_file_that_is_read_and_every_step_is_progress(run: Runner) -> None:
    seen: list[int] = []
    result = _adopt_run.adopt(run.machine.request, check_mode=False, progress=lambda: seen.append(1))
    assert len(seen) > len(result["steps"]) > 5


def test_a_home_below_another_is_refused(run: Runner) -> None:
    result = run(links=[{"name": "projects", "target": f"{run.machine.home}/shared"}])
    assert "expected outside every account home" in result["msg"]


def test_a_user_to_come_has_nothing_to_adopt(run: Runner) -> None:
    assert run(check=True, owner="nobody-of-that-name")["changed"] is False


@needs_root
def test_root_works_in_the_name_of_the_owner(run: Runner, base: str) -> None:
    user = some_user()
    for path in walk(run.machine.user):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    result = run()  # as root, who owns nothing there
    assert "found root, and" in result["msg"]
    # The user leads the shared root to where only root may write.
    private = f"{base}/private"
    os.mkdir(private, 0o755)
    os.symlink(private, f"{run.machine.user}/planted")
    before = picture(private)
    result = run(owner=user.pw_name, shared_root=f"{run.machine.user}/planted")
    assert result["failed"] is True
    assert picture(private) == before
    os.unlink(f"{run.machine.user}/planted")
    result = run(owner=user.pw_name)
    assert result["changed"] is True, result
    assert {os.lstat(path).st_uid for path in walk(run.machine.user)} == {user.pw_uid}


@needs_root
@pytest.mark.parametrize("variable", ["HOME", "CLAUDE_CONFIG_DIR"])
def test_a_session_of_root_in_the_home_of_the_owner_is_left_alone(run: Runner, base: str, variable: str) -> None:
    user = some_user()
    os.chmod(base, 0o755)
    for path in walk(run.machine.user):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    program = f"{base}/bin/claude"
    os.mkdir(os.path.dirname(program))
    shutil.copy("/bin/sh", program)
    value = {"HOME": run.machine.user, "CLAUDE_CONFIG_DIR": os.path.basename(run.machine.homes[1])}[variable]
    command = [program, "-c", "echo up; read line"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    before = picture(run.machine.user)
    with subprocess.Popen(command, cwd=run.machine.user, env={variable: value}, **pipes) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"up\n"
        for check in (True, False):
            assert f"process {session.pid})" in run(owner=user.pw_name, check=check)["msg"]
        assert picture(run.machine.user) == before
        session.communicate(b"\n")
    assert run(owner=user.pw_name)["changed"] is True
    with subprocess.Popen(command, cwd=run.machine.user, env={variable: value}, **pipes) as session:
        assert run(owner=user.pw_name)["changed"] is False
        session.communicate(b"\n")


def test_the_documentation_names_the_options_and_results(run: Runner) -> None:
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(options) == {"account_homes", "active_link", "shared_root", "links", "owner"}
    returned = yaml.safe_load(module.RETURN)
    result = run()
    # Old versions of ansible-core add warnings about the Python that they run on.
    assert set(returned) == set(result) - {"changed", "invocation", "warnings", "diff"}
    assert set(returned["steps"]["contains"]) == set(result["steps"][0])
    described = " ".join(returned["steps"]["contains"]["action"]["description"])
    assert all(f"V({step['action']})" in described for step in result["steps"])
