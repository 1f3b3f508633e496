# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a folder: account homes, a real tmux server, and the daemon as a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
import yaml

# A minimal stand-in for Claude Code: it logs how it was started, writes its session file as 2.1.330 does, and ends on a
# command on its standard input, or on SIGTERM, END_AFTER seconds later.
FAKE_CLAUDE = r"""#!{python}
import json, os, signal, sys, time
if "END_AFTER" in os.environ:
    signal.signal(signal.SIGTERM, lambda *_: (time.sleep(float(os.environ["END_AFTER"])), sys.exit(143)))
with open("/proc/self/stat") as stream:
    start = stream.read().rsplit(")", 1)[1].split()[19]
arguments = sys.argv[1:]
uuid = next((arguments[i + 1] for i, a in enumerate(arguments) if a in ("--session-id", "--resume")), None)
with open("{log}", "a") as stream:
    row = {{"pid": os.getpid(), "argv": arguments, "env": dict(os.environ), "cwd": os.getcwd()}}
    stream.write(json.dumps(row) + "\n")
if "--fail" in arguments:
    print("claude: it does not work")
    sys.exit(3)
if uuid:
    folder = os.path.join(os.environ["CLAUDE_CONFIG_DIR"], "sessions")
    os.makedirs(folder, exist_ok=True)
    own = os.path.join(folder, "%d.json" % os.getpid())
    def tell(status):
        with open(own, "w") as stream:
            json.dump({{"pid": os.getpid(), "sessionId": uuid, "cwd": os.getcwd(), "procStart": start, "status": status,
                       "statusUpdatedAt": int(time.time() * 1000)}}, stream)
    tell("idle")
print("ready", flush=True)
for line in sys.stdin:
    if line.startswith("write"):
        folder = os.path.join(os.environ["CLAUDE_CONFIG_DIR"], "projects", "-x")
        os.makedirs(folder, exist_ok=True)
        open(os.path.join(folder, uuid + ".jsonl"), "a").close()
    elif line.startswith("status"):
        tell(line.split()[1])
    elif line.startswith("exit"):
        print("claude --resume " + uuid)
        os.unlink(own)
        sys.exit(int(line.split()[1]))
"""
DEADLINE = 20.0  # seconds; a bound for a condition that normally holds at once


def wait_for(condition, what, deadline=DEADLINE):
    """Return the first truth that condition() gives."""
    end = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {deadline} s for {what}"
        time.sleep(0.02)


