# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Determine the outcome of assigned tasks from turn events, and from transcripts where no event came.

A ``sent`` task is looked up in the session's transcript. If its prompt is there, it was accepted; if its text is still
in the prompt box, it is withdrawn and the task, unless it is a command, is requeued after `NO_TRACE` without a trace of
it; if neither, the task fails with an outcome that is not known: it is never sent again on a guess.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, Callable

from ..claude.local_commands import ENDINGS, command_state
from ..claude.transcript import read_conversation
from ..claude.turns import TurnEvent, is_prompt_of
from ..common import clock
from ..common.log_fields import log_fields
from ..common.text import whole_number
from ..config.holder import ConfigHolder
from ..limits import classify_transcript
from ..sessions.tracked_session import TrackedSession
from ..tmux.client import TmuxNotFound
from . import turn_outcome
from .guarded_terminal import CommandTerminalProtocol
from .pool import SessionTableProtocol
from .queue import TaskQueue
from .task import ACCEPTED, QUEUED, SENT, Assignment, Task
from .timers import READ_INTERVAL, Timers
from .transitions import TaskTransitions, leftover

log = logging.getLogger(__name__)

# Seconds that a session has been idle,
NO_TRACE = 10.0  # after which a sent prompt that left no trace counts as failed
TURN_ENDED = 3.0  # after which its transcript is read for the outcome of the turn
NO_OUTCOME = 60.0  # after which a turn without an outcome in the transcript counts as failed
NOT_RESUMED = 600.0  # after which a turn that a usage limit ended, and that is not being resumed, counts as failed

#: Reads the records of a conversation's transcript of a moment or later, and more or none before it.
RecordsSince = Callable[[str, datetime], Awaitable[list[dict[str, Any]]]]

_MANY = 100  # records from the end of a transcript that mostly reach back to a task's begin

_CLOSED = ("idle", "down")  # states in which no turn goes on


