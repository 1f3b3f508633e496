# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Assign tasks to idle sessions of the pool, and track each until it is finished.

The disk is written ahead: the assignment before the first key, and the state ``sent`` before Enter. After a crash a
task that is still ``queued`` was certainly not sent, and stays in the queue; the outcome of one that is ``sent`` is
looked up, and it is never sent again on a guess.

This module accepts tasks and chooses their sessions (`pool`, `routing`); `delivery` types their prompts, `tracker`
determines their outcome, and `transitions` records it.
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

from ..claude import prompt_delivery
from ..claude.prompt_delivery import Delivery
from ..claude.turns import TurnEvent
from ..common import clock
from ..common.errors import FailoverError, Refused, UsageError
from ..common.event_wait import wait_for_event
from ..common.log_fields import log_fields
from ..common.processes import is_alive
from ..common.shared_wake import REST, shared_pause
from ..config.holder import ConfigHolder
from ..sessions import ownership
from ..sessions.ownership import RegistryProtocol
from ..sessions.prompt_budget import PromptBudget
from ..sessions.tracked_session import TrackedSession
from ..tmux.client import Pane, TmuxError
from .delivery import TaskDelivery
from .guarded_terminal import CommandTerminalProtocol
from .pool import SessionPool, SessionTableProtocol
from .queue import TaskQueue
from .routing import PooledSession, TaskRequirements, choose, explain, requirements_of
from .task import ACCEPTED, CANCELLED, QUEUED, SENT, Task, check_command, check_request_id, normalize_prompt
from .timers import Timers
from .tracker import RecordsSince, TaskTracker
from .transitions import TaskTransitions

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between two steps while the outcome of a task is looked for
IDLE_INTERVAL = REST  # the same while tasks only wait: what they wait for is told, or has a deadline
ANSWER_WITHIN = 5.0  # seconds after which `dispatch` answers, even if the delivery is still in progress


