# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a switch is due, and which.

Judging goes by what is the case, not by what just happened: in every round the sessions that are limited stand
on one side, the active account and what is known of the others on the other. So a cooldown that ends, a reset,
a login that was mended, a flip by hand and a restart of the daemon need no cases of their own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from ..accounts.availability import RESET_MARGIN, AccountAvailability
from ..accounts.exhaustion import MODEL_LIMITS, SAME_RESET
from ..common import clock
from ..common.backoff import Backoff
from ..config.holder import ConfigHolder
from ..limits.evidence import Evidence, moved_on
from ..switching.flip_log import FlipLog
from ..switching.open_records import OpenRecords
from ..switching.record import Record, new_record
from ..switching.switcher import SwitchRequest
from .resume_queue import ResumeQueue
from .state import FailoverState, LimitedSession, ResetWait

log = logging.getLogger(__name__)

_LOOK_FOR_ACCOUNTS = 5.0  # seconds between two looks whether another account has become usable


class SwitchPolicy:
    """Decides on every automatic switch, and on what waits.

    ``config`` may be replaced at any time; ``turn_ended`` is set when a turn has ended since the last round.

    Args:
        config: the configuration.
        state: what is durable: who waits for what, and the cooldown.
        standings: what is known of every account.
        flips: the link's moves.
        queue: the sessions that are limited.
        records: where a reset that is waited for is put down.
        newest_turn: the newest turn of a session by its name, as the transcript has it; None when that cannot be
            read.
        all_idle: whether every session is idle.
        now: the current time.
    """

    def __init__(
        self,
        config: ConfigHolder,
        state: FailoverState,
        availability: AccountAvailability,
        flip_log: FlipLog,
        queue: ResumeQueue,
        records: OpenRecords,
        *,
        newest_turn: Callable[[str], Evidence | None],
        all_idle: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self.turn_ended = False
        self._state = state
        self._availability = availability
        self._flip_log = flip_log
        self._queue = queue
        self._records = records
        self._newest_turn = newest_turn
        self._all_idle = all_idle
        self._now = now
        self._retry = Backoff(1, 60)
        self._retry_at = 0.0
        self._looked_at = float("-inf")

    @property
    def waiting_until(self) -> datetime | None:
        """When the first account can be used again, while none can."""
        return self._state.reset_wait.until if self._state.reset_wait is not None else None

    def moments(self) -> list[datetime]:
        """Return when there is something to judge although nothing happens; some can be over."""
        until = self.waiting_until
        moments = [self._state.cooldown_until, until + RESET_MARGIN if until is not None else None]
        return [moment for moment in moments if moment is not None]

    def force_account_check(self) -> None:
        """Have the next round look whether another account can be used, whenever the last look was."""
        self._looked_at = float("-inf")

    def clear_retry_delay(self) -> None:
        """Have the next round switch without the pause that comes after a failure."""
        self._retry_at = 0.0

    def after(self, record: Record) -> None:
        """Draw the consequences of a switch that was made or not: a cooldown, or a pause before the next try."""
        outcome = record["outcome"]
        if outcome == "switched":
            with self._state.update():
                self._state.cooldown_until = self._now() + timedelta(seconds=self._config.current.failover.cooldown)
                self._state.reset_wait = None
            self._retry.failures, self._retry_at = 0, 0.0
        elif outcome in ("refused", "failed") and record["reason"] != "manual":
            self._retry_at = time.monotonic() + self._retry.failed(0.0)

    def decide(self, active: str) -> SwitchRequest | None:
        """Have those sessions go on that can under the active account; return the switch that is due, None for
        none. Needs a running event loop."""
        held = self._queue.free()
        last = self._flip_log.last
        by_hand = last is not None and last.reason in ("manual", "external")
        # Whoever flips to an exhausted account by hand is believed until that account itself refuses.
        stuck = [
            item
            for item in held
            if self._availability.is_exhausted(active, item.evidence.verdict.limit)
            and not (by_hand and item.account != active)
        ]
        ready = [item for item in held if item not in stuck]
        if self._state.reset_wait is not None and not stuck:
            if ready and self.waiting_until is not None and self._now() >= self.waiting_until:
                self._note_reset(active, ready)
            with self._state.update():
                self._state.reset_wait = None
        self._queue.resume([item.evidence for item in ready])
        if stuck:
            return self._answer(active, stuck)
        if not held and not self._queue.busy:
            return self._without_need(active)
        return None

    def _note_reset(self, active: str, ready: list[LimitedSession]) -> None:
        """The account that is active has reset first: nothing to flip, and the waiting sessions go on."""
        record = new_record(
            "reset",
            self._now(),
            origin=active,
            target=active,
            outcome="stayed",
            detail=f"{active} can be used again",
            trigger=ready[0].evidence,
        )
        self._records.add(record)

    def _answer(self, active: str, stuck: list[LimitedSession]) -> SwitchRequest | None:
        """Sessions are limited, and the active account is out of usage for them: switch, or wait."""
        waiting, now = self._state.reset_wait, self._now()
        due = waiting is not None and waiting.until is not None and now >= waiting.until + RESET_MARGIN
        triggers = [item for item in stuck if item.account == active or due]
        if not triggers:
            # Their limit is another account's: there is nothing yet that this one was caught at.
            self.wait(active, stuck[0].evidence.verdict.limit)
            return None
        if self._held_back():
            return None
        if waiting is not None and waiting.account == active and not due:
            if time.monotonic() - self._looked_at < _LOOK_FOR_ACCOUNTS and not self._is_news(triggers):
                return None
            self._looked_at = time.monotonic()
        trigger = self._still_limited(triggers)
        if trigger is None:
            return None
        limit = trigger.verdict.limit
        clean = self._was_known(active, limit)
        if self._already_waiting(active, limit, clean):
            return None
        return SwitchRequest("reset" if due else "limit", trigger=trigger, clean=clean, expected=active)

    def _is_news(self, triggers: list[LimitedSession]) -> bool:
        return any((self._now() - item.evidence.at).total_seconds() < _LOOK_FOR_ACCOUNTS for item in triggers)

    def _held_back(self) -> bool:
        """Tell whether no automatic switch may be made just now: evidence is kept, and judged again."""
        until = self._state.cooldown_until
        return (until is not None and self._now() < until) or time.monotonic() < self._retry_at

    def _still_limited(self, triggers: list[LimitedSession]) -> Evidence | None:
        """Return the sighting that a switch is to answer, after a look whether its session is still limited.

        A limit that bars an account altogether comes before one model's own.
        """
        triggers = sorted(triggers, key=lambda item: (item.evidence.verdict.limit in MODEL_LIMITS, item.evidence.at))
        for item in triggers:
            evidence = item.evidence
            if moved_on(self._newest_turn(evidence.session), evidence):
                log.info("session %s: its newest turn is not limited any more: nothing to do", evidence.session)
                self._queue.drop(evidence.session)
                continue
            return evidence
        return None

    def _was_known(self, active: str, limit: str | None) -> bool:
        """Tell whether a model's limit of the active account was known before the last flip.

        Then the flip was made all the same, for another limit, and to flip on to an account that has one too
        would begin a circle.
        """
        last = self._flip_log.last
        return (
            limit in MODEL_LIMITS
            and last is not None
            and any(
                mark.limit == limit and mark.since <= last.at
                for mark in self._availability.exhaustion.limits_in_force(active, self._now() - RESET_MARGIN)
            )
        )

    def _already_waiting(self, active: str, limit: str | None, clean: bool) -> bool:
        """Tell whether a switch would only say once more what the last one said."""
        waiting = self._state.reset_wait
        if waiting is None or waiting.account != active or waiting.limit != limit:
            return False
        if self._availability.select(limit, clean=clean).target is not None:
            return False
        until = self._availability.usable_from(limit)
        if until is None or waiting.until is None:
            return until == waiting.until
        return abs(until - waiting.until) <= SAME_RESET and self._now() < waiting.until + RESET_MARGIN

    def wait(self, active: str, limit: str | None) -> None:
        """Have the sessions wait: no account can be used for those that hit ``limit``."""
        until = self._availability.usable_from(limit)
        waiting = ResetWait(active, limit, until)
        if waiting != self._state.reset_wait:
            with self._state.update():
                self._state.reset_wait = waiting
            log.warning(
                "no account can be used; %d sessions wait, %s",
                len(self._queue.limited()),
                f"until {clock.iso(until)}" if until else "for an account to be logged in or mended",
            )

    def _without_need(self, active: str) -> SwitchRequest | None:
        """Switch although nobody is limited: before a limit is hit, or back to a preferred account."""
        ended, self.turn_ended = self.turn_ended, False
        if self._held_back():
            self.turn_ended = ended
            return None
        settings = self._config.current.failover
        below = settings.proactive_threshold
        request = None
        if below is not None and (ended or self._all_idle()):
            most = max(self._availability.usage.percent(active, self._now()).values(), default=0.0)
            if most >= below and self._availability.select(None, clean=True, below=below).target is not None:
                note = f"{active} has used {most:g} % of a window"
                request = SwitchRequest("proactive", note=note, clean=True, below=below, expected=active)
        look = time.monotonic() - self._looked_at >= _LOOK_FOR_ACCOUNTS
        if request is None and settings.failback and look and self._all_idle():
            self._looked_at = time.monotonic()
            request = self._way_back(active, below)
        return request

    def _way_back(self, active: str, below: float | None) -> SwitchRequest | None:
        last = self._flip_log.last
        if last is None or last.reason in ("manual", "external"):
            return None  # the operator's own choice stands until a limit ends it
        for account in self._config.current.accounts:
            if account.name == active:
                return None
            if self._availability.select(None, only=account.name, clean=True, below=below).target is not None:
                note = f"{account.name} is preferred, can be used again, and every session is idle"
                return SwitchRequest("failback", account.name, note=note, clean=True, below=below, expected=active)
        return None
