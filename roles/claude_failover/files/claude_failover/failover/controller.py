# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failover as a whole: what is noticed is blamed, judged, answered by a switch, and carried over.

What is due is the `judge`'s to say, who is carried over the `carry_queue`'s, and which records are still open is
known to the `open_records`. Here they are put together, and kept going.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..accounts.exhaustion import Exhaustion, reset_of
from ..accounts.logins import Logins
from ..accounts.usage import Usage
from ..claude.turns import TurnEvent
from ..common import clock
from ..common.errors import UsageError
from ..config.holder import ConfigHolder
from ..config.model import Account
from ..limits.evidence import Evidence
from ..storage.store import Store
from ..switching.open_records import OpenRecords
from ..switching.record import Record
from ..switching.switcher import Switcher, SwitchRequest, SwitchSuperseded, raise_if_refused
from .account_signals import AccountSignals
from .attribution import attribute
from .policy import SwitchPolicy
from .resume_queue import ResumeQueue, ResumerProtocol
from .state import FailoverState

log = logging.getLogger(__name__)

#: Seconds between two rounds in which nothing happens: how soon a flip by hand is seen.
TICK = 1.0

_HISTORY = 10000


class FailoverController:
    """The one place from which a switch is made.

    ``resume_queue`` is the sessions that are limited, ``testimony`` what takes in what sessions say besides limits.

    Args:
        config: the configuration.
        store: what is durable.
        carry_over: see `ResumerProtocol`.
        newest_turn: the newest turn of a session by its name, as the transcript has it; None when that cannot be
            read.
        all_idle: whether every session is idle.
        on_record: called with the record of each switch once it is in the log.
        now: the current time.
        switcher: one that is already made, for tests.
    """

    def __init__(
        self,
        config: ConfigHolder,
        store: Store,
        resumer: ResumerProtocol,
        *,
        newest_turn: Callable[[str], Evidence | None] = lambda _session: None,
        all_idle: Callable[[], bool] = lambda: False,
        on_record: Callable[[Record], None] = lambda _record: None,
        now: Callable[[], datetime] = clock.now,
        switcher: Switcher | None = None,
    ) -> None:
        self.switcher = switcher or Switcher(config, store, Exhaustion(store), Logins(store), Usage(store), now=now)
        history = self.switcher.history(_HISTORY)
        self._last = next((row for row in history if row["outcome"] == "switched"), None)
        self._config = config
        self._availability = availability = self.switcher.availability
        self._state = state = FailoverState(store)
        flip_log = self.switcher.flip_log
        self._records = OpenRecords(self.switcher.journal, on_record)
        self.resume_queue = ResumeQueue(state, resumer, flip_log, self._records, wake=self._wake_up, now=now)
        self.account_signals = AccountSignals(config, availability, flip_log, now=now)
        self._policy = SwitchPolicy(
            config,
            state,
            availability,
            flip_log,
            self.resume_queue,
            self._records,
            newest_turn=newest_turn,
            all_idle=all_idle,
            now=now,
        )
        self._now = now
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        config.subscribe(self._on_config_replaced)

    # -- the daemon's side -------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Finish or undo what a crash interrupted. To be called after the active link was seen to, before any
        session is started. Raises OSError."""
        record = await self.switcher.recover()
        if record is not None:
            self._after(record)
            self._policy.clear_retry_delay()  # what was undone is done now, and not after a pause
        self._records.restore()

    def start(self) -> None:
        """Begin to judge, in a task of its own. Needs a running event loop."""
        self._task = asyncio.ensure_future(self.run())

    async def stop(self) -> None:
        """End; what is under way is on the disk, and goes on at the next start."""
        tasks = [*([self._task] if self._task else []), *self.resume_queue.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_config_replaced(self) -> None:
        self._policy.force_account_check()
        self._wake_up()

    async def run(self) -> None:
        """Judge again and again, until cancelled."""
        while True:
            try:
                await self.run_round()
            except OSError as error:
                log.error("failover: %s; it is tried again", error)
            except Exception:  # a bug must not end the failover for good: the next round sees what is the case
                log.exception("failover: a bug; it is tried again")
            wake = self._event()
            try:
                await asyncio.wait_for(wake.wait(), self._pause())
            except asyncio.TimeoutError:
                pass
            wake.clear()

    def _event(self) -> asyncio.Event:
        if self._wake is None:
            self._wake = asyncio.Event()
        return self._wake

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def _pause(self) -> float:
        now = self._now()
        delays = [(moment - now).total_seconds() for moment in self._policy.moments()]
        delays += self._records.close_delays()  # what is over waits for a carry-over to end, which wakes
        return min([TICK, *[max(0.01, delay) for delay in delays if delay > 0]])

    # -- what comes in -----------------------------------------------------------------------------------------

    def record_evidence(self, evidence: Evidence) -> None:
        """Take in a sighting of a limit. It is on the disk when this returns; it is judged by the next round."""
        if evidence.verdict.limited:
            with self._state.update():
                self._state.unattributed.append(evidence)
            self._wake_up()

    def on_turn(self, event: TurnEvent) -> None:
        """Take note of a turn: at the end of one there can be a switch before the limit is hit."""
        if event.kind == "stop":
            self._policy.turn_ended = True
            self._wake_up()

    # -- a switch by hand --------------------------------------------------------------------------------------

    async def switch(
        self, account: str | None = None, reason: str | None = None, dry_run: bool = False, force: bool = False
    ) -> Record:
        """Switch by hand; returns the record. Raises Refused when it was not done, UsageError for a wrong name."""
        note = f"by hand: {reason}" if reason else "by hand"
        request = SwitchRequest("manual", account, dry_run=dry_run, force=force, note=note)
        record = await self.switcher.switch(request)
        if not dry_run:
            self._after(record)
            self._wake_up()
        return raise_if_refused(record)

    def logged(self) -> list[Record]:
        """Return the records in the log, newest first."""
        return self.switcher.journal.logged(_HISTORY)

    def history(self, limit: int = 20) -> list[Record]:
        """Return up to ``limit`` records, newest first. Raises UsageError for a limit below one."""
        if limit < 1:
            raise UsageError(f"limit: found {limit}, expected 1 or more")
        return self.switcher.history(limit)

    # -- what is -----------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return the keys of ``status --json`` that are the failover's: ``cooldown_until``, ``switching``,
        ``suspended`` (why, or null) and ``last_switch``."""
        until = self._state.cooldown_until
        return {
            "cooldown_until": clock.optional_iso(until) if until is not None and until > self._now() else None,
            "switching": self.switcher.switching,
            "suspended": self.switcher.link_monitor.suspended,
            "last_switch": self._last,
        }

    def account_status(self, account: Account) -> dict[str, Any]:
        """Return the keys of an account's row of the status that are the failover's."""
        return {
            "login": self._availability.logins.state(account),
            "exhausted": self._availability.exhaustion.status_rows(account.name, self._now()),
            "used_percent": self._availability.usage.percent(account.name, self._now()),
        }

    # -- a round -----------------------------------------------------------------------------------------------

    async def run_round(self) -> None:
        """Look at everything once, and do what is to be done now. Raises OSError."""
        moved = await self.switcher.observe()
        if moved is not None:
            self._after(moved)
        self._take_in()
        if self.switcher.link_monitor.suspended is None:
            active = self._availability.active()
            if active is not None:
                request = self._policy.decide(active)
                if request is not None:
                    await self._switch(active, request)
        self._records.close_due(self.resume_queue.at_work, self.resume_queue.unfinished())

    def _take_in(self) -> None:
        """Blame what was noticed, and note whose limit it is. Raises OSError; then the rest waits for its turn."""
        if not self._state.unattributed:
            return
        with self._state.update():
            while self._state.unattributed:
                evidence = self._state.unattributed[0]
                try:
                    self._take(evidence)
                except OSError:  # a full disk: the evidence is attributed in the next round
                    raise
                except Exception:
                    log.exception("session %s: a sighting could not be judged, and is passed over", evidence.session)
                del self._state.unattributed[0]

    def _take(self, evidence: Evidence) -> None:
        now, verdict = self._now(), evidence.verdict
        found = attribute(
            evidence,
            self.switcher.flip_log.all(),
            self._availability.active(),
            self._config.current.active_link,
            self._config.current.accounts,
            self._availability.exhaustion,
        )
        log.info(
            "session %s: %s limit seen by %s (%s), resets %s; account %s: %s",
            evidence.session,
            verdict.limit,
            evidence.source,
            verdict.rule,
            clock.optional_iso(verdict.resets_at),
            found.account or "not known",
            found.why,
        )
        if found.account is not None:
            until, known = reset_of(
                verdict, evidence.at, evidence.request_at, self._config.current.failover.unknown_reset_wait
            )
            limit = verdict.limit or "unknown"
            if until > now and self._availability.exhaustion.record(found.account, limit, until, now=now, known=known):
                log.warning("account %s is out of usage (%s) until %s", found.account, limit, clock.iso(until))
        if found.follows:
            self.resume_queue.add(evidence, found.account)

    async def _switch(self, active: str, request: SwitchRequest) -> None:
        """Make the automatic switch that is due. What another one has overtaken is judged again. Raises OSError."""
        try:
            record = await self.switcher.switch(request)
        except SwitchSuperseded as error:
            log.info("no switch (%s): %s", request.reason, error)
        else:
            self._after(record)
            if request.trigger is not None and record["outcome"] == "stayed":
                self._policy.wait(active, request.trigger.verdict.limit)
        if request.trigger is not None:
            self._wake_up()

    def _after(self, record: Record) -> None:
        """Draw the consequences of a switch that was made or not. Its record stays open as long as there are
        sessions to be carried over."""
        self._records.on_opened(record)
        self._policy.after(record)
        if record["outcome"] == "switched":
            self._last = record
            self.resume_queue.mark_pending()
            if self.resume_queue.limited():
                return
        self._records.close(record)
