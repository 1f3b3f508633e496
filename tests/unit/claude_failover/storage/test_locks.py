# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the locks of the daemon."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from claude_failover.common.errors import Refused
from claude_failover.storage.locks import Lock, daemon_locks

HOLD = """
import sys
from claude_failover.storage.locks import Lock
Lock(sys.argv[1]).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path, python_path):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": python_path},
    )
    assert child.stdout.readline() == b"held\n"
    yield child
    child.communicate(timeout=10)


def test_a_second_holder_is_refused_with_the_pid_of_the_first(tmp_path, holder):
    with pytest.raises(Refused, match=rf"pid {holder.pid}\)"):
        Lock(str(tmp_path / "lock")).acquire()


def test_a_kill_frees_the_lock_and_leaves_nothing_to_clean_up(tmp_path, holder):
    holder.kill()
    holder.wait()
    lock = Lock(str(tmp_path / "lock"))
    lock.acquire()
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()
    lock.acquire()
    lock.release()


def test_a_link_in_the_locks_place_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("a conversation")
    os.symlink(tmp_path / "precious", tmp_path / "lock")
    with pytest.raises(Refused, match="found a symlink there"):
        Lock(str(tmp_path / "lock")).acquire()
    assert (tmp_path / "precious").read_text() == "a conversation"


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (os.mkfifo, "a FIFO"),
        (os.mkdir, "a directory"),
        (lambda path: socket.socket(socket.AF_UNIX).bind(path), "a socket"),
        (lambda path: os.symlink("/dev/null", path), "a symlink"),
        (lambda path: os.symlink(path, path), "a symlink"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_something_else_in_the_locks_place_is_named_and_left(tmp_path, make, kind):
    path = str(tmp_path / "lock")
    make(path)
    before = os.lstat(path)
    with pytest.raises(Refused, match=f"found {kind} there.*expected a regular file.*move it away"):
        Lock(path).acquire()
    assert os.path.samestat(os.lstat(path), before)


def test_a_daemon_locks_its_link_and_its_state():
    assert [lock.path for lock in daemon_locks("/home/u/.claude", "/var/lib/x")] == [
        "/home/u/.claude.failover.lock",
        "/var/lib/x/daemon.lock",
    ]
