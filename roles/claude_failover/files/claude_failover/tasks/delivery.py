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
from .guarded_terminal import Guard, NoLonger, Terminal
from .pool import Candidates
from .queue import TaskQueue
from .routing import wish_of
from .task import ACCEPTED, CANCELLED, QUEUED, SENT, Handed, Task
from .transitions import Steps, leftover

log = logging.getLogger(__name__)

AT_ONCE = 4  # prompts that are typed at the same time


class HandOver:
    """The deliveries that are under way.

    Args:
        began: tells, by a task's id, whether its turn has begun.
        landed: is called when a delivery has ended.
        send, take_back: see `tmux.send.deliver` and `tmux.send.withdraw`.
    """

    def __init__(
        self,
        tasks: TaskQueue,
        candidates: Candidates,
        tmux: Terminal,
        steps: Steps,
        *,
        began: Callable[[str], Awaitable[bool]],
        landed: Callable[[], None],
        send: Callable[..., Awaitable[Delivery]],
        take_back: Callable[..., Awaitable[str]],
        now: Callable[[], datetime],
    ) -> None:
        self._tasks = tasks
        self._candidates = candidates
        self._tmux = tmux
        self._steps = steps
        self._began = began
        self._on_landed = landed
        self._send = send
        self._take_back = take_back
        self._now = now
        self._flights: dict[str, asyncio.Task[None]] = {}
        self._flying: dict[str, str] = {}  # by task: the session that it is being typed to
        self._stopping = False

    def __contains__(self, task: Task) -> bool:
        """Tell whether a task's prompt is being typed."""
        return task.id in self._flying

    @property
    def full(self) -> bool:
        """Whether no further delivery can begin now."""
        return self._stopping or len(self._flying) >= AT_ONCE

    @property
    def sessions(self) -> set[str]:
        """The sessions that a prompt is being typed to."""
        return set(self._flying.values())

    def begin(self, task: Task, name: str) -> None:
        """Begin to type a task's prompt to a session."""
        self._flying[task.id] = name
        flight = asyncio.ensure_future(self._hand_over(task.id, name))
        self._flights[task.id] = flight
        flight.add_done_callback(functools.partial(self._landed, task.id))

    async def wait(self, task: Task, seconds: float) -> None:
        """Wait for the end of a task's delivery, at most that long; where there is none, not at all."""
        flight = self._flights.get(task.id)
        if flight is not None:
            await asyncio.wait({flight}, timeout=seconds)

    async def stop(self) -> None:
        """End what is under way; it is on the disk, and goes on at the next start."""
        self._stopping = True
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _landed(self, task_id: str, flight: asyncio.Task[None]) -> None:
        self._flying.pop(task_id, None)
        self._flights.pop(task_id, None)
        if not flight.cancelled() and flight.exception() is not None:
            log.error("task %s: a bug: its delivery failed", task_id, exc_info=flight.exception())
        self._on_landed()

    async def _hand_over(self, task_id: str, name: str) -> None:
        """Type one task's prompt to one session, and see it taken."""
        task, handed = self._tasks.get(task_id), self._candidates.addressee(name, self._now())
        if task is None or handed is None or task.state != QUEUED:
            return
        guard = Guard(self._tmux, functools.partial(self._allow, task_id, handed))
        try:
            await guard.ask(handed.pane)
            self._tasks.put(dataclasses.replace(self._tasks.get(task_id) or task, session=name, handed=handed))
            began = functools.partial(self._began, task_id)
            delivery = await self._send(guard, handed.pane, task.prompt, began=began, attempts=3)
            why, counts = delivery.detail, delivery.result in ("failed", "not_ready")
        except NoLonger as error:
            why, counts = f"session {name} {error}", False
        except (TmuxError, OSError) as error:
            why, counts = str(error), True
        except Exception as error:  # a bug must not have the same task tried for ever
            log.exception("task %s: a bug: its delivery failed", task_id)
            why, counts = f"a bug: {error!r}; the daemon's log has the details", True
        await self._after(task_id, handed, guard.typed, why, counts)

    def _allow(self, task_id: str, handed: Handed, pane: Pane, enter: bool) -> None:
        """Say for the last time, right before a key, whether this session may have this task.

        Nothing of the event loop comes between this and the key. ``pane`` is the pane as tmux has just listed it.
        Raises NoLonger, OSError.
        """
        task = self._tasks.get(task_id)
        if self._stopping or task is None or task.state not in (QUEUED, SENT):
            raise NoLonger("is not to have the task any more")
        why = self._candidates.refusal(handed, pane, wish_of(task))
        if why is not None:
            raise NoLonger(why)
        if enter and task.state == QUEUED:
            self._tasks.put(
                dataclasses.replace(task, state=SENT, handed=handed, session=handed.session, sent_at=self._now())
            )

    async def _after(self, task_id: str, handed: Handed, typed: bool, why: str, counts: bool) -> None:
        """Deal with a delivery that has ended, in whatever way."""
        task = self._tasks.get(task_id)
        if task is None or task.state == ACCEPTED or (task.finished and task.state != CANCELLED):
            self._candidates.rested(handed.session)
            return
        self._candidates.rest(handed.session)
        if task.state == SENT:
            # Enter may have been pressed: `task_follower` finds out.
            log.warning(
                "task %s: sent to session %s: %s; what became of it is looked for", task.id, handed.session, why
            )
            return
        if task.handed is None:
            log.info("task %s: %s; it goes on waiting", task.id, why)
            return
        kept = typed and await self._left_behind(handed, task.prompt)
        now = self._tasks.get(task_id) or task
        if now.state == CANCELLED:
            if kept:
                self._tasks.note(dataclasses.replace(now, detail=f"{why}; {leftover(handed)}"))
        elif now.state == QUEUED and kept:
            # `task_follower` tries on.
            self._tasks.note(dataclasses.replace(now, attempts=now.attempts + counts, detail=why))
        elif now.state == QUEUED:
            self._steps.back(now, why, counts)

    async def _left_behind(self, handed: Handed, text: str) -> bool:
        """Take a text that was typed, and not sent, out of the box; returns whether it may be there still."""
        try:
            pane = await self._tmux.pane(handed.pane)
            if pane.dead or pane.pid != handed.pane_pid:
                return False
            return await self._take_back(self._tmux, handed.pane, text) == "kept"
        except TmuxNotFound:
            return False
        except TmuxError:
            return True
