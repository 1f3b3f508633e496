# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The made-up host of a rehearsal: accounts, configuration and programs in a scratch folder."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from typing import Any

from ..common import checkout
from ..storage.files import write_atomic
from ..tmux.quoting import HOLDER
from .fake_claude.credentials import made_up
from .fake_claude.launcher import install
from .fake_claude.world import WORLD_VARIABLE
from .scratch import end_processes, undivided

FIRST, SECOND = "first", "second"
LIMITED, OTHER = "limited", "other"


def own_command() -> tuple[list[str], dict[str, str]]:
    """Return the command that runs this release as another process, and the variables that it needs."""
    python = sys.executable or os.readlink("/proc/self/exe")  # it is empty where no PATH is set
    if checkout.is_installed():
        return [python, "-I", checkout.LIBRARY], {}
    path = os.pathsep.join(folder for folder in sys.path if folder)
    return [python, checkout.LIBRARY], {"PYTHONPATH": path}


class RehearsalHost:
    """A made-up host in a scratch folder: accounts, configuration, programs."""

    def __init__(self, folder: str, tmux_binary: str) -> None:
        self.folder = folder
        self.tmux_binary = tmux_binary
        self.command, extra = own_command()
        self.environment = {
            **extra,
            "PATH": f"{self.path('bin')}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "HOME": self.path("home"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "SHELL": "/bin/sh",
            "TZ": "UTC",
            "PYTHONPYCACHEPREFIX": self.path("pycache"),
            "CLAUDE_FAILOVER_LAUNCHER": self.path("bin/claude-failover"),
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def path(self, name: str) -> str:
        """Return a path in the folder."""
        return os.path.join(self.folder, name)

    def home(self, account: str) -> str:
        """Return the home of an account."""
        return self.path(f"home/.claude-{account}")

    def build(self) -> None:
        """Create the accounts, the configuration and the programs. Raises OSError."""
        self._start_guard()
        for name in ("bin", "home", "work", "shared", "world"):
            os.mkdir(self.path(name), 0o700)
        for account in (FIRST, SECOND):
            os.mkdir(self.home(account), 0o700)
            self._write_json(os.path.join(self.home(account), ".credentials.json"), made_up(account))
            projects = {self.path("work"): {"hasTrustDialogAccepted": True}}
            settled = {"hasCompletedOnboarding": True, "projects": projects}
            self._write_json(os.path.join(self.home(account), ".claude.json"), settled)
        self.set_world({})
        world = f"{WORLD_VARIABLE}={self.path('world/world.json')}"
        install(self.path("bin"), ["env", world, *self.command, "fake-claude"])
        launcher = "#!/bin/sh\nexec " + shlex.join(self.command) + ' "$@"\n'
        write_atomic(self.path("bin/claude-failover"), launcher.encode(), 0o700)
        # As in the role's file: the holder session exists before any client connects.
        conf = f"set -s exit-empty off\nset -g remain-on-exit on\nnew-session -d -s {HOLDER} -- sleep infinity\n"
        write_atomic(self.path("tmux.conf"), conf.encode())
        # JSON is valid YAML and is written without a library.
        self._write_json(
            self.path("config.yml"),
            {
                "accounts": [{"name": name, "home": self.home(name)} for name in (FIRST, SECOND)],
                "active_link": self.path("home/.claude"),
                "shared_root": self.path("shared"),
                "sessions": [
                    {
                        "name": name,
                        "cwd": self.path("work"),
                        "command": ["claude"],
                        # Else a Claude Code of the user's own could be looked at.
                        "env": {"PATH": self.environment["PATH"]},
                    }
                    for name in (LIMITED, OTHER)
                ],
                "lifecycle": {"check_interval": 0.5},
                "tmux": {"socket": self.path("tmux.sock"), "binary": self.tmux_binary},
                "state_dir": self.path("state"),
                "control_socket": self.path("control.sock"),
            },
        )

    def _start_guard(self) -> None:
        """Start what ends the rest if this process is killed."""
        left_out = ("HOME", "PYTHONPYCACHEPREFIX")  # it is none of the rest, and writes nothing into the folder
        environment = {name: value for name, value in self.environment.items() if name not in left_out}
        with undivided():
            self._guard = subprocess.Popen(
                [*self.command, "end-rehearsal", self.folder, self.path("home")],
                env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _write_json(self, path: str, content: Any) -> None:
        write_atomic(path, json.dumps(content, indent=1).encode())

    def set_world(self, accounts: dict[str, Any]) -> None:
        """Set the response for each account. Raises OSError."""
        answers = {name: {"answer": f"Answered under the account {name}."} for name in (FIRST, SECOND)}
        world = {name: {**answer, **accounts.get(name, {})} for name, answer in answers.items()}
        self._write_json(self.path("world/world.json"), {"accounts": world})

    def spawn(self, *command: str) -> None:
        """Start a program with its output in the file log. Raises OSError."""
        with open(self.path("log"), "ab") as log, undivided():
            self.processes.append(
                subprocess.Popen(
                    command,
                    env=self.environment,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for the rehearsal, which ends them in order
                )
            )

    def requests(self) -> list[dict[str, Any]]:
        """Return the logged requests, oldest first."""
        return self._read_lines("world/requests.jsonl")

    def switches(self) -> list[dict[str, Any]]:
        """Return the switch records, oldest first."""
        return self._read_lines("state/switches.jsonl")

    def _read_lines(self, name: str) -> list[dict[str, Any]]:
        try:
            with open(self.path(name), encoding="utf-8") as stream:
                return [json.loads(line) for line in stream if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def turns(self, account: str, prompt: str, mode: str = "ok") -> list[dict[str, Any]]:
        """Return the finished requests of an account with this prompt and mode."""
        return [
            row
            for row in self.requests()
            if (row.get("tag"), row.get("prompt"), row.get("mode")) == (account, prompt, mode)
        ]

    def transcript(self, uuid: str) -> str:
        """Return the text of a conversation's transcript in the shared folder; empty if there is none."""
        for folder, _folders, names in os.walk(self.path("shared/.claude-projects-shared")):
            if uuid + ".jsonl" in names:
                with open(os.path.join(folder, uuid + ".jsonl"), encoding="utf-8") as stream:
                    return stream.read()
        return ""

    def log(self) -> list[str]:
        """Return the lines of the log; none if no program was started. Raises OSError."""
        try:
            with open(self.path("log"), encoding="utf-8", errors="replace") as stream:
                return stream.read().splitlines()
        except FileNotFoundError:
            return []

    def end(self) -> None:
        """End the started programs, the daemon before the tmux server, and then the sessions.

        Raises FailoverError if a process survives.
        """
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        end_processes(self.environment["HOME"])
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.communicate(b".")
