# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One soak: the disturbances of the plan while people type and tasks are dispatched; then what has become of all."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from integration.daemon.conftest import wait_for

from claude_failover.tmux.client import Tmux

from . import plan, verdicts
from .accounts import Accounts
from .requests import RequestLog, wrong_transcript, wrong_turns
from .users import Dispatcher, LostError, People, Session, ask
from .violation import BROKEN, LOST, Violation
from .world import Flip, LinkWatch, Sample, SoakWorld, least

TURNS = 4.0  # prompts a second that all people type together
STARTED = 300.0  # seconds at the begin in which at least one more session becomes idle
WARM_UP = 30.0  # seconds of the daemon's last life before its memory is looked at
WINDOW = 15.0  # seconds whose floor is a figure
JUDGED_FROM = 120.0  # seconds between the two windows, below which growth says nothing
_POLL = 0.05


class Soak:
    """Runs one soak in a world; ``violations`` names everything that must not be."""

    def __init__(self, world: SoakWorld, seed: int, seconds: float, tell: Callable[[str], None]) -> None:
        self.world, self.seed, self.seconds, self.tell = world, seed, seconds, tell
        self.requests = RequestLog(world.path("world/requests.jsonl"))
        self.accounts = Accounts(world, seed)
        self.tmux = Tmux("tmux", world.tmux_socket)
        self.people = People(self.tmux, seed, max(2.0, len(world.people) / TURNS))
        self.dispatcher = Dispatcher(world.control_socket, seed, max(2.0, 40 / max(len(world.pool), 1)))
        self.sessions: dict[str, Session] = {}
        self.samples: list[tuple[float, int, Sample]] = []  # time.monotonic(), the daemon's life
        self.counts: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self.history: list[dict[str, Any]] = []
        self.link: LinkWatch | None = None
        self.elapsed = 0.0
        self._life = 0
        self._loaded_until = float("inf")  # time.monotonic() at which the people end

    async def run(self) -> None:
        """Run it, to the end of the daemon."""
        self.world.start_tmux()
        await self.tmux.start()
        self.world.fill_queue()
        began = time.monotonic()
        await self._start()
        self.link = LinkWatch(self.world.config["active_link"])
        background = [
            asyncio.create_task(each) for each in (self._measure(), self._read(), self.accounts.keep_lifting())
        ]
        try:
            await self._sessions_ready()
            self.tell(f"{len(self.sessions)} sessions are ready after {time.monotonic() - began:.0f} s")
            await self._disturb()
            await self._settle()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            self.link.end()
            await self.tmux.stop()
        await asyncio.to_thread(self.world.end_daemon)
        self.requests.read_on()
        self._judge()

    # -- the run --------------------------------------------------------------------------------------------------

    async def _measure(self) -> None:
        while True:
            sample = self.world.sample()
            if sample is not None:
                self.samples.append((time.monotonic(), self._life, sample))
            await asyncio.sleep(1)

    async def _read(self) -> None:
        while True:
            self.requests.read_on()
            await asyncio.sleep(_POLL)

    async def _sessions_ready(self) -> None:
        names = {*self.world.people, *self.world.pool}
        end, least_waiting = time.monotonic() + STARTED, len(names)
        while True:
            rows = {row["name"]: row for row in (await ask(self.world.control_socket, "status"))["sessions"]}
            waiting = [name for name in names if rows.get(name, {}).get("state") != "idle" or not rows[name]["uuid"]]
            if not waiting:
                break
            if len(waiting) < least_waiting:
                end, least_waiting = time.monotonic() + STARTED, len(waiting)
            if time.monotonic() >= end:
                raise LostError(f"no further session is idle after {STARTED:.0f} s: {sorted(waiting)[:10]}")
            await asyncio.sleep(1)
        for name in sorted(names):
            uuid = rows[name]["uuid"]
            self.sessions[name] = Session(name, uuid, self.requests.conversation(uuid))

    async def _disturb(self) -> None:
        """Carry out the plan, while people type and tasks are dispatched."""
        users = [
            *(self._guarded(self.people.use(self.sessions[name])) for name in self.world.people),
            self._guarded(self.dispatcher.run()),
            self._guarded(self._follow_tasks()),
        ]
        running = [asyncio.create_task(each) for each in users]
        began = time.monotonic()
        try:
            for step in plan.plan(self.seed, self.seconds):
                await asyncio.sleep(max(0.0, began + step.at - time.monotonic()))
                self.counts[step.kind] += 1
                await self._guarded(self._step(step.kind))
            await asyncio.sleep(max(0.0, began + self.seconds - time.monotonic()))
        finally:
            self._loaded_until = time.monotonic()
            self.elapsed = self._loaded_until - began
            self.people.end()
            self.dispatcher.ending = True
        await asyncio.gather(*running)

    async def _guarded(self, work: Awaitable[Any]) -> None:
        """Await something whose failure is a violation, and does not end the soak."""
        try:
            await work
        except LostError as error:
            self.tell(f"violation: {error}")
            self.violations.append(Violation(LOST, str(error)))

    async def _follow_tasks(self) -> None:
        while not self.dispatcher.ending:
            await self.dispatcher.follow()
            await asyncio.sleep(1)

    async def _step(self, kind: str) -> None:
        world = self.world
        assert world.daemon is not None and self.link is not None
        if kind in (plan.LIMIT, plan.CROWD):
            self.accounts.limit(self.link.account)
            if kind == plan.CROWD:
                self.people.crowd()
        elif kind == plan.FLIP:
            await self.accounts.flip(self.link.account)
        elif kind == plan.HANGUP:
            world.daemon.send_signal(signal.SIGHUP)
        elif kind == plan.RELOAD:
            await ask(world.control_socket, "reload")
        else:
            await self._restart(signal.SIGKILL if kind == plan.KILL else signal.SIGTERM)

    async def _restart(self, number: signal.Signals) -> None:
        code = await asyncio.to_thread(self.world.end_daemon, number)
        if number == signal.SIGTERM and code != 0:
            self.violations.append(Violation(BROKEN, f"the daemon ended with {code} on SIGTERM; expected 0"))
        self._life += 1
        await self._start()

    async def _start(self) -> None:
        """Start the daemon, and wait until it answers. Raises LostError."""
        self.world.launch()
        await ask(self.world.control_socket, "status")

    async def _settle(self) -> None:
        """See every session answer once more, every task over and every record closed."""
        self.tell("the disturbances are over; every session is prompted once more")
        await asyncio.gather(*(self._guarded(self._last_prompt(session)) for session in self.sessions.values()))
        await self._guarded(self.dispatcher.follow_to_the_end())
        await self._guarded(self._records_closed())

    async def _last_prompt(self, session: Session) -> None:
        if session.name in self.world.people:
            await self.people.prompt(session)
        else:
            await session.answered(await self.dispatcher.dispatch(session.name))

    async def _records_closed(self) -> None:
        def closed() -> bool:
            kept = {row["id"] for row in self.world.lines("switches.jsonl")}
            return {row["id"] for row in self.history} <= kept

        self.history = await ask(self.world.control_socket, "history", {"limit": 1000})
        try:
            await asyncio.to_thread(wait_for, closed, "every record to be in switches.jsonl", 150)
        except AssertionError as error:
            raise LostError(str(error)) from None

    # -- the end --------------------------------------------------------------------------------------------------

    def window(self, begin: float, end: float) -> Sample | None:
        """Return the floor of the figures in a part of the last life, by seconds since its begin; negative: its end."""
        last = self._last_samples()
        if not last:
            return None
        zero = last[0][0] if begin >= 0 else last[-1][0]
        found = [sample for at, sample in last if zero + begin <= at <= zero + end]
        return least(found) if found else None

    @property
    def flips(self) -> list[Flip]:
        """The moves of the active link so far."""
        return self.link.flips if self.link is not None else []

    @property
    def after_warm_up(self) -> Sample | None:
        """The daemon's figures after the warm-up of its last life, under load."""
        return self.window(WARM_UP, WARM_UP + WINDOW)

    @property
    def at_end(self) -> Sample | None:
        """The daemon's figures before the people end, under load as well: what is used for a turn counts in both."""
        return self.window(-WINDOW, 0)

    @property
    def last_life(self) -> float:
        """The seconds between the two windows."""
        last = self._last_samples()
        return last[-1][0] - last[0][0] - WARM_UP - WINDOW if last else 0.0

    @property
    def memory_by_minute(self) -> list[int]:
        """The daemon's least resident memory in each minute of its last life, in KiB."""
        last = self._last_samples()
        minutes: dict[int, list[Sample]] = {}
        for at, sample in last:
            minutes.setdefault(int((at - last[0][0]) // 60), []).append(sample)
        return [least(samples).memory for samples in minutes.values()]

    def _last_samples(self) -> list[tuple[float, Sample]]:
        """Return the samples of the last life under load, with their times."""
        return [(at, sample) for at, life, sample in self.samples if life == self._life and at <= self._loaded_until]

    def _judge(self) -> None:
        world, found = self.world, self.violations
        records = world.lines("switches.jsonl")
        told = [row for name in ("events.1.jsonl", "events.jsonl") for row in world.lines(name)]
        events = [row for row in told if row["event"] == "switch"]
        found += verdicts.switches(self.flips, records, self.history, events)
        answered: Counter[str] = Counter()
        known = {session.uuid: session for session in self.sessions.values()}
        for uuid, conversation in self.requests.conversations.items():
            session = known.get(uuid)
            name = session.name if session is not None else f"an unknown session {uuid}"
            found += wrong_turns(name, conversation)
            prompts = session.prompts if session is not None and session.prompts else conversation.own_prompts
            found += wrong_transcript(name, uuid, prompts, world.transcript(uuid))
            answered.update(prompt for prompt in conversation.own_prompts if conversation.is_answered(prompt))
        found += verdicts.tasks(self.dispatcher.rows.values(), answered)
        found += verdicts.state(world.sizes(), len(self.sessions))
        begin, end = self.after_warm_up, self.at_end
        if begin is not None and end is not None and self.last_life >= JUDGED_FROM:
            found += verdicts.footprint(begin, end)
