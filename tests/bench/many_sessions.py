# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose many sessions run before the daemon does, each a full screen and a process that sleeps.

It is configured as the role does it with metrics: switches are automatic, two accounts are logged in (with made-up
tokens), the file of metrics is written, and systemd's watchdog is fed. A session is ``hooked`` where it has a session
file and has sent a hook; ``blind`` where it has done neither, so that its pane is all that tells.

Needs the packages of the tests (tests/unit/requirements.txt).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "support")]
import import_path  # noqa: E402  makes the daemon importable
import light_sessions  # noqa: E402  the path has to be set first
import measurement  # noqa: E402  the path has to be set first
from notify_socket import NotifySocket  # noqa: E402  the path has to be set first

try:
    from integration.daemon import conftest
    from integration.daemon.conftest import Host, wait_for
except ImportError as error:
    raise SystemExit(f"{error}; expected the packages of tests/unit/requirements.txt: make bench") from None

from claude_failover.rehearsal.fake_claude.credentials import made_up  # noqa: E402  the path has to be set first

KINDS = ("hooked", "blind")
WATCHDOG = 30  # seconds, as in the role's unit
USED = 40  # per cent of each window, as every session tells
SCREEN = (
    'for i in $(seq 45); do echo "line $i of a screen that is full of words, as it mostly is"; done; '
    'echo "────────"; echo "❯ "; echo "────────"; exec sleep infinity'
)
BOUND = 300.0  # seconds for a condition
conftest.DEADLINE = BOUND  # a busy machine makes a bench slow, and not wrong


class HostOfMany(Host):
    """The scratch folder of a host with ``count`` sessions, whose tmux server runs."""

    def __init__(self, count: int, kind: str = "hooked") -> None:
        if shutil.which("tmux") is None:
            raise measurement.Skip("there is no tmux; expected one: apt-get install tmux")
        super().__init__(tempfile.mkdtemp(prefix="cf-", dir="/tmp"), os.pathsep.join(import_path.IMPORT_PATH))
        self._notify_socket: NotifySocket | None = None
        del self.config["lifecycle"]  # the intervals that the daemon has by itself
        self.config["metrics"] = {"textfile": self.path("claude_failover.prom")}
        for account in self.config["accounts"]:
            self._log_in(account)
        os.symlink(self.config["accounts"][0]["home"], self.config["active_link"])
        try:
            self.start_tmux()
            self.environment["WATCHDOG_USEC"] = str(WATCHDOG * 1_000_000)  # the daemon's, and not the sessions'
            self._make_sessions(count)
            if kind == "hooked":
                self._write_session_files()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> HostOfMany:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def start(self, *arguments: Any, **more: Any) -> None:
        """Start the daemon, and wait for its READY; then its messages are read."""
        self._close_notify_socket()
        super().start(*arguments, **more)
        self._notify_socket = NotifySocket(self.path("notify.sock"))

    def close(self) -> None:
        """End daemon, server and sessions, and remove the folder."""
        if self.tmux_server is not None and self.tmux_server.poll() is None:
            # The sessions get a SIGHUP of it, which they would not if it were killed.
            subprocess.run(["tmux", "-N", "-S", self.tmux_socket, "kill-server"], check=False, timeout=BOUND)
        super().close()
        self._close_notify_socket()
        shutil.rmtree(self.folder, ignore_errors=True)  # a process that ends may still write there

    def add_light_sessions(self, count: int) -> None:
        """Configure sessions that do not run yet, of a program that costs next to nothing (light_sessions)."""
        light_sessions.install(self.claude, self.path("light"))
        for number in range(count):
            self.session(f"light{number:04}")

    def light_programs(self) -> int:
        """Return how many programs of such sessions have been started."""
        return sum(name.endswith(".session") for name in os.listdir(self.path("light")))

    def panes(self) -> list[tuple[str, int]]:
        """Return id and pid of the sessions' panes."""
        rows = self.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_id} #{pane_pid}").splitlines()
        return [(row.split()[1], int(row.split()[2])) for row in rows if not row.startswith("_")]

    def send_hooks(self) -> None:
        """Send the hook of each session's start, so that the daemon hears of it; the daemon runs."""
        self._send({"hook_event_name": "SessionStart", "source": "startup"})

    def send_figures(self) -> None:
        """Send a status line of each session, with the use of its account's windows; the daemon runs."""
        window = {"used_percentage": USED, "resets_at": int(time.time()) + 4 * 3600}
        self._send({"rate_limits": {"five_hour": window, "seven_day": window}})

    def _send(self, payload: dict[str, Any]) -> None:
        """Send what each session's hook program would."""
        for number, (pane, pid) in enumerate(self.panes()):
            request = {
                "op": "hook",
                "payload": {**payload, "session_id": conversation(number), "cwd": self.path("work")},
                "env": {"TMUX": f"{self.tmux_socket},1,0", "TMUX_PANE": pane, "CLAUDE_PID": str(pid)},
            }
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(BOUND)
                connection.connect(self.control_socket)
                connection.sendall(json.dumps(request).encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                connection.recv(4096)

    def _log_in(self, account: dict[str, str]) -> None:
        os.makedirs(account["home"])
        path = os.path.join(account["home"], ".credentials.json")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as stream:
            json.dump(made_up(account["name"]), stream)

    def _close_notify_socket(self) -> None:
        if self._notify_socket is not None:
            self._notify_socket.close()
            self._notify_socket = None

    def _make_sessions(self, count: int) -> None:
        link, work = self.config["active_link"], self.path("work")
        lines = []
        for number in range(count):
            name = f"s{number:04}"
            self.session(name)
            environment = f"-e CLAUDE_CONFIG_DIR={link} -e CLAUDE_FAILOVER_SESSION={name}"
            lines.append(f"new-session -d -s {name} -c {work} {environment} -- sh -c '{SCREEN}'\n")
        with open(self.path("sessions.conf"), "w", encoding="utf-8") as stream:
            stream.writelines(lines)
        command = ["tmux", "-N", "-S", self.tmux_socket, "source-file", self.path("sessions.conf")]
        subprocess.run(command, check=True, timeout=BOUND)
        commands = ("list-panes", "-a", "-F", "#{pane_current_command}")
        wait_for(lambda: self.tmux(*commands).count("sleep") == count + 1, "the sessions", BOUND)

    def _write_session_files(self) -> None:
        """Write what Claude Code (2.1.332) writes of each process that runs."""
        folder = os.path.join(self.config["accounts"][0]["home"], "sessions")
        os.makedirs(folder)
        for number, (_pane, pid) in enumerate(self.panes()):
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
                start = stream.read().rsplit(")", 1)[1].split()[19]
            row = {
                "pid": pid,
                "sessionId": conversation(number),
                "cwd": self.path("work"),
                "procStart": start,
                "version": "2.1.332",
                "status": "idle",
                "statusUpdatedAt": int(time.time() * 1000),
            }
            with open(os.path.join(folder, f"{pid}.json"), "w", encoding="utf-8") as stream:
                json.dump(row, stream)


def conversation(number: int) -> str:
    """Return the conversation of the session of that number."""
    return f"11111111-1111-4111-8111-{number:012}"


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stream:
                    parent = int(stream.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue  # it has ended
            found += [int(entry)] if parent == pid else []
    return found
