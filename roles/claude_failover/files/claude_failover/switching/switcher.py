# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves the active link from one account to another, when asked to and when it may: one switch at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..accounts.active_link import describe_active, read_active
from ..accounts.availability import AccountAvailability
from ..accounts.exhaustion import Exhaustion
from ..accounts.logins import Logins
from ..accounts.selection import Selection
from ..accounts.usage import Usage
from ..claude import refresh_lock
from ..common import clock
from ..common.errors import FailoverError, Refused, UsageError
from ..config.holder import ConfigHolder
from ..limits.evidence import Evidence
from ..storage.store import Store
from .flip_log import FlipLog
from .journal import Journal, JournalEntry
from .link_monitor import LOOK_AGAIN, ActiveLinkMonitor
from .record import Record, new_id, new_record
from .recovery import SwitchRecovery
from .steps import STEPS, SwitchInProgress, SwitchProcedure


@dataclass(frozen=True)
class SwitchRequest:
    """What is asked for.

    ``reason`` is one of `switch_record.REASONS`; ``target`` an account's name, None to choose one; ``trigger`` the
    evidence that leads to it; ``expected`` the account that was active when it was judged so (None: any); ``note`` the
    operator's words; ``clean`` and ``below`` as in `choice.choose`.
    """

    reason: str
    target: str | None = None
    trigger: Evidence | None = None
    dry_run: bool = False
    force: bool = False
    note: str = ""
    expected: str | None = None
    clean: bool = False
    below: float | None = None


class SwitchSuperseded(FailoverError):
    """Another switch was made while this one waited for its turn: what led to it has to be judged again."""