class Dispatcher:
    """The dispatcher. `run` is its loop; everything else may be called from the event loop at any time.

    Args:
        budget: the bound on the prompts of each session; None: unbounded.
        records: see `tracker.RecordsSince`; empty where there is no transcript.
        ownership_problem: see `sessions.ownership.ownership_problem`.
        send, withdraw: see `claude.prompt_delivery.deliver` and `withdraw`.
        monotonic: clock in seconds, for timers and back-off.
    """

    def __init__(
        self,
        config: ConfigHolder,
        queue: TaskQueue,
        sessions: SessionTableProtocol,
        registry: RegistryProtocol,
        tmux: CommandTerminalProtocol,
        *,
        budget: PromptBudget | None = None,
        records: RecordsSince | None = None,
        ownership_problem: Callable[
            [TrackedSession, RegistryProtocol, Pane | None], str | None
        ] = ownership.ownership_problem,
        send: Callable[..., Awaitable[Delivery]] = prompt_delivery.deliver,
        withdraw: Callable[..., Awaitable[str]] = prompt_delivery.withdraw,
        alive: Callable[[int, int], bool] = is_alive,
        now: Callable[[], datetime] = clock.now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tasks = queue
        self._budget = budget
        self._now = now
        self._wake: asyncio.Event | None = None
        config.subscribe(self.wake_up)
        timers = Timers(monotonic)
        transitions = TaskTransitions(queue, timers, now=now, on_finished=self.wake_up)
        self._pool = SessionPool(config, sessions, registry, ownership_problem=ownership_problem, monotonic=monotonic)
        self._tracker = TaskTracker(
            config,
            queue,
            sessions,
            tmux,
            transitions,
            timers,
            records=records,
            withdraw=withdraw,
            alive=alive,
            on_answered=budget.clear if budget is not None else lambda _session: None,
            now=now,
        )
        self._delivery = TaskDelivery(
            queue,
            self._pool,
            tmux,
            transitions,
            has_begun=self._tracker.has_begun,
            on_done=self.wake_up,
            send=send,
            withdraw=withdraw,
            budget=budget,
            now=now,
        )
        self._tracker.on_told = self._delivery.on_told

    # -- requests ------------------------------------------------------------------------------------------

    async def dispatch(
        self,
        prompt: str,
        session: str | None = None,
        cwd: str | None = None,
        request_id: str | None = None,
        command: bool = False,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Queue a task, and deliver it if a session can have it now; returns its row within `ANSWER_WITHIN` seconds.

        ``cwd`` is an absolute path: only sessions that work in that folder are eligible. A task that was asked for
        under the same ``request_id`` is the task, as long as it is kept; the row says with ``known`` whether there was
        one. Only where a ``command`` of Claude Code is meant may the prompt begin with a slash. A dry run takes no
        task: its row has no id. Raises UsageError for an unusable prompt, path or id and for a session that does not
        exist; Refused for a task that is not accepted.
        """
        text = check_command(normalize_prompt(prompt), command)
        if cwd is not None and not (os.path.isabs(cwd) and "\0" not in cwd):
            raise UsageError(f"cwd: found {cwd!r}, expected an absolute path")
        known = task = self._known(request_id, text, session, cwd)
        if task is None:
            self._pool.check(TaskRequirements(session, cwd))
            if dry_run:
                return {**self._preview(text, session, cwd, request_id), "known": False}
            try:
                task = self.tasks.add(text, self._now(), wanted=session, cwd=cwd, request_id=request_id)
            except OSError as error:
                raise Refused(f"the task could not be stored, and was not taken: {error}") from None
            log.info(
                "task %s: queued, %d bytes, for %s",
                task.id,
                len(text.encode()),
                session or cwd or "any session",
                extra=log_fields(session=session),
            )
            self._assign()
            self.wake_up()
        if not dry_run:
            await self._delivery.wait(task, ANSWER_WITHIN)
        return {**self._row(self.tasks.get(task.id) or task), "known": known is not None}

    def _preview(self, text: str, session: str | None, cwd: str | None, request_id: str | None) -> dict[str, Any]:
        """Return the row of a task that is not taken, with the session that would get it now."""
        task = Task("", 0, text, self._now(), wanted=session, cwd=cwd, request_id=request_id)
        chosen = choose(self._pool.snapshot(), requirements_of(task), self._reserved())
        row = self._row(task) if chosen is None else {**task.row(), "session": chosen}
        return {**row, "id": None}

    def _known(self, request_id: str | None, text: str, session: str | None, cwd: str | None) -> Task | None:
        """Return the task that was asked for under that id, or None. Raises UsageError; Refused for another task."""
        if request_id is None:
            return None
        check_request_id(request_id)
        task = self.tasks.of_request(request_id)
        if task is None:
            return None
        if (task.prompt, task.wanted, task.cwd) != (text, session, cwd):
            raise Refused(
                f"request_id {request_id!r} is that of task {task.id}, which has another prompt, session or cwd; "
                "expected the same, or another id"
            )
        log.info(
            "task %s: asked for again, as request %s; it is %s",
            task.id,
            request_id,
            task.state,
            extra=log_fields(session=task.session),
        )
        return task

    def queue(self) -> list[dict[str, Any]]:
        """Return the rows of all known tasks, oldest first."""
        sessions, reserved = self._pool.snapshot(), self._reserved()
        return [self._row(task, sessions, reserved) for task in self.tasks]

    def cancel(self, task_id: str) -> dict[str, Any]:
        """Cancel a task that has not been sent yet; returns its row. Raises Refused."""
        task = self.tasks.get(task_id)
        if task is None:
            raise Refused(f"found no task {task_id!r}; claude-failover queue lists them")
        if task.state != QUEUED:
            where = f" (session {task.session})" if task.session else ""
            raise Refused(f"task {task.id} is {task.state}{where}: only a task that is queued can be cancelled")
        try:
            self.tasks.put(dataclasses.replace(task, state=CANCELLED, finished_at=self._now()))
        except OSError as error:
            raise Refused(f"task {task.id} could not be cancelled: {error}") from None
        log.info("task %s: cancelled", task.id)
        return self._row(self.tasks.get(task.id) or task)

    def rename_session(self, old: str, new: str) -> None:
        """Give a session another name in the tasks that ask for it, or that it has."""
        for task in self.tasks.in_state(QUEUED, SENT, ACCEPTED):
            assignment = task.assignment
            if assignment is not None and assignment.session == old:
                task = dataclasses.replace(task, assignment=dataclasses.replace(assignment, session=new), session=new)
            renamed = dataclasses.replace(task, wanted=new if task.wanted == old else task.wanted)
            if renamed != self.tasks.get(task.id):
                self.tasks.record_transition(renamed)

    def in_pool(self, tracked: TrackedSession) -> bool:
        """Return whether tasks may go to a session, in some state of it."""
        return self._pool.holds(tracked)

    def task_of(self, session: str) -> str | None:
        """Return the id of the unfinished task that the session has, or None."""
        unfinished = self.tasks.in_state(QUEUED, SENT, ACCEPTED)
        found = (task.id for task in unfinished if task.assignment is not None and task.assignment.session == session)
        return next(found, None)

    def counts(self) -> dict[str, int]:
        """Return the number of tasks in each state, ``queue`` of the status."""
        return self.tasks.counts()

    def _row(
        self, task: Task, sessions: Sequence[PooledSession] | None = None, reserved: Collection[str] | None = None
    ) -> dict[str, Any]:
        row = task.row()
        if task.state == QUEUED and task not in self._delivery:
            why = explain(
                self._pool.snapshot() if sessions is None else sessions,
                requirements_of(task),
                self._reserved() if reserved is None else reserved,
            )
            row["detail"] = f"{task.detail}; {why}" if task.detail else why
        return row

    # -- events --------------------------------------------------------------------------------------------

    def on_turn(self, event: TurnEvent) -> None:
        """Process the begin or end of a turn. Does not raise when the disk refuses a write."""
        if event.kind == "stop":
            self._pool.clear_backoff(event.session)  # the draft that blocked the session has been submitted
        self._tracker.on_turn(event)
        self.wake_up()

    def wake_up(self) -> None:
        """Make the next step at once: a session may be free."""
        if self._wake is not None:
            self._wake.set()

    # -- main loop -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Assign and track tasks until cancelled."""
        self._wake = asyncio.Event()
        while True:
            self._wake.clear()
            try:
                await self.step()
                pause = self._pause()
            except (FailoverError, OSError) as error:
                log.error("tasks: %s", error)
                pause = INTERVAL
            await wait_for_event(self._wake, pause)

    def _pause(self) -> float | None:
        """Return the seconds to the next step unless `wake_up` is called; None while there is no unfinished task."""
        unfinished = self.tasks.in_state(QUEUED, SENT, ACCEPTED)
        tracked = (task for task in unfinished if task not in self._delivery)
        if self.tasks.has_unsaved or any(map(self._tracker.is_under_way, tracked)):
            return INTERVAL
        return min([shared_pause(IDLE_INTERVAL), *self._pool.backoff_delays()]) if unfinished else None

    async def stop(self) -> None:
        """Cancel the deliveries in progress; the next start recovers them from the disk."""
        await self._delivery.stop()

    async def step(self) -> None:
        """Track every unfinished task once, and assign queued ones.

        Raises OSError when a task cannot be stored; the next step retries.
        """
        self.tasks.flush()
        for task in self.tasks.in_state(QUEUED, SENT, ACCEPTED):
            if task in self._delivery:
                continue
            try:
                await self._tracker.track(task)
            except TmuxError as error:
                log.debug("task %s: %s", task.id, error, extra=log_fields(session=task.session))
        self._assign()

    # -- assignment ----------------------------------------------------------------------------------------

    def _reserved(self) -> set[str]:
        """Return the sessions that get no further task for now."""
        unfinished = self.tasks.in_state(QUEUED, SENT, ACCEPTED)
        assigned = {task.assignment.session for task in unfinished if task.assignment is not None}
        left = set(self._budget.spent()) if self._budget is not None else set()
        return self._delivery.sessions | assigned | self._pool.backing_off() | left

    def _assign(self) -> None:
        """Start the delivery of queued tasks, oldest first, to sessions that can have them now."""
        waiting = [
            task for task in self.tasks.in_state(QUEUED) if task not in self._delivery and task.assignment is None
        ]
        if not waiting or self._delivery.full:
            return
        sessions, reserved = self._pool.snapshot(), self._reserved()
        for task in waiting:
            if self._delivery.full:
                return
            name = choose(sessions, requirements_of(task), reserved)
            if name is not None:
                reserved.add(name)
                self._delivery.start(task, name)
