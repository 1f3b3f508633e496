# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands tasks to idle sessions of the pool, and follows each to its end.

What is on the disk is always ahead of what is done: to whom a prompt is typed is written before the first key, and the
state ``sent`` before Enter. So after a crash a task that is still ``queued`` was surely not sent, and goes on waiting;
what became of one that is ``sent`` is found out, and it is never sent again on a guess.

This takes tasks and chooses their sessions (`candidates`, `routing`); `task_handover` types their prompts,
`task_follower` finds out what becomes of them, and `task_steps` writes that down.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import time
from collections.abc import Awaitable, Collection, Sequence
from datetime import datetime
from typing import Any, Callable

from ..claude.prompt_delivery import Delivery, deliver, withdraw
from ..claude.turns import TurnEvent
from ..common import clock
from ..common.errors import FailoverError, Refused, UsageError
from ..common.processes import is_alive
from ..config.holder import ConfigHolder
from ..sessions import ownership
from ..sessions.ownership import RegistryProtocol
from ..sessions.table import TrackedSession
from ..tmux.client import Pane, TmuxError
from .delivery import TaskDelivery
from .guarded_terminal import CommandTerminalProtocol
from .pool import SessionPool, SessionTableProtocol
from .queue import TaskQueue
from .routing import PooledSession, TaskRequirements, choose, explain, requirements_of
from .task import ACCEPTED, CANCELLED, QUEUED, SENT, Task, checked_prompt
from .timers import Timers
from .tracker import TaskTracker
from .transitions import TaskTransitions

log = logging.getLogger(__name__)

TICK = 1.0  # seconds between two looks at every task
ANSWER = 5.0  # seconds in which `dispatch` answers, whether the prompt has been taken or not


