# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State transitions of an assigned task; each is logged and persisted, and ends the task's timers.

The transition to ``sent`` belongs to `delivery`: it has to be on the disk before Enter is pressed.
"""

from __future__ import annotations

import dataclasses
import logging
from datetime import datetime
from typing import Callable

from ..common.log_fields import log_fields
from .queue import TaskQueue
from .task import ACCEPTED, DONE, FAILED, QUEUED, SENT, Assignment, Task
from .timers import Timers

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5  # failed deliveries after which a task has failed


class TaskTransitions:
    """Applies transitions that have already happened; none raises when the disk refuses the write.

    ``on_finished`` is called when a task is finished and its session is free for another.
    """

    def __init__(
        self, tasks: TaskQueue, timers: Timers, *, now: Callable[[], datetime], on_finished: Callable[[], None]
    ) -> None:
        self._tasks = tasks
        self._timers = timers
        self._now = now
        self._on_finished = on_finished

    def accept(self, task: Task, at: datetime) -> None:
        """Record that the session has begun the task's turn."""
        log.info("task %s: accepted by session %s", task.id, task.session, extra=log_fields(session=task.session))
        self._timers.forget(task)
        assignment = task.assignment
        self._tasks.record_transition(
            dataclasses.replace(
                task,
                state=ACCEPTED,
                accepted_at=at,
                sent_at=task.sent_at or at,
                detail="",
                session=assignment.session if assignment else task.session,
            )
        )

    def follow(self, task: Task, uuid: str) -> None:
        """Record that the task's conversation goes on as a copy with another id."""
        if task.assignment is not None:
            log.info(
                "task %s: its conversation goes on as the copy %s",
                task.id,
                uuid,
                extra=log_fields(session=task.session),
            )
            self._tasks.record_transition(
                dataclasses.replace(task, assignment=dataclasses.replace(task.assignment, uuid=uuid))
            )

    def begin_withdrawal(self, task_id: str) -> None:
        """Record that a sent task's text stands in the prompt box, before it is withdrawn from there."""
        self._set_sent_at(task_id, None)

    def end_withdrawal(self, task_id: str, sent_at: datetime) -> None:
        """Record that a sent task's text could not be withdrawn; Enter may be taken yet."""
        self._set_sent_at(task_id, sent_at)

    def _set_sent_at(self, task_id: str, sent_at: datetime | None) -> None:
        task = self._tasks.get(task_id)
        if task is not None and task.state == SENT and (task.sent_at is None) is not (sent_at is None):
            self._tasks.record_transition(dataclasses.replace(task, sent_at=sent_at))

    def requeue(self, task: Task, why: str, counts: bool) -> None:
        """Return a task that was certainly not sent to its place in the queue, or fail it after `MAX_ATTEMPTS`.

        ``counts``: whether this was one of its attempts.
        """
        attempts = task.attempts + counts
        detail = f"not sent to {task.session}: {why}"
        self._timers.forget(task)
        if attempts >= MAX_ATTEMPTS:
            self.fail(dataclasses.replace(task, attempts=attempts), f"{detail}; given up after {attempts} attempts")
            return
        log.warning("task %s: %s; requeued", task.id, detail, extra=log_fields(session=task.session))
        self._tasks.record_transition(
            dataclasses.replace(
                task,
                state=QUEUED,
                session=None,
                assignment=None,
                sent_at=None,
                attempts=attempts,
                detail=detail,
            )
        )

    def done(self, task: Task) -> None:
        """Record that the task's turn was answered."""
        self._end(task, DONE, "")

    def fail(self, task: Task, detail: str) -> None:
        """Record that a task has failed; ``detail`` says why."""
        self._end(task, FAILED, detail)

    def _end(self, task: Task, state: str, detail: str) -> None:
        log.log(
            logging.INFO if state == DONE else logging.ERROR,
            "task %s: %s%s%s",
            task.id,
            state,
            f" by {task.session}" if task.session else "",
            f": {detail}" if detail else "",
            extra=log_fields(session=task.session),
        )
        self._timers.forget(task)
        self._tasks.record_transition(dataclasses.replace(task, state=state, detail=detail, finished_at=self._now()))
        self._on_finished()


def leftover(assignment: Assignment) -> str:
    """Return the note that a text could not be withdrawn from the prompt box."""
    return f"its text may still stand in the prompt box of {assignment.session}, not sent"
