# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearse a whole failover in a scratch folder with the daemon, a private tmux server and a fake Claude.

The host's own accounts, sessions and daemon are not touched: the folder has its own homes with made-up logins, and
the programs run in an environment of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from ..claude.prompt_delivery import deliver
from ..common.errors import FailoverError
from ..storage.files import write_atomic
from ..tmux.client import Tmux
from ..tmux.quoting import HOLDER
from .fake_claude.credentials import made_up
from .fake_claude.launcher import install
from .fake_claude.world import WORLD_VARIABLE

STEP_TIMEOUT = 30.0  # seconds; a step normally takes one or two
POLL = 0.02
REMOVAL_TIMEOUT = 10.0  # seconds for the sessions to end after their tmux server
FIRST, SECOND = "first", "second"
LOG_TAIL = 20  # lines of the log shown after a failed rehearsal
LIMITED, OTHER = "limited", "other"
JOB = "a long job that runs into the limit"

T = TypeVar("T")


class StepFailed(Exception):
    """A step of the rehearsal failed."""


@dataclass
class RehearsalStep:
    """The result of one step; ``seconds`` is its duration."""

    step: str
    ok: bool
    seconds: float
    detail: str = ""


@dataclass
class RehearsalResult:
    """The result of a rehearsal.

    ``seconds`` is the time from the refused request to the first answer under the second account; ``folder`` is None
    if it was removed; ``log`` holds the last lines of the daemon and the tmux server after a failure.
    """

    ok: bool = False
    seconds: float | None = None
    steps: list[RehearsalStep] = field(default_factory=list)
    switch: dict[str, Any] | None = None
    folder: str | None = None
    log: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``rehearse --json``."""
        return {**asdict(self), "verdict": "ok" if self.ok else "failed"}


def own_command() -> tuple[list[str], dict[str, str]]:
    """Return the command that runs this release as another process, and the variables that it needs."""
    library = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if os.path.isdir(os.path.join(library, "ansible_collections")):
        return [sys.executable, "-I", library], {}
    return [sys.executable, "-m", "claude_failover"], {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


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
            "TZ": "UTC",
            "CLAUDE_FAILOVER_LAUNCHER": self.path("bin/claude-failover"),
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def path(self, name: str) -> str:
        """Return a path in the folder."""
        return os.path.join(self.folder, name)

    def home(self, account: str) -> str:
        """Return the home of an account."""
        return self.path(f"home/.claude-{account}")

    def build(self) -> None:
        """Create the accounts, the configuration and the programs. Raises OSError."""
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
        launcher = "#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in self.command) + ' "$@"\n'
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
                    {"name": name, "cwd": self.path("work"), "command": ["claude"]} for name in (LIMITED, OTHER)
                ],
                "lifecycle": {"check_interval": 0.5},
                "tmux": {"socket": self.path("tmux.sock"), "binary": self.tmux_binary},
                "state_dir": self.path("state"),
                "control_socket": self.path("control.sock"),
            },
        )

    def _write_json(self, path: str, content: Any) -> None:
        write_atomic(path, json.dumps(content, indent=1).encode())

    def set_world(self, accounts: dict[str, Any]) -> None:
        """Set the response for each account. Raises OSError."""
        self._write_json(self.path("world/world.json"), {"accounts": accounts})

    def spawn(self, *command: str) -> None:
        """Start a program with its output in the file log. Raises OSError."""
        with open(self.path("log"), "ab") as log:
            self.processes.append(
                subprocess.Popen(
                    command,
                    env=self.environment,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
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
        """End the started programs, the daemon before the tmux server."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


