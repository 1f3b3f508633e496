# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch the active link to another account on request, one switch at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ..accounts.account_labels import AccountLabels
from ..accounts.active_link import describe_active, read_active
from ..accounts.availability import AccountAvailability
from ..accounts.exhaustion import Exhaustion
from ..accounts.identities import Identities
from ..accounts.logins import Logins
from ..accounts.selection import Selection
from ..accounts.shared_identity import SharedIdentity
from ..accounts.usage import Usage
from ..claude import refresh_lock
from ..common import clock
from ..common.errors import FailoverError, Refused, UsageError
from ..common.suggestions import did_you_mean
from ..config.holder import ConfigHolder
from ..limits.evidence import Evidence
from ..storage.store import Store
from .flip_log import FlipLog
from .journal import Journal, JournalEntry
from .link_monitor import REREAD_DELAY, ActiveLinkMonitor
from .record import Record, new_id, new_record
from .recovery import SwitchRecovery
from .steps import STEPS, SwitchInProgress, SwitchProcedure


@dataclass(frozen=True)
class SwitchRequest:
    """A request to switch.

    ``reason`` is one of `record.REASONS`; ``target`` an account's name, None to select one; ``trigger`` the evidence
    that leads to the switch; ``expected`` the account that was active when the switch was decided (None: any);
    ``note`` is put before the record's detail; ``force``, ``clean`` and ``below`` as in `select_account`.
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
    """Another switch was made while this one waited: it has to be decided again."""


class Switcher:
    """The only writer of the active link; ``switching`` is true while a switch is in progress.

    ``shared_identity`` writes who is active, where the homes share the file that says so.

    Args:
        config: the configuration.
        store: where the flip log and the journal are stored.
        exhaustion: the accounts' limits and bans.
        logins: the rejected logins.
        usage: the accounts' usage.
        now: the current time.
        lock_bound: seconds to wait for a login that is being refreshed.
        reread_delay: seconds before a missing link is read again.
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
        reread_delay: float = REREAD_DELAY,
    ) -> None:
        self.flip_log = FlipLog(store)
        self.journal = Journal(store)
        identities = Identities(store)
        self.availability = AccountAvailability(config, exhaustion, logins, usage, identities, now=now)
        self.shared_identity = SharedIdentity(config, identities, store.unsaved)
        self.flip_log.on_flip.append(lambda flip: self.shared_identity.on_flip(flip.origin))
        self.link_monitor = ActiveLinkMonitor(config, self.flip_log, self.journal, now=now, reread_delay=reread_delay)
        self.procedure = SwitchProcedure(
            config, self.link_monitor, self.flip_log, self.journal, exhaustion, logins, now=now, lock_bound=lock_bound
        )
        self.switching = False
        self._config = config
        self._now = now
        self._lock: asyncio.Lock | None = None

    def history(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records, newest first, open ones included."""
        return self.journal.history(limit)

    async def observe(self) -> Record | None:
        """Run `ActiveLinkMonitor.observe` between two switches; returns the record of an external change, or None."""
        async with self._switch_lock():
            return await self.link_monitor.observe()

    async def recover(self) -> Record | None:
        """Recover the switch that a crash interrupted, then detect a change of the link made while no daemon ran.

        Returns the record of the change, else that of the interrupted switch, else None. Raises OSError.
        """
        async with self._switch_lock():
            entry, record = self.journal.entry, None
            if entry is not None:
                recovery = SwitchRecovery(self._config, self.link_monitor, self.flip_log, self.procedure)
                record = await recovery.recover(entry)
            unstored = "; found at the start: it may be a switch that could not be stored"
            found = await self.link_monitor.observe(unstored) or record
            self.shared_identity.on_start()
            return found

    async def switch(self, request: SwitchRequest) -> Record:
        """Switch, or record why not; returns the record, which is in the journal too.

        A dry run returns the record that a switch would have, with ``candidates`` and ``dry_run``, and changes nothing.
        An automatic request that finds the link changed by hand returns the record of that change: the switch has to
        be decided again.

        Raises UsageError for an unknown account; SwitchSuperseded when another account than ``expected`` is active.
        """
        if request.target is not None:
            request = replace(request, target=self._account_name(request.target))
        if request.dry_run:
            return self._preview(request)  # changes nothing, so it need not wait for a switch in progress
        async with self._switch_lock():
            external = await self.link_monitor.observe()
            if external is not None and request.reason != "manual":
                return external
            if request.expected is not None and request.expected != self.availability.active():
                raise SwitchSuperseded(f"{request.expected} is not the active account any more")
            self.switching = True
            try:
                return await self._switch(request)
            finally:
                self.switching = False

    def _account_name(self, word: str) -> str:
        """Return the account that is called so, or has this label. Raises UsageError."""
        names = [account.name for account in self._config.current.accounts]
        labels = AccountLabels(names)
        name = labels.name_of(word)
        if name is None:
            raise UsageError(
                f"there is no account {word!r}; configured are {labels.in_words()}{did_you_mean(word, names)}"
            )
        return name

    def _switch_lock(self) -> asyncio.Lock:
        if (
            self._lock is None
        ):  # not in __init__: Python 3.9 binds a lock to the loop that is current when it is created
            self._lock = asyncio.Lock()
        return self._lock

    def _resolve(self, request: SwitchRequest) -> tuple[str | None, str, str, Selection | None]:
        """Return the active account, the outcome (``switched`` when a switch is due), its reason, and the selection."""
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
        selection = self.availability.select(
            limit, only=request.target, force=request.force, clean=request.clean, below=request.below
        )
        if selection.target is not None:
            return active, "switched", f"{selection.target}: {selection.reason_of(selection.target)}", selection
        if request.target is not None:
            why = f"{request.target}: {selection.reason_of(request.target)}"
            if any(each.forceable for each in selection.candidates if each.account == request.target):
                why += ". To switch all the same: --force"
            return active, "refused", why, selection
        until = self.availability.usable_from(limit)
        when = f"the first one can be used at {clock.wall_iso(until)}" if until else "none of them will be by waiting"
        outcome = "refused" if request.reason == "manual" else "stayed"
        return active, outcome, f"no other account can be used, {when}: {selection.text()}", selection

    def _preview(self, request: SwitchRequest) -> Record:
        active, outcome, detail, selection = self._resolve(request)
        target = selection.target if selection is not None else None
        if outcome == "switched" and selection is not None:
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
        record["candidates"] = [row.to_json() for row in selection.candidates] if selection is not None else []
        return record

    async def _switch(self, request: SwitchRequest) -> Record:
        began, started = self._now(), time.monotonic()
        active, outcome, detail, selection = self._resolve(request)
        if request.note:
            detail = f"{request.note}; {detail}"
        target = self._config.current.account(selection.target) if selection is not None and selection.target else None
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
            self.journal.add_record(record)
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


def raise_if_refused(record: Record) -> Record:
    """Return the record of a switch by hand; raise Refused when the switch was refused or failed."""
    if record["outcome"] in ("refused", "failed") and not record.get("dry_run"):
        raise Refused(f"{record['outcome']}: {record['detail']}")
    return record
