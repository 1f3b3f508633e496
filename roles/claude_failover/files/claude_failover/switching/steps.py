# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a switch, each journaled before it runs.

`STEPS` is the procedure. Where the link leads after a crash decides whether the next start finishes or undoes the
switch (see `recovery`).
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..accounts.active_link import describe_active, point_active, read_active
from ..accounts.exhaustion import Exhaustion
from ..accounts.logins import Logins
from ..accounts.shared_links import ensure_links
from ..claude import refresh_lock
from ..claude.credentials import touch_credentials
from ..common.errors import FailoverError, Refused
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..config.model import Account
from .flip_log import Flip, FlipLog
from .journal import Journal, JournalEntry
from .link_monitor import ActiveLinkMonitor
from .record import Record, new_record

log = logging.getLogger(__name__)

#: A target whose links were wrong right after a flip is banned this long.
BAN_DURATION = timedelta(minutes=15)

#: The journal's name for flipping back, which is none of `STEPS`.
ROLL_BACK = "back"

# Seconds that a flip back waits for a token refresh in the target; not long, since the links there are wrong.
_ROLL_BACK_LOCK_BOUND = 5.0


@dataclass
class SwitchInProgress:
    """One switch in progress. ``started`` is the time.monotonic() of ``began``."""

    entry: JournalEntry
    began: datetime
    started: float
    origin: Account | None
    target: Account
    force: bool = False
    flipped: bool = False


