# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes, read from /proc."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from claude_failover.common import processes

PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"


@pytest.fixture
def child():
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"CLAUDE_CONFIG_DIR": "/h/é x", "TOKEN": "secret"},
    )
    assert process.stdout.readline() == b"1\n"
    yield process
    process.communicate(b"\n", timeout=10)


def test_process_tree(child):
    tree = list(processes.Snapshot().tree(child.pid))
    assert tree[0].pid == child.pid
    assert tree[0].parent == os.getpid()
    assert [process.parent for process in tree[1:]] == [child.pid]
    assert processes.Snapshot().tree(2**22 + 1) is not None
    assert list(processes.Snapshot().tree(2**22 + 1)) == []


def test_the_start_time_distinguishes_processes_with_the_same_pid(child):
    process = processes.read(child.pid)
    assert processes.is_alive(child.pid)
    assert processes.is_alive(child.pid, process.start)
    assert not processes.is_alive(child.pid, process.start + 1)


def test_a_zombie_is_not_alive():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert processes.read(process.pid).state == "Z"
    assert not processes.is_alive(process.pid)
    process.wait()
    assert processes.read(process.pid) is None


def test_environment_variable(child):
    assert processes.variable(child.pid, "CLAUDE_CONFIG_DIR") == "/h/é x"
    assert processes.variable(child.pid, "CLAUDE") is None
    assert processes.variable(2**22 + 1, "CLAUDE_CONFIG_DIR") is None


def test_the_names_of_variables(child):
    assert processes.variables(child.pid, lambda name, value: True) == ["CLAUDE_CONFIG_DIR", "TOKEN"]
    assert processes.variables(child.pid, lambda name, value: value == "secret") == ["TOKEN"]
    assert processes.variables(2**22 + 1, lambda name, value: True) == []


def test_the_command_line(child):
    assert processes.arguments(child.pid) == [sys.executable, "-c", PARENT]
    assert processes.arguments(2**22 + 1) == []


def test_the_age_of_a_process():
    before = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        time.sleep(0.2)
        assert 0.15 <= processes.age(processes.read(process.pid)) <= time.monotonic() - before + 0.05
    finally:
        process.communicate(b"\n")


def test_a_name_with_blanks_and_parentheses(tmp_path):
    program = tmp_path / "a) R 1 (b"
    os.symlink("/bin/sleep", program)
    process = subprocess.Popen([str(program), "60"])
    try:
        wanted = "a) R 1 (b"
        while processes.read(process.pid).name != wanted:  # between fork and exec it has the parent's name
            assert process.poll() is None
        assert processes.read(process.pid).parent == os.getpid()
    finally:
        process.kill()
        process.wait()