class Dispatcher:
    """The dispatcher. `run` is its loop; everything else may be called from the event loop at any time.

    Args:
        records: reads the end of a conversation's transcript by its UUID; none where there is no transcript.
        doubt: see `ownership.doubt`.
        send, take_back: see `tmux.send.deliver` and `tmux.send.withdraw`.
        monotonic: seconds, for waits.
    """

    def __init__(
        self,
        config: ConfigHolder,
        queue: TaskQueue,
        sessions: SessionTableProtocol,
        registry: RegistryProtocol,
        tmux: CommandTerminalProtocol,
        *,
        records: Callable[[str], Awaitable[list[dict[str, Any]]]] | None = None,
        ownership_problem: Callable[
            [TrackedSession, RegistryProtocol, Pane | None], str | None
        ] = ownership.ownership_problem,
        send: Callable[..., Awaitable[Delivery]] = deliver,
        take_back: Callable[..., Awaitable[str]] = withdraw,
        alive: Callable[[int, int], bool] = is_alive,
        now: Callable[[], datetime] = clock.now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tasks = queue
        self._now = now
        self._wake: asyncio.Event | None = None
        config.subscribe(self._wake_up)
        timers = Timers(monotonic)
        transitions = TaskTransitions(queue, timers, now=now, ended=self._wake_up)
        self._pool = SessionPool(config, sessions, registry, ownership_problem=ownership_problem, monotonic=monotonic)
        self._tracker = TaskTracker(
            config,
            queue,
            sessions,
            tmux,
            transitions,
            timers,
            records=records,
            take_back=take_back,
            alive=alive,
            now=now,
        )
        self._delivery = TaskDelivery(
            queue,
            self._pool,
            tmux,
            transitions,
            began=self._tracker.has_begun,
            on_done=self._wake_up,
            send=send,
            take_back=take_back,
            now=now,
        )

    # -- what can be asked ---------------------------------------------------------------------------------

    async def dispatch(self, prompt: str, session: str | None = None, cwd: str | None = None) -> dict[str, Any]:
        """Take a task, and hand it over if a session can have it now; returns its row after at most `ANSWER` seconds.

        ``cwd`` is an absolute path: only sessions that are configured with that folder count. Raises UsageError for
        what can be no task: no prompt, no path, a session that does not exist; Refused for what is not taken.
        """
        text = checked_prompt(prompt)
        if cwd is not None and not (os.path.isabs(cwd) and "\0" not in cwd):
            raise UsageError(f"cwd: found {cwd!r}, expected an absolute path")
        self._pool.check(TaskRequirements(session, cwd))
        try:
            task = self.tasks.add(text, self._now(), wanted=session, cwd=cwd)
        except OSError as error:
            raise Refused(f"the task could not be stored, and was not taken: {error}") from None
        log.info("task %s: taken, %d bytes, for %s", task.id, len(text.encode()), session or cwd or "any session")
        self._assign()
        await self._delivery.wait(task, ANSWER)
        return self._row(self.tasks.get(task.id) or task)

    def queue(self) -> list[dict[str, Any]]:
        """Return the rows of all tasks that are known, oldest first."""
        candidates, taken = self._pool.now(), self._taken()
        return [self._row(task, candidates, taken) for task in self.tasks]

    def cancel(self, identity_: str) -> dict[str, Any]:
        """Cancel a task that has not been sent yet; returns its row. Raises Refused."""
        task = self.tasks.get(identity_)
        if task is None:
            raise Refused(f"found no task {identity_!r}; claude-failover queue lists them")
        if task.state != QUEUED:
            where = f" (session {task.session})" if task.session else ""
            raise Refused(f"task {task.id} is {task.state}{where}: only a task that is queued can be cancelled")
        try:
            self.tasks.put(dataclasses.replace(task, state=CANCELLED, finished_at=self._now()))
        except OSError as error:
            raise Refused(f"task {task.id} could not be cancelled: {error}") from None
        log.info("task %s: cancelled", task.id)
        return self._row(self.tasks.get(task.id) or task)

    def counts(self) -> dict[str, int]:
        """Return ``queue`` of the status: how many tasks are in each state."""
        return self.tasks.counts()

    def _row(
        self, task: Task, candidates: Sequence[PooledSession] | None = None, taken: Collection[str] | None = None
    ) -> dict[str, Any]:
        row = task.row()
        if task.state == QUEUED and task not in self._delivery:
            why = explain(
                self._pool.now() if candidates is None else candidates,
                requirements_of(task),
                self._taken() if taken is None else taken,
            )
            row["detail"] = f"{task.detail}; {why}" if task.detail else why
        return row

    # -- what sessions say ---------------------------------------------------------------------------------

    def on_turn(self, event: TurnEvent) -> None:
        """Take note of a turn that began or ended. Never raises for the disk's sake."""
        if event.kind == "stop":
            self._pool.clear_backoff(event.session)  # what was in the way there has been used
        self._tracker.on_turn(event)
        self._wake_up()

    # -- the loop ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Hand over and follow tasks until cancelled."""
        self._wake = asyncio.Event()
        while True:
            self._wake.clear()
            try:
                await self.step()
            except (FailoverError, OSError) as error:
                log.error("tasks: %s", error)
            try:
                await asyncio.wait_for(self._wake.wait(), TICK)
            except asyncio.TimeoutError:
                pass

    async def stop(self) -> None:
        """End what is under way; it is on the disk, and goes on at the next start."""
        await self._delivery.stop()

    async def step(self) -> None:
        """Look at every task once. Raises OSError when a task cannot be stored; the next step tries again."""
        self.tasks.flush()
        for task in self.tasks.in_state(QUEUED, SENT, ACCEPTED):
            if task in self._delivery:
                continue
            try:
                await self._tracker.look(task)
            except TmuxError as error:
                log.debug("task %s: %s", task.id, error)
        self._assign()

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()

    # -- choosing a session --------------------------------------------------------------------------------

    def _taken(self) -> set[str]:
        """Return the sessions that no further task goes to for now."""
        unfinished = self.tasks.in_state(QUEUED, SENT, ACCEPTED)
        assignment = {task.assignment.session for task in unfinished if task.assignment is not None}
        return self._delivery.sessions | assignment | self._pool.backing_off()

    def _assign(self) -> None:
        """Give queued tasks, oldest first, to sessions that can have them now."""
        waiting = [
            task for task in self.tasks.in_state(QUEUED) if task not in self._delivery and task.assignment is None
        ]
        if not waiting or self._delivery.full:
            return
        candidates, taken = self._pool.now(), self._taken()
        for task in waiting:
            if self._delivery.full:
                return
            name = choose(candidates, requirements_of(task), taken)
            if name is not None:
                taken.add(name)
                self._delivery.begin(task, name)
