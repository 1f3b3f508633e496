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

from ..accounts.active_link import describe_active, point_active, read_active, touch_credentials, wrong_links
from ..accounts.exhaustion import Exhaustion
from ..accounts.logins import Logins
from ..claude import refresh_lock
from ..common.errors import FailoverError, Refused
from ..config.model import Account, Config
from .flip_log import Flip, Flips
from .journal import Journal, UnderWay
from .link_monitor import LinkWatch
from .record import Record, new_record

log = logging.getLogger(__name__)

#: How long a target whose links failed right after a flip is not chosen again.
BAN = timedelta(minutes=15)

#: The step of a flip back, which is none of `STEPS`.
BACK = "back"

# Seconds that a flip back waits for a refresh in the target; the links there are wrong, so not for long.
_BACK_BOUND = 5.0


@dataclass
class Plan:
    """One switch under way. ``clock`` is the time.monotonic() of its beginning."""

    under_way: UnderWay
    began: datetime
    clock: float
    origin: Account | None
    target: Account
    force: bool = False
    flipped: bool = False


class _End(Exception):
    """The switch ends here, with this outcome, and the link where it was."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


class _Moved(Exception):
    """Somebody else has flipped the link."""


@dataclass(frozen=True)
class Step:
    """One step of a switch: its name in the journal, and what it does."""

    name: str
    run: Callable[[Procedure, Plan], Awaitable[None]]


class Procedure:
    """Goes through the steps of a switch, one switch at a time. ``config`` may be replaced at any time."""

    def __init__(
        self,
        config: Config,
        watch: LinkWatch,
        flips: Flips,
        journal: Journal,
        exhaustion: Exhaustion,
        logins: Logins,
        *,
        now: Callable[[], datetime],
        lock_bound: float,
    ) -> None:
        self.config = config
        self._watch = watch
        self._flips = flips
        self._journal = journal
        self._exhaustion = exhaustion
        self._logins = logins
        self._now = now
        self._lock_bound = lock_bound

    def probe(self, moment: str, step: str) -> None:
        """Do nothing. Tests stand in for this, and end the process at ``begin`` or ``end`` of a step."""

    async def go_through(self, plan: Plan, steps: Sequence[Step]) -> Record:
        """Do the steps; returns the record of how the switch ended, which the journal has too.

        When the link turns out to have been flipped by hand meanwhile, that stays so, and is what is recorded.
        """
        try:
            for step in steps:
                plan.under_way = dataclasses.replace(plan.under_way, step=step.name)
                await self._do(step, plan)
        except _Moved:
            return await self._overtaken(plan)
        except _End as end:
            return self.ended(plan, end.outcome, end.detail)
        except (FailoverError, OSError) as error:
            return self.ended(plan, "failed", str(error))
        record = self.ended(plan, "switched", plan.under_way.detail)
        self.probe("end", "record")
        return record

    async def go_back(self, plan: Plan, why: str) -> str:
        """Flip back, and keep the target from being chosen again. The switch has failed, whether that succeeds or
        not; returns what to say of it."""
        try:
            plan.under_way = dataclasses.replace(plan.under_way, step=BACK, detail=why)
            self._journal.step(plan.under_way)
            self.probe("begin", BACK)
            self._exhaustion.ban(plan.target.name, why, self._now() + BAN, now=self._now())
            if plan.origin is None:
                raise Refused(f"the account {plan.under_way.origin} is not configured any more")
            await refresh_lock.wait_free([plan.target.home], time.monotonic() + _BACK_BOUND)
            link = read_active(self.config.active_link, self.config.accounts)
            if link.kind == "unreadable":
                raise Refused(describe_active(self.config.active_link, link, self.config.accounts))
            if link.account is not None and link.account.name == plan.target.name:
                point_active(self.config.active_link, plan.origin)
                if self._flips.known != plan.origin.name:
                    self._flips.add(Flip(self._now(), plan.target.name, plan.origin.name, "failed"))
                self.touch(plan.origin)
            self.probe("end", BACK)
        except (FailoverError, OSError) as error:
            return f"It could not be flipped back: {error}. {why}"
        return f"flipped back to {plan.origin.name}: {why}"

    def touch(self, account: Account) -> None:
        """Make the running sessions see that the credentials are others: those of this account."""
        try:
            touch_credentials(account.home)
            self._logins.touched(account)
        except OSError as error:
            log.error("the times of the credentials of %s could not be set: %s", account.name, error)

    def ended(self, plan: Plan, outcome: str, detail: str) -> Record:
        """Put down that the switch is over; returns its record."""
        under_way = plan.under_way
        record = new_record(
            under_way.reason,
            plan.began,
            origin=under_way.origin,
            target=under_way.target,
            outcome=outcome,
            detail=detail,
            trigger=under_way.trigger,
            record_id=under_way.id,
        )
        record["seconds"] = round(time.monotonic() - plan.clock, 3)
        self._journal.end(record)
        return record

    async def _do(self, step: Step, plan: Plan) -> None:
        """Write down one step, and do it. Once the link has moved, nothing that cannot be written stops the rest:
        the next start would finish it all the same."""
        try:
            self._journal.step(plan.under_way)
            self.probe("begin", step.name)
            await step.run(self, plan)
            self.probe("end", step.name)
        except OSError as error:
            if not plan.flipped:
                raise
            log.error("switch %s, step %s: %s; the switch goes on", plan.under_way.id, step.name, error)

    async def _overtaken(self, plan: Plan) -> Record:
        """The link was flipped by hand while we were about to, or cannot be looked at any more: keep it, and tell."""
        external = await self._watch.observe()
        if external is not None and plan.under_way.reason != "manual":
            return external
        by_hand = "the active link was flipped by hand meanwhile, and is kept so"
        return self.ended(plan, "refused", self._watch.suspended or by_hand)

    # -- the steps ---------------------------------------------------------------------------------------------

    def _homes(self, plan: Plan) -> list[str]:
        return [account.home for account in (plan.origin, plan.target) if account is not None]

    async def _prepare(self, plan: Plan) -> None:
        """The target's links, before anything moves."""
        wrong = wrong_links(plan.target, self.config)
        if wrong is not None:
            raise _End("refused", f"the shared links of {plan.target.name} are not right: {wrong}")

    async def _wait(self, plan: Plan) -> None:
        """No flip while a login is being refreshed in either home."""
        home = await refresh_lock.wait_free(self._homes(plan), plan.clock + self._lock_bound)
        if home is not None:
            raise _End(
                "refused",
                f"a login is being refreshed in {home} ({refresh_lock.LOCK}), and was for {self._lock_bound:g} s. "
                "To flip now could cost that login",
            )

    async def _flip(self, plan: Plan) -> None:
        """Replace the link, with a look at it and at the locks right before, and at the locks right after."""
        path = self.config.active_link
        while True:
            await self._wait(plan)
            link = read_active(path, self.config.accounts)
            if link.account is None or plan.origin is None or link.account.name != plan.origin.name:
                raise _Moved
            if refresh_lock.holder(self._homes(plan)) is not None:
                continue
            point_active(path, plan.target)
            plan.flipped, at = True, self._now()
            # Through the link a new lock would be made in the target: one in the origin was begun before the flip.
            if not refresh_lock.held(plan.origin.home):
                break
            point_active(path, plan.origin)
            plan.flipped = False
            log.info(
                "switch %s: a refresh began in %s just before the flip: flipped back, and waiting",
                plan.under_way.id,
                plan.origin.home,
            )
        self._flips.add(Flip(at, plan.under_way.origin, plan.under_way.target, plan.under_way.reason))

    async def _touch(self, plan: Plan) -> None:
        """The target's credentials are to be seen."""
        self.touch(plan.target)

    async def _verify(self, plan: Plan) -> None:
        """The target's links again, now that sessions write there; if they fail, back."""
        wrong = wrong_links(plan.target, self.config)
        if wrong is not None:
            why = f"after the flip the shared links of {plan.target.name} are not right: {wrong}"
            raise _End("failed", await self.go_back(plan, why))

    async def _settle(self, plan: Plan) -> None:
        """What the operator's force has overruled does not count any more."""
        if plan.force:
            self._exhaustion.clear(plan.target.name, now=self._now())


#: A switch, in order. After a crash what stands after ``flip`` is done where the link had moved already.
STEPS: tuple[Step, ...] = (
    Step("prepare", Procedure._prepare),
    Step("wait", Procedure._wait),
    Step("flip", Procedure._flip),
    Step("touch", Procedure._touch),
    Step("verify", Procedure._verify),
    Step("settle", Procedure._settle),
)
