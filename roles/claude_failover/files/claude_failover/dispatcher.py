# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands tasks to idle sessions of the pool, and follows each to its end.

What is on the disk is always ahead of what is done: to whom a prompt is typed is written before the first key, and the
state ``sent`` before Enter. So after a crash a task that is still ``queued`` was surely not sent, and goes on waiting;
one that is ``sent`` is looked for in the session's transcript. If it is there, it was accepted; if its text still
stands in the prompt box, it is taken out again and the task waits; if neither can be seen, the task has failed, which
says so: it is never sent again on a guess.

Every key is preceded by the question whether the session may still have the task (`routing`, `identity`).
"""
from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import os
import re
import time
from collections.abc import Awaitable, Iterable
from datetime import datetime
from typing import Any, Callable, Optional, Protocol

from . import clock, identity, task_turn
from .backoff import Backoff
from .config import Config
from .errors import FailoverError, Refused
from .evidence import TurnEvent
from .limits import classify_transcript
from .processes import is_alive
from .registry import Entry
from .routing import Candidate, Wish, check_wish, choose, explain, refusal
from .sessions import Watched
from .task import ACCEPTED, CANCELLED, DONE, FAILED, QUEUED, SENT, Handed, Task, checked_prompt
from .task_queue import TaskQueue
from .tmux.client import Pane, TmuxError, TmuxNotFound
from .tmux.send import Delivery, deliver, withdraw
from .transcript import read_conversation

log = logging.getLogger(__name__)

TICK = 1.0  # seconds between two looks at every task
AT_ONCE = 4  # prompts that are typed at the same time
ATTEMPTS = 5  # times that a task's prompt is handed over in vain before it has failed
BACKOFF = (1.0, 60.0)  # seconds that a session where that happened is left alone
ANSWER = 5.0  # seconds in which `dispatch` answers, whether the prompt has been taken or not
LOOK_AGAIN = 2.0  # seconds between two looks at a transcript; also for Claude Code to write what it has taken
UNSURE = 10.0  # seconds without a sign of a sent prompt, in an idle session, after which it counts as failed
ENDED = 3.0  # seconds that a session has been idle, after which its transcript is asked how the turn ended
SILENT = 60.0  # the same, after which a turn of which nothing more is to be seen counts as failed
STRANDED = 600.0  # the same for a turn that a usage limit ended, and that no carry-over is waiting to take up

Before = Optional[Callable[[], None]]

_CLOSED = ("idle", "down")  # states in which no turn goes on


class Terminal(Protocol):
    """What is needed of `tmux.client.Tmux`."""

    async def pane(self, pane_id: str) -> Pane: ...
    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]: ...
    async def keys(self, pane_id: str, *names: str, before: Before = None) -> None: ...
    async def type_text(self, pane_id: str, text: str, *, before: Before = None) -> None: ...
    async def paste(self, pane_id: str, text: str, *, before: Before = None) -> None: ...
    async def leave_mode(self, pane_id: str, *, before: Before = None) -> None: ...
    async def command(self, *arguments: str) -> list[str]: ...


class Sessions(Protocol):
    """What is needed of `sessions.Sessions`."""

    def __iter__(self) -> Any: ...
    def get(self, name: str) -> Watched | None: ...


class Registry(Protocol):
    """What is needed of `registry.Registry`."""

    def get(self, name: str) -> Entry | None: ...


class NoLonger(Exception):
    """The session may not have the task any more; nothing further is typed."""


class _Guard:
    """The terminal as `deliver` gets it.

    Before each thing that is typed ``look`` finds out how the pane stands, and ``allow(enter)`` has the last word, at
    the very moment at which the keys go to tmux: a reload cannot come in between.
    """

    def __init__(self, terminal: Terminal, look: Callable[[], Awaitable[None]], allow: Callable[[bool], None]) -> None:
        self._terminal = terminal
        self._look = look
        self._allow = allow
        self.typed = False  # whether text of ours can stand in the prompt box

    async def pane(self, pane_id: str) -> Pane:
        return await self._terminal.pane(pane_id)

    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]:
        return await self._terminal.screen(pane_id, escapes)

    async def keys(self, pane_id: str, *names: str) -> None:
        await self._look()
        await self._terminal.keys(pane_id, *names, before=lambda: self._allow("Enter" in names))

    async def type_text(self, pane_id: str, text: str) -> None:
        await self._look()
        await self._terminal.type_text(pane_id, text, before=self._allow_text)

    async def paste(self, pane_id: str, text: str) -> None:
        await self._look()
        await self._terminal.paste(pane_id, text, before=self._allow_text)

    async def leave_mode(self, pane_id: str) -> None:
        await self._look()
        await self._terminal.leave_mode(pane_id, before=lambda: self._allow(False))

    def _allow_text(self) -> None:
        self._allow(False)
        self.typed = True


class Dispatcher:
    """The dispatcher. `run` is its loop; everything else may be called from the event loop at any time.

    Args:
        records: reads the end of a conversation's transcript by its UUID; none where there is no transcript.
        doubt: see `identity.doubt`.
        send, take_back: see `tmux.send.deliver` and `tmux.send.withdraw`.
        monotonic: seconds, for waits.
    """

    def __init__(
        self,
        config: Config,
        queue: TaskQueue,
        sessions: Sessions,
        registry: Registry,
        tmux: Terminal,
        *,
        records: Callable[[str], Awaitable[list[dict[str, Any]]]] | None = None,
        doubt: Callable[[Watched, Registry, Pane | None], str | None] = identity.doubt,
        send: Callable[..., Awaitable[Delivery]] = deliver,
        take_back: Callable[..., Awaitable[str]] = withdraw,
        alive: Callable[[int, int], bool] = is_alive,
        now: Callable[[], datetime] = clock.now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tasks = queue
        self._sessions = sessions
        self._registry = registry
        self._tmux = tmux
        self._records = records or self._read
        self._doubt = doubt
        self._send = send
        self._take_back = take_back
        self._alive = alive
        self._now = now
        self._monotonic = monotonic
        self._flights: dict[str, asyncio.Task[None]] = {}
        self._flying: dict[str, str] = {}  # by task: the session that it is being typed to
        self._resting: dict[str, tuple[Backoff, float]] = {}  # by session: until when it is left alone
        self._since: dict[tuple[str, str], float] = {}  # by task and what is waited for: since when
        self._looked: dict[str, float] = {}  # by task: when its transcript was read last
        self._wake: asyncio.Event | None = None
        self._stopping = False
        self._recover()
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take over a configuration, first or new."""
        self._config = config
        self._projects = config.projects
        self._wake_up()

    def _recover(self) -> None:
        for task in self.tasks:
            if task.state == SENT or (task.state == QUEUED and task.handed is not None):
                log.warning(
                    "task %s: the daemon ended while it was handed to session %s; what became of it is looked for",
                    task.id, task.session,
                )

    # -- what can be asked ---------------------------------------------------------------------------------

    async def dispatch(self, prompt: str, session: str | None = None, cwd: str | None = None) -> dict[str, Any]:
        """Take a task, and hand it over if a session can have it now; returns its row after at most `ANSWER` seconds.

        ``cwd`` is an absolute path: only sessions that are configured with that folder count. Raises Refused.
        """
        text = checked_prompt(prompt)
        if cwd is not None and not (os.path.isabs(cwd) and "\0" not in cwd):
            raise Refused(f"cwd: found {cwd!r}, expected an absolute path")
        wish = Wish(session, cwd)
        check_wish(self._config, [each.name for each in self._sessions if each.plan is None], wish)
        try:
            task = self.tasks.add(text, self._now(), wanted=session, cwd=cwd)
        except OSError as error:
            raise Refused(f"the task could not be stored, and was not taken: {error}") from None
        log.info("task %s: taken, %d bytes, for %s", task.id, len(text.encode()), session or cwd or "any session")
        self._assign()
        flight = self._flights.get(task.id)
        if flight is not None:
            await asyncio.wait({flight}, timeout=ANSWER)
        return self._row(self.tasks.get(task.id) or task)

    def queue(self) -> list[dict[str, Any]]:
        """Return the rows of all tasks that are known, oldest first."""
        candidates, taken = self._candidates(), self._taken()
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
        self, task: Task, candidates: list[Candidate] | None = None, taken: Iterable[str] | None = None
    ) -> dict[str, Any]:
        row = task.row()
        if task.state == QUEUED and task.id not in self._flying:
            spoken_for = self._taken() if taken is None else set(taken)
            why = explain(self._candidates() if candidates is None else candidates, _wish(task), spoken_for)
            row["detail"] = f"{task.detail}; {why}" if task.detail else why
        return row

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
        self._stopping = True
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def step(self) -> None:
        """Look at every task once. Raises OSError when a task cannot be stored; the next step tries again."""
        self.tasks.flush()
        for task in self.tasks.in_state(QUEUED, SENT, ACCEPTED):
            if task.id in self._flying:
                continue
            try:
                if task.state == QUEUED:
                    await self._take_back_interrupted(task)
                elif task.state == SENT:
                    await self._follow_sent(task)
                else:
                    await self._follow_accepted(task)
            except TmuxError as error:
                log.debug("task %s: %s", task.id, error)
        self._assign()

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()

    # -- choosing a session --------------------------------------------------------------------------------

    def _candidates(self) -> list[Candidate]:
        return [self._candidate(watched, watched.pane) for watched in self._sessions]

    def _candidate(self, watched: Watched, pane: Pane | None) -> Candidate:
        plan = self._config.session(watched.name)
        return Candidate(
            name=watched.name,
            planned=plan is not None and watched.plan is not None,
            dedicated=plan is None or plan.dedicated or watched.dedicated,
            claude_args=plan is not None and plan.claude_args,
            cwd=plan.cwd if plan is not None else None,
            state=watched.state,
            doubt=self._doubt(watched, self._registry, pane) if plan is not None and watched.state == "idle" else None,
        )

    def _taken(self) -> set[str]:
        """Return the sessions that no further task goes to for now."""
        taken = set(self._flying.values())
        for task in self.tasks.in_state(QUEUED, SENT, ACCEPTED):
            if task.handed is not None:
                taken.add(task.handed.session)
        taken.update(name for name, (_backoff, until) in self._resting.items() if until > self._monotonic())
        return taken

    def _assign(self) -> None:
        """Give queued tasks, oldest first, to sessions that can have them now."""
        waiting = [task for task in self.tasks.in_state(QUEUED) if task.id not in self._flying and task.handed is None]
        if not waiting or self._stopping:
            return
        candidates, taken = self._candidates(), self._taken()
        for task in waiting:
            if len(self._flying) >= AT_ONCE:
                return
            name = choose(candidates, _wish(task), taken)
            if name is not None:
                taken.add(name)
                self._flying[task.id] = name
                flight = asyncio.ensure_future(self._hand_over(task.id, name))
                self._flights[task.id] = flight
                flight.add_done_callback(functools.partial(self._landed, task.id))

    def _landed(self, identity_: str, flight: asyncio.Task[None]) -> None:
        self._flying.pop(identity_, None)
        self._flights.pop(identity_, None)
        if not flight.cancelled() and flight.exception() is not None:
            log.error("task %s: a bug: its delivery failed", identity_, exc_info=flight.exception())
        self._wake_up()

    # -- handing over --------------------------------------------------------------------------------------

    async def _hand_over(self, identity_: str, name: str) -> None:
        """Type one task's prompt to one session, and see it taken."""
        task, watched, entry = self.tasks.get(identity_), self._sessions.get(name), self._registry.get(name)
        if (
            task is None or watched is None or watched.pane is None or watched.claude is None or entry is None
            or task.state != QUEUED
        ):
            return
        handed = Handed(
            name, watched.pane.pane_id, watched.pane.pid, watched.claude.pid, watched.claude.start, entry.uuid,
            self._now(),
        )

        pane = watched.pane

        async def look() -> None:
            nonlocal pane
            pane = await self._tmux.pane(handed.pane)

        def allow(enter: bool) -> None:
            self._allow(identity_, handed, pane, enter)

        async def began() -> bool:
            return await self._began(identity_)

        guard = _Guard(self._tmux, look, allow)
        try:
            await look()
            allow(False)
            self.tasks.put(dataclasses.replace(self.tasks.get(identity_) or task, session=name, handed=handed))
            delivery = await self._send(guard, handed.pane, task.prompt, began=began, attempts=3)
            why, counts = delivery.detail, delivery.result in ("failed", "not_ready")
        except NoLonger as error:
            why, counts = f"session {name} {error}", False
        except (TmuxError, OSError) as error:
            why, counts = str(error), True
        except Exception as error:  # a bug must not have the same task tried for ever
            log.exception("task %s: a bug: its delivery failed", identity_)
            why, counts = f"a bug: {error!r}; the daemon's log has the details", True
        await self._after(identity_, handed, guard.typed, why, counts)

    def _allow(self, identity_: str, handed: Handed, pane: Pane, enter: bool) -> None:
        """Say for the last time, right before a key, whether this session may have this task.

        Nothing of the event loop comes between this and the key. ``pane`` is the pane as tmux has just listed it.
        Raises NoLonger, OSError.
        """
        task, watched = self.tasks.get(identity_), self._sessions.get(handed.session)
        if self._stopping or task is None or task.state not in (QUEUED, SENT):
            raise NoLonger("is not to have the task any more")
        if watched is None:
            raise NoLonger("is gone")
        why = refusal(self._candidate(watched, pane), _wish(task))
        if why is not None:
            raise NoLonger(why)
        claude = watched.claude
        if claude is None or (pane.pid, claude.pid, claude.start) != (handed.pane_pid, handed.pid, handed.started):
            raise NoLonger("runs another process than the one that was chosen")
        if enter and task.state == QUEUED:
            self.tasks.put(dataclasses.replace(task, state=SENT, handed=handed, session=handed.session,
                                               sent_at=self._now()))

    async def _began(self, identity_: str) -> bool:
        task = self.tasks.get(identity_)
        if task is not None and task.state == SENT and self._is_due(task):
            await self._look_for_prompt(task)
            task = self.tasks.get(identity_)
        return task is None or task.state not in (QUEUED, SENT)

    async def _after(self, identity_: str, handed: Handed, typed: bool, why: str, counts: bool) -> None:
        """Deal with a delivery that has ended, in whatever way."""
        task = self.tasks.get(identity_)
        if task is None or task.state == ACCEPTED or (task.finished and task.state != CANCELLED):
            self._resting.pop(handed.session, None)
            return
        self._rest(handed.session)
        if task.state == SENT:
            # Enter may have been pressed: `_follow_sent` finds out.
            log.warning("task %s: sent to session %s: %s; what became of it is looked for",
                        task.id, handed.session, why)
            return
        if task.handed is None:
            log.info("task %s: %s; it goes on waiting", task.id, why)
            return
        kept = typed and await self._left_behind(handed, task.prompt)
        now = self.tasks.get(identity_) or task
        if now.state == CANCELLED:
            if kept:
                self.tasks.note(dataclasses.replace(now, detail=f"{why}; {_leftover(handed)}"))
        elif now.state == QUEUED and kept:
            # `_take_back_interrupted` tries on.
            self.tasks.note(dataclasses.replace(now, attempts=now.attempts + counts, detail=why))
        elif now.state == QUEUED:
            self._back(now, why, counts)

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

    def _rest(self, name: str) -> None:
        backoff, _until = self._resting.get(name, (Backoff(*BACKOFF), 0.0))
        self._resting[name] = (backoff, self._monotonic() + backoff.failed(0.0))

    def _back(self, task: Task, why: str, counts: bool) -> None:
        """Put a task that surely was not sent back to its place in the queue, or give it up."""
        attempts = task.attempts + counts
        detail = f"not sent to {task.session}: {why}"
        self._forget(task)
        if attempts >= ATTEMPTS:
            self._fail(dataclasses.replace(task, attempts=attempts), f"{detail}; given up after {attempts} attempts")
            return
        log.warning("task %s: %s; it goes on waiting", task.id, detail)
        self.tasks.note(dataclasses.replace(
            task, state=QUEUED, session=None, handed=None, sent_at=None, attempts=attempts, detail=detail,
        ))

    # -- what sessions say ---------------------------------------------------------------------------------

    def on_turn(self, event: TurnEvent) -> None:
        """Take note of a turn that began or ended. Never raises for the disk's sake."""
        if event.kind == "stop":
            self._resting.pop(event.session, None)  # what was in the way there has been used
        for task in self.tasks.in_state(QUEUED, SENT, ACCEPTED):
            handed = task.handed
            if handed is None or event.at < handed.at or not _speaks_of(event, handed):
                continue
            if event.kind == "prompt" and task.state in (QUEUED, SENT):
                # Of a queued one it was a person who pressed Enter on what we had typed: it is sent all the same.
                if event.prompt is None:
                    self._looked.pop(task.id, None)
                elif task_turn.is_prompt_of(event.prompt, task.prompt):
                    self._accept(task, event.at)
            elif event.kind == "stop" and task.state == ACCEPTED:
                self._end(task, DONE, "")
        self._wake_up()

    def _accept(self, task: Task, at: datetime) -> None:
        log.info("task %s: session %s has begun it", task.id, task.session)
        self._forget(task)
        handed = task.handed
        self.tasks.note(dataclasses.replace(
            task, state=ACCEPTED, accepted_at=at, sent_at=task.sent_at or at, detail="",
            session=handed.session if handed else task.session,
        ))

    def _end(self, task: Task, state: str, detail: str) -> None:
        log.log(logging.INFO if state == DONE else logging.ERROR, "task %s: %s%s%s", task.id, state,
                f" by {task.session}" if task.session else "", f": {detail}" if detail else "")
        self._forget(task)
        self.tasks.note(dataclasses.replace(task, state=state, detail=detail, finished_at=self._now()))
        self._wake_up()

    def _fail(self, task: Task, detail: str) -> None:
        self._end(task, FAILED, detail)

    def _forget(self, task: Task) -> None:
        self._looked.pop(task.id, None)
        for key in [key for key in self._since if key[0] == task.id]:
            del self._since[key]

    # -- following tasks -----------------------------------------------------------------------------------

    def _waited(self, task: Task, what: str) -> float:
        """Return for how many seconds this has been waited for, from the first question on."""
        return self._monotonic() - self._since.setdefault((task.id, what), self._monotonic())

    def _is_due(self, task: Task) -> bool:
        """Tell whether the task's transcript is to be read again."""
        moment = self._monotonic()
        if moment - self._looked.get(task.id, float("-inf")) < LOOK_AGAIN:
            return False
        self._looked[task.id] = moment
        return True

    async def _look_for_prompt(self, task: Task) -> None:
        """Accept a task whose prompt the conversation has."""
        handed = task.handed
        if handed is None:
            return
        records = await self._records(handed.uuid)
        found = task_turn.find(records, task.prompt, handed.at)
        now = self.tasks.get(task.id)
        if found is not None and now is not None and now.state in (QUEUED, SENT):
            self._accept(now, self._now())

    def _holder(self, handed: Handed) -> Watched | None:
        """Return the session that holds the process, whatever it is called now."""
        for watched in self._sessions:
            if watched.claude is not None and (watched.claude.pid, watched.claude.start) == (
                handed.pid, handed.started,
            ):
                found: Watched = watched
                return found
        return None

    async def _take_back_interrupted(self, task: Task) -> None:
        """See to a queued task that was being typed when the daemon ended: Enter was surely not pressed by it."""
        handed = task.handed
        if handed is None:
            return
        await self._look_for_prompt(task)  # a person may have pressed it
        task = self.tasks.get(task.id) or task
        if task.state != QUEUED:
            return
        found = await self._reclaim(handed, task.prompt)
        now = self.tasks.get(task.id)
        if now is None or now.state != QUEUED:
            return
        why = now.detail or "the daemon ended while it was typed"
        if found in ("out", "empty", "gone"):
            if self._waited(now, "written") >= LOOK_AGAIN:
                self._back(now, why, counts=False)
        elif self._waited(now, "taking back") >= UNSURE:
            self._back(now, f"{why}; {_leftover(handed)}", counts=False)

    async def _reclaim(self, handed: Handed, text: str) -> str:
        """Take our text out of a prompt box after a restart, if nobody has pressed a key there since.

        Returns what `tmux.send.withdraw` does, or ``gone`` when the process has ended, and its box with it.
        """
        try:
            pane = await self._tmux.pane(handed.pane)
            if pane.dead or pane.pid != handed.pane_pid or not self._alive(handed.pid, handed.started):
                return "gone"
            # tmux moves a session's activity on with every key of a client, and not with keys sent by a command (3.3a).
            condition = f"#{{==:#{{pane_id}},{handed.pane}}}"
            rows = await self._tmux.command("list-panes", "-a", "-f", condition, "-F", "#{session_activity}")
            if any(not row.isdigit() or int(row) > int(handed.at.timestamp()) for row in rows):
                return "kept"
            return await self._take_back(self._tmux, handed.pane, text)
        except TmuxNotFound:
            return "gone"

    async def _follow_sent(self, task: Task) -> None:
        """Find out what became of a task after Enter may have been pressed."""
        handed = task.handed
        if handed is None or not self._is_due(task):
            return
        await self._look_for_prompt(task)
        now = self.tasks.get(task.id)
        if now is None or now.state != SENT:
            return
        if not self._alive(handed.pid, handed.started):
            self._unsure(now, "Claude Code ended right then")
            return
        holder = self._holder(handed)
        if holder is not None and holder.state != "idle":
            self._since.pop((task.id, "sign"), None)  # what it does may be what was sent, or comes before it
            return
        if (task.id, "out") in self._since:
            # What Claude Code had taken in before would have been written by now.
            self._back(now, "Enter was not taken, and the text was taken back", counts=True)
        elif await self._reclaim(handed, task.prompt) == "out":
            self._waited(now, "out")
        elif self._waited(now, "sign") >= UNSURE:
            self._unsure(now, "no turn was seen to begin, and the prompt box does not hold it any more")

    def _unsure(self, task: Task, why: str) -> None:
        self._fail(task, f"sent to {task.session}, but {why}: whether it was taken is not known, and it is not sent "
                         "again. Look at the session, and dispatch it again if it is not there")

    async def _follow_accepted(self, task: Task) -> None:
        """Find out how a turn ended whose end was not heard: a person broke it off, an error, the daemon was away."""
        handed = task.handed
        holder = self._holder(handed) if handed is not None else None
        watched = holder or (self._sessions.get(handed.session) if handed is not None else None)
        if handed is None or (watched is not None and watched.state not in _CLOSED):
            self._since.pop((task.id, "end"), None)
            return
        waited = self._waited(task, "end")
        if waited < ENDED or not self._is_due(task):
            return
        records = await self._records(handed.uuid)
        now = self.tasks.get(task.id)
        if now is None or now.state != ACCEPTED:
            return
        kind, said = task_turn.outcome(records, task.prompt, handed.at)
        if kind == "answered":
            self._end(now, DONE, "")
        elif kind == "error" and self._is_limited(records):
            # It goes on after the failover, under which the session is not idle but limited.
            if waited >= STRANDED:
                self._fail(now, f"the turn hit a usage limit, and nothing takes it up again: {said}")
        elif kind == "error":
            self._fail(now, f"the turn ended with an error: {said}")
        elif kind == "interrupted":
            self._fail(now, "somebody interrupted the turn")
        elif waited >= SILENT:
            where = "is gone" if watched is None else f"is {watched.state}"
            self._fail(now, f"the session {where}, and the end of the turn was not seen")

    def _is_limited(self, records: list[dict[str, Any]]) -> bool:
        patterns = [re.compile(pattern) for pattern in self._config.detection.extra_patterns]
        return classify_transcript(
            records, now=self._now(), tz=clock.host_zone(), extra_patterns=patterns
        ).limited

    async def _read(self, uuid: str) -> list[dict[str, Any]]:
        return await asyncio.get_running_loop().run_in_executor(None, read_conversation, self._projects, uuid)


def _leftover(handed: Handed) -> str:
    return f"its text may still stand in the prompt box of {handed.session}, not sent"


def _wish(task: Task) -> Wish:
    return Wish(task.wanted, task.cwd)


def _speaks_of(event: TurnEvent, handed: Handed) -> bool:
    """Tell whether an event is of the conversation that the task was handed to."""
    if event.uuid is not None:
        return event.uuid == handed.uuid
    return event.session == handed.session
