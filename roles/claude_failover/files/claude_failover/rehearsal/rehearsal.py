# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole failover in a scratch folder: the daemon itself, a private tmux server, and a stand-in for claude.

Nothing of the host's own accounts, sessions or daemon is touched: the folder has its own homes with made-up logins,
and the programs get an environment of their own.
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
from .fake_claude.world import VARIABLE as WORLD_VARIABLE

BOUND = 30.0  # seconds for each step; normally it takes one or two
POLL = 0.02
REMOVAL = 10.0  # seconds for the sessions of a tmux server that has ended to end too
FIRST, SECOND = "first", "second"
LAST_WORDS = 20  # lines of the log that a failed rehearsal shows
LIMITED, OTHER = "limited", "other"
JOB = "a long job that runs into the limit"

T = TypeVar("T")


class StepFailed(Exception):
    """A step of the rehearsal did not come to its end."""


@dataclass
class RehearsalStep:
    """One thing that a failover has to do, and whether it did."""

    step: str
    ok: bool
    seconds: float
    detail: str = ""


@dataclass
class RehearsalResult:
    """What the rehearsal showed. ``seconds`` is from the refused request to the first answer under the second
    account; ``folder`` is None when it was removed; ``log`` has the last lines that daemon and tmux server said, when
    it went wrong."""

    ok: bool = False
    seconds: float | None = None
    steps: list[RehearsalStep] = field(default_factory=list)
    switch: dict[str, Any] | None = None
    folder: str | None = None
    log: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``rehearse --json`` prints it."""
        return {**asdict(self), "verdict": "ok" if self.ok else "failed"}


def own_command() -> tuple[list[str], dict[str, str]]:
    """Return what runs this very release as another process, and the environment that it needs for it."""
    library = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if os.path.isdir(os.path.join(library, "ansible_collections")):
        return [sys.executable, "-I", library], {}
    return [sys.executable, "-m", "claude_failover"], {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class RehearsalHost:
    """The scratch folder with everything in it."""

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
        """Return an account's home."""
        return self.path(f"home/.claude-{account}")

    def build(self) -> None:
        """Write everything that the host would have. Raises OSError."""
        for name in ("bin", "home", "work", "shared", "world"):
            os.mkdir(self.path(name), 0o700)
        for account in (FIRST, SECOND):
            os.mkdir(self.home(account), 0o700)
            self._json(os.path.join(self.home(account), ".credentials.json"), made_up(account))
            projects = {self.path("work"): {"hasTrustDialogAccepted": True}}
            settled = {"hasCompletedOnboarding": True, "projects": projects}
            self._json(os.path.join(self.home(account), ".claude.json"), settled)
        self.set_world({})
        world = f"{WORLD_VARIABLE}={self.path('world/world.json')}"
        install(self.path("bin"), ["env", world, *self.command, "standin"])
        launcher = "#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in self.command) + ' "$@"\n'
        write_atomic(self.path("bin/claude-failover"), launcher.encode(), 0o700)
        # As the role's own: the holder session is there before any client comes.
        conf = f"set -s exit-empty off\nset -g remain-on-exit on\nnew-session -d -s {HOLDER} -- sleep infinity\n"
        write_atomic(self.path("tmux.conf"), conf.encode())
        # JSON is YAML, and needs no library to write.
        self._json(
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

    def _json(self, path: str, content: Any) -> None:
        write_atomic(path, json.dumps(content, indent=1).encode())

    def set_world(self, accounts: dict[str, Any]) -> None:
        """Say what each account gets from now on. Raises OSError."""
        self._json(self.path("world/world.json"), {"accounts": accounts})

    def spawn(self, *command: str) -> None:
        """Start a program; what it says goes into the file log. Raises OSError."""
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
        """Return what the accounts were asked for, oldest first."""
        return self._lines("world/requests.jsonl")

    def switches(self) -> list[dict[str, Any]]:
        """Return the records of the switches, oldest first."""
        return self._lines("state/switches.jsonl")

    def _lines(self, name: str) -> list[dict[str, Any]]:
        try:
            with open(self.path(name), encoding="utf-8") as stream:
                return [json.loads(line) for line in stream if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def turns(self, account: str, prompt: str, mode: str = "ok") -> list[dict[str, Any]]:
        """Return the finished requests with that prompt."""
        return [
            row
            for row in self.requests()
            if (row.get("tag"), row.get("prompt"), row.get("mode")) == (account, prompt, mode)
        ]

    def transcript(self, uuid: str) -> str:
        """Return the text of a conversation, as it lies in the shared folder."""
        for folder, _folders, names in os.walk(self.path("shared/.claude-projects-shared")):
            if uuid + ".jsonl" in names:
                with open(os.path.join(folder, uuid + ".jsonl"), encoding="utf-8") as stream:
                    return stream.read()
        return ""

    def log(self) -> list[str]:
        """Return what the programs said, nothing if none was started. Raises OSError."""
        try:
            with open(self.path("log"), encoding="utf-8", errors="replace") as stream:
                return stream.read().splitlines()
        except FileNotFoundError:
            return []

    def end(self) -> None:
        """End every program that was started here, the daemon before the tmux server."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


class Rehearsal:
    """The steps, each measured."""

    def __init__(self, stage: RehearsalHost) -> None:
        self.stage = stage
        self.verdict = RehearsalResult()
        self.tmux = Tmux(stage.tmux_binary, stage.path("tmux.sock"))
        self._sessions: dict[str, str] = {}

    async def run(self) -> RehearsalResult:
        """Go through the steps, and stop at the first that fails."""
        steps: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            ("a tmux server and the daemon start", self._start),
            ("two sessions wait for a prompt", self._ready),
            ("one of them hits the limit of the first account", self._hit),
            ("the account is switched", self._switched),
            ("the session goes on under the second account", self._continued),
            ("the other session moves by itself", self._other),
            ("no conversation was lost", self._whole),
        ]
        try:
            for name, step in steps:
                begun = time.monotonic()
                try:
                    detail = await step()
                    self.verdict.steps.append(RehearsalStep(name, True, round(time.monotonic() - begun, 3), detail))
                except (StepFailed, FailoverError, OSError) as error:
                    self.verdict.steps.append(
                        RehearsalStep(name, False, round(time.monotonic() - begun, 3), str(error))
                    )
                    return self.verdict
            self.verdict.ok = True
        finally:
            await self.tmux.stop()
        return self.verdict

    async def _until(self, condition: Callable[[], T], what: str) -> T:
        end = time.monotonic() + BOUND
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() >= end:
                raise StepFailed(f"waited {BOUND:.0f} s for {what}")
            for process in self.stage.processes:
                if process.poll() is not None:
                    raise StepFailed(f"waited for {what}, and {process.args!r} ended with {process.returncode}")
            await asyncio.sleep(POLL)

    async def _start(self) -> str:
        stage = self.stage
        stage.build()
        socket = stage.path("tmux.sock")
        stage.spawn(stage.tmux_binary, "-D", "-f", stage.path("tmux.conf"), "-S", socket)
        await self._until(lambda: os.path.exists(socket), "the tmux server")
        # Before the daemon's own client comes: see tmux.control on two that come at once.
        await self.tmux.start()
        await self._until(lambda: self.tmux.connected, "a connection to the tmux server")
        stage.spawn(*stage.command, "--config", stage.path("config.yml"), "run")
        await self._until(lambda: os.path.exists(stage.path("control.sock")), "the daemon")
        return ""

    async def _ready(self) -> str:
        end = time.monotonic() + BOUND
        while len(self._sessions) < 2:
            self._sessions = {pane.session: pane.pane_id for pane in await self.tmux.panes() if not pane.dead}
            if time.monotonic() >= end:
                raise StepFailed("the daemon made no sessions")
            await asyncio.sleep(POLL)
        for name in (LIMITED, OTHER):
            await self._say(name, f"hello from {name}", FIRST)
        return "both were answered under the first account"

    async def _say(self, session: str, prompt: str, account: str, mode: str = "ok") -> None:
        async def began() -> bool:
            return any(row.get("prompt") == prompt for row in self.stage.requests())

        delivery = await deliver(self.tmux, self._sessions[session], prompt, began=began)
        if delivery.result != "delivered":
            raise StepFailed(f"the prompt did not arrive: {delivery.detail}")
        await self._until(lambda: self.stage.turns(account, prompt, mode), f"the answer ({mode}) under {account}")

    async def _hit(self) -> str:
        limit = {"mode": "limit", "claim": "five_hour", "resets_at": int(time.time()) + 3600}
        self.stage.set_world({FIRST: limit})
        await self._say(LIMITED, JOB, FIRST, "limit")
        return "HTTP 429, as the real one gets it"

    async def _switched(self) -> str:
        link = self.stage.path("home/.claude")
        await self._until(lambda: os.path.realpath(link) == os.path.realpath(self.stage.home(SECOND)), "the flip")
        return f"{link} leads to {self.stage.home(SECOND)}"

    async def _continued(self) -> str:
        answered = await self._until(lambda: self.stage.turns(SECOND, "continue"), "the session to go on")
        refused = self.stage.turns(FIRST, JOB, "limit")[0]
        self.verdict.seconds = round(answered[0]["ended"] - refused["ended"], 3)
        records = await self._until(self.stage.switches, "the record of the switch")
        self.verdict.switch = records[-1]
        if len(records) != 1 or records[-1]["outcome"] != "switched":
            raise StepFailed(f"expected one switch, found {records!r}")
        return f"{self.verdict.seconds} s after the refusal, {records[-1]['sessions'][0]['method']}"

    async def _other(self) -> str:
        await self._say(OTHER, "and you?", SECOND)
        return "its next request was answered under the second account"

    async def _whole(self) -> str:
        uuid = str(self.stage.turns(FIRST, JOB, "limit")[0]["session"])
        text = self.stage.transcript(uuid)
        missing = [prompt for prompt in (f"hello from {LIMITED}", JOB, "continue") if prompt not in text]
        if missing:
            raise StepFailed(f"the transcript of {uuid} lacks {missing!r}")
        return "the transcript has every prompt, before and after"


def rehearse(tmux_binary: str = "tmux", *, keep: bool = False) -> RehearsalResult:
    """Rehearse a failover in a scratch folder, which is removed unless ``keep``; returns the verdict.

    Raises FailoverError when there is no tmux, OSError.
    """
    if shutil.which(tmux_binary) is None:
        raise FailoverError(f"{tmux_binary!r} is no program that can be run: install tmux, or set tmux.binary")
    # A short path: a socket's may have 107 bytes.
    folder = tempfile.mkdtemp(prefix="claude-failover-rehearsal-", dir="/tmp")
    stage = RehearsalHost(folder, tmux_binary)
    try:
        verdict = asyncio.run(Rehearsal(stage).run())
        if not verdict.ok:
            verdict.log = stage.log()[-LAST_WORDS:]
    finally:
        stage.end()
        if not keep:
            _remove(folder)
    verdict.folder = folder if keep else None
    return verdict


def _remove(folder: str) -> None:
    """Remove the folder. Sessions whose tmux server has just ended may still write their last words into it.

    Raises OSError when it cannot be removed.
    """
    end = time.monotonic() + REMOVAL
    while True:
        try:
            shutil.rmtree(folder)
            return
        except OSError:
            if time.monotonic() >= end:
                raise
        time.sleep(POLL)
