# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one switch does, step by step, each written down before it is done.

`STEPS` is the procedure. Before each step its name is on the disk; what the next start makes of a switch that a
crash interrupted is decided by where the link then leads (see `switch_recovery`).
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
from ..accounts.shared_links import wrong_links
from ..claude import refresh_lock
from ..claude.credentials import touch_credentials
from ..common.errors import FailoverError, Refused
from ..config.holder import ConfigHolder
from ..config.model import Account
from .flip_log import Flip, FlipLog
from .journal import Journal, JournalEntry
from .link_monitor import ActiveLinkMonitor
from .record import Record, new_record

log = logging.getLogger(__name__)

#: How long a target whose links failed right after a flip is not chosen again.
BAN = timedelta(minutes=15)

#: The step of a flip back, which is none of `STEPS`.
BACK = "back"

# Seconds that a flip back waits for a refresh in the target; the links there are wrong, so not for long.
_BACK_BOUND = 5.0


@dataclass
class SwitchInProgress:
    """One switch under way. ``clock`` is the time.monotonic() of its beginning."""

    entry: JournalEntry
    began: datetime
    clock: float
    origin: Account | None
    target: Account
    force: bool = False
    flipped: bool = False


class _SwitchEnded(Exception):
    """The switch ends here, with this outcome, and the link where it was."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


class _LinkMoved(Exception):
    """Somebody else has flipped the link."""


@dataclass(frozen=True)
class SwitchStep:
    """One step of a switch: its name in the journal, and what it does."""

    name: str
    run: Callable[[SwitchProcedure, SwitchInProgress], Awaitable[None]]


class SwitchProcedure:
    """Goes through the steps of a switch, one switch at a time. ``config`` may be replaced at any time."""

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
        """Do nothing. Tests stand in for this, and end the process at ``begin`` or ``end`` of a step."""

    async def run(self, switch: SwitchInProgress, steps: Sequence[SwitchStep]) -> Record:
        """Do the steps; returns the record of how the switch ended, which the journal has too.

        When the link turns out to have been flipped by hand meanwhile, that stays so, and is what is recorded.
        """
        try:
            for step in steps:
                switch.entry = dataclasses.replace(switch.entry, step=step.name)
                await self._do(step, switch)
        except _LinkMoved:
            return await self._overtaken(switch)
        except _SwitchEnded as end:
            return self.ended(switch, end.outcome, end.detail)
        except (FailoverError, OSError) as error:
            return self.ended(switch, "failed", str(error))
        record = self.ended(switch, "switched", switch.entry.detail)
        self.checkpoint("end", "record")
        return record

    async def roll_back(self, switch: SwitchInProgress, why: str) -> str:
        """Flip back, and keep the target from being chosen again. The switch has failed, whether that succeeds or
        not; returns what to say of it."""
        try:
            switch.entry = dataclasses.replace(switch.entry, step=BACK, detail=why)
            self._journal.step(switch.entry)
            self.checkpoint("begin", BACK)
            self._exhaustion.ban(switch.target.name, why, self._now() + BAN, now=self._now())
            if switch.origin is None:
                raise Refused(f"the account {switch.entry.origin} is not configured any more")
            await refresh_lock.wait_unlocked([switch.target.home], time.monotonic() + _BACK_BOUND)
            link = read_active(self._config.current.active_link, self._config.current.accounts)
            if link.kind == "unreadable":
                raise Refused(describe_active(self._config.current.active_link, link, self._config.current.accounts))
            if link.account is not None and link.account.name == switch.target.name:
                point_active(self._config.current.active_link, switch.origin)
                if self._flip_log.known != switch.origin.name:
                    self._flip_log.add(Flip(self._now(), switch.target.name, switch.origin.name, "failed"))
                self.touch(switch.origin)
            self.checkpoint("end", BACK)
        except (FailoverError, OSError) as error:
            return f"It could not be flipped back: {error}. {why}"
        return f"flipped back to {switch.origin.name}: {why}"

    def touch(self, account: Account) -> None:
        """Make the running sessions see that the credentials are others: those of this account."""
        try:
            touch_credentials(account.home)
            self._logins.touched(account)
        except OSError as error:
            log.error("the times of the credentials of %s could not be set: %s", account.name, error)

    def ended(self, switch: SwitchInProgress, outcome: str, detail: str) -> Record:
        """Put down that the switch is over; returns its record."""
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
        record["seconds"] = round(time.monotonic() - switch.clock, 3)
        self._journal.end(record)
        return record

    async def _do(self, step: SwitchStep, switch: SwitchInProgress) -> None:
        """Write down one step, and do it. Once the link has moved, nothing that cannot be written stops the rest:
        the next start would finish it all the same."""
        try:
            self._journal.step(switch.entry)
            self.checkpoint("begin", step.name)
            await step.run(self, switch)
            self.checkpoint("end", step.name)
        except OSError as error:
            if not switch.flipped:
                raise
            log.error("switch %s, step %s: %s; the switch goes on", switch.entry.id, step.name, error)

    async def _overtaken(self, switch: SwitchInProgress) -> Record:
        """The link was flipped by hand while we were about to, or cannot be looked at any more: keep it, and tell."""
        external = await self._link_monitor.observe()
        if external is not None and switch.entry.reason != "manual":
            return external
        by_hand = "the active link was flipped by hand meanwhile, and is kept so"
        return self.ended(switch, "refused", self._link_monitor.suspended or by_hand)

    # -- the steps ---------------------------------------------------------------------------------------------

    def _homes(self, switch: SwitchInProgress) -> list[str]:
        return [account.home for account in (switch.origin, switch.target) if account is not None]

    async def _prepare(self, switch: SwitchInProgress) -> None:
        """The target's links, before anything moves."""
        wrong = wrong_links(switch.target, self._config.current)
        if wrong is not None:
            raise _SwitchEnded("refused", f"the shared links of {switch.target.name} are not right: {wrong}")

    async def _wait(self, switch: SwitchInProgress) -> None:
        """No flip while a login is being refreshed in either home."""
        home = await refresh_lock.wait_unlocked(self._homes(switch), switch.clock + self._lock_bound)
        if home is not None:
            raise _SwitchEnded(
                "refused",
                f"a login is being refreshed in {home} ({refresh_lock.LOCK}), and was for {self._lock_bound:g} s. "
                "To flip now could cost that login",
            )

    async def _flip(self, switch: SwitchInProgress) -> None:
        """Replace the link, with a look at it and at the locks right before, and at the locks right after."""
        path = self._config.current.active_link
        while True:
            await self._wait(switch)
            link = read_active(path, self._config.current.accounts)
            if link.account is None or switch.origin is None or link.account.name != switch.origin.name:
                raise _LinkMoved
            if refresh_lock.locked_home(self._homes(switch)) is not None:
                continue
            point_active(path, switch.target)
            switch.flipped, at = True, self._now()
            # Through the link a new lock would be made in the target: one in the origin was begun before the flip.
            if not refresh_lock.is_locked(switch.origin.home):
                break
            point_active(path, switch.origin)
            switch.flipped = False
            log.info(
                "switch %s: a refresh began in %s just before the flip: flipped back, and waiting",
                switch.entry.id,
                switch.origin.home,
            )
        self._flip_log.add(Flip(at, switch.entry.origin, switch.entry.target, switch.entry.reason))

    async def _touch(self, switch: SwitchInProgress) -> None:
        """The target's credentials are to be seen."""
        self.touch(switch.target)

    async def _verify(self, switch: SwitchInProgress) -> None:
        """The target's links again, now that sessions write there; if they fail, back."""
        wrong = wrong_links(switch.target, self._config.current)
        if wrong is not None:
            why = f"after the flip the shared links of {switch.target.name} are not right: {wrong}"
            raise _SwitchEnded("failed", await self.roll_back(switch, why))

    async def _clear_overruled_limits(self, switch: SwitchInProgress) -> None:
        """What the operator's force has overruled does not count any more."""
        if switch.force:
            self._exhaustion.clear(switch.target.name, now=self._now())


#: A switch, in order. After a crash what stands after ``flip`` is done where the link had moved already.
STEPS: tuple[SwitchStep, ...] = (
    SwitchStep("prepare", SwitchProcedure._prepare),
    SwitchStep("wait", SwitchProcedure._wait),
    SwitchStep("flip", SwitchProcedure._flip),
    SwitchStep("touch", SwitchProcedure._touch),
    SwitchStep("verify", SwitchProcedure._verify),
    SwitchStep("settle", SwitchProcedure._clear_overruled_limits),
)
