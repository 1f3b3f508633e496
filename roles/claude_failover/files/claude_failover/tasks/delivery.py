# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types tasks' prompts to sessions, a few at a time, and sees each taken or taken back.

To whom a prompt is typed is written before the first key, and the state ``sent`` before Enter. Every key is preceded by
the question whether the session may still have the task.
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
from ..tmux.client import Pane, TmuxError, TmuxNotFound
from .guarded_terminal import AssignmentRevoked, CommandTerminalProtocol, GuardedTerminal
from .pool import SessionPool
from .queue import TaskQueue
from .routing import requirements_of
from .task import ACCEPTED, CANCELLED, QUEUED, SENT, Assignment, Task
from .transitions import TaskTransitions, leftover

log = logging.getLogger(__name__)

AT_ONCE = 4  # prompts that are typed at the same time


class TaskDelivery:
    """The deliveries that are under way.

    Args:
        began: tells, by a task's id, whether its turn has begun.
        landed: is called when a delivery has ended.
        send, take_back: see `tmux.send.deliver` and `tmux.send.withdraw`.
    """

    def __init__(
        self,
        tasks: TaskQueue,
        candidates: SessionPool,
        tmux: CommandTerminalProtocol,
        transitions: TaskTransitions,
        *,
        began: Callable[[str], Awaitable[bool]],
        on_done: Callable[[], None],
        send: Callable[..., Awaitable[Delivery]],
        take_back: Callable[..., Awaitable[str]],
        now: Callable[[], datetime],
    ) -> None:
        self._tasks = tasks
        self._pool = candidates
        self._tmux = tmux
        self._transitions = transitions
        self._began = began
        self._on_done = on_done
        self._send = send
        self._take_back = take_back
        self._now = now
        self._deliveries: dict[str, asyncio.Task[None]] = {}
        self._in_progress: dict[str, str] = {}  # by task: the session that it is being typed to
        self._stopping = False

    def __contains__(self, task: Task) -> bool:
        """Tell whether a task's prompt is being typed."""
        return task.id in self._in_progress

    @property
    def full(self) -> bool:
        """Whether no further delivery can begin now."""
        return self._stopping or len(self._in_progress) >= AT_ONCE

    @property
    def sessions(self) -> set[str]:
        """The sessions that a prompt is being typed to."""
        return set(self._in_progress.values())

    def begin(self, task: Task, name: str) -> None:
        """Begin to type a task's prompt to a session."""
        self._in_progress[task.id] = name
        delivery = asyncio.ensure_future(self._hand_over(task.id, name))
        self._deliveries[task.id] = delivery
        delivery.add_done_callback(functools.partial(self._on_delivery_done, task.id))

    async def wait(self, task: Task, seconds: float) -> None:
        """Wait for the end of a task's delivery, at most that long; where there is none, not at all."""
        delivery = self._deliveries.get(task.id)
        if delivery is not None:
            await asyncio.wait({delivery}, timeout=seconds)

    async def stop(self) -> None:
        """End what is under way; it is on the disk, and goes on at the next start."""
        self._stopping = True
        deliveries = list(self._deliveries.values())
        for delivery in deliveries:
            delivery.cancel()
        await asyncio.gather(*deliveries, return_exceptions=True)

    def _on_delivery_done(self, task_id: str, delivery: asyncio.Task[None]) -> None:
        self._in_progress.pop(task_id, None)
        self._deliveries.pop(task_id, None)
        if not delivery.cancelled() and delivery.exception() is not None:
            log.error("task %s: a bug: its delivery failed", task_id, exc_info=delivery.exception())
        self._on_done()

    async def _hand_over(self, task_id: str, name: str) -> None:
        """Type one task's prompt to one session, and see it taken."""
        task, assignment = self._tasks.get(task_id), self._pool.assignment_for(name, self._now())
        if task is None or assignment is None or task.state != QUEUED:
            return
        guard = GuardedTerminal(self._tmux, functools.partial(self._allow, task_id, assignment))
        try:
            await guard.ask(assignment.pane)
            self._tasks.put(dataclasses.replace(self._tasks.get(task_id) or task, session=name, assignment=assignment))
            began = functools.partial(self._began, task_id)
            delivery = await self._send(guard, assignment.pane, task.prompt, began=began, attempts=3)
            why, counts = delivery.detail, delivery.result in ("failed", "not_ready")
        except AssignmentRevoked as error:
            why, counts = f"session {name} {error}", False
        except (TmuxError, OSError) as error:
            why, counts = str(error), True
        except Exception as error:  # a bug must not have the same task tried for ever
            log.exception("task %s: a bug: its delivery failed", task_id)
            why, counts = f"a bug: {error!r}; the daemon's log has the details", True
        await self._after(task_id, assignment, guard.typed, why, counts)

    def _allow(self, task_id: str, assignment: Assignment, pane: Pane, enter: bool) -> None:
        """Say for the last time, right before a key, whether this session may have this task.

        Nothing of the event loop comes between this and the key. ``pane`` is the pane as tmux has just listed it.
        Raises NoLonger, OSError.
        """
        task = self._tasks.get(task_id)
        if self._stopping or task is None or task.state not in (QUEUED, SENT):
            raise AssignmentRevoked("is not to have the task any more")
        why = self._pool.refusal(assignment, pane, requirements_of(task))
        if why is not None:
            raise AssignmentRevoked(why)
        if enter and task.state == QUEUED:
            self._tasks.put(
                dataclasses.replace(
                    task, state=SENT, assignment=assignment, session=assignment.session, sent_at=self._now()
                )
            )

    async def _after(self, task_id: str, assignment: Assignment, typed: bool, why: str, counts: bool) -> None:
        """Deal with a delivery that has ended, in whatever way."""
        task = self._tasks.get(task_id)
        if task is None or task.state == ACCEPTED or (task.finished and task.state != CANCELLED):
            self._pool.clear_backoff(assignment.session)
            return
        self._pool.back_off(assignment.session)
        if task.state == SENT:
            # Enter may have been pressed: `task_follower` finds out.
            log.warning(
                "task %s: sent to session %s: %s; what became of it is looked for", task.id, assignment.session, why
            )
            return
        if task.assignment is None:
            log.info("task %s: %s; it goes on waiting", task.id, why)
            return
        kept = typed and await self._left_behind(assignment, task.prompt)
        now = self._tasks.get(task_id) or task
        if now.state == CANCELLED:
            if kept:
                self._tasks.record_transition(dataclasses.replace(now, detail=f"{why}; {leftover(assignment)}"))
        elif now.state == QUEUED and kept:
            # `task_follower` tries on.
            self._tasks.record_transition(dataclasses.replace(now, attempts=now.attempts + counts, detail=why))
        elif now.state == QUEUED:
            self._transitions.requeue(now, why, counts)

    async def _left_behind(self, assignment: Assignment, text: str) -> bool:
        """Take a text that was typed, and not sent, out of the box; returns whether it may be there still."""
        try:
            pane = await self._tmux.pane(assignment.pane)
            if pane.dead or pane.pid != assignment.pane_pid:
                return False
            return await self._take_back(self._tmux, assignment.pane, text) == "kept"
        except TmuxNotFound:
            return False
        except TmuxError:
            return True
