# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions that are limited: which wait, which are being carried over, and which are tried again when."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from ..common.backoff import Backoff
from ..limits.evidence import Evidence
from ..switching.flip_log import FlipLog
from ..switching.open_records import OpenRecords
from ..switching.record import session_row
from .state import FailoverState, LimitedSession

log = logging.getLogger(__name__)

_CARRY_AGAIN = 3.0  # seconds; Claude Code notices other credentials within about 2 s (2.1.330)

# What becomes of a session that could not be carried over (a draft, a dialog, a failure): it is tried again with
# growing pauses, some minutes long in all, and then left to the operator.
_TRIES = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 120.0
_SEEN_TO = ("continued", "moved on", "gone")


class ResumerProtocol(Protocol):
    """Makes limited sessions go on under the account that is active now."""

    def mark_limited(self, evidence: Evidence) -> None:
        """Show the session of the evidence as limited."""

    async def resume(self, sessions: Sequence[str]) -> list[dict[str, Any]]:
        """Carry sessions over; returns ``{name, uuid, method, result, seconds}`` for each."""


class ResumeQueue:
    """Holds limited sessions until each is seen to.

    Args:
        state: what is durable of it.
        carry_over: see `ResumerProtocol`.
        flips: the link's moves.
        records: where it is put down what became of each session.
        wake: called when a carry-over has ended, from the event loop.
        now: the current time.
    """

    def __init__(
        self,
        state: FailoverState,
        resumer: ResumerProtocol,
        flip_log: FlipLog,
        records: OpenRecords,
        *,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._resumer = resumer
        self._flip_log = flip_log
        self._records = records
        self._wake = wake
        self._now = now
        self._carrying: dict[asyncio.Task[None], tuple[str, ...]] = {}
        self._carried: dict[str, tuple[float, Evidence]] = {}  # by session: when the last carry-over ended, of what
        self._carry_began: dict[str, datetime] = {}  # by session: when the last carry-over began
        self._tries: dict[str, Backoff] = {}  # by session
        self._again_at: dict[str, float] = {}  # by session: time.monotonic() of the next try
        self._to_carry = False  # there are sessions to be carried over that are not being carried yet

    # -- who waits ---------------------------------------------------------------------------------------------

    def limited(self) -> dict[str, Evidence]:
        """Return the sessions that are limited and not yet seen to, with what was seen."""
        return {name: item.evidence for name, item in self._state.limited_sessions.items()}

    def free(self) -> list[LimitedSession]:
        """Return those of them that are not being carried over."""
        busy = self.busy
        return [item for name, item in self._state.limited_sessions.items() if name not in busy]

    def add(self, evidence: Evidence, account: str | None) -> None:
        """Take in a session that is limited, by the limit of ``account`` (None: that is open)."""
        if self._is_carried(evidence):
            return
        with self._state.update():
            self._state.limited_sessions[evidence.session] = LimitedSession(evidence, account)
        self._tries.pop(evidence.session, None)
        self._again_at.pop(evidence.session, None)
        self._resumer.mark_limited(evidence)

    def drop(self, session: str) -> None:
        """Take off a session that has gone on by itself."""
        if session in self._state.limited_sessions:
            with self._state.update():
                del self._state.limited_sessions[session]

    def _is_carried(self, evidence: Evidence) -> bool:
        """Tell whether this is one more sighting of what is being, or was just, carried over.

        A hook takes its arrival for the time of the request, so two sources agree on the turn's id and not on that
        time. Where there is none (Claude Code 2.1.197) what was refused before the carry-over began is what it
        carries over.
        """
        _ended, known = self._carried.get(evidence.session, (0.0, None))
        if known is None or known.uuid != evidence.uuid:
            return False
        if known.turn is not None and evidence.turn is not None:
            return known.turn == evidence.turn
        if known.request_at is not None and known.request_at == evidence.request_at:
            return True
        return evidence.at < self._carry_began[evidence.session]

    # -- who is carried over -----------------------------------------------------------------------------------

    @property
    def busy(self) -> set[str]:
        """The sessions that are being carried over."""
        return {name for names in self._carrying.values() for name in names}

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """What carries them over, for the end of the daemon."""
        return tuple(self._carrying)

    @property
    def at_work(self) -> bool:
        """Whether sessions are being carried over, or are about to be."""
        return bool(self._carrying) or self._to_carry

    def unfinished(self) -> list[dict[str, Any]]:
        """Return a row for each session that is being resumed, in the form of `ResumerProtocol.resume`."""
        return [
            {"name": name, "uuid": self._carried[name][1].uuid, "result": "under way"}
            for names in self._carrying.values()
            for name in names
        ]

    def mark_pending(self) -> None:
        """Count as at work until the next `carry`: the link was flipped, and whoever waited for that can go on."""
        self._to_carry = True

    def resume(self, ready: Sequence[Evidence]) -> None:
        """Carry over those sessions whose time it is, in the background. Needs a running event loop."""
        now = time.monotonic()
        soon = [evidence for evidence in ready if now >= self._again_at.get(evidence.session, now)]
        due = [
            evidence
            for evidence in soon
            if self._was_flipped_since(evidence)
            or now - self._carried.get(evidence.session, (float("-inf"), None))[0] >= _CARRY_AGAIN
        ]
        self._to_carry = len(due) < len(soon)
        if not due:
            return
        for evidence in due:
            self._carried[evidence.session] = (float("inf"), evidence)
            self._carry_began[evidence.session] = self._now()
        task = asyncio.ensure_future(self._carry_out(due, self._records.newest_id()))
        self._carrying[task] = tuple(evidence.session for evidence in due)
        task.add_done_callback(self._ended)

    def _was_flipped_since(self, evidence: Evidence) -> bool:
        """Tell whether the link was flipped after a refusal: then it is not the flip before that which Claude Code
        has yet to notice, and there is nothing to wait for."""
        last = self._flip_log.last
        return last is not None and last.at >= evidence.at

    async def _carry_out(self, due: list[Evidence], record_id: str | None) -> None:
        results = await self._resumer.resume([evidence.session for evidence in due])
        came_to = {str(result.get("name")): str(result.get("result")) for result in results}
        with self._state.update():
            for evidence in due:
                item = self._state.limited_sessions.get(evidence.session)
                if item is not None and item.evidence is evidence:
                    self._came_to(evidence.session, came_to.get(evidence.session, "gone"))
        for result in results:
            log.info("session %s: resumed: %s", result.get("name"), session_row(result))
        self._records.add_sessions(record_id, results)

    def _came_to(self, session: str, result: str) -> None:
        """Take a session off the list, or have it tried again later."""
        if result.partition(":")[0] not in _SEEN_TO:
            tries = self._tries.setdefault(session, Backoff(_FIRST_PAUSE, _LONGEST_PAUSE))
            pause = tries.failed(0.0)
            if tries.failures < _TRIES:
                self._again_at[session] = time.monotonic() + pause
                log.warning("session %s: not carried over (%s); tried again in %.0f s", session, result, pause)
                return
            log.error("session %s: not carried over (%s), and not tried again: it is left to you", session, result)
        self._tries.pop(session, None)
        self._again_at.pop(session, None)
        self._state.limited_sessions.pop(session, None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        names = self._carrying.pop(task)
        for name in names:
            self._carried[name] = (time.monotonic(), self._carried[name][1])
        if not task.cancelled() and task.exception() is not None:
            log.error("carrying %s over failed: %r; it is tried again", ", ".join(names), task.exception())
        self._wake()
