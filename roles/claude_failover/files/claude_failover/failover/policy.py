# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide when an automatic switch is due, and for which reason; `accounts.selection` selects the target.

Decisions are level-triggered: each round compares the limited sessions with the current account state, so the end of
a cooldown, a reset, a restored login, a flip by hand and a restart of the daemon need no special cases.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from ..accounts.availability import RESET_MARGIN, AccountAvailability
from ..accounts.exhaustion import MODEL_LIMITS, SAME_RESET, reset_of
from ..common import clock
from ..common.backoff import Backoff
from ..common.log_fields import log_fields
from ..common.text import natural_key
from ..config.holder import ConfigHolder
from ..limits.evidence import Evidence, moved_on
from ..switching.flip_log import FlipLog
from ..switching.open_records import OpenRecords
from ..switching.record import Record, new_record
from ..switching.switcher import SwitchRequest
from .doubt import Doubt
from .failback import Failback
from .next_turn import NextTurn
from .resume_queue import ResumeQueue
from .state import FailoverState, LimitedSession, ResetWait

log = logging.getLogger(__name__)

_ACCOUNT_CHECK_INTERVAL = 5.0  # seconds between two checks whether another account has become usable


class SwitchPolicy:
    """Decides on automatic switches. ``turn_ended`` is set when a turn has ended since the last round.

    Args:
        config: the configuration.
        state: the durable state: limited sessions, reset wait, cooldown.
        availability: the accounts' availability.
        flip_log: the link's flips.
        resume_queue: the limited sessions.
        records: where a reset without a flip is recorded.
        newest_turn: returns the newest turn in the transcript of the named session; None when it cannot be read.
        not_idle: returns the sessions that have something under way, each with its state.
        next_turn: tells whether the next turn fits into an account.
        now: the current time.
    """

    def __init__(
        self,
        config: ConfigHolder,
        state: FailoverState,
        availability: AccountAvailability,
        flip_log: FlipLog,
        resume_queue: ResumeQueue,
        records: OpenRecords,
        *,
        newest_turn: Callable[[str], Evidence | None],
        not_idle: Callable[[], Sequence[str]],
        next_turn: NextTurn,
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self.turn_ended = False
        self._state = state
        self._availability = availability
        self._flip_log = flip_log
        self._resume_queue = resume_queue
        self._records = records
        self._newest_turn = newest_turn
        self._not_idle = not_idle
        self._next_turn = next_turn
        self._failback = Failback(config, availability, flip_log, not_idle, self._has_room)
        self._now = now
        self._last_answer: datetime | None = None
        self._retry = Backoff(1, 60)
        self._retry_at = 0.0  # time.monotonic()
        self._accounts_checked_at = float("-inf")  # time.monotonic()

    @property
    def waiting_until(self) -> datetime | None:
        """The time at which the first account becomes usable, while none is; None when waiting alone will not help."""
        return self._state.reset_wait.until if self._state.reset_wait is not None else None

    def deadlines(self) -> list[datetime]:
        """Return the times at which a decision can change without any event; some can be past."""
        until = self.waiting_until
        resets = map(self._reset_of, self._state.limited_sessions.values())
        moments = [self._state.cooldown_until, until + RESET_MARGIN if until is not None else None, *resets]
        return sorted({moment for moment in moments if moment is not None})

    def delays(self) -> list[float]:
        """Return the seconds to the next try after a failed switch, and in a wait to the next check of the accounts."""
        checked = self._accounts_checked_at if self._state.reset_wait is not None else float("-inf")
        return [at - time.monotonic() for at in (self._retry_at, checked + _ACCOUNT_CHECK_INTERVAL)]

    @property
    def retry_delay(self) -> float:
        """The seconds until a switch that failed may be tried again; 0 for none."""
        return max(0.0, self._retry_at - time.monotonic())

    def is_watching(self, active: str | None) -> bool:
        """Return whether a switch can become due although no session is limited, and not everything is told of that."""
        account = self._config.current.account(active) if active is not None else None
        if active is None or account is None:
            return True
        return (
            not account.enabled
            or self._config.current.threshold_of(account) is not None
            or self._failback.is_wanted(active)
        )

    def force_account_check(self) -> None:
        """Force an account check in the next round."""
        self._accounts_checked_at = float("-inf")

    def clear_retry_delay(self) -> None:
        """Allow a switch in the next round, without the delay that follows a failure."""
        self._retry_at = 0.0

    def on_turn_answered(self, at: datetime) -> None:
        """Note that a turn was answered: a proactive switch is possible now, and a refused session may stand alone."""
        self.turn_ended, self._last_answer = True, at

    def on_switch_finished(self, record: Record) -> None:
        """Start the cooldown after a switch, or the retry delay after a failed one."""
        outcome = record["outcome"]
        if outcome == "switched":
            with self._state.update():
                self._state.cooldown_until = self._now() + timedelta(seconds=self._config.current.failover.cooldown)
                self._state.reset_wait = None
            self._retry.failures, self._retry_at = 0, 0.0
        elif outcome in ("refused", "failed") and record["reason"] != "manual":
            self._retry_at = time.monotonic() + self._retry.failed(0.0)

    def decide(self, active: str) -> SwitchRequest | None:
        """Resume the sessions that can go on under the active account; return the switch that is due, or None.

        Needs a running event loop.
        """
        limited = self._resume_queue.waiting()
        aside = [item for item in limited if self._is_set_aside(item)]
        waiting = [item for item in limited if item not in aside]
        by_hand = self._flip_log.is_choice_of_operator
        # After a flip by hand to an exhausted account, that account counts as usable until it refuses a request itself.
        blocked = [
            item
            for item in waiting
            if self._availability.is_exhausted(active, item.evidence.verdict.limit)
            and not (by_hand and item.account != active)
        ]
        ready = [item for item in waiting if item not in blocked]
        if self._state.reset_wait is not None and not blocked:
            if ready and self.waiting_until is not None and self._now() >= self.waiting_until:
                self._record_reset(active, ready)
            with self._state.update():
                self._state.reset_wait = None
        self._resume_queue.resume([item.evidence for item in ready])
        if blocked:
            return self._switch_for_limit(active, blocked)
        if not waiting and not self._resume_queue.resuming:
            return self._switch_in_doubt(active, aside) or self._switch_without_limit(active)
        return None

    def _record_reset(self, active: str, ready: list[LimitedSession]) -> None:
        """Record that the active account reset first: no flip, the waiting sessions are resumed under it."""
        detail, trigger = f"{active} can be used again", ready[0].evidence
        self._records.add(
            new_record(
                "reset", self._now(), origin=active, target=active, outcome="stayed", detail=detail, trigger=trigger
            )
        )

    # -- reasons limit and reset -------------------------------------------------------------------------------

    def _switch_for_limit(self, active: str, blocked: list[LimitedSession]) -> SwitchRequest | None:
        """Return the switch that lets the blocked sessions go on, None while they have to wait."""
        wait, now = self._state.reset_wait, self._now()
        reset_due = wait is not None and wait.until is not None and now >= wait.until + RESET_MARGIN
        triggers = [item for item in blocked if item.account == active or reset_due]
        if not triggers:
            # Their limits are other accounts': there is no evidence yet against the active one.
            self.start_reset_wait(active, blocked[0].evidence.verdict.limit)
            return None
        if self._is_held_back():
            return None
        if wait is not None and wait.account == active and not reset_due:
            if not self._is_account_check_due() and not self._is_recent(triggers):
                return None
            self._accounts_checked_at = time.monotonic()
        trigger = self._select_trigger(triggers)
        if trigger is None:
            return None
        limit = trigger.verdict.limit
        clean = self._was_known_before_flip(active, limit)
        if self._is_wait_unchanged(active, limit, clean):
            return None
        return SwitchRequest("reset" if reset_due else "limit", trigger=trigger, clean=clean, expected=active)

    def _is_held_back(self) -> bool:
        """Return whether cooldown or retry delay forbid an automatic switch now; evidence is kept meanwhile."""
        until, now = self._state.cooldown_until, self._now()
        longest = now + timedelta(seconds=self._config.current.failover.cooldown)
        if until is not None and until > longest:
            # Stored in a boot whose clock was ahead, or with another configuration.
            log.warning("the cooldown is cut to %g s", self._config.current.failover.cooldown)
            with self._state.update():
                until = self._state.cooldown_until = longest
        return (until is not None and now < until) or time.monotonic() < self._retry_at

    def _is_account_check_due(self) -> bool:
        return time.monotonic() - self._accounts_checked_at >= _ACCOUNT_CHECK_INTERVAL

    def _is_recent(self, triggers: list[LimitedSession]) -> bool:
        return any((self._now() - item.evidence.at).total_seconds() < _ACCOUNT_CHECK_INTERVAL for item in triggers)

    def _select_trigger(self, triggers: list[LimitedSession]) -> Evidence | None:
        """Return the evidence to switch for, after dropping sessions that are no longer limited.

        Account-wide limits come before limits of one model.
        """
        triggers = sorted(triggers, key=lambda item: (item.evidence.verdict.limit in MODEL_LIMITS, item.evidence.at))
        for item in triggers:
            evidence, session = item.evidence, item.evidence.session
            if moved_on(self._newest_turn(session), evidence):
                text = "session %s: its newest turn is no longer limited: nothing to do"
                log.info(text, session, extra=log_fields(session=session))
                self._resume_queue.remove(session)
                continue
            return evidence
        return None

    def _was_known_before_flip(self, active: str, limit: str | None) -> bool:
        """Return whether a model's limit of the active account was known before the last flip.

        That flip was made for another limit. The next one must then go to an account without any limit, or the link
        would go round between accounts that are each out of one model.
        """
        last = self._flip_log.last
        return (
            limit in MODEL_LIMITS
            and last is not None
            and any(
                entry.limit == limit and entry.since <= last.at
                for entry in self._availability.exhaustion.limits_in_force(active, self._now() - RESET_MARGIN)
            )
        )

    def _is_wait_unchanged(self, active: str, limit: str | None, clean: bool) -> bool:
        """Return whether a switch would only repeat the last record: no account usable, until the same reset."""
        wait = self._state.reset_wait
        if wait is None or wait.account != active or wait.limit != limit:
            return False
        if self._availability.select(limit, clean=clean).target is not None:
            return False
        until = self._availability.usable_from(limit)
        if until is None or wait.until is None:
            return until == wait.until
        return abs(until - wait.until) <= SAME_RESET and self._now() < wait.until + RESET_MARGIN

    def start_reset_wait(self, active: str, limit: str | None) -> None:
        """Start waiting for a reset: no account can be used for those that hit ``limit``."""
        until = self._availability.usable_from(limit)
        wait = ResetWait(active, limit, until)
        if wait != self._state.reset_wait:
            with self._state.update():
                self._state.reset_wait = wait
            log.warning(
                "no account can be used; %d sessions wait, %s",
                len(self._resume_queue.limited()),
                f"until {clock.wall_iso(until)}" if until else "for an account to be logged in or repaired",
                extra=log_fields(account=active, limit=limit),
            )

    # -- sessions in doubt -------------------------------------------------------------------------------------

    def _is_set_aside(self, item: LimitedSession) -> bool:
        """Return whether a session was refused in doubt: it waits for the next flip, or a reset, told or assumed."""
        if item.doubted is None:
            return False
        last = self._flip_log.last
        if last is not None and last.at >= item.evidence.at:
            return False
        return self._now() < self._reset_of(item)

    def _reset_of(self, item: LimitedSession) -> datetime:
        """Return when the limit of a session has reset, told or assumed."""
        evidence, wait = item.evidence, self._config.current.failover.unknown_reset_wait
        return reset_of(evidence.verdict, evidence.at, None, wait)[0] + RESET_MARGIN

    def _switch_in_doubt(self, active: str, aside: list[LimitedSession]) -> SwitchRequest | None:
        """Return one switch for two sessions or more that were refused in doubt, where none was answered since the
        last flip: the active account may end in the same minute as the one before. One session will do where no reset
        is named, as then nothing but the limit speaks against it.

        It marks no account, and is not repeated: a session that is refused so under a third account uses a login of its
        own.
        """
        last = self._flip_log.last
        if last is None or (self._last_answer is not None and self._last_answer > last.at):
            return None
        doubts = self._state.doubts
        first = [item for item in aside if item.doubted == active and _is_first(doubts.get(item.evidence.session))]
        limit = first[0].evidence.verdict.limit if first else None
        enough = len(first) >= 2 or any(not doubts[item.evidence.session].known for item in first)
        if not enough or self._is_held_back() or self._availability.select(limit).target is None:
            return None
        trigger = self._select_trigger(first)
        if trigger is None:
            return None
        who = "1 session was" if len(first) == 1 else f"{len(first)} sessions were"
        note = f"{who} refused in doubt under {active}, which is not marked"
        return SwitchRequest("limit", trigger=trigger, note=note, expected=active)

    # -- reasons proactive and failback ------------------------------------------------------------------------

    def _switch_without_limit(self, active: str) -> SwitchRequest | None:
        """Return a switch although no session is limited: before a limit is hit, or back to a preferred account."""
        if self._is_held_back():
            return None
        turn_ended, self.turn_ended = self.turn_ended, False
        told_only = not self._config.current.failover.automatic  # no session is moved, so none is waited for
        request = self._switch_for_room(active)
        if request is None and (turn_ended or told_only or not self._not_idle()):
            request = self._proactive_switch(active)
        due = told_only or (self._is_account_check_due() and not self._not_idle())
        if request is None and self._failback.is_wanted(active) and due:
            self._accounts_checked_at = time.monotonic()
            request = self._failback.request(active)
        return request

    def failback_waits_for(self, active: str) -> str | None:
        """Return what the way back to a preferred account waits for, None for nothing."""
        limited = sorted(self._resume_queue.limited(), key=natural_key)
        if limited:
            return self._failback.waits_for(active, f"the sessions that a limit has stopped: {', '.join(limited)}")
        until = self._state.cooldown_until
        cooldown = f"the end of the cooldown, {clock.wall_iso(until)}" if until and self._now() < until else None
        retry = "the next try, after a switch that failed" if time.monotonic() < self._retry_at else None
        return self._failback.waits_for(active, cooldown or retry)

    def _proactive_switch(self, active: str) -> SwitchRequest | None:
        """Return a switch when the active account is held out, or has reached its threshold and another one has not."""
        config = self._config.current
        account = config.account(active)
        if account is None:
            return None
        if not account.enabled and not self._flip_log.is_choice_of_operator:
            if self._availability.select(None, clean=True).target is None:
                return None
            note = f"{active} is held out by the configuration"
            return SwitchRequest("proactive", note=note, clean=True, expected=active)
        below = config.threshold_of(account)
        if below is None:
            return None
        used = self._availability.used()
        most = max(used[active].values(), default=0.0)
        if most < below:
            return None
        fitting = [name for name, row in used.items() if self._next_turn.fits(name, row, self._now())]
        target = self._availability.select(None, clean=True, below=below, among=fitting).target
        if target is None:
            return None
        note = f"{active} has used {most:g} % of a window"
        return SwitchRequest("proactive", target, note=note, clean=True, below=below, expected=active)

    def _switch_for_room(self, active: str) -> SwitchRequest | None:
        """Return a switch when the next turn may not fit into the active account, also in the middle of turns."""
        account = self._config.current.account(active)
        if account is None or self._config.current.threshold_of(account) is None:
            return None
        used = self._availability.used()
        roomier = self._next_turn.roomier(active, used, self._now())
        target = self._availability.select(None, clean=True, among=roomier).target if roomier else None
        if target is None:
            return None
        most = max(used[active].values(), default=0.0)
        note = f"{active} has used {most:g} % of a window, into which the next turn may not fit"
        return SwitchRequest("proactive", target, note=note, clean=True, expected=active)

    def _has_room(self, name: str) -> bool:
        """Return whether the next turn fits into an account, True where none is left for that."""
        account = self._config.current.account(name)
        if account is None or self._config.current.threshold_of(account) is None:
            return True
        return self._next_turn.fits(name, self._availability.used()[name], self._now())


def _is_first(doubt: Doubt | None) -> bool:
    return doubt is not None and len(doubt.accounts) == 1