class Switcher:
    """The only thing that moves the active link.

    ``standings`` is what is known of every account, ``watch`` what others do to the link, ``procedure`` what a switch
    does; ``switching`` tells whether one is under way.
    """

    def __init__(
        self,
        config: ConfigHolder,
        store: Store,
        exhaustion: Exhaustion,
        logins: Logins,
        usage: Usage,
        *,
        now: Callable[[], datetime] = clock.now,
        lock_bound: float = refresh_lock.BOUND,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self.flip_log = FlipLog(store)
        self.journal = Journal(store)
        self.availability = AccountAvailability(config, exhaustion, logins, usage, now=now)
        self.link_monitor = ActiveLinkMonitor(config, self.flip_log, self.journal, now=now, look_again=look_again)
        self.procedure = SwitchProcedure(
            config, self.link_monitor, self.flip_log, self.journal, exhaustion, logins, now=now, lock_bound=lock_bound
        )
        self.switching = False
        self._config = config
        self._now = now
        self._turn: asyncio.Lock | None = None

    def history(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records, newest first; the one whose sessions are still carried over as it is."""
        return self.journal.history(limit)

    async def observe(self) -> Record | None:
        """Run `ActiveLinkMonitor.observe` between two switches; returns the record of a flip by hand, if there was one.

        Raises OSError.
        """
        async with self._one_at_a_time():
            return await self.link_monitor.observe()

    async def recover(self) -> Record | None:
        """Finish, undo or keep what a crash interrupted, by where the link leads now; and see whether it was
        flipped by hand while nobody looked. Returns the record of the interrupted switch, or of that flip.

        Raises OSError.
        """
        async with self._one_at_a_time():
            entry, record = self.journal.entry, None
            if entry is not None:
                recovery = SwitchRecovery(self._config, self.link_monitor, self.flip_log, self.procedure)
                record = await recovery.resume(entry)
            return await self.link_monitor.observe() or record

    async def switch(self, request: SwitchRequest) -> Record:
        """Switch, or say why not; returns the record, which `history` and then the log have too.

        A dry run returns the record that there would be, with ``candidates`` and ``dry_run``, and changes nothing.
        For an automatic request that finds the link flipped by hand, that flip's record is returned: what led to
        the request has to be judged again. Raises UsageError for an unknown account; Overtaken when another account
        than ``expected`` is active; OSError when nothing can be written down, after which nothing was done.
        """
        if request.target is not None and self._config.current.account(request.target) is None:
            names = ", ".join(account.name for account in self._config.current.accounts)
            raise UsageError(f"there is no account {request.target!r}; configured are {names}")
        if request.dry_run:
            return self._preview(request)  # it changes nothing, and so waits for nothing
        async with self._one_at_a_time():
            moved = await self.link_monitor.observe()
            if moved is not None and request.reason != "manual":
                return moved
            if request.expected is not None and request.expected != self.availability.active():
                raise SwitchSuperseded(f"{request.expected} is not the active account any more")
            self.switching = True
            try:
                return await self._switch(request)
            finally:
                self.switching = False

    def _one_at_a_time(self) -> asyncio.Lock:
        if self._turn is None:  # made here, and not in __init__: Python 3.9 ties a lock to the loop at its making
            self._turn = asyncio.Lock()
        return self._turn

    def _decide(self, request: SwitchRequest) -> tuple[str | None, str, str, Selection | None]:
        """Return the active account, and the outcome that is already certain, or ``switched``, with its reason."""
        active = self.availability.active()
        limit = request.trigger.verdict.limit if request.trigger is not None else None
        if active is None:
            link = read_active(self._config.current.active_link, self._config.current.accounts)
            return (
                None,
                "refused",
                describe_active(self._config.current.active_link, link, self._config.current.accounts),
                None,
            )
        if request.target == active:
            return active, "stayed", f"{active} is the active account already", None
        choice = self.availability.choice(
            limit, only=request.target, force=request.force, clean=request.clean, below=request.below
        )
        if choice.target is not None:
            return active, "switched", f"{choice.target}: {choice.reason_of(choice.target)}", choice
        if request.target is not None:
            why = f"{request.target}: {choice.reason_of(request.target)}"
            if "exhausted" in why or "barred" in why:
                why += ". To switch all the same: --force"
            return active, "refused", why, choice
        until = self.availability.usable_from(limit)
        when = f"the first one can be used at {clock.iso(until)}" if until else "none of them will be by waiting"
        outcome = "refused" if request.reason == "manual" else "stayed"
        return active, outcome, f"no other account can be used, {when}: {choice.text()}", choice

    def _preview(self, request: SwitchRequest) -> Record:
        active, outcome, detail, choice = self._decide(request)
        target = choice.target if choice is not None else None
        if outcome == "switched" and choice is not None:
            home = refresh_lock.locked_home(
                [account.home for account in self._config.current.accounts if account.name in (active, target)]
            )
            if home is not None:
                detail += f"; a login is being refreshed in {home}, which would be waited for"
        target = target or (active if outcome == "stayed" else request.target)
        record = new_record(
            request.reason,
            self._now(),
            origin=active,
            target=target,
            outcome=outcome,
            detail=detail,
            trigger=request.trigger,
        )
        record["dry_run"] = True
        record["candidates"] = [row.to_json() for row in choice.candidates] if choice is not None else []
        return record

    async def _switch(self, request: SwitchRequest) -> Record:
        began, started = self._now(), time.monotonic()
        active, outcome, detail, choice = self._decide(request)
        if request.note:
            detail = f"{request.note}; {detail}"
        target = self._config.current.account(choice.target) if choice is not None and choice.target else None
        if outcome != "switched" or target is None or active is None:
            record = new_record(
                request.reason,
                began,
                origin=active,
                target=active if outcome == "stayed" else request.target,
                outcome=outcome,
                detail=detail,
                trigger=request.trigger,
            )
            record["seconds"] = round(time.monotonic() - started, 3)
            self.journal.end(record)
            return record
        switch = SwitchInProgress(
            JournalEntry(
                new_id(), clock.iso(began), request.reason, active, target.name, "begin", detail, request.trigger
            ),
            began,
            started,
            self._config.current.account(active),
            target,
            request.force,
        )
        return await self.procedure.run(switch, STEPS)


def refused_for_operator(record: Record) -> Record:
    """Return the record of a switch by hand, or raise Refused when it was refused or failed."""
    if record["outcome"] in ("refused", "failed") and not record.get("dry_run"):
        raise Refused(f"{record['outcome']}: {record['detail']}")
    return record
