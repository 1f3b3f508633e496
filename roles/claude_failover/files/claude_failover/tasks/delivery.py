# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Type the prompts of tasks into sessions, a few at a time.

The assignment is persisted before the first key, and the state ``sent`` before Enter. Before every key the pool is
asked again whether the session may still have the task.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import Callable

from ..claude.prompt_delivery import Delivery
from ..common.event_wait import wait_for_event
from ..common.log_fields import log_fields
from ..sessions.prompt_budget import PromptBudget
from ..tmux.client import Pane, TmuxError, TmuxNotFound
from .guarded_terminal import AssignmentRevoked, CommandTerminalProtocol, GuardedTerminal
from .pool import SessionPool
from .queue import TaskQueue
from .routing import requirements_of
from .task import ACCEPTED, CANCELLED, QUEUED, SENT, Assignment, Task
from .transitions import TaskTransitions, leftover

log = logging.getLogger(__name__)

MAX_CONCURRENT = 4  # prompts typed at the same time


class TaskDelivery:
    """The deliveries in progress.

    Args:
        has_begun: returns, for a task's id, whether its turn has begun.
        on_done: called when a delivery has ended.
        budget: the bound on the prompts of each session; None: unbounded.
        send, withdraw: see `claude.prompt_delivery.deliver` and `withdraw`.
    """

    def __init__(
        self,
        tasks: TaskQueue,
        pool: SessionPool,
        tmux: CommandTerminalProtocol,
        transitions: TaskTransitions,
        *,
        has_begun: Callable[[str], Awaitable[bool]],
        on_done: Callable[[], None],
        send: Callable[..., Awaitable[Delivery]],
        withdraw: Callable[..., Awaitable[str]],
        budget: PromptBudget | None,
        now: Callable[[], datetime],
    ) -> None:
        self._tasks = tasks
        self._pool = pool
        self._tmux = tmux
        self._transitions = transitions
        self._has_begun = has_begun
        self._on_done = on_done
        self._send = send
        self._withdraw = withdraw
        self._budget = budget
        self._now = now
        self._deliveries: dict[str, asyncio.Task[None]] = {}
        self._in_progress: dict[str, str] = {}  # by task: the session
        self._told: dict[str, asyncio.Event] = {}  # by task that is typed: set when its turn is told
        self._stopping = False

    def __contains__(self, task: Task) -> bool:
        """Return whether a task's delivery is in progress."""
        return task.id in self._in_progress

    @property
    def full(self) -> bool:
        """True while no further delivery can start."""
        return self._stopping or len(self._in_progress) >= MAX_CONCURRENT

    @property
    def sessions(self) -> set[str]:
        """The sessions with a delivery in progress."""
        return set(self._in_progress.values())

    def start(self, task: Task, name: str) -> None:
        """Start the delivery of a task to a session."""
        self._in_progress[task.id] = name
        delivery = asyncio.ensure_future(self._deliver(task.id, name))
        self._deliveries[task.id] = delivery
        delivery.add_done_callback(functools.partial(self._on_delivery_done, task.id))

    def on_told(self, task_id: str) -> None:
        """Wake the delivery of a task, whose turn is told to have begun or ended."""
        if task_id in self._told:
            self._told[task_id].set()

    async def wait(self, task: Task, seconds: float) -> None:
        """Wait up to ``seconds`` for the end of a task's delivery, if one is in progress."""
        delivery = self._deliveries.get(task.id)
        if delivery is not None:
            await asyncio.wait({delivery}, timeout=seconds)

    async def stop(self) -> None:
        """Cancel the deliveries in progress; their state is on the disk, and is recovered at the next start."""
        self._stopping = True
        deliveries = list(self._deliveries.values())
        for delivery in deliveries:
            delivery.cancel()
        await asyncio.gather(*deliveries, return_exceptions=True)

    def _on_delivery_done(self, task_id: str, delivery: asyncio.Task[None]) -> None:
        self._in_progress.pop(task_id, None)
        self._deliveries.pop(task_id, None)
        if not delivery.cancelled() and delivery.exception() is not None:
            log.error("task %s: internal error in its delivery", task_id, exc_info=delivery.exception())
        self._on_done()

    async def _deliver(self, task_id: str, name: str) -> None:
        """Deliver one task to one session."""
        task, assignment = self._tasks.get(task_id), self._pool.assignment_for(name, self._now())
        if task is None or assignment is None or task.state != QUEUED:
            return
        guard = GuardedTerminal(self._tmux, functools.partial(self._authorize, task_id, assignment))
        try:
            await guard.check(assignment.pane)
            self._tasks.put(dataclasses.replace(self._tasks.get(task_id) or task, session=name, assignment=assignment))
            delivery = await self._type(guard, assignment, task)
            why, counts = delivery.detail, delivery.result in ("failed", "not_ready")
        except AssignmentRevoked as error:
            why, counts = f"session {name} {error}", False
        except TmuxError as error:
            why, counts = str(error), True
        except OSError as error:  # a disk that is full for long must not use up the task's attempts
            why, counts = str(error), False
        except Exception as error:  # counts as an attempt, so that a bug does not repeat the delivery for ever
            log.exception("task %s: internal error in its delivery", task_id, extra=log_fields(session=name))
            why, counts = f"internal error: {error!r}; see the daemon's log", True
        await self._conclude(task_id, assignment, guard.typed, why, counts)

    async def _type(self, guard: GuardedTerminal, assignment: Assignment, task: Task) -> Delivery:
        """Type the prompt of a task, and wait for its turn to begin."""
        told = self._told[task.id] = asyncio.Event()

        async def wait_begun(seconds: float) -> None:
            await wait_for_event(told, seconds)
            told.clear()

        try:
            return await self._send(
                guard,
                assignment.pane,
                task.prompt,
                began=functools.partial(self._has_begun, task.id),
                permit=self._budget.permit(assignment.session, task.prompt) if self._budget is not None else None,
                attempts=3,
                wait_begun=wait_begun,
            )
        finally:
            self._told.pop(task.id, None)

    def _authorize(self, task_id: str, assignment: Assignment, pane: Pane, enter: bool) -> None:
        """Check right before a key that this session may have this task; persist ``sent`` before Enter.

        No await between this check and the key. ``pane`` is the pane as tmux has just listed it. Raises
        AssignmentRevoked, OSError.
        """
        task = self._tasks.get(task_id)
        if self._stopping or task is None or task.state not in (QUEUED, SENT):
            raise AssignmentRevoked("may no longer have the task")
        why = self._pool.refusal(assignment, pane, requirements_of(task))
        if why is not None:
            raise AssignmentRevoked(why)
        if enter and task.state == QUEUED:
            self._tasks.put(
                dataclasses.replace(
                    task, state=SENT, assignment=assignment, session=assignment.session, sent_at=self._now()
                )
            )

    async def _conclude(self, task_id: str, assignment: Assignment, typed: bool, why: str, counts: bool) -> None:
        """Apply the transition that the end of a delivery calls for."""
        task = self._tasks.get(task_id)
        if task is None or task.state == ACCEPTED or (task.finished and task.state != CANCELLED):
            self._pool.clear_backoff(assignment.session)
            return
        self._pool.back_off(assignment.session)
        if task.state == SENT:
            # Enter may have been pressed; the tracker finds out.
            log.warning(
                "task %s: sent to session %s: %s; its outcome is tracked",
                task.id,
                assignment.session,
                why,
                extra=log_fields(session=assignment.session),
            )
            return
        if task.assignment is None:
            log.info("task %s: %s; it stays queued", task.id, why, extra=log_fields(session=assignment.session))
            return
        kept = typed and await self._may_remain(assignment, task.prompt)
        current = self._tasks.get(task_id) or task
        if current.state == CANCELLED:
            if kept:
                self._tasks.record_transition(dataclasses.replace(current, detail=f"{why}; {leftover(assignment)}"))
        elif current.state == QUEUED and kept:
            # The tracker goes on withdrawing it.
            self._tasks.record_transition(dataclasses.replace(current, attempts=current.attempts + counts, detail=why))
        elif current.state == QUEUED:
            self._transitions.requeue(current, why, counts)

    async def _may_remain(self, assignment: Assignment, text: str) -> bool:
        """Withdraw a typed, unsent text from the prompt box; return whether it may still be there."""
        try:
            pane = await self._tmux.pane(assignment.pane)
            if pane.dead or pane.pid != assignment.pane_pid:
                return False
            return await self._withdraw(self._tmux, assignment.pane, text) == "kept"
        except TmuxNotFound:
            return False
        except TmuxError:
            return True
