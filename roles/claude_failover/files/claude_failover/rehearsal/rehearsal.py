# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearse a whole failover in a scratch folder with the daemon, a private tmux server and a fake Claude.

The host's own accounts, sessions and daemon are not touched: the folder has its own homes with made-up logins, and
the programs run in an environment of their own.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from ..claude.prompt_delivery import deliver
from ..common.errors import FailoverError
from ..tmux.client import Tmux
from . import scratch
from .host import FIRST, LIMITED, OTHER, SECOND, RehearsalHost
from .scenes import Observer, Scene, turn_on_screen

STEP_TIMEOUT = 30.0  # seconds; a step normally takes one or two
POLL = 0.02
DRAWN_TIMEOUT = 15.0  # seconds for a turn to be on the screen; it is logged a little earlier
LOG_TAIL = 20  # lines of the log shown after a failed rehearsal
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


class Rehearsal:
    """Runs the steps of a rehearsal, measures each, and tells the ``observer`` of its scenes."""

    def __init__(self, host: RehearsalHost, observer: Observer | None = None) -> None:
        self.host = host
        self._observer = observer
        self._begun = time.monotonic()
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
                except BrokenPipeError:  # the observer's output: nobody reads it any more
                    raise
                except (StepFailed, FailoverError, OSError) as error:
                    self.result.steps.append(RehearsalStep(name, False, round(time.monotonic() - begun, 3), str(error)))
                    return self.result
            self.result.ok = True
        finally:
            await self.tmux.stop()
        return self.result

    def _tell(self, text: str, tone: str = "", session: str = "", screen: tuple[str, ...] = ()) -> None:
        if self._observer is not None:
            self._observer(Scene(time.monotonic() - self._begun, text, tone, session, screen))

    async def _show(self, text: str, tone: str, session: str, prompt: str) -> None:
        """Tell of a scene with a session's turn, as soon as that is drawn."""
        if self._observer is None:
            return
        end = time.monotonic() + DRAWN_TIMEOUT
        screen: tuple[str, ...] = ()
        while len(screen) < 2 and time.monotonic() < end:
            await asyncio.sleep(POLL)
            screen = turn_on_screen(await self.tmux.screen(self._sessions[session]), prompt)
        self._tell(text, tone, session, screen)

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
        self._tell(f"The scratch folder is {host.folder}")
        host.build()
        socket = host.path("tmux.sock")
        host.spawn(host.tmux_binary, "-D", "-f", host.path("tmux.conf"), "-S", socket)
        await self._wait_for(lambda: os.path.exists(socket), "the tmux server")
        # Connect before the daemon's client does: see tmux.control on two clients at once.
        await self.tmux.start()
        await self._wait_for(lambda: self.tmux.connected, "a connection to the tmux server")
        host.spawn(*host.command, "--config", host.path("config.yml"), "run")
        await self._wait_for(lambda: os.path.exists(host.path("control.sock")), "the daemon")
        self._tell(f"The daemon runs. Of two accounts, {FIRST} and {SECOND}, {FIRST} is active:", screen=self._link())
        return ""

    def _link(self) -> tuple[str, ...]:
        """Return the active link as a person would write it."""
        return (f"~/.claude -> ~/{os.path.basename(os.path.realpath(self.host.path('home/.claude')))}",)

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
            await self._show(f"Session {name} is at work:", "good", name, f"hello from {name}")
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
        await self._show(f"Account {FIRST} is out of usage, as session {LIMITED} is told:", "bad", LIMITED, JOB)
        return "HTTP 429, as from the real API"

    async def _check_switched(self) -> str:
        link = self.host.path("home/.claude")
        await self._wait_for(lambda: os.path.realpath(link) == os.path.realpath(self.host.home(SECOND)), "the flip")
        self._tell("The daemon flips the active link:", "good", screen=self._link())
        return f"{link} leads to {self.host.home(SECOND)}"

    async def _check_continued(self) -> str:
        answered = await self._wait_for(lambda: self.host.turns(SECOND, "continue"), "the session to continue")
        refused = self.host.turns(FIRST, JOB, "limit")[0]
        self.result.seconds = round(answered[0]["ended"] - refused["ended"], 3)
        after = f"{self.result.seconds:.1f} s after the refusal"
        await self._show(f"Session {LIMITED} goes on by itself, {after}:", "good", LIMITED, "continue")
        records = await self._wait_for(self.host.switches, "the record of the switch")
        self.result.switch = records[-1]
        if len(records) != 1 or records[-1]["outcome"] != "switched":
            raise StepFailed(f"expected one switch, found {records!r}")
        return f"{self.result.seconds} s after the refusal, {records[-1]['sessions'][0]['method']}"

    async def _check_other(self) -> str:
        await self._prompt(OTHER, "and you?", SECOND)
        await self._show(f"Session {OTHER} has moved by itself:", "good", OTHER, "and you?")
        return "its next request was answered under the second account"

    async def _check_transcript(self) -> str:
        uuid = str(self.host.turns(FIRST, JOB, "limit")[0]["session"])
        text = self.host.transcript(uuid)
        missing = [prompt for prompt in (f"hello from {LIMITED}", JOB, "continue") if prompt not in text]
        if missing:
            raise StepFailed(f"the transcript of {uuid} lacks {missing!r}")
        self._tell("Nothing is lost: the conversation has every prompt, before and after.", "good")
        return "the transcript has every prompt, before and after"


def rehearse(tmux_binary: str = "tmux", *, keep: bool = False, observer: Observer | None = None) -> RehearsalResult:
    """Rehearse a failover in a scratch folder; returns the result.

    The folder is removed, unless ``keep`` and there is a result. No process is left, also after an interrupt.

    ``observer`` is called with each scene; what it raises ends the rehearsal. Raises FailoverError if a program or a
    place for the folder is missing, OSError.
    """
    _check_programs(tmux_binary)
    folder = scratch.make()
    host = RehearsalHost(folder, tmux_binary)
    result = None
    try:
        result = asyncio.run(Rehearsal(host, observer).run())
        if not result.ok:
            result.log = host.log()[-LOG_TAIL:]
    finally:
        _clean_up(host, removed=not keep or result is None)
    result.folder = folder if keep else None
    return result


def _clean_up(host: RehearsalHost, *, removed: bool) -> None:
    while True:
        try:
            with scratch.undisturbed():
                try:
                    host.end()
                finally:
                    if removed:
                        scratch.remove(host.folder)
            return
        except KeyboardInterrupt:  # another one, before the signals were ignored
            continue


def _check_programs(tmux_binary: str) -> None:
    missing = [] if shutil.which(tmux_binary) else [f"no program {tmux_binary!r}"]
    if importlib.util.find_spec("yaml") is None:
        own = " (a virtual environment has packages of its own)" if sys.prefix != sys.base_prefix else ""
        missing.append(f"no PyYAML for {sys.executable or 'python3'}{own}")
    if missing:
        raise FailoverError(
            f"found {' and '.join(missing)}; expected tmux and PyYAML: sudo apt-get install tmux python3-yaml"
        )
