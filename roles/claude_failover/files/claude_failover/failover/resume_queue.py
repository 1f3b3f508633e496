# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queue of limited sessions: those waiting, those being resumed, and the times of further attempts."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from ..accounts.availability import RESET_MARGIN
from ..claude.held_back import is_held_back
from ..claude.turns import TurnEvent
from ..common import clock
from ..common.backoff import Backoff
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..limits.evidence import Evidence
from ..switching.flip_log import FlipLog
from ..switching.open_records import OpenRecords
from ..switching.record import result_line
from .doubt import with_account
from .state import FailoverState, LimitedSession

log = logging.getLogger(__name__)

_RECORD_DELAY = timedelta(seconds=1)  # that the record of a failed turn may be later than its hook
_RESUME_INTERVAL = 3.0  # seconds; Claude Code reads changed credentials within about 2 s (2.1.330)

# A session that could not be resumed (a draft, a dialog, a failure) is tried again with growing delays, some minutes
# in all, and then left to the operator; one whose bound of prompts is reached at once.
_ATTEMPTS = 8
_FIRST_DELAY, _LONGEST_DELAY = 5.0, 120.0  # seconds
_FINAL_RESULTS = ("sent", "moved on", "bound", "gone")


class ResumerProtocol(Protocol):
    """Resumes limited sessions under the active account."""

    def mark_limited(self, evidence: Evidence) -> None:
        """Show the session of the evidence as limited."""

    def mark_set_aside(self, session: str, why: str) -> None:
        """Show a limited session as set aside."""

    async def resume(self, name: str) -> dict[str, Any]:
        """Resume a session; returns ``{name, uuid, method, result, seconds}``."""


