# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from claude_failover.claude.session_files import SessionFiles
from claude_failover.common import processes

ONE = "11111111-1111-4111-8111-111111111111"


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


def test_the_tree_below_a_process(child):
    tree = list(processes.Snapshot().tree(child.pid))
    assert tree[0].pid == child.pid
    assert tree[0].parent == os.getpid()
    assert [process.parent for process in tree[1:]] == [child.pid]
    assert processes.Snapshot().tree(2**22 + 1) is not None
    assert list(processes.Snapshot().tree(2**22 + 1)) == []


def test_a_process_is_told_from_a_later_one_of_the_same_pid(child):
    process = processes.read(child.pid)
    assert processes.is_alive(child.pid)
    assert processes.is_alive(child.pid, process.start)
    assert not processes.is_alive(child.pid, process.start + 1)


def test_a_zombie_runs_no_more():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert processes.read(process.pid).state == "Z"
    assert not processes.is_alive(process.pid)
    process.wait()
    assert processes.read(process.pid) is None


def test_one_variable_is_read_and_the_rest_is_not_kept(child):
    assert processes.variable(child.pid, "CLAUDE_CONFIG_DIR") == "/h/é x"
    assert processes.variable(child.pid, "CLAUDE") is None
    assert processes.variable(2**22 + 1, "CLAUDE_CONFIG_DIR") is None


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


def write(home, process, **changes):
    folder = home / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "pid": process.pid,
        "sessionId": ONE.upper(),
        "cwd": "/srv/work",
        "startedAt": 1795387626509,
        "procStart": str(process.start),
        "status": "busy",
        "statusUpdatedAt": 1795387626941,
        **changes,
    }
    (folder / f"{process.pid}.json").write_text(json.dumps(data))
    (folder / f"{process.pid}.0123.key").write_text("of the program")


def test_the_file_of_a_running_process(tmp_path):
    me = processes.read(os.getpid())
    write(tmp_path / "a", me)
    file = SessionFiles([str(tmp_path / "a"), str(tmp_path / "missing")]).of(me)
    assert (file.uuid, file.cwd, file.status) == (ONE, "/srv/work", "busy")
    assert file.status_at.isoformat() == "2026-11-22T22:47:06.941000+00:00"


def test_after_a_flip_the_newest_of_two_homes_counts(tmp_path):
    me = processes.read(os.getpid())
    write(tmp_path / "a", me)
    write(tmp_path / "b", me, status="idle", statusUpdatedAt=1795387626999)
    assert SessionFiles([str(tmp_path / "a"), str(tmp_path / "b")]).of(me).status == "idle"


@pytest.mark.parametrize(
    "changes",
    [
        {"procStart": "1"},
        {"pid": 1},
        {"procStart": None},
        {"sessionId": None, "procStart": "x"},
    ],
)
def test_a_file_that_another_process_left_says_nothing(tmp_path, changes):
    me = processes.read(os.getpid())
    write(tmp_path, me, **changes)
    assert SessionFiles([str(tmp_path)]).of(me) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "{}", "[" * 60_000])
def test_a_torn_file_says_nothing(tmp_path, content):
    me = processes.read(os.getpid())
    write(tmp_path, me)
    (tmp_path / "sessions" / f"{me.pid}.json").write_text(content)
    assert SessionFiles([str(tmp_path)]).of(me) is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_says_nothing_and_is_not_waited_for(tmp_path, make):
    me = processes.read(os.getpid())
    (tmp_path / "sessions").mkdir()
    make(tmp_path / "sessions" / f"{me.pid}.json")
    assert SessionFiles([str(tmp_path)]).of(me) is None


def test_an_unknown_status_is_none(tmp_path):
    me = processes.read(os.getpid())
    write(tmp_path, me, status="pondering")
    assert SessionFiles([str(tmp_path)]).of(me).status is None
