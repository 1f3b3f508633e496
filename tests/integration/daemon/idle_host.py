# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose sessions run before the daemon does, and do nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from typing import Any

from claude_failover.common import processes

from . import conftest
from .conftest import Host, wait_for

PROGRAM = (
    'for i in $(seq 45); do echo "line $i of a screen that is full of words, as it mostly is"; done; '
    'echo "────────"; echo "❯ "; echo "────────"; exec sleep infinity'
)


class IdleHost(Host):
    """A host whose sessions run already when the daemon starts; its intervals are those that the daemon has by itself.

    A hooked session has a session file and has sent a hook, a blind one neither.
    """

    def __init__(self, folder: str, python_path: str) -> None:
        super().__init__(folder, python_path)
        del self.config["lifecycle"]
        self.config["failover"] = {"automatic": False}
        for account in self.config["accounts"]:
            os.makedirs(account["home"])
        os.symlink(self.config["accounts"][0]["home"], self.config["active_link"])

    def make_sessions(self, count: int) -> None:
        """Make sessions by one tmux process."""
        link, work = self.config["active_link"], self.path("work")
        lines = []
        for number in range(count):
            name = f"s{number:04}"
            self.session(name)
            lines.append(
                f"new-session -d -s {name} -c {work} -e CLAUDE_CONFIG_DIR={link} -e CLAUDE_FAILOVER_SESSION={name} "
                f"-- sh -c '{PROGRAM}'"
            )
        path = self.path("sessions.conf")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("\n".join(lines) + "\n")
        self.tmux("source-file", path)
        wait_for(
            lambda: self.tmux("list-panes", "-a", "-F", "#{pane_current_command}").count("sleep") == count + 1,
            "the sessions",
            max(120.0, conftest.DEADLINE),
        )

    def panes(self) -> list[tuple[str, int]]:
        """Return id and pid of the panes of the sessions."""
        rows = self.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_id} #{pane_pid}").splitlines()
        return [(row.split()[1], int(row.split()[2])) for row in rows if not row.startswith("_")]

    def write_session_files(self, blind: int = 0) -> None:
        """Write what Claude Code writes of each running process, but of the first ``blind`` ones."""
        folder = os.path.join(self.config["accounts"][0]["home"], "sessions")
        os.makedirs(folder, exist_ok=True)
        for number, (_pane, pid) in enumerate(self.panes()[blind:]):
            process = processes.read(pid)
            assert process is not None
            row = {
                "pid": pid,
                "sessionId": conversation(number),
                "cwd": self.path("work"),
                "procStart": str(process.start),
                "version": "2.1.332",
                "status": "idle",
                "statusUpdatedAt": int(time.time() * 1000),
            }
            with open(os.path.join(folder, f"{pid}.json"), "w", encoding="utf-8") as stream:
                json.dump(row, stream)

    def send_hooks(self, blind: int = 0) -> None:
        """Send the hook of each session's start, but of the first ``blind`` ones."""
        self.send({"hook_event_name": "SessionStart", "source": "startup"}, blind)

    def send(self, payload: dict[str, Any], blind: int = 0) -> None:
        """Send what the hook program of each session would, but of the first ``blind`` ones; the daemon runs."""
        for number, (pane, pid) in enumerate(self.panes()[blind:]):
            request = {
                "op": "hook",
                "payload": {**payload, "session_id": conversation(number), "cwd": self.path("work")},
                "env": {"TMUX": f"{self.tmux_socket},1,0", "TMUX_PANE": pane, "CLAUDE_PID": str(pid)},
            }
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(conftest.DEADLINE)
                connection.connect(self.control_socket)
                connection.sendall(json.dumps(request).encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                connection.recv(4096)

    def close(self) -> None:
        """End daemon, server and sessions, and remove the folder."""
        if self.tmux_server is not None and self.tmux_server.poll() is None:
            # The sessions get a SIGHUP of it, which they would not if it were killed.
            subprocess.run(["tmux", "-N", "-S", self.tmux_socket, "kill-server"], check=False, timeout=60)
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)  # a process that ends may still write there


def conversation(number: int) -> str:
    """Return the conversation of the session of that number."""
    return f"11111111-1111-4111-8111-{number:012}"
