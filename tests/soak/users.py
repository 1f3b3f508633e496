# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of a soak: people who type prompts into their sessions, and a client that dispatches tasks."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils.control_client import (
    ControlError,
    NoAnswer,
    NotRunning,
    request,
)

from claude_failover.tmux.client import Tmux, TmuxError

from .requests import Conversation

SHOWN = 120.0  # seconds for typed text to be in view
ANSWERED = 300.0  # seconds for a prompt to be answered, over all limits and restarts
ASKED = 300.0  # seconds in which a request is repeated while the daemon restarts
FINISHED = ("done", "failed", "cancelled")


class LostError(Exception):
    """A session or a task did not go on; the text says which, and what was waited for."""


async def ask(socket: str, op: str, options: dict[str, Any] | None = None) -> Any:
    """Send a request to the daemon, again while it restarts. Raises ControlError for a refusal, LostError."""
    end = time.monotonic() + ASKED
    while True:
        try:
            return await asyncio.to_thread(request, op, options, socket_path=socket, timeout=60)
        except (NotRunning, NoAnswer) as error:
            if time.monotonic() >= end:
                raise LostError(f"{op}: no answer from the daemon within {ASKED:.0f} s: {error}") from None
        await asyncio.sleep(0.2)


@dataclass
class Session:
    """One session: its conversation, and the prompts that were sent to it in their order."""

    name: str
    uuid: str
    conversation: Conversation
    prompts: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.conversation.on_turn = lambda _turn: self.changed.set()

    async def answered(self, prompt: str) -> None:
        """Wait for the answer to a prompt. Raises LostError."""
        end = time.monotonic() + ANSWERED
        while not self.conversation.is_answered(prompt):
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), end - time.monotonic())
            except asyncio.TimeoutError:
                last = [(turn.prompt, turn.account, turn.mode) for turn in self.conversation.turns[-3:]]
                raise LostError(
                    f"{self.name}: {prompt!r} was not answered within {ANSWERED:.0f} s; its last turns: {last}"
                ) from None


class People:
    """Those who type: each in one session, the next prompt once the last is answered."""

    def __init__(self, tmux: Tmux, seed: int, pause: float) -> None:
        """``pause`` is the mean time between an answer and the next prompt, in seconds."""
        self._tmux = tmux
        self._pause = pause
        self._rng = random.Random(f"people {seed}")
        self._panes: dict[str, str] = {}
        self._waiting: dict[str, asyncio.Event] = {}
        self.ending = False

    def crowd(self) -> None:
        """Let a third of those who pause type now."""
        for event in list(self._waiting.values()):
            if self._rng.random() < 1 / 3:
                event.set()

    def end(self) -> None:
        """Let nobody begin another prompt."""
        self.ending = True
        for event in list(self._waiting.values()):
            event.set()

    async def use(self, session: Session) -> None:
        """Prompt one session until the end. Raises LostError."""
        while not self.ending:
            event = self._waiting[session.name] = asyncio.Event()
            try:
                await asyncio.wait_for(event.wait(), self._rng.uniform(0.5, 2 * self._pause))
            except asyncio.TimeoutError:
                pass
            del self._waiting[session.name]
            if not self.ending:
                await self.prompt(session)

    async def prompt(self, session: Session) -> None:
        """Type one prompt, and wait for its answer. Raises LostError."""
        prompt = f"{session.name} asks no {len(session.prompts) + 1:04d}"
        session.prompts.append(prompt)
        await self._type(session.name, prompt)
        await session.answered(prompt)

    async def _type(self, name: str, text: str) -> None:
        end = time.monotonic() + SHOWN
        try:
            if name not in self._panes:
                self._panes.update({pane.session: pane.pane_id for pane in await self._tmux.panes()})
            pane = self._panes[name]
            await self._tmux.command("send-keys", "-t", pane, "-l", text)
            # Once shown the text has been read; Enter in the same read could count as part of a paste.
            while not any(text in line for line in await self._tmux.screen(pane)):
                if time.monotonic() >= end:
                    screen = "\n".join(line for line in await self._tmux.screen(pane) if line.strip())
                    raise LostError(f"{name}: typed text is not in view after {SHOWN:.0f} s, but:\n{screen}")
                await asyncio.sleep(0.1)
            await self._tmux.command("send-keys", "-t", pane, "Enter")
        except (TmuxError, KeyError) as error:
            raise LostError(f"{name}: {text!r} could not be typed: {error!r}") from None


class Dispatcher:
    """The client that dispatches tasks, and follows each to its end."""

    def __init__(self, socket: str, seed: int, pause: float) -> None:
        """``pause`` is the mean time between two tasks, in seconds."""
        self._socket = socket
        self._rng = random.Random(f"tasks {seed}")
        self._pause = pause
        self._count = 0
        self.rows: dict[str, dict[str, Any]] = {}  # by id, as it was seen last
        self.ending = False

    async def run(self) -> None:
        """Dispatch until the end. Raises LostError."""
        while not self.ending:
            await asyncio.sleep(self._rng.uniform(0, 2 * self._pause))
            await self.dispatch()

    async def dispatch(self, session: str | None = None) -> str:
        """Dispatch one task, to any session or to that one; returns its prompt. Raises LostError."""
        self._count += 1
        prompt = f"task no {self._count:04d}"
        options = {"prompt": prompt, "session": session, "request_id": prompt.replace(" ", "-")}
        try:
            row = await ask(self._socket, "dispatch", options)
        except ControlError as error:
            raise LostError(f"{prompt!r} was refused: {error}") from None
        self.rows[row["id"]] = {**row, "prompt": prompt}
        return prompt

    async def follow(self) -> None:
        """Look at the queue once. Raises LostError."""
        for row in await ask(self._socket, "queue"):
            if row["id"] in self.rows:
                self.rows[row["id"]] = row

    async def follow_to_the_end(self) -> None:
        """Look at the queue until every task is over, or `ANSWERED` has passed. Raises LostError."""
        end = time.monotonic() + ANSWERED
        while self.unfinished() and time.monotonic() < end:
            await self.follow()
            await asyncio.sleep(0.5)

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the tasks that are not over."""
        return [row for row in self.rows.values() if row["state"] not in FINISHED]