class TaskTracker:
    """Tracks tasks that have an assignment.

    ``on_told`` is called with the id of a task whose turn an event has told the begin or the end of.

    Args:
        records: see `dispatcher.Dispatcher`.
        withdraw: see `claude.prompt_delivery.withdraw`.
        alive: returns whether the process with this pid and start time still runs.
        on_answered: called with a session whose transcript shows that a task's turn was answered.
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
        records: RecordsSince | None,
        withdraw: Callable[..., Awaitable[str]],
        alive: Callable[[int, int], bool],
        on_answered: Callable[[str], None] = lambda _session: None,
        now: Callable[[], datetime],
    ) -> None:
        self._tasks = tasks
        self._sessions = sessions
        self._tmux = tmux
        self._transitions = transitions
        self._timers = timers
        self._records = records or self._read
        self._reader = ThreadPoolExecutor(max_workers=1)  # one transcript at a time is held
        self._withdraw_text = withdraw
        self._alive = alive
        self.on_told: Callable[[str], None] = lambda _task_id: None
        self._on_answered = on_answered
        self._now = now
        self._config = config
        for task in tasks:
            if task.state == SENT or (task.state == QUEUED and task.assignment is not None):
                log.warning(
                    "task %s: the daemon ended during its delivery to session %s; its outcome is tracked",
                    task.id,
                    task.session,
                    extra=log_fields(session=task.session),
                )

    # -- events --------------------------------------------------------------------------------------------

    def on_turn(self, event: TurnEvent) -> None:
        """Process the begin or end of a turn. Does not raise when the disk refuses a write."""
        for task in self._tasks.in_state(QUEUED, SENT, ACCEPTED):
            assignment = task.assignment
            if assignment is not None and event.copied_from == assignment.uuid and event.uuid is not None:
                self._transitions.follow(task, event.uuid)
                continue
            if assignment is None or event.at < assignment.at or not _concerns(event, assignment):
                continue
            if event.kind == "prompt" and task.state in (QUEUED, SENT):
                # For a queued task a person pressed Enter on the text we typed: it counts as sent.
                if event.prompt is None:
                    self._timers.make_due(task)
                elif is_prompt_of(event.prompt, task.prompt):
                    self._transitions.accept(task, event.at)
                    self.on_told(task.id)
            elif _ends(event, task):
                self._transitions.done(task)
                self.on_told(task.id)

    # -- tracking ------------------------------------------------------------------------------------------

    async def track(self, task: Task) -> None:
        """Advance a task as far as its session and transcript show. Raises TmuxError; the next call retries."""
        if task.state == QUEUED:
            await self._recover_interrupted(task)
        elif task.state == SENT:
            await self._track_sent(task)
        current = self._tasks.get(task.id)
        if current is not None and current.state == ACCEPTED:  # right now, too: its turn can be over already
            await self._track_accepted(current)

    def is_under_way(self, task: Task) -> bool:
        """Return whether the next call of `track` can find something of which nobody tells.

        The end of a turn is told, by its hook or as the state of its session; what comes of it then is looked for.
        """
        if task.state == ACCEPTED:
            return self._timers.running(task, "idle")
        return task.assignment is not None

    async def has_begun(self, task_id: str) -> bool:
        """Return whether the delivery of a task need not wait any longer: its turn has begun, or it has ended."""
        task = self._tasks.get(task_id)
        if task is not None and task.state == SENT and self._timers.is_due(task):
            await self._accept_if_recorded(task)
            task = self._tasks.get(task_id)
        return task is None or task.state not in (QUEUED, SENT)

    async def _accept_if_recorded(self, task: Task) -> None:
        """Accept a task whose prompt is in the transcript."""
        assignment = task.assignment
        if assignment is None:
            return
        records = await self._records(assignment.uuid, assignment.at)
        if task.command is None:
            found = turn_outcome.find_prompt(records, task.prompt, assignment.at) is not None
        else:
            found = self._command_state(records, task, assignment) is not None
        current = self._tasks.get(task.id)
        if found and current is not None and current.state in (QUEUED, SENT):
            self._transitions.accept(current, self._now())

    @staticmethod
    def _command_state(records: list[dict[str, Any]], task: Task, assignment: Assignment) -> str | None:
        return command_state(turn_outcome.since_moment(records, assignment.at), task.command or "")

    async def _recover_interrupted(self, task: Task) -> None:
        """Recover a queued task that was being typed when the daemon ended, without having pressed Enter."""
        assignment = task.assignment
        if assignment is None:
            return
        await self._accept_if_recorded(task)  # a person may have pressed Enter
        task = self._tasks.get(task.id) or task
        if task.state != QUEUED:
            return
        result = await self._withdraw(assignment, task.prompt)
        current = self._tasks.get(task.id)
        if current is None or current.state != QUEUED:
            return
        why = current.detail or "the daemon ended while it was typed"
        if result in ("out", "empty", "gone"):
            if self._timers.elapsed(current, "withdrawn") >= READ_INTERVAL:
                self._transitions.requeue(current, why, counts=False)
        elif self._timers.elapsed(current, "withdrawing") >= NO_TRACE:
            self._transitions.requeue(current, f"{why}; {leftover(assignment)}", counts=False)

    async def _track_sent(self, task: Task) -> None:
        """Determine the outcome of a task after Enter may have been pressed."""
        assignment = task.assignment
        if assignment is None or not self._timers.is_due(task):
            return
        await self._accept_if_recorded(task)
        current = self._tasks.get(task.id)
        if current is None or current.state != SENT:
            return
        if current.command in ENDINGS and not self._alive(assignment.pid, assignment.started):
            self._transitions.done(current)
            return
        if not self._alive(assignment.pid, assignment.started):
            self._fail_unknown(current, "Claude Code ended right then")
            return
        owner = self._session_of(assignment)
        if owner is not None and owner.state != "idle":
            # It may be working on this prompt, or on one before it.
            self._timers.stop(task, "no trace")
            self._timers.stop(task, "text out")
            return
        if self._timers.running(task, "text out"):
            # A prompt that Claude Code had accepted before would be in the transcript by then, also on a busy host.
            if self._timers.elapsed(task, "text out") >= NO_TRACE:
                self._transitions.requeue(current, "Enter was not taken, and the text was taken back", counts=True)
        elif await self._is_withdrawn(current, assignment):
            self._timers.elapsed(current, "text out")
        elif self._timers.elapsed(current, "no trace") >= NO_TRACE:
            self._fail_unknown(current, "no turn was seen to begin, and the prompt box does not hold it any more")

    async def _is_withdrawn(self, task: Task, assignment: Assignment) -> bool:
        """Withdraw the text of a sent task; return whether it is out of the box, perhaps by a daemon before."""
        begin = functools.partial(self._transitions.begin_withdrawal, task.id)
        result = await self._withdraw(assignment, task.prompt, begin)
        if result == "kept":
            self._transitions.end_withdrawal(task.id, task.sent_at or assignment.at)
        # A command can leave no trace, so that its empty box tells nothing.
        return task.command is None and (result == "out" or (result == "empty" and task.sent_at is None))

    def _fail_unknown(self, task: Task, why: str) -> None:
        self._transitions.fail(
            task,
            f"sent to {task.session}, but {why}: whether it was taken is not known, and it is not sent "
            "again. Look at the session, and dispatch it again if it is not there",
        )

    async def _track_accepted(self, task: Task) -> None:
        """Determine the outcome of a turn whose end no event has reported."""
        assignment = task.assignment
        owner = self._session_of(assignment) if assignment is not None else None
        tracked = owner or (self._sessions.get(assignment.session) if assignment is not None else None)
        if assignment is None or (tracked is not None and tracked.state not in _CLOSED):
            self._timers.stop(task, "idle")
            return
        idle_for = self._timers.elapsed(task, "idle")
        if idle_for < TURN_ENDED or not self._timers.is_due(task):
            return
        records = await self._records(assignment.uuid, assignment.at)
        current = self._tasks.get(task.id)
        if current is None or current.state != ACCEPTED:
            return
        kind, explanation = turn_outcome.outcome(records, task.prompt, assignment.at)
        if kind == "open" and self._command_state(records, task, assignment) == "answered":
            kind = "answered"
        if kind == "answered":
            self._on_answered(assignment.session)
            self._transitions.done(current)
        elif kind == "error" and self._is_limited(records):
            # A failover resumes it; until then the session is limited, not idle.
            if idle_for >= NOT_RESUMED:
                self._transitions.fail(current, f"the turn hit a usage limit, and it was not resumed: {explanation}")
        elif kind == "error":
            self._transitions.fail(current, f"the turn ended with an error: {explanation}")
        elif kind == "interrupted":
            self._transitions.fail(current, "somebody interrupted the turn")
        elif idle_for >= NO_OUTCOME:
            where = "is gone" if tracked is None else f"is {tracked.state}"
            self._transitions.fail(current, f"the session {where}, and the end of the turn was not seen")

    # -- sessions and transcripts --------------------------------------------------------------------------

    def _session_of(self, assignment: Assignment) -> TrackedSession | None:
        """Return the session that runs the assigned process, under whatever name; None for none."""
        for tracked in self._sessions:
            if tracked.claude is not None and (tracked.claude.pid, tracked.claude.start) == (
                assignment.pid,
                assignment.started,
            ):
                return tracked
        return None

    async def _withdraw(self, assignment: Assignment, text: str, before: Callable[[], None] = lambda: None) -> str:
        """Withdraw our text from a prompt box, unless somebody has pressed a key there since.

        Returns the result of `claude.prompt_delivery.withdraw`, or ``gone`` when the process has ended.
        """
        try:
            pane = await self._tmux.pane(assignment.pane)
            if pane.dead or pane.pid != assignment.pane_pid or not self._alive(assignment.pid, assignment.started):
                return "gone"
            # tmux 3.3a updates session_activity with every key of a client, and not with keys sent by a command.
            condition = f"#{{==:#{{pane_id}},{assignment.pane}}}"
            rows = await self._tmux.command("list-panes", "-a", "-f", condition, "-F", "#{session_activity}")
            if any((epoch := whole_number(row)) is None or _is_after(epoch, assignment.at) for row in rows):
                return "kept"
            return await self._withdraw_text(self._tmux, assignment.pane, text, before=before)
        except TmuxNotFound:
            return "gone"

    def _is_limited(self, records: list[dict[str, Any]]) -> bool:
        patterns = self._config.current.detection.extra_patterns
        return classify_transcript(records, now=clock.wall(), tz=clock.host_zone(), extra_patterns=patterns).limited

    async def _read(self, uuid: str, since: datetime) -> list[dict[str, Any]]:
        loop, projects, many = asyncio.get_running_loop(), self._config.current.projects, _MANY
        while True:
            enough = functools.partial(_are_many, many)
            records = await loop.run_in_executor(self._reader, read_conversation, projects, uuid, enough)
            # Judged here, not in the thread: it asks the clock, which is the loop's.
            if not enough(records) or turn_outcome.reaches_back_to(records, since):
                return records
            many, records = 2 * many, []  # one reading at a time is held


def _are_many(many: int, records: Sequence[Mapping[str, Any]]) -> bool:
    return len(records) >= many


def _is_after(epoch: int, moment: datetime) -> bool:
    """Return whether tmux's wall time, in whole seconds, is after the moment; unknown counts as after."""
    found = clock.from_wall(datetime.fromtimestamp(epoch, timezone.utc))
    return found is None or found > moment


def _concerns(event: TurnEvent, assignment: Assignment) -> bool:
    """Return whether an event belongs to the conversation that the task is assigned to."""
    if event.uuid is not None:
        return event.uuid == assignment.uuid
    return event.session == assignment.session


def _ends(event: TurnEvent, task: Task) -> bool:
    """Return whether an event is the end of the task's turn, or of the conversation that its command leaves."""
    if event.kind == "end":
        return task.state in (SENT, ACCEPTED) and task.command in ENDINGS
    return event.kind == "stop" and task.state == ACCEPTED
