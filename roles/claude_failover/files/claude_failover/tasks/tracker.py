# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out what becomes of tasks: by what their sessions say, and by their transcripts where nothing was heard.

A task that was ``sent`` is looked for in the session's transcript. If it is there, it was accepted; if its text still
stands in the prompt box, it is taken out again and the task waits; if neither can be seen, the task has failed, which
says so: it is never sent again on a guess.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, Callable

from ..claude.transcript import read_conversation
from ..claude.turns import TurnEvent
from ..common import clock
from ..config.holder import ConfigHolder
from ..limits import classify_transcript
from ..sessions.table import TrackedSession
from ..tmux.client import TmuxNotFound
from . import turn
from .guarded_terminal import CommandTerminalProtocol
from .pool import SessionTableProtocol
from .queue import TaskQueue
from .task import ACCEPTED, QUEUED, SENT, Assignment, Task
from .timers import LOOK_AGAIN, Timers
from .transitions import TaskTransitions, leftover

log = logging.getLogger(__name__)

UNSURE = 10.0  # seconds without a sign of a sent prompt, in an idle session, after which it counts as failed
ENDED = 3.0  # seconds that a session has been idle, after which its transcript is asked how the turn ended
SILENT = 60.0  # the same, after which a turn of which nothing more is to be seen counts as failed
STRANDED = 600.0  # the same for a turn that a usage limit ended, and that no carry-over is waiting to take up

_CLOSED = ("idle", "down")  # states in which no turn goes on


