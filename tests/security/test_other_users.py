# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another user of the host against a running daemon: its sockets, state, folders, locks and processes."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from user_host import DEADLINE, USERS_PYTHON, UserHost, become, needs_root

pytestmark = [
    needs_root,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="SKIPPED, NOT TESTED: there is no tmux"),
    pytest.mark.xdist_group("daemon of another user"),
]


@pytest.fixture(scope="module")
def running(python_path: str) -> Iterator[UserHost]:
    """Give a host on which tmux server and daemon run as the sessions' user, with the ordinary umask."""
    host = UserHost(python_path)
    host.write_config(sessions=[{"name": "main", "cwd": "/", "command": ["sleep", "1000"], "claude_args": False}])
    host.make("other", host.other)
    conf = host.path("tmux.conf")
    with open(conf, "w", encoding="utf-8") as stream:
        stream.write("set -s exit-empty off\nset -g remain-on-exit on\n")
        stream.write("new-session -d -s _claude_failover -- sleep infinity\n")
    os.chmod(conf, 0o644)
    log = open(host.path("log"), "wb")  # noqa: SIM115 - until the end
    processes = []

    def start(*command: str) -> None:
        processes.append(
            subprocess.Popen(
                command,
                env=host.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                umask=0o022,
                preexec_fn=become(host.user),
            )
        )

    def wait(path: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while not os.path.exists(path):
            with open(host.path("log"), encoding="utf-8") as stream:
                assert time.monotonic() < deadline and processes[-1].poll() is None, stream.read()
            time.sleep(0.02)

    try:
        start("tmux", "-D", "-f", conf, "-S", host.tmux)
        wait(host.tmux)
        start(*host.command("run", python=USERS_PYTHON))
        wait(host.control)
        deadline = time.monotonic() + DEADLINE
        while '"main"' not in host.run("status", "--json").stdout:
            assert time.monotonic() < deadline
        yield host
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(DEADLINE)
        log.close()
        host.end()


def ask(path: str, request: bytes = b'{"op":"status"}\n') -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE)
        connection.connect(path)
        connection.sendall(request)
        return connection.makefile("rb").readline()


def lock(path: str) -> None:
    fcntl.flock(os.open(path, os.O_RDONLY | os.O_NONBLOCK), fcntl.LOCK_SH | fcntl.LOCK_NB)


def daemon_pid(host: UserHost) -> int:
    return int(json.loads(host.run("status", "--json").stdout)["pid"])


def own_file(host: UserHost) -> str:
    """Make a file of the other user's."""
    path = host.path("other", "file")
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    return path


Attempt = Callable[[UserHost], Any]
ATTEMPTS: dict[str, Attempt] = {
    "ask the daemon": lambda host: ask(host.control),
    "remove the control socket": lambda host: os.unlink(host.control),
    "put a file in its place": lambda host: os.rename(own_file(host), host.control),
    "make an entry in the run folder": lambda host: os.mkdir(f"{host.run_folder}/x"),
    "connect to tmux": lambda host: ask(host.tmux),
    "look into the folder of tmux": lambda host: os.listdir(host.tmux_folder),
    "make an entry in the folder of tmux": lambda host: os.mkdir(f"{host.tmux_folder}/x"),
    "look into the state": lambda host: os.listdir(host.state),
    "read the state": lambda host: open(f"{host.state}/daemon.lock", "rb").close(),
    "make an entry in the state": lambda host: os.mkdir(f"{host.state}/x"),
    "hold the lock of the state": lambda host: lock(f"{host.state}/daemon.lock"),
    "hold the lock beside the link": lambda host: lock(host.path("home", ".claude.failover.lock")),
    "lead the active link elsewhere": lambda host: os.unlink(host.path("home", ".claude")),
    "look into an account's home": lambda host: os.listdir(host.homes[0]),
    "look into the conversations": lambda host: os.listdir(host.path("home", ".claude-projects-shared")),
    "signal the daemon": lambda host: os.kill(host.daemon_pid, signal.SIGHUP),
    "read the daemon's environment": lambda host: open(f"/proc/{host.daemon_pid}/environ").close(),
    "change the configuration": lambda host: open(host.config, "ab").close(),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_another_user_may_not(running: UserHost, attempt: str) -> None:
    running.daemon_pid = daemon_pid(running)
    code = running.as_user(lambda: ATTEMPTS[attempt](running), running.other)
    assert code in (errno.EACCES, errno.EPERM), os.strerror(code)


def test_the_sessions_user_may(running: UserHost) -> None:
    """Shows that the refusals above are of the other user, and not of everybody."""
    running.daemon_pid = daemon_pid(running)
    for attempt in ("ask the daemon", "look into the state", "read the state", "look into an account's home"):
        assert running.as_user(lambda attempt=attempt: ATTEMPTS[attempt](running)) == 0, attempt


def test_a_socket_with_the_wrong_mode_answers_nobody_else(running: UserHost) -> None:
    """Who asks is the kernel's word, SO_PEERCRED."""
    answer = running.path("answer")
    os.close(os.open(answer, os.O_CREAT | os.O_WRONLY))
    os.chmod(answer, 0o666)

    def note(op: str) -> None:
        with open(answer, "wb") as stream:
            stream.write(ask(running.control, json.dumps({"op": op}).encode() + b"\n"))

    os.chmod(running.control, 0o666)
    try:
        for op in ("status", "history", "hook", "dispatch", "switch", "reload"):
            assert running.as_user(lambda op=op: note(op), running.other) == 0
            with open(answer, encoding="utf-8") as stream:
                told = json.load(stream)
            assert told["ok"] is False, (op, told)
            assert running.other.pw_name in told["error"] or str(running.other.pw_uid) in told["error"], told
    finally:
        os.chmod(running.control, 0o600)


def test_nothing_that_the_daemon_made_is_for_others(running: UserHost) -> None:
    open_to_others = []
    for top in (running.home, running.state, running.run_folder, running.tmux_folder):
        for where, folders, names in os.walk(top):
            for path in (os.path.join(where, name) for name in folders + names):
                mode = os.lstat(path).st_mode
                if not stat.S_ISLNK(mode) and mode & 0o077:
                    open_to_others.append((path, oct(mode)))
    assert open_to_others == []


def test_a_second_daemon_of_another_user_changes_nothing(running: UserHost) -> None:
    before = os.readlink(running.path("home", ".claude"))
    done = running.run("run", user=running.other)
    assert done.returncode in (1, 2, 75), done
    assert os.readlink(running.path("home", ".claude")) == before
    assert json.loads(running.run("status", "--json").stdout)["active_account"] == "a"