class Rehearsal:
    """Runs the steps of a rehearsal and measures each."""

    def __init__(self, host: RehearsalHost) -> None:
        self.host = host
        self.result = RehearsalResult()
        self.tmux = Tmux(host.tmux_binary, host.path("tmux.sock"))
        self._sessions: dict[str, str] = {}

    async def run(self) -> RehearsalResult:
        """Run the steps up to the first failure."""
        steps: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            ("a tmux server and the daemon start", self._start),
            ("two sessions wait for a prompt", self._check_sessions),
            ("one of them hits the limit of the first account", self._hit_limit),
            ("the account is switched", self._check_switched),
            ("the session continues under the second account", self._check_continued),
            ("the other session moves by itself", self._check_other),
            ("no conversation was lost", self._check_transcript),
        ]
        try:
            for name, step in steps:
                begun = time.monotonic()
                try:
                    detail = await step()
                    self.result.steps.append(RehearsalStep(name, True, round(time.monotonic() - begun, 3), detail))
                except (StepFailed, FailoverError, OSError) as error:
                    self.result.steps.append(RehearsalStep(name, False, round(time.monotonic() - begun, 3), str(error)))
                    return self.result
            self.result.ok = True
        finally:
            await self.tmux.stop()
        return self.result

    async def _wait_for(self, condition: Callable[[], T], description: str) -> T:
        end = time.monotonic() + STEP_TIMEOUT
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() >= end:
                raise StepFailed(f"waited {STEP_TIMEOUT:.0f} s for {description}")
            for process in self.host.processes:
                if process.poll() is not None:
                    raise StepFailed(f"waited for {description}, and {process.args!r} ended with {process.returncode}")
            await asyncio.sleep(POLL)

    async def _start(self) -> str:
        host = self.host
        host.build()
        socket = host.path("tmux.sock")
        host.spawn(host.tmux_binary, "-D", "-f", host.path("tmux.conf"), "-S", socket)
        await self._wait_for(lambda: os.path.exists(socket), "the tmux server")
        # Connect before the daemon's client does: see tmux.control on two clients at once.
        await self.tmux.start()
        await self._wait_for(lambda: self.tmux.connected, "a connection to the tmux server")
        host.spawn(*host.command, "--config", host.path("config.yml"), "run")
        await self._wait_for(lambda: os.path.exists(host.path("control.sock")), "the daemon")
        return ""

    async def _check_sessions(self) -> str:
        end = time.monotonic() + STEP_TIMEOUT
        while len(self._sessions) < 2:
            self._sessions = {pane.session: pane.pane_id for pane in await self.tmux.panes() if not pane.dead}
            if time.monotonic() >= end:
                raise StepFailed(
                    f"waited {STEP_TIMEOUT:.0f} s for the daemon's sessions, found {sorted(self._sessions)!r}"
                )
            await asyncio.sleep(POLL)
        for name in (LIMITED, OTHER):
            await self._prompt(name, f"hello from {name}", FIRST)
        return "both were answered under the first account"

    async def _prompt(self, session: str, prompt: str, account: str, mode: str = "ok") -> None:
        async def began() -> bool:
            return any(row.get("prompt") == prompt for row in self.host.requests())

        delivery = await deliver(self.tmux, self._sessions[session], prompt, began=began)
        if delivery.result != "delivered":
            raise StepFailed(f"the prompt was not delivered: {delivery.detail}")
        await self._wait_for(lambda: self.host.turns(account, prompt, mode), f"the answer ({mode}) under {account}")

    async def _hit_limit(self) -> str:
        limit = {"mode": "limit", "claim": "five_hour", "resets_at": int(time.time()) + 3600}
        self.host.set_world({FIRST: limit})
        await self._prompt(LIMITED, JOB, FIRST, "limit")
        return "HTTP 429, as from the real API"

    async def _check_switched(self) -> str:
        link = self.host.path("home/.claude")
        await self._wait_for(lambda: os.path.realpath(link) == os.path.realpath(self.host.home(SECOND)), "the flip")
        return f"{link} leads to {self.host.home(SECOND)}"

    async def _check_continued(self) -> str:
        answered = await self._wait_for(lambda: self.host.turns(SECOND, "continue"), "the session to continue")
        refused = self.host.turns(FIRST, JOB, "limit")[0]
        self.result.seconds = round(answered[0]["ended"] - refused["ended"], 3)
        records = await self._wait_for(self.host.switches, "the record of the switch")
        self.result.switch = records[-1]
        if len(records) != 1 or records[-1]["outcome"] != "switched":
            raise StepFailed(f"expected one switch, found {records!r}")
        return f"{self.result.seconds} s after the refusal, {records[-1]['sessions'][0]['method']}"

    async def _check_other(self) -> str:
        await self._prompt(OTHER, "and you?", SECOND)
        return "its next request was answered under the second account"

    async def _check_transcript(self) -> str:
        uuid = str(self.host.turns(FIRST, JOB, "limit")[0]["session"])
        text = self.host.transcript(uuid)
        missing = [prompt for prompt in (f"hello from {LIMITED}", JOB, "continue") if prompt not in text]
        if missing:
            raise StepFailed(f"the transcript of {uuid} lacks {missing!r}")
        return "the transcript has every prompt, before and after"


def rehearse(tmux_binary: str = "tmux", *, keep: bool = False) -> RehearsalResult:
    """Rehearse a failover in a scratch folder, which is removed unless ``keep``; returns the result.

    Raises FailoverError if there is no tmux, OSError.
    """
    if shutil.which(tmux_binary) is None:
        raise FailoverError(f"{tmux_binary!r} is not an executable program: install tmux, or set tmux.binary")
    # Under /tmp: a socket path is limited to 107 bytes.
    folder = tempfile.mkdtemp(prefix="claude-failover-rehearsal-", dir="/tmp")
    host = RehearsalHost(folder, tmux_binary)
    try:
        result = asyncio.run(Rehearsal(host).run())
        if not result.ok:
            result.log = host.log()[-LOG_TAIL:]
    finally:
        host.end()
        if not keep:
            _remove(folder)
    result.folder = folder if keep else None
    return result


def _remove(folder: str) -> None:
    """Remove the folder; retries while sessions of the ended tmux server still write into it.

    Raises OSError after REMOVAL_TIMEOUT.
    """
    end = time.monotonic() + REMOVAL_TIMEOUT
    while True:
        try:
            shutil.rmtree(folder)
            return
        except OSError:
            if time.monotonic() >= end:
                raise
        time.sleep(POLL)
