# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the failover loop: attribute evidence, decide, switch, resume.

`policy` decides on switches, `resume_queue` resumes the limited sessions, `open_records` logs the records.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..accounts.exhaustion import Exhaustion, reset_of
from ..accounts.logins import Logins
from ..accounts.usage import Usage
from ..claude.identity import identity_status
from ..claude.turns import TurnEvent
from ..common import clock
from ..common.entry_notices import EntryNotices
from ..common.errors import UsageError
from ..common.limit_words import limit_word
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..config.model import Account
from ..limits.evidence import Evidence
from ..sessions.prompt_budget import PromptBudget
from ..storage.store import Store
from ..switching.open_records import OpenRecords
from ..switching.record import Record
from ..switching.switcher import Switcher, SwitchRequest, SwitchSuperseded, raise_if_refused
from .account_signals import AccountSignals
from .attribution import attribute
from .own_limits import OwnLimits
from .policy import SwitchPolicy
from .resume_queue import ResumeQueue, ResumerProtocol
from .rounds import next_delay, run_rounds
from .state import FailoverState
from .switch_advice import AdvisedSwitch, SwitchAdvice

log = logging.getLogger(__name__)

_HISTORY = 10000


class FailoverController:
    """Owns the parts of the failover, and requests every switch, automatic and by hand.

    ``resume_queue`` holds the limited sessions, ``account_signals`` records what else sessions report.

    Args:
        config: the configuration.
        store: the durable documents.
        resumer: see `ResumerProtocol`.
        newest_turn: returns the newest turn in the transcript of the named session; None when it cannot be read.
        not_idle: returns the sessions that have something under way, each with its state.
        set_aside: returns why the limits of the named session say nothing of any account; None if they do.
        on_record: called with the record of each switch once it is in the log.
        answered: returns when the named session's newest answered request was begun, None when that is unknown.
        on_set_aside: called with a session that is set aside in doubt, and why (None: it is not any more).
        on_identity_change: see `Identities`.
        on_advice: see `SwitchAdvice`.
        budget: told of each reset, at which a session's prompts are counted anew; None: unbounded.
        now: the current time.
        switcher: an existing switcher, for tests.
    """

    def __init__(
        self,
        config: ConfigHolder,
        store: Store,
        resumer: ResumerProtocol,
        *,
        newest_turn: Callable[[str], Evidence | None] = lambda _session: None,
        not_idle: Callable[[], Sequence[str]] = lambda: ("sessions that are not known",),
        set_aside: Callable[[str], str | None] = lambda _session: None,
        on_record: Callable[[Record], None] = lambda _record: None,
        answered: Callable[[str], datetime | None] = lambda _session: None,
        on_set_aside: Callable[[str, str | None], None] = lambda _session, _why: None,
        on_identity_change: Callable[[str, str | None], None] = lambda _account, _why: None,
        on_advice: Callable[[AdvisedSwitch | None], None] = lambda _advice: None,
        budget: PromptBudget | None = None,
        now: Callable[[], datetime] = clock.now,
        switcher: Switcher | None = None,
    ) -> None:
        self.switcher = switcher or Switcher(config, store, Exhaustion(store), Logins(store), Usage(store), now=now)
        self._last = self.switcher.journal.last("switched", _HISTORY)
        self._config = config
        self._availability = availability = self.switcher.availability
        availability.identities.on_change = on_identity_change
        self._state = state = FailoverState(store)
        self._unsaved = store.unsaved
        self._unsaved.on_failure = self._wake_up
        flip_log = self.switcher.flip_log
        self._answered = answered
        self._records = OpenRecords(self.switcher.journal, on_record, answered)
        self.resume_queue = ResumeQueue(
            config, state, resumer, flip_log, self._records, wake=self._wake_up, now=now, on_set_aside=on_set_aside
        )
        self.account_signals = AccountSignals(
            config, availability, flip_log, now=now, in_doubt=state.is_in_doubt, answered=answered, wake=self._wake_up
        )
        self._policy = SwitchPolicy(
            config,
            state,
            availability,
            flip_log,
            self.resume_queue,
            self._records,
            newest_turn=newest_turn,
            not_idle=not_idle,
            next_turn=self.account_signals.next_turn,
            now=now,
        )
        self.own_limits = OwnLimits()
        self._advice = SwitchAdvice(self.switcher.switch, self.resume_queue.limited, on_advice, now)
        self._budget = budget
        self._set_aside = set_aside
        self._now = now
        self._wake: asyncio.Event | None = None
        config.subscribe(self._on_config_replaced)

    # -- lifecycle ---------------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Recover a switch that a crash interrupted, and the open records. Raises OSError.

        To be called once the active link exists, before any session is started.
        """
        self.observe_identities()
        record = await self.switcher.recover()
        if record is not None:
            self._on_switch_finished(record)
            self._policy.clear_retry_delay()  # an undone switch is repeated at once
        self._records.restore()

    async def stop(self) -> None:
        """End the resumptions; the state is on the disk, and the next start continues from it."""
        tasks = list(self.resume_queue.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_config_replaced(self) -> None:
        self.observe_identities()
        self._policy.force_account_check()
        self._wake_up()

    def observe_identities(self) -> None:
        """Compare who the homes say that they are with the record."""
        flip_log = self.switcher.flip_log
        unseen = flip_log.linked_account not in (None, self._availability.active())  # flipped while no daemon ran
        self._availability.identities.observe(self._config.current, flip_log.last is not None or unseen)

    async def run(self) -> None:
        """Run rounds until cancelled."""
        notices = EntryNotices(lambda: self._config.current.active_link, self._wake_up, shared_too=True)
        await run_rounds(self.run_round, self._delay, self._wake_event(), notices)

    def _wake_event(self) -> asyncio.Event:
        if self._wake is None:
            self._wake = asyncio.Event()
        return self._wake

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def _delay(self) -> float:
        """Return the seconds to the next round, where nothing is told before."""
        state, policy, open_records = self._state, self._policy, self._records.close_delays()
        moments = [(at - self._now()).total_seconds() for at in policy.deadlines()]
        wait = state.reset_wait is not None or self._advice.current is not None
        limited = any(item.doubted is None for item in state.limited_sessions.values())
        ready = limited and not wait and not policy.retry_delay
        queued = state.unattributed or self.resume_queue.is_busy or self._unsaved.problems
        return next_delay(
            under_way=bool(ready or queued or open_records),  # a record waits for answers, of which nobody tells
            waiting=bool(wait or state.limited_sessions or self.switcher.link_monitor.suspended),
            watching=bool(state.doubts) or policy.is_watching(self._availability.active()),
            due=[*moments, *open_records, *policy.delays(), *self.resume_queue.retry_delays()],
        )

    # -- events ------------------------------------------------------------------------------------------------

    def record_evidence(self, evidence: Evidence) -> None:
        """Keep evidence of a limit for the next round, which stores it first; evidence of no limit is ignored."""
        if evidence.verdict.limited:
            with self._state.update(soon=True):
                self._state.unattributed.append(evidence)
            self._wake_up()

    def on_turn(self, event: TurnEvent) -> None:
        """Handle a turn event: an answered turn ends a doubt, and makes a proactive switch possible."""
        if event.copied_from is not None:
            self.resume_queue.on_copied(event.session, event.copied_from, event.uuid)
        self.resume_queue.on_turn(event)
        self.own_limits.on_turn(event)
        if event.kind == "stop":
            self._policy.on_turn_answered(event.at)
            self._wake_up()

    def on_owner_question(self, session: str, why: str | None) -> None:
        """Record that the session's prompt is held back by Claude Code's owner dialog."""
        if why is not None:
            self._records.replace_result(session, f"dialog: {why}")

    def rename_session(self, old: str, new: str) -> None:
        """Give a session another name."""
        self.resume_queue.rename(old, new)

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        self.switcher.flip_log.rename_accounts(names)
        self._availability.rename_accounts(names)
        self._state.rename_accounts(names)

    # -- a switch by hand --------------------------------------------------------------------------------------

    async def switch(
        self, account: str | None = None, reason: str | None = None, dry_run: bool = False, force: bool = False
    ) -> Record:
        """Switch by hand; returns the record. Raises Refused if it was not done, UsageError for an unknown account."""
        note = f"by hand: {reason}" if reason else "by hand"
        request = SwitchRequest("manual", account, dry_run=dry_run, force=force, note=note)
        record = await self.switcher.switch(request)
        if not dry_run:
            self._on_switch_finished(record)
            self._wake_up()
        return raise_if_refused(record)

    def logged(self) -> Iterator[Record]:
        """Yield the records that are closed, newest first."""
        return self.switcher.journal.closed(_HISTORY)

    def history(self, limit: int = 20) -> list[Record]:
        """Return up to ``limit`` records, newest first. Raises UsageError for a limit below one."""
        if limit < 1:
            raise UsageError(f"limit: found {limit}, expected 1 or more")
        return self.switcher.history(limit)

    # -- status ------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return the failover's keys of ``status --json``: ``cooldown_until``, ``switching``, ``suspended`` (the
        reason, or null), ``automatic``, ``advised_switch`` and ``last_switch``."""
        advice = self._advice.current
        until = self._state.cooldown_until
        return {
            "cooldown_until": clock.optional_wall_iso(until if until is not None and until > self._now() else None),
            "switching": self.switcher.switching,
            "suspended": self.switcher.link_monitor.suspended,
            "automatic": self._config.current.failover.automatic,
            "advised_switch": advice.to_status() if advice is not None else None,
            "last_switch": self._last,
        }

    def failback_status(self) -> dict[str, Any]:
        """Return ``failback`` of ``status --json``: ``waits_for``, in words."""
        active = self.active_account()
        return {"waits_for": None if active is None else self._policy.failback_waits_for(active)}

    def pace_status(self) -> dict[str, Any]:
        """Return ``pace`` of ``status --json``, that of the active account."""
        return self.account_signals.pace.of(self.active_account(), self._now())

    def own_limit(self, session: str) -> str | None:
        """Return what to tell of the limit of a session that no switch moves, or None."""
        return self.own_limits.reason(session, self._now())

    @property
    def last_flip(self) -> datetime | None:
        """The time of the last flip of the active link; None for none."""
        last = self.switcher.flip_log.last
        return last.at if last is not None else None

    def active_account(self) -> str | None:
        """Return the name of the account that the active link leads to, or None."""
        return self._availability.active()

    def account_status(self, account: Account) -> dict[str, Any]:
        """Return the failover's keys of one row of ``accounts`` in ``status --json``."""
        login = self._availability.logins.look(account)
        return {
            "login": login.state,
            "login_expires_at": clock.optional_iso(login.ends_at),
            **identity_status(self._availability.identities.get(account.name), login.ends_at),
            "exhausted": self._availability.exhaustion.status_rows(account.name, self._now()),
            "used_percent": self._availability.usage.percent(account.name, self._now()),
        }

    # -- a round -----------------------------------------------------------------------------------------------

    async def run_round(self) -> None:
        """Run one round: attribute evidence, then decide and act once. Raises OSError."""
        external = await self.switcher.observe()
        if external is not None:
            self._on_switch_finished(external)
        self._unsaved.retry()
        self._attribute_pending()
        self.resume_queue.end_doubts()
        for name in self.resume_queue.limited():
            if self._set_aside(name) is not None:
                self.resume_queue.remove(name)
        active = self._availability.active() if self.switcher.link_monitor.suspended is None else None
        if active is None:
            self._advice.withdraw()
        else:
            request = self._policy.decide(active)
            if self._config.current.failover.automatic:
                self._advice.withdraw()
            else:
                request = await self._advice.review(active, request)
            if request is not None:
                await self._switch(active, request)
        queue = self.resume_queue
        self._records.close_due(queue.is_busy, queue.unfinished_rows, queue.limited())

    def _attribute_pending(self) -> None:
        """Attribute queued evidence to accounts. Raises OSError; the rest then stays queued."""
        if not self._state.unattributed:
            return
        self._state.flush()
        with self._state.update():
            while self._state.unattributed:
                evidence = self._state.unattributed[0]
                try:
                    self._attribute(evidence)
                except OSError:  # a full disk: the evidence is attributed in the next round
                    raise
                except Exception:
                    log.exception(
                        "session %s: a bug while attributing evidence, which is ignored",
                        evidence.session,
                        extra=log_fields(session=evidence.session),
                    )
                del self._state.unattributed[0]

    def _attribute(self, evidence: Evidence) -> None:
        now, verdict = self._now(), evidence.verdict
        attribution = attribute(
            evidence,
            self.switcher.flip_log.all(),
            self._availability.active(),
            self._config.current.active_link,
            self._config.current.accounts,
            self._availability.exhaustion,
            self._set_aside(evidence.session),
            self._answered,
        )
        attribution.log(evidence)
        until, known = reset_of(
            verdict, evidence.at, evidence.request_at, self._config.current.failover.unknown_reset_wait
        )
        if attribution.account is not None:
            limit, exhaustion = verdict.limit or "unknown", self._availability.exhaustion
            if until > now and exhaustion.record(attribution.account, limit, until, now=now, known=known):
                log.warning(
                    "account %s is out of usage (%s) until %s",
                    attribution.account,
                    limit_word(limit),
                    clock.wall_iso(until),
                    extra=log_fields(account=attribution.account, limit=limit),
                )
            if self._budget is not None:
                self._budget.on_refused(evidence.session, attribution.account, until, known)
        if attribution.follows_link:
            why = attribution.why if attribution.doubted is not None else None
            self.resume_queue.add(evidence, attribution.account, attribution.doubted, why)
        else:
            self.own_limits.record(evidence.session, verdict.limit, until, attribution.account)

    async def _switch(self, active: str, request: SwitchRequest) -> None:
        """Request the automatic switch; one that was superseded is decided again in the next round. Raises OSError."""
        try:
            record = await self.switcher.switch(request)
        except SwitchSuperseded as error:
            log.info("no switch (%s): %s", request.reason, error, extra=log_fields(account=active))
        else:
            self._on_switch_finished(record)
            if request.trigger is not None and record["outcome"] == "stayed":
                self._policy.start_reset_wait(active, request.trigger.verdict.limit)
        if request.trigger is not None:
            self._wake_up()

    def _on_switch_finished(self, record: Record) -> None:
        """Apply the outcome of a switch; its record stays open while sessions are to be resumed."""
        self._records.on_opened(record)
        self._policy.on_switch_finished(record)
        if record["outcome"] == "switched":
            self._last = record
            self.resume_queue.mark_pending()
            if self.resume_queue.limited():
                return
        self._records.close(record)
