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
from child_pids import child_pids

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
    (below,) = child_pids(child.pid)
    trees = processes.ProcessTrees([below, 2**22 + 1, os.getpid()])
    tree = list(trees.tree(child.pid))
    assert [process.pid for process in tree] == [child.pid, below]
    assert [process.parent for process in tree] == [os.getpid(), child.pid]
    assert [process.pid for process in trees.tree(os.getpid())] == [os.getpid(), below]
    assert list(trees.tree(2**22 + 1)) == []


def test_a_tree_has_only_the_processes_of_interest_and_reads_no_others(child, monkeypatch):
    read, pids = processes.read, []
    monkeypatch.setattr(processes, "read", lambda pid: pids.append(pid) or read(pid))
    trees = processes.ProcessTrees([os.getpid()])
    assert [process.pid for process in trees.tree(child.pid)] == [child.pid]
    assert child.pid in pids and os.getpid() in pids
    above, process = set(), read(os.getpid())
    while process is not None and process.parent:
        above.add(process.parent)
        process = read(process.parent)
    assert set(pids) <= {child.pid, os.getpid()} | above
    assert len(pids) == len(set(pids)), "each is read once"


def test_the_nearest_come_first_and_the_older_of_two(monkeypatch):
    rows = {1: 0, 10: 1, 30: 10, 20: 10, 21: 20, 31: 30, 40: 31}
    monkeypatch.setattr(
        processes, "read", lambda pid: processes.Process(pid, rows[pid], pid, "x", "S") if pid in rows else None
    )
    trees = processes.ProcessTrees([40, 31, 21, 20, 30, 99])
    assert [process.pid for process in trees.tree(10)] == [10, 20, 30, 21, 31, 40]
    assert [process.pid for process in trees.tree(30)] == [30, 31, 40]


def test_a_circle_of_parents_ends(monkeypatch):
    """The processes are read one after the other, and a pid can be used again meanwhile."""
    rows = {10: 20, 20: 10}
    monkeypatch.setattr(processes, "read", lambda pid: processes.Process(pid, rows[pid], pid, "x", "S"))
    assert [process.pid for process in processes.ProcessTrees([10]).tree(20)] == [20, 10]


def test_what_has_not_changed_is_the_same_object_in_the_next_trees(monkeypatch):
    stats = {1: (0, 1), 10: (1, 5), 20: (10, 6), 30: (1, 7)}

    def stat(pid):
        if pid not in stats:
            return None
        parent, start = stats[pid]
        fields = ["S", str(parent), *["0"] * 17, str(start), *["0"] * 30]
        return f"{pid} (a) b) {' '.join(fields)}".encode()

    monkeypatch.setattr(processes, "_stat", stat)
    memory = processes.ProcessMemory()

    def look():
        trees = processes.ProcessTrees([20, 30, 40], memory)
        return trees.tree(10), trees.tree(30)

    one, other = look()
    assert [process.pid for process in one] == [10, 20]
    assert all(now is before for now, before in zip(look(), (one, other)))
    stats[30] = (1, 8)  # the pid is used again
    again, another = look()
    assert again == one and again[1] is one[1]
    assert another is not other and another[0].start == 8
    stats[40] = (20, 9)
    assert [process.pid for process in look()[0]] == [10, 20, 40]
    stats[20] = (30, 6)  # it has another parent
    assert [[process.pid for process in tree] for tree in look()] == [[10], [30, 20, 40]]
    del stats[20]
    assert [[process.pid for process in tree] for tree in look()] == [[10], [30]]


def test_a_process_that_only_works_or_waits_is_the_same_and_a_zombie_is_not(monkeypatch):
    letter = ["S"]
    row = " ".join(["1", *["0"] * 17, "5", *["0"] * 30])
    monkeypatch.setattr(processes, "_stat", lambda pid: f"{pid} (x) {letter[0]} {row}".encode())
    memory = processes.ProcessMemory()
    first = processes.ProcessTrees([], memory).get(10)
    letter[0] = "R"
    assert processes.ProcessTrees([], memory).get(10) is first
    letter[0] = "Z"
    assert not processes.ProcessTrees([], memory).get(10).alive


def test_another_program_of_a_process_has_another_image():
    process = subprocess.Popen(
        [sys.executable, "-c", "import os; os.write(1, b'python'); os.read(0, 1); os.execv('/bin/cat', ['cat'])"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.read(6) == b"python"
        before = processes.read(process.pid)
        assert before.image
        process.stdin.write(b"!now\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"now\n"
        after = processes.read(process.pid)
        assert (after.start, after.name) == (before.start, "cat")
        assert after.image != before.image
    finally:
        process.kill()
        process.communicate()


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
