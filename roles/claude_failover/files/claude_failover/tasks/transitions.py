# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a task that was handed over: each is logged, written down, and ends what was waited for.

The step to ``sent`` is not here: it has to be on the disk before it is taken, and so belongs to `task_handover`.
"""

from __future__ import annotations

import dataclasses
import logging
from datetime import datetime
from typing import Callable

from .queue import TaskQueue
from .task import ACCEPTED, DONE, FAILED, QUEUED, Assignment, Task
from .timers import Timers

log = logging.getLogger(__name__)

ATTEMPTS = 5  # times that a task's prompt is handed over in vain before it has failed


class TaskTransitions:
    """Takes tasks a step further. None raises for the disk's sake: what has happened has happened.

    ``ended`` is called when a task has ended, and its session is free for another.
    """

    def __init__(
        self, tasks: TaskQueue, timers: Timers, *, now: Callable[[], datetime], ended: Callable[[], None]
    ) -> None:
        self._tasks = tasks
        self._timers = timers
        self._now = now
        self._ended = ended

    def accept(self, task: Task, at: datetime) -> None:
        """Note that the session has begun the task's turn."""
        log.info("task %s: session %s has begun it", task.id, task.session)
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

    def requeue(self, task: Task, why: str, counts: bool) -> None:
        """Put a task that surely was not sent back to its place in the queue, or give it up.

        ``counts`` tells whether this was one of its attempts.
        """
        attempts = task.attempts + counts
        detail = f"not sent to {task.session}: {why}"
        self._timers.forget(task)
        if attempts >= ATTEMPTS:
            self.fail(dataclasses.replace(task, attempts=attempts), f"{detail}; given up after {attempts} attempts")
            return
        log.warning("task %s: %s; it goes on waiting", task.id, detail)
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
        """Note that the task's turn was answered."""
        self._end(task, DONE, "")

    def fail(self, task: Task, detail: str) -> None:
        """Give a task up; ``detail`` says why."""
        self._end(task, FAILED, detail)

    def _end(self, task: Task, state: str, detail: str) -> None:
        log.log(
            logging.INFO if state == DONE else logging.ERROR,
            "task %s: %s%s%s",
            task.id,
            state,
            f" by {task.session}" if task.session else "",
            f": {detail}" if detail else "",
        )
        self._timers.forget(task)
        self._tasks.record_transition(dataclasses.replace(task, state=state, detail=detail, finished_at=self._now()))
        self._ended()


def leftover(assignment: Assignment) -> str:
    """Say that a text could not be taken back."""
    return f"its text may still stand in the prompt box of {assignment.session}, not sent"
