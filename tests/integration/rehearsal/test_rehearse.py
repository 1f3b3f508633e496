# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover rehearse`` as a process: result, log, and cleanup."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

from claude_failover.common import processes
from claude_failover.rehearsal import rehearsal

# The command, which says on standard error what folders it makes: other rehearsals may run on this machine.
TELLING = """
import runpy, sys, tempfile
make = tempfile.mkdtemp
def tell(*arguments, **options):
    folder = make(*arguments, **options)
    print(folder, file=sys.stderr)
    return folder
tempfile.mkdtemp = tell
runpy.run_module("claude_failover", run_name="__main__", alter_sys=True)
"""


def rehearse(python_path, home, *options, path="/usr/local/bin:/usr/bin:/bin", program=("-m", "claude_failover")):
    return subprocess.run(
        [sys.executable, *program, "rehearse", *options],
        env={"PYTHONPATH": python_path, "PATH": path, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_rehearsal_goes_well_and_leaves_nothing(python_path, tmp_path):
    result = rehearse(python_path, tmp_path, "--json", program=("-c", TELLING))
    assert result.returncode == 0, result.stdout + result.stderr
    verdict = json.loads(result.stdout)
    assert verdict["verdict"] == "ok"
    assert [step["ok"] for step in verdict["steps"]] == [True] * 7
    assert verdict["switch"]["outcome"] == "switched"
    assert verdict["seconds"] > 0
    assert verdict["log"] == []
    made = result.stderr.split()
    assert made
    assert not [folder for folder in made if os.path.lexists(folder)]
    assert list(tmp_path.iterdir()) == [], "the home of whoever runs it is not touched"


def test_a_kept_folder_is_named_and_holds_the_log(python_path, tmp_path):
    result = rehearse(python_path, tmp_path, "--keep", "--json")
    folder = json.loads(result.stdout)["folder"]
    with open(os.path.join(folder, "log"), encoding="utf-8") as stream:
        log = stream.read()
    shutil.rmtree(folder)
    assert "ready: active account first" in log
    assert "STUB" not in log, "no token is ever logged"


def test_without_tmux_it_says_so(python_path, tmp_path):
    result = rehearse(python_path, tmp_path, path=str(tmp_path))
    assert result.returncode == 1
    assert "install tmux" in result.stderr


def test_a_failover_that_does_not_happen_is_a_failed_rehearsal(tmp_path, monkeypatch):
    """The verdict can fail: here the second account is out of usage too."""
    monkeypatch.setattr(rehearsal, "STEP_TIMEOUT", 10.0)
    set_world = rehearsal.RehearsalHost.set_world

    def both_limited(host, accounts):
        limits = dict.fromkeys((rehearsal.FIRST, rehearsal.SECOND), next(iter(accounts.values()), None))
        set_world(host, limits if accounts else {})

    monkeypatch.setattr(rehearsal.RehearsalHost, "set_world", both_limited)
    verdict = rehearsal.rehearse()
    assert not verdict.ok
    assert verdict.steps[-1].ok is False
    assert "waited" in verdict.steps[-1].detail
    assert any("account first is out of usage" in line for line in verdict.log), verdict.log


def test_a_rehearsal_that_is_killed_leaves_no_process_and_no_folder(python_path, tmp_path):
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": python_path}
    command = [sys.executable, "-c", TELLING, "rehearse"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            folder = running.stderr.readline().strip()
            await_condition(lambda: len(processes_of(folder)) >= 4, "the daemon, tmux and two sessions")
        finally:
            running.kill()
    await_condition(lambda: not processes_of(folder) and not os.path.exists(folder), "their end")


def processes_of(folder):
    """Return the processes that run in a scratch folder."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if processes.variable(pid, "PYTHONPYCACHEPREFIX") == f"{folder}/pycache"]


def await_condition(condition, what):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)