class ResumeQueue:
    """Holds limited sessions until each is resumed, has gone on by itself, or is left to the operator.

    Args:
        config: the configuration.
        state: the durable state, which holds the limited sessions.
        resumer: see `ResumerProtocol`.
        flip_log: the link's flips.
        records: where the result of each session is recorded.
        wake: called from the event loop when a resumption has ended.
        on_set_aside: called with a session that is set aside in doubt, and why (None: it is not any more).
        now: the current time.

    ``on_not_resumed`` is called with a session that is left to a person, and the result of the last attempt.
    """

    def __init__(
        self,
        config: ConfigHolder,
        state: FailoverState,
        resumer: ResumerProtocol,
        flip_log: FlipLog,
        records: OpenRecords,
        *,
        wake: Callable[[], None],
        now: Callable[[], datetime],
        on_set_aside: Callable[[str, str | None], None] = lambda _session, _why: None,
    ) -> None:
        self._config = config
        self._state = state
        self._resumer = resumer
        self._flip_log = flip_log
        self._records = records
        self._wake = wake
        self._on_set_aside = on_set_aside
        self.on_not_resumed: Callable[[str, str], None] = lambda _session, _result: None
        self._now = now
        self._tasks: dict[asyncio.Task[None], str] = {}  # the session that each task resumes
        # By session, of its last resumption: time.monotonic() of its end (infinite while it runs), and the evidence.
        self._last: dict[str, tuple[float, Evidence]] = {}
        self._last_began: dict[str, datetime] = {}  # by session
        self._record_of: dict[str, str | None] = {}  # by session: the id of the record that its last resumption is in
        self._unanswered: set[str] = set()  # sessions that were resumed, and have not answered since
        self._backoff: dict[str, Backoff] = {}  # by session
        self._retry_at: dict[str, float] = {}  # by session: time.monotonic()
        self._pending = False  # sessions are about to be resumed

    # -- limited sessions --------------------------------------------------------------------------------------

    def limited(self) -> dict[str, Evidence]:
        """Return the evidence of every limited session, by session name."""
        return {name: item.evidence for name, item in self._state.limited_sessions.items()}

    def waiting(self) -> list[LimitedSession]:
        """Return the limited sessions that are not being resumed."""
        resuming = self.resuming
        return [item for name, item in self._state.limited_sessions.items() if name not in resuming]

    def add(self, evidence: Evidence, account: str | None, doubted: str | None = None, why: str | None = None) -> None:
        """Add a limited session, which hit a limit of ``account`` (None: unknown).

        With ``doubted``, the account under which it was refused in doubt, it is set aside, and ``why`` is told.
        """
        if self._is_duplicate(evidence):
            return
        session = evidence.session
        with self._state.update():
            self._take(session)
            self._state.limited_sessions[session] = LimitedSession(evidence, account, doubted, why)
            known = self._state.doubts.get(session)
            if doubted is None and known is not None and not known.known and account is not None:
                del self._state.doubts[session]  # the same refusal, with its reset, can be told apart
            elif doubted is not None:
                wait = self._config.current.failover.unknown_reset_wait
                self._state.doubts[session] = with_account(known, evidence, doubted, wait)
        self._backoff.pop(session, None)
        self._retry_at.pop(session, None)
        self._resumer.mark_limited(evidence)
        if doubted is not None:
            note = set_aside_note(why)
            fields = log_fields(session=session, account=account, event="session_set_aside")
            log.warning("session %s: set aside: %s", session, note, extra=fields)
            self._resumer.mark_set_aside(session, note)
            self._on_set_aside(session, note)

    def show(self) -> None:
        """Show every limited session as such, at the start of the daemon."""
        for name, item in self._state.limited_sessions.items():
            self._resumer.mark_limited(item.evidence)
            if item.doubted is not None:
                note = set_aside_note(item.why)
                self._resumer.mark_set_aside(name, note)
                self._on_set_aside(name, note)

    def rename(self, old: str, new: str) -> None:
        """Give a session another name, with its evidence and its doubts."""
        state = self._state
        with state.update():
            state.unattributed = [
                dataclasses.replace(evidence, session=new) if evidence.session == old else evidence
                for evidence in state.unattributed
            ]
            if old in state.doubts:
                state.doubts[new] = state.doubts.pop(old)
            item = state.limited_sessions.pop(old, None)
            if item is None:
                return
            evidence = dataclasses.replace(item.evidence, session=new)
            state.limited_sessions[new] = dataclasses.replace(item, evidence=evidence)
        self._resumer.mark_limited(evidence)

    def remove(self, session: str) -> None:
        """Remove a session that has gone on by itself."""
        if session in self._state.limited_sessions:
            with self._state.update():
                self._take(session)

    def on_turn(self, event: TurnEvent) -> None:
        """End the doubt about a session whose turn was answered; resume one again whose prompt was held back."""
        name = event.session
        if event.kind == "failure" and is_held_back(event.message):
            self._repeat(event)
        if event.kind != "stop":
            return
        self._unanswered.discard(name)
        if name not in self._state.doubts:
            return
        with self._state.update():
            del self._state.doubts[name]
            item = self._state.limited_sessions.get(name)
            if item is not None and item.doubted is not None and event.at > item.evidence.at:
                self._take(name)

    def _repeat(self, event: TurnEvent) -> None:
        """Put a session back among the limited ones: Claude Code did not send the prompt with which it was resumed.

        The bound on prompts without an answer ends this, too.
        """
        _ended, known = self._last.get(event.session, (0.0, None))
        if known is None or event.session not in self._unanswered or known.uuid != event.uuid:
            return
        log.warning(
            "session %s: Claude Code held the prompt back; it is sent again",
            event.session,
            extra=log_fields(session=event.session),
        )
        evidence = dataclasses.replace(known, at=event.at + _RECORD_DELAY, request_at=None, turn=event.turn)
        with self._state.update():
            self._state.limited_sessions[event.session] = LimitedSession(evidence, None)
        self._resumer.mark_limited(evidence)
        self._wake()

    def end_doubts(self) -> None:
        """End the doubts whose reset is over: they say nothing of a later refusal, and no answer need ever be seen."""
        now = self._now()
        over = [
            name for name, doubt in self._state.doubts.items() if now >= clock.expected(doubt.resets_at) + RESET_MARGIN
        ]
        if over:
            with self._state.update():
                for name in over:
                    log.info(
                        "session %s: the doubt about its login has ended with the reset",
                        name,
                        extra=log_fields(session=name),
                    )
                    del self._state.doubts[name]

    def _take(self, session: str) -> None:
        """Take a session from the limited ones; one that was set aside is told not to be any more."""
        item = self._state.limited_sessions.pop(session, None)
        if item is not None and item.doubted is not None:
            fields = log_fields(session=session, event="session_set_aside")
            log.info("session %s: it is no longer set aside", session, extra=fields)
            self._on_set_aside(session, None)

    def on_copied(self, session: str, old: str, new: str | None) -> None:
        """Follow a limited session into the copy of its conversation."""
        ended, known = self._last.get(session, (0.0, None))
        if known is not None and known.uuid == old:
            self._last[session] = (ended, dataclasses.replace(known, uuid=new))
        item = self._state.limited_sessions.get(session)
        if item is not None and item.evidence.uuid == old:
            with self._state.update():
                evidence = dataclasses.replace(item.evidence, uuid=new)
                self._state.limited_sessions[session] = dataclasses.replace(item, evidence=evidence)

    def _is_duplicate(self, evidence: Evidence) -> bool:
        """Return whether this is further evidence of the refusal for which the session is being, or was just, resumed.

        A hook reports its arrival as the time of the request, so two sources agree on the turn's id but not on that
        time. Without an id (Claude Code 2.1.197) a refusal from before the resumption began is taken for the same.
        """
        _ended, known = self._last.get(evidence.session, (0.0, None))
        if known is None or known.uuid != evidence.uuid:
            return False
        if known.turn is not None and evidence.turn is not None:
            return known.turn == evidence.turn
        if known.request_at is not None and known.request_at == evidence.request_at:
            return True
        return evidence.at < self._last_began[evidence.session]

    # -- resumption --------------------------------------------------------------------------------------------

    @property
    def resuming(self) -> set[str]:
        """The sessions that are being resumed."""
        return set(self._tasks.values())

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """The running resumptions, to be cancelled at the stop of the daemon."""
        return tuple(self._tasks)

    @property
    def is_busy(self) -> bool:
        """True while sessions are being resumed, or are about to be."""
        return bool(self._tasks) or self._pending

    def unfinished_rows(self, record_id: str) -> list[dict[str, Any]]:
        """Return a row for each session that is being resumed for that record, in the form of `ResumerProtocol.resume`.

        A session that is resumed for a later switch is no part of an earlier one whose record is open still.
        """
        names = [name for name in self._tasks.values() if self._record_of[name] == record_id]
        return [{"name": name, "uuid": self._last[name][1].uuid, "result": "under way"} for name in names]

    def retry_delays(self) -> list[float]:
        """Return the seconds to the next attempt of each session that was not resumed; one can be past."""
        return [at - time.monotonic() for at in self._retry_at.values()]

    def mark_pending(self) -> None:
        """Mark sessions as pending until the next `resume`: after a flip, waiting sessions can go on."""
        self._pending = True

    def resume(self, ready: Sequence[Evidence]) -> None:
        """Resume the sessions whose attempt is due, each in a background task. Needs a running event loop."""
        now = time.monotonic()
        allowed = [evidence for evidence in ready if now >= self._retry_at.get(evidence.session, now)]
        due = [
            evidence
            for evidence in allowed
            if self._was_flipped_since(evidence)
            or now - self._last.get(evidence.session, (float("-inf"), None))[0] >= _RESUME_INTERVAL
        ]
        self._pending = len(due) < len(allowed)
        if not due:
            return
        for evidence in due:
            self._last[evidence.session] = (float("inf"), evidence)
            self._last_began[evidence.session] = self._now()
            self._unanswered.add(evidence.session)
        record_id = self._records.newest_id()
        for evidence in due:  # each by itself: its result is known as soon as it is done
            task = asyncio.ensure_future(self._run(evidence, record_id))
            self._tasks[task], self._record_of[evidence.session] = evidence.session, record_id
            task.add_done_callback(self._on_task_done)

    def _was_flipped_since(self, evidence: Evidence) -> bool:
        """Return whether the link was flipped after the refusal; then `_RESUME_INTERVAL` need not be kept, which is for
        refusals under the old credentials after a flip."""
        last = self._flip_log.last
        return last is not None and last.at >= evidence.at

    async def _run(self, due: Evidence, record_id: str | None) -> None:
        name = due.session
        row = await self._resumer.resume(name)
        result = str(row.get("result"))
        with self._state.update(soon=True):
            item = self._state.limited_sessions.get(name)
            if item is not None and _same_refusal(item.evidence, due):
                self._record_result(name, result)
        fields = log_fields(session=name, switch_id=record_id)
        log.info("session %s: resume result: %s", name, result_line(row), extra=fields)
        self._records.add_sessions(record_id, [row])

    def _record_result(self, session: str, result: str) -> None:
        """Remove a session whose result is final; schedule another attempt for any other."""
        if result.partition(":")[0] not in _FINAL_RESULTS:
            backoff = self._backoff.setdefault(session, Backoff(_FIRST_DELAY, _LONGEST_DELAY))
            delay = backoff.failed(0.0)
            if backoff.failures < _ATTEMPTS:
                self._retry_at[session] = time.monotonic() + delay
                log.warning(
                    "session %s: not resumed (%s); tried again in %.0f s",
                    session,
                    result,
                    delay,
                    extra=log_fields(session=session),
                )
                return
            fields = log_fields(session=session, event="session_not_resumed")
            text = "session %s: not resumed (%s), and not tried again: it is left to you"
            log.error(text, session, result, extra=fields)
            self.on_not_resumed(session, result)
        self._backoff.pop(session, None)
        self._retry_at.pop(session, None)
        self._take(session)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        name = self._tasks.pop(task)
        self._last[name] = (time.monotonic(), self._last[name][1])
        if not task.cancelled() and task.exception() is not None:
            log.error("resuming %s: a bug; it is tried again", name, exc_info=task.exception())
        self._wake()


def set_aside_note(why: str | None) -> str:
    """Return what is told of a session that is set aside: why, and what to do."""
    return (
        f"{why}; so no account is marked for it. See its login (/status in the session); "
        "it is prompted again after the next switch (claude-failover switch ACCOUNT), or at the reset (without one, "
        "after unknown_reset_wait)"
    )


def _same_refusal(one: Evidence, other: Evidence) -> bool:
    """Return whether both are one observation, in a conversation or in its copy."""
    return one is other or (one.uuid != other.uuid and dataclasses.replace(one, uuid=other.uuid) == other)