class Host:
    """The folder, the tmux server and the daemon."""

    def __init__(self, folder: str, python_path: str) -> None:
        self.folder = folder
        self.log = self.path("claude.log")
        self.claude = self.path("bin/claude")
        self.tmux_socket = self.path("t/tmux.sock")
        self.control_socket = self.path("control.sock")
        self.environment = {
            "PYTHONPATH": python_path,
            "PATH": f"{self.path('bin')}:/usr/local/bin:/usr/bin:/bin",
            "HOME": self.path("user"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        for name in ("bin", "t", "user", "work", "root"):
            os.mkdir(self.path(name))
        with open(self.claude, "w", encoding="utf-8") as stream:
            stream.write(FAKE_CLAUDE.format(python=sys.executable, log=self.log))
        os.chmod(self.claude, 0o700)
        self.config = {
            "accounts": [{"name": name, "home": self.path(f"user/.claude-{name}")} for name in ("one", "two")],
            "active_link": self.path("user/.claude"),
            "shared_root": self.path("root"),
            "sessions": [],
            "lifecycle": {"check_interval": 0.2, "restart_backoff": [0.1, 5]},
            "tmux": {"socket": self.tmux_socket},
            "state_dir": self.path("state"),
            "control_socket": self.control_socket,
        }
        self.tmux_server: subprocess.Popen[bytes] | None = None
        self.daemon: subprocess.Popen[str] | None = None
        self.notifications: list[str] = []

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def session(self, name, **more):
        self.config["sessions"].append({"name": name, "cwd": self.path("work"), "command": [self.claude], **more})

    def write_config(self) -> str:
        path = self.path("config.yml")
        with open(path, "w", encoding="utf-8") as stream:
            yaml.safe_dump(self.config, stream)
        return path

    def start_tmux(self) -> None:
        conf = self.path("t/tmux.conf")
        with open(conf, "w", encoding="utf-8") as stream:
            stream.write("set -s exit-empty off\nset -g remain-on-exit on\nset -g default-size 200x50\n")
            stream.write("new-session -d -s _claude_failover -- sleep infinity\n")  # as the role's own
        command = ["tmux", "-D", "-f", conf, "-S", self.tmux_socket]
        self.tmux_server = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL)
        # As the unit does: a plain client is the first.
        asked = [*self._client, "has-session", "-t", "=_claude_failover"]

        def answers() -> bool:
            if self.tmux_server.poll() is not None:  # tmux 3.3a can crash where the daemon's client comes beside it
                self.tmux_server = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL)
            return subprocess.run(asked, capture_output=True, check=False).returncode == 0

        wait_for(answers, "the tmux server")

    @property
    def _client(self) -> list[str]:
        return ["tmux", "-N", "-S", self.tmux_socket]

    def tmux(self, *arguments: str) -> str:
        return subprocess.run(
            [*self._client, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=DEADLINE,
        ).stdout

    def command(self, *arguments: str, **more) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "claude_failover", *arguments],
            env={**self.environment, "CLAUDE_FAILOVER_CONFIG": self.path("config.yml")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **more,
        )

    def status(self) -> dict:
        result = self.command("status", "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def row(self, name: str) -> dict:
        return next(row for row in self.status()["sessions"] if row["name"] == name)

    def program(self) -> list[str]:
        """Return the command that is the daemon, without its arguments."""
        return [sys.executable, "-m", "claude_failover"]

    def launch(self) -> subprocess.Popen[str]:
        """Start the daemon without waiting for it; its log goes to the file daemon.log."""
        self.write_config()
        with open(self.path("daemon.log"), "a", encoding="utf-8") as log:
            self.daemon = subprocess.Popen(
                [*self.program(), "--config", self.path("config.yml"), "run"],
                env={**self.environment, "NOTIFY_SOCKET": self.path("notify.sock")},
                stdin=subprocess.DEVNULL,
                stderr=log,
                stdout=log,
                text=True,
            )
        return self.daemon

    def start(self, until: str = "READY=1", heard=lambda _text: None) -> None:
        """Start the daemon, and wait for its READY, or for another notification; ``heard`` is given each one."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            path = self.path("notify.sock")
            if os.path.exists(path):
                os.unlink(path)
            systemd.bind(path)
            systemd.settimeout(DEADLINE)
            self.launch()
            while True:
                try:
                    text = systemd.recv(4096).decode()
                except socket.timeout:
                    raise AssertionError(self.daemon_log()) from None
                self.notifications.append(text)
                heard(text)
                if until in text:
                    return
                if "STOPPING=1" in text:
                    raise AssertionError(self.daemon_log())

    def daemon_log(self) -> str:
        """Return the log of all daemons so far; empty before the first."""
        if not os.path.exists(self.path("daemon.log")):
            return ""
        with open(self.path("daemon.log"), encoding="utf-8") as stream:
            return stream.read()

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.daemon is not None
        self.daemon.send_signal(number)
        code = self.daemon.wait(DEADLINE)
        self.daemon = None
        return code

    def starts(self) -> list[dict]:
        """Return the log of every start of the fake claude."""
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def close(self) -> None:
        for process in (self.daemon, self.tmux_server):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def host(short_folder, python_path):
    if shutil.which("tmux") is None:
        pytest.fail("these tests need tmux: apt-get install tmux")
    host = Host(short_folder, python_path)
    yield host
    host.close()
