# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failover daemon in a test's world: as the ordinary user, in the namespace, from a tree as it is deployed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

from ansible_collections.secuaas.claude.plugins.action.claude_failover_release import release_sources
from ansible_collections.secuaas.claude.plugins.module_utils._release_launcher import launcher_text
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout
from ansible_collections.secuaas.claude.plugins.module_utils._release_store import write_sources

from .wait import until
from .world import DAEMON_LIB, World

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(DAEMON_LIB)))
#: Environment that the daemon sets itself, and refuses in a session's configuration.
OWN = ("CLAUDE_CONFIG_DIR", "PWD")


#: Runs the daemon, and ends it with SIGKILL at one moment of one step of a switch.
CRASHING = """
import os, signal, sys
library, moment, step, *arguments = sys.argv[1:]
sys.path.insert(0, library)
from claude_failover.__main__ import main
from claude_failover.switching.steps import SwitchProcedure

def checkpoint(_procedure, *here):
    if here == (moment, step):
        os.kill(os.getpid(), signal.SIGKILL)

SwitchProcedure.checkpoint = checkpoint
sys.exit(main(arguments))
"""


class Daemon:
    """One daemon and its configuration; its log is the file daemon.log of the world."""

    def __init__(self, world: World, sessions: list[dict[str, Any]], *, checkout: str = ROOT, **failover: Any) -> None:
        """``sessions`` are the configuration's; command and environment are added. ``failover`` is its section.

        The daemon is that of the ``checkout``.
        """
        self.world = world
        self.process: subprocess.Popen[bytes] | None = None
        self.library = world.path("lib")
        write_sources(self.library, release_sources(checkout))
        self.launcher = world.path("bin", "claude-failover")
        layout = Layout(world.folder, "/usr/bin/python3")
        os.symlink(os.curdir, layout.current)
        with open(self.launcher, "w", encoding="ascii") as stream:
            stream.write(launcher_text(layout))
        os.chmod(self.launcher, 0o755)
        environment = {name: value for name, value in world.env().items() if name not in OWN}
        self.config = {
            "accounts": [{"name": tag, "home": world.account_home(tag)} for tag in world.accounts],
            "active_link": world.link,
            "shared_root": world.home,
            "sessions": [
                {"cwd": world.cwd, "command": [world.claude], "env": environment, **session} for session in sessions
            ],
            "failover": {"cooldown": 2, **failover},
            "lifecycle": {"check_interval": 1},
            "tmux": {"socket": world.socket},
            "state_dir": world.path("state"),
            "control_socket": world.path("control.sock"),
        }

    def configure(self) -> Daemon:
        """Write the configuration; that is all that commands need which ask no daemon."""
        self.world.write_json(self.world.path("config.yml"), self.config)
        return self

    def start(self, crash: tuple[str, str] | None = None) -> Daemon:
        """Write the configuration, start the daemon and wait until it is ready.

        With ``crash`` (``begin`` or ``end``, and a step of the switch) it kills itself when it gets there.
        """
        program = [self.library]
        if crash is not None:
            program = [self.world.path("crashing.py"), self.library, *crash]
            with open(program[0], "w", encoding="ascii") as stream:
                stream.write(CRASHING)
        self.configure()
        env = self.world.env(CLAUDE_FAILOVER_LAUNCHER=self.launcher)
        before = self.log().count("ready: ")
        with open(self.world.path("daemon.log"), "ab") as log:
            self.process = self.world.namespace.start(
                ["/usr/bin/python3", "-I", *program, "--config", self.world.path("config.yml"), "run"],
                env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.world.children.append(self.process)
        until(lambda: self.log().count("ready: ") > before, "the daemon to be ready", show=self.log)
        return self

    def keep_events(self) -> None:
        """Configure a notify command that keeps what it is given, for `events`."""
        keep = self.world.path("bin", "keep")
        with open(keep, "w", encoding="ascii") as stream:
            stream.write(f"#!/bin/sh\nexec cat >>{self.world.path('tmp', 'events')}\n")
        os.chmod(keep, 0o755)
        self.config["notify"] = {"command": [keep]}

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of a name, oldest first."""
        try:
            with open(self.world.path("tmp", "events"), encoding="utf-8") as stream:
                return [event for event in map(json.loads, stream) if event.get("event") == name]
        except FileNotFoundError:
            return []

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the daemon; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def send(self, number: int) -> None:
        """Send the daemon a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def log(self) -> str:
        """Return what the daemon said."""
        try:
            with open(self.world.path("daemon.log"), encoding="utf-8") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the daemon's."""
        env = self.world.env(CLAUDE_FAILOVER_CONFIG=self.world.path("config.yml"))
        return self.world.namespace.run([self.launcher, *arguments], env)

    def status(self) -> dict[str, Any]:
        """Return ``status --json``."""
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def row(self, name: str) -> dict[str, Any]:
        """Return one session's row of the status."""
        return next(row for row in self.status()["sessions"] if row["name"] == name)

    def switches(self) -> list[dict[str, Any]]:
        """Return the records of the switches that are over, oldest first."""
        try:
            with open(self.world.path("state", "switches.jsonl"), encoding="utf-8") as stream:
                return [json.loads(line) for line in stream]
        except FileNotFoundError:
            return []