class _SwitchAborted(Exception):
    """A step ends the switch with this outcome."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


class _LinkMoved(Exception):
    """The link was changed outside the daemon during the switch."""


@dataclass(frozen=True)
class SwitchStep:
    """One step of a switch: its name in the journal, and its method."""

    name: str
    run: Callable[[SwitchProcedure, SwitchInProgress], Awaitable[None]]


class SwitchProcedure:
    """Runs the steps of a switch, one switch at a time."""

    def __init__(
        self,
        config: ConfigHolder,
        link_monitor: ActiveLinkMonitor,
        flip_log: FlipLog,
        journal: Journal,
        exhaustion: Exhaustion,
        logins: Logins,
        *,
        now: Callable[[], datetime],
        lock_bound: float,
    ) -> None:
        self._config = config
        self._link_monitor = link_monitor
        self._flip_log = flip_log
        self._journal = journal
        self._exhaustion = exhaustion
        self._logins = logins
        self._now = now
        self._lock_bound = lock_bound

    def checkpoint(self, moment: str, step: str) -> None:
        """Do nothing. Tests replace it, to end the process at ``begin`` or ``end`` of a step."""

    async def run(self, switch: SwitchInProgress, steps: Sequence[SwitchStep]) -> Record:
        """Run the steps; returns the record, which is in the journal too.

        When the link was changed by hand meanwhile it stays as it is, and that change is recorded.
        """
        try:
            for step in steps:
                switch.entry = dataclasses.replace(switch.entry, step=step.name)
                await self._run_step(step, switch)
        except _LinkMoved:
            return await self._keep_external_change(switch)
        except _SwitchAborted as abort:
            return self.finish(switch, abort.outcome, abort.detail)
        except (FailoverError, OSError) as error:
            return self.finish(switch, "failed", str(error))
        record = self.finish(switch, "switched", switch.entry.detail)
        self.checkpoint("end", "record")
        return record

    async def roll_back(self, switch: SwitchInProgress, why: str) -> str:
        """Flip back to the origin and ban the target; returns the detail for the record, also when that failed."""
        try:
            switch.entry = dataclasses.replace(switch.entry, step=ROLL_BACK, detail=why)
            self._journal.begin_step(switch.entry)
            self.checkpoint("begin", ROLL_BACK)
            self._exhaustion.ban(switch.target.name, why, self._now() + BAN_DURATION, now=self._now())
            await refresh_lock.wait_unlocked([switch.target.home], time.monotonic() + _ROLL_BACK_LOCK_BOUND)
            if switch.origin is None or not self._is_configured(switch.origin):
                raise Refused(f"the account {switch.entry.origin} is not configured any more")
            link = read_active(self._config.current.active_link, self._config.current.accounts)
            if link.kind == "unreadable":
                raise Refused(describe_active(self._config.current.active_link, link, self._config.current.accounts))
            if link.account is not None and link.account.name == switch.target.name:
                point_active(self._config.current.active_link, switch.origin)
                if self._flip_log.linked_account != switch.origin.name:
                    self._flip_log.add(Flip(self._now(), switch.target.name, switch.origin.name, "failed"))
                self.touch(switch.origin)
            self.checkpoint("end", ROLL_BACK)
        except (FailoverError, OSError) as error:
            return f"It could not be flipped back: {error}. {why}"
        return f"flipped back to {switch.origin.name}: {why}"

    def touch(self, account: Account) -> None:
        """Touch the account's credentials, so that running sessions read them again."""
        try:
            touch_credentials(account.home)
            self._logins.update_stamp(account)
        except OSError as error:
            log.error(
                "the times of the credentials of %s could not be set: %s",
                account.name,
                error,
                extra=log_fields(account=account.name),
            )

    def finish(self, switch: SwitchInProgress, outcome: str, detail: str) -> Record:
        """End the switch in the journal; returns its record."""
        entry = switch.entry
        record = new_record(
            entry.reason,
            switch.began,
            origin=entry.origin,
            target=entry.target,
            outcome=outcome,
            detail=detail,
            trigger=entry.trigger,
            record_id=entry.id,
        )
        record["seconds"] = round(time.monotonic() - switch.started, 3)
        self._journal.add_record(record)
        return record

    async def _run_step(self, step: SwitchStep, switch: SwitchInProgress) -> None:
        """Journal one step and run it. After the flip an OSError ends nothing: the switch has been made."""
        try:
            self._journal.begin_step(switch.entry)
            self.checkpoint("begin", step.name)
            await step.run(self, switch)
            self.checkpoint("end", step.name)
        except OSError as error:
            if not switch.flipped:
                raise
            log.error(
                "switch %s, step %s: %s; the switch is continued",
                switch.entry.id,
                step.name,
                error,
                extra=log_fields(account=switch.target.name, switch_id=switch.entry.id),
            )

    async def _keep_external_change(self, switch: SwitchInProgress) -> Record:
        """End the switch before its flip: the link was changed by hand, or cannot be read any more."""
        external = await self._link_monitor.observe()
        if external is not None and switch.entry.reason != "manual":
            return external
        by_hand = "the active link was flipped by hand meanwhile, and is kept so"
        return self.finish(switch, "refused", self._link_monitor.suspended or by_hand)

    # -- the steps ---------------------------------------------------------------------------------------------

    def _is_configured(self, account: Account) -> bool:
        """Return whether an account, with that home, is still in the configuration, which a reload can have changed."""
        known = self._config.current.account(account.name)
        return known is not None and known.home == account.home

    def _homes(self, switch: SwitchInProgress) -> list[str]:
        return [account.home for account in (switch.origin, switch.target) if account is not None]

    async def _prepare(self, switch: SwitchInProgress) -> None:
        """Ensure the target's shared links before anything changes."""
        problem = ensure_links(switch.target, self._config.current)
        if problem is not None:
            raise _SwitchAborted("refused", f"the shared links of {switch.target.name} are not right: {problem}")

    async def _wait(self, switch: SwitchInProgress) -> None:
        """Wait until no login is being refreshed in either home."""
        home = await refresh_lock.wait_unlocked(self._homes(switch), switch.started + self._lock_bound)
        if home is not None:
            raise _SwitchAborted(
                "refused",
                f"a login is being refreshed in {home} ({refresh_lock.LOCK}), and was for {self._lock_bound:g} s. "
                "A flip now could lose that login",
            )

    async def _flip(self, switch: SwitchInProgress) -> None:
        """Replace the link; check it and the refresh locks right before, and the locks again right after."""
        path = self._config.current.active_link
        while True:
            await self._wait(switch)
            link = read_active(path, self._config.current.accounts)
            if link.account is None or switch.origin is None or link.account.name != switch.origin.name:
                raise _LinkMoved
            if refresh_lock.locked_home(self._homes(switch)) is not None:
                continue
            if not self._is_configured(switch.target):
                raise _SwitchAborted("refused", f"{switch.target.name} was taken out of the configuration meanwhile")
            point_active(path, switch.target)
            switch.flipped, at = True, self._now()
            # Through the link a new lock is made in the target: a lock in the origin is from before the flip.
            if not refresh_lock.is_locked(switch.origin.home):
                break
            point_active(path, switch.origin)
            switch.flipped = False
            log.info(
                "switch %s: a token refresh began in %s just before the flip: flipped back; waiting",
                switch.entry.id,
                switch.origin.home,
                extra=log_fields(account=switch.origin.name, switch_id=switch.entry.id),
            )
        self._flip_log.add(Flip(at, switch.entry.origin, switch.entry.target, switch.entry.reason))

    async def _touch(self, switch: SwitchInProgress) -> None:
        """Touch the target's credentials."""
        self.touch(switch.target)

    async def _verify(self, switch: SwitchInProgress) -> None:
        """Check the target's links again, now that sessions write there; roll back when they are wrong."""
        problem = ensure_links(switch.target, self._config.current)
        if problem is not None:
            why = f"after the flip the shared links of {switch.target.name} are not right: {problem}"
            raise _SwitchAborted("failed", await self.roll_back(switch, why))

    async def _clear_limits(self, switch: SwitchInProgress) -> None:
        """Clear the target's recorded limits after ``--force``."""
        if switch.force:
            self._exhaustion.clear(switch.target.name, now=self._now())


#: The steps in order. After a crash after the flip the next start runs the steps after ``flip``.
STEPS: tuple[SwitchStep, ...] = (
    SwitchStep("prepare", SwitchProcedure._prepare),
    SwitchStep("wait", SwitchProcedure._wait),
    SwitchStep("flip", SwitchProcedure._flip),
    SwitchStep("touch", SwitchProcedure._touch),
    SwitchStep("verify", SwitchProcedure._verify),
    SwitchStep("settle", SwitchProcedure._clear_limits),
)