class TaskTracker:
    """Follows tasks that were handed to a session.

    Args:
        records: see `dispatcher.Dispatcher`.
        take_back: see `tmux.send.withdraw`.
        alive: tells, by its pid and its start, whether a process still runs.
    """

    def __init__(
        self,
        config: ConfigHolder,
        tasks: TaskQueue,
        sessions: SessionTableProtocol,
        tmux: CommandTerminalProtocol,
        transitions: TaskTransitions,
        timers: Timers,
        *,
        records: Callable[[str], Awaitable[list[dict[str, Any]]]] | None,
        take_back: Callable[..., Awaitable[str]],
        alive: Callable[[int, int], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._tasks = tasks
        self._sessions = sessions
        self._tmux = tmux
        self._transitions = transitions
        self._timers = timers
        self._records = records or self._read
        self._take_back = take_back
        self._alive = alive
        self._now = now
        self._config = config
        for task in tasks:
            if task.state == SENT or (task.state == QUEUED and task.assignment is not None):
                log.warning(
                    "task %s: the daemon ended while it was handed to session %s; what became of it is looked for",
                    task.id,
                    task.session,
                )

    # -- what sessions say ---------------------------------------------------------------------------------

    def on_turn(self, event: TurnEvent) -> None:
        """Take note of a turn that began or ended. Never raises for the disk's sake."""
        for task in self._tasks.in_state(QUEUED, SENT, ACCEPTED):
            assignment = task.assignment
            if assignment is None or event.at < assignment.at or not _speaks_of(event, assignment):
                continue
            if event.kind == "prompt" and task.state in (QUEUED, SENT):
                # Of a queued one it was a person who pressed Enter on what we had typed: it is sent all the same.
                if event.prompt is None:
                    self._timers.make_due(task)
                elif turn.is_prompt_of(event.prompt, task.prompt):
                    self._transitions.accept(task, event.at)
            elif event.kind == "stop" and task.state == ACCEPTED:
                self._transitions.done(task)

    # -- what is looked for --------------------------------------------------------------------------------

    async def look(self, task: Task) -> None:
        """See to a task, whatever its state. Raises TmuxError; it is then looked at again."""
        if task.state == QUEUED:
            await self._take_back_interrupted(task)
        elif task.state == SENT:
            await self._follow_sent(task)
        elif task.state == ACCEPTED:
            await self._follow_accepted(task)

    async def has_begun(self, task_id: str) -> bool:
        """Tell whether a task that is being typed has begun, or is not to be waited for any more."""
        task = self._tasks.get(task_id)
        if task is not None and task.state == SENT and self._timers.is_due(task):
            await self._look_for_prompt(task)
            task = self._tasks.get(task_id)
        return task is None or task.state not in (QUEUED, SENT)

    async def _look_for_prompt(self, task: Task) -> None:
        """Accept a task whose prompt the conversation has."""
        assignment = task.assignment
        if assignment is None:
            return
        records = await self._records(assignment.uuid)
        found = turn.find(records, task.prompt, assignment.at)
        now = self._tasks.get(task.id)
        if found is not None and now is not None and now.state in (QUEUED, SENT):
            self._transitions.accept(now, self._now())

    async def _take_back_interrupted(self, task: Task) -> None:
        """See to a queued task that was being typed when the daemon ended: Enter was surely not pressed by it."""
        assignment = task.assignment
        if assignment is None:
            return
        await self._look_for_prompt(task)  # a person may have pressed it
        task = self._tasks.get(task.id) or task
        if task.state != QUEUED:
            return
        found = await self._reclaim(assignment, task.prompt)
        now = self._tasks.get(task.id)
        if now is None or now.state != QUEUED:
            return
        why = now.detail or "the daemon ended while it was typed"
        if found in ("out", "empty", "gone"):
            if self._timers.elapsed(now, "written") >= LOOK_AGAIN:
                self._transitions.requeue(now, why, counts=False)
        elif self._timers.elapsed(now, "taking back") >= UNSURE:
            self._transitions.requeue(now, f"{why}; {leftover(assignment)}", counts=False)

    async def _follow_sent(self, task: Task) -> None:
        """Find out what became of a task after Enter may have been pressed."""
        assignment = task.assignment
        if assignment is None or not self._timers.is_due(task):
            return
        await self._look_for_prompt(task)
        now = self._tasks.get(task.id)
        if now is None or now.state != SENT:
            return
        if not self._alive(assignment.pid, assignment.started):
            self._unsure(now, "Claude Code ended right then")
            return
        holder = self._holder(assignment)
        if holder is not None and holder.state != "idle":
            self._timers.stop(task, "sign")  # what it does may be what was sent, or comes before it
            return
        if self._timers.running(task, "out"):
            # What Claude Code had taken in before would have been written by now.
            self._transitions.requeue(now, "Enter was not taken, and the text was taken back", counts=True)
        elif await self._reclaim(assignment, task.prompt) == "out":
            self._timers.elapsed(now, "out")
        elif self._timers.elapsed(now, "sign") >= UNSURE:
            self._unsure(now, "no turn was seen to begin, and the prompt box does not hold it any more")

    def _unsure(self, task: Task, why: str) -> None:
        self._transitions.fail(
            task,
            f"sent to {task.session}, but {why}: whether it was taken is not known, and it is not sent "
            "again. Look at the session, and dispatch it again if it is not there",
        )

    async def _follow_accepted(self, task: Task) -> None:
        """Find out how a turn ended whose end was not heard: a person broke it off, an error, the daemon was away."""
        assignment = task.assignment
        holder = self._holder(assignment) if assignment is not None else None
        tracked = holder or (self._sessions.get(assignment.session) if assignment is not None else None)
        if assignment is None or (tracked is not None and tracked.state not in _CLOSED):
            self._timers.stop(task, "end")
            return
        waited = self._timers.elapsed(task, "end")
        if waited < ENDED or not self._timers.is_due(task):
            return
        records = await self._records(assignment.uuid)
        now = self._tasks.get(task.id)
        if now is None or now.state != ACCEPTED:
            return
        kind, said = turn.outcome(records, task.prompt, assignment.at)
        if kind == "answered":
            self._transitions.done(now)
        elif kind == "error" and self._is_limited(records):
            # It goes on after the failover, under which the session is not idle but limited.
            if waited >= STRANDED:
                self._transitions.fail(now, f"the turn hit a usage limit, and nothing takes it up again: {said}")
        elif kind == "error":
            self._transitions.fail(now, f"the turn ended with an error: {said}")
        elif kind == "interrupted":
            self._transitions.fail(now, "somebody interrupted the turn")
        elif waited >= SILENT:
            where = "is gone" if tracked is None else f"is {tracked.state}"
            self._transitions.fail(now, f"the session {where}, and the end of the turn was not seen")

    # -- with what -----------------------------------------------------------------------------------------

    def _holder(self, assignment: Assignment) -> TrackedSession | None:
        """Return the session that holds the process, whatever it is called now."""
        for tracked in self._sessions:
            if tracked.claude is not None and (tracked.claude.pid, tracked.claude.start) == (
                assignment.pid,
                assignment.started,
            ):
                found: TrackedSession = tracked
                return found
        return None

    async def _reclaim(self, assignment: Assignment, text: str) -> str:
        """Take our text out of a prompt box after a restart, if nobody has pressed a key there since.

        Returns what `tmux.send.withdraw` does, or ``gone`` when the process has ended, and its box with it.
        """
        try:
            pane = await self._tmux.pane(assignment.pane)
            if pane.dead or pane.pid != assignment.pane_pid or not self._alive(assignment.pid, assignment.started):
                return "gone"
            # tmux moves a session's activity on with every key of a client, and not with keys sent by a command (3.3a).
            condition = f"#{{==:#{{pane_id}},{assignment.pane}}}"
            rows = await self._tmux.command("list-panes", "-a", "-f", condition, "-F", "#{session_activity}")
            if any(not row.isdigit() or int(row) > int(assignment.at.timestamp()) for row in rows):
                return "kept"
            return await self._take_back(self._tmux, assignment.pane, text)
        except TmuxNotFound:
            return "gone"

    def _is_limited(self, records: list[dict[str, Any]]) -> bool:
        patterns = self._config.current.detection.extra_patterns
        return classify_transcript(records, now=self._now(), tz=clock.host_zone(), extra_patterns=patterns).limited

    async def _read(self, uuid: str) -> list[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, read_conversation, self._config.current.projects, uuid)


def _speaks_of(event: TurnEvent, assignment: Assignment) -> bool:
    """Tell whether an event is of the conversation that the task was handed to."""
    if event.uuid is not None:
        return event.uuid == assignment.uuid
    return event.session == assignment.session
