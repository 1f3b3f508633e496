# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves the active link from one account to another, journaled step by step.

`STEPS` is the procedure. Before each step its name is on the disk; what the next start makes of a switch that a
crash interrupted is decided by where the link then leads (`Switcher.recover`).
"""
from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    SharedSymlinkError,
    ensure_for_account,
)

from . import clock, refresh_lock
from .accounts import ActiveLink, describe_active, point_active, read_active, touch_credentials
from .choice import Choice, Standing, choose
from .config import Account, Config
from .errors import FailoverError, Refused, UsageError
from .evidence import Evidence
from .exhaustion import Exhaustion
from .flips import Flip, Flips
from .journal import Journal, UnderWay
from .logins import Logins
from .state import Store
from .switch_record import Record, new_id, new_record
from .usage import Usage

log = logging.getLogger(__name__)

#: An account counts as usable only this long after its reset: a server's clock is not ours to the millisecond.
RESET_MARGIN = timedelta(seconds=1)

#: How long a target whose links failed right after a flip is not chosen again.
BAN = timedelta(minutes=15)

# `ln -sfn` removes the link before it makes the new one: what is missing for a moment is looked at again.
_LOOKS = 5
_LOOK_AGAIN = 0.1

# Seconds that a flip back waits for a refresh in the target; the links there are wrong, so not for long.
_BACK_BOUND = 5.0


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


@dataclass
class Plan:
    """One switch under way."""

    under_way: UnderWay
    began: datetime
    clock: float
    origin: Account | None
    target: Account
    force: bool = False
    flipped: bool = False


class Overtaken(FailoverError):
    """Another switch was made while this one waited for its turn: what led to it has to be judged again."""


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
    run: Callable[[Switcher, Plan], Awaitable[None]]


class Switcher:
    """The only thing that moves the active link."""

    def __init__(
        self,
        config: Config,
        store: Store,
        exhaustion: Exhaustion,
        logins: Logins,
        usage: Usage,
        *,
        now: Callable[[], datetime] = clock.now,
        lock_bound: float = refresh_lock.BOUND,
        look_again: float = _LOOK_AGAIN,
    ) -> None:
        self.config = config
        self.exhaustion = exhaustion
        self.logins = logins
        self.usage = usage
        self.flips = Flips(store)
        self.journal = Journal(store)
        self.suspended: str | None = None
        self.switching = False
        self._now = now
        self._lock_bound = lock_bound
        self._look_again = look_again
        self._turn: asyncio.Lock | None = None

    def configure(self, config: Config) -> None:
        """Take over a new configuration."""
        self.config = config

    def probe(self, moment: str, step: str) -> None:
        """Do nothing. Tests stand in for this, and end the process at ``begin`` or ``end`` of a step."""

    # -- what is -----------------------------------------------------------------------------------------------

    def active(self) -> str | None:
        """Return the account that the link leads to now, None when to none."""
        account = read_active(self.config.active_link, self.config.accounts).account
        return account.name if account is not None else None

    def history(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records, newest first; the one whose sessions are still carried over as it is."""
        return self.journal.history(limit)

    def standings(self, limit: str | None) -> list[Standing]:
        """Return what is known of every account, for a switch that ``limit`` causes. Nothing is changed."""
        return [self._standing(account, limit) for account in self.config.accounts]

    def choice(
        self, limit: str | None, *, only: str | None = None, force: bool = False, clean: bool = False,
        below: float | None = None,
    ) -> Choice:  # fmt: skip
        """Return which account a switch would go to now, and why. Nothing is changed."""
        return choose(
            self.standings(limit), self.active(), self.config.failover.strategy,
            only=only, force=force, clean=clean, below=below,
        )  # fmt: skip

    def barred(self, account: str, limit: str | None) -> bool:
        """Tell whether a limit keeps the account from answering for a session that hit ``limit``."""
        return self.exhaustion.barred(account, limit, self._now() - RESET_MARGIN).barred

    def usable_from(self, limit: str | None) -> datetime | None:
        """Return when the first account can be used again, of those whose login and links are right; None when
        no account will be usable by mere waiting."""
        names = [row.name for row in self.standings(limit) if row.login == "ok" and row.links is None]
        found = self.exhaustion.next_reset(names, limit, self._now() - RESET_MARGIN)
        return found[0] if found is not None else None

    def _standing(self, account: Account, limit: str | None) -> Standing:
        now = self._now()
        barred = self.exhaustion.barred(account.name, limit, now - RESET_MARGIN)
        ban = self.exhaustion.ban_of(account.name, now)
        return Standing(
            name=account.name,
            login=self.logins.state(account),
            links=self._links(account, check_mode=True),
            barred=barred.barred,
            until=barred.until,
            any_limit=bool(self.exhaustion.marks(account.name, now - RESET_MARGIN)),
            ban=f"{ban.reason}, until {clock.iso(ban.until)}" if ban is not None else None,
            used=self.usage.percent(account.name, now),
            resets_at=self.usage.next_reset(account.name, now),
        )

    def _links(self, account: Account, *, check_mode: bool = False) -> str | None:
        """Make the account's links right (in check mode: look whether they are); return what is wrong, or None."""
        try:
            ensure_for_account(account.home, self.config.shared_links, check_mode=check_mode)
        except (SharedSymlinkError, OSError) as error:
            return str(error)
        return None

    # -- the link ----------------------------------------------------------------------------------------------

    async def observe(self) -> Record | None:
        """Take note of where the link leads. A flip by hand is recorded; a link to no configured account suspends
        switching until it leads to one again. Returns the record, if there is one. Raises OSError."""
        async with self._one_at_a_time():
            return await self._observe()

    async def _observe(self) -> Record | None:
        link = await self._settled_link()
        name = link.account.name if link.account is not None else None
        self._suspend_or_go_on(name, link)
        self.flips.flush()
        if name == self.flips.known:
            return None
        if self.flips.known is None and name is not None and self.flips.last is None:
            self.flips.first_seen(name)
            return None
        return self._external(name)

    def _suspend_or_go_on(self, name: str | None, link: ActiveLink) -> None:
        if name is not None and self.suspended is not None:
            log.warning("switching goes on: active_link %s leads to account %s", self.config.active_link, name)
            self.suspended = None
        if name is None:
            why = describe_active(self.config.active_link, link, self.config.accounts)
            if link.kind == "missing":
                why = f"active_link {self.config.active_link} is missing. Make it: " + why.rpartition(": ")[2]
            if self.suspended != why:
                log.error("switching is suspended: %s", why)
            self.suspended = why

    def _external(self, name: str | None, more: str = "", trigger: Evidence | None = None) -> Record:
        """Record that somebody else has moved the link."""
        origin = self.flips.known
        at, identity = self._moved_at()
        detail = f"flipped by hand, to {name}" if name else f"led by hand to no account: {self.suspended}"
        record = new_record(
            "external", at, origin=origin, target=name, outcome="switched", detail=detail + more, trigger=trigger,
            # The same flip has the same id: a crash right here does not make a second record of it.
            record_id=hashlib.sha256(f"{identity} {origin} {name}".encode()).hexdigest()[:16],
        )  # fmt: skip
        log.warning("active_link %s: %s", self.config.active_link, record["detail"])
        self.journal.end(record)
        self.flips.add(Flip(at, origin, name, "external"))
        return record

    def _moved_at(self) -> tuple[datetime, str]:
        """Return when the link was made, and what tells it from every other one."""
        try:
            status = os.lstat(self.config.active_link)
        except OSError:
            return self._now(), self._now().isoformat()
        at = min(datetime.fromtimestamp(status.st_ctime, timezone.utc), self._now())
        if self.flips.last is not None:
            at = max(at, self.flips.last.at)  # the log stays in order when the clock was set back
        return at, f"{status.st_ino} {status.st_ctime_ns}"

    async def _settled_link(self) -> ActiveLink:
        for _look in range(_LOOKS):
            link = read_active(self.config.active_link, self.config.accounts)
            if link.account is not None:
                break
            if self.suspended is not None:
                break
            await asyncio.sleep(self._look_again)
        return link

    # -- a switch ----------------------------------------------------------------------------------------------

    async def switch(self, request: SwitchRequest) -> Record:
        """Switch, or say why not; returns the record, which `history` and then the log have too.

        A dry run returns the record that there would be, with ``candidates`` and ``dry_run``, and changes nothing.
        For an automatic request that finds the link flipped by hand, that flip's record is returned: what led to
        the request has to be judged again. Raises UsageError for an unknown account; Overtaken when another account
        than ``expected`` is active; OSError when nothing can be written down, after which nothing was done.
        """
        if request.target is not None and self.config.account(request.target) is None:
            names = ", ".join(account.name for account in self.config.accounts)
            raise UsageError(f"there is no account {request.target!r}; configured are {names}")
        async with self._one_at_a_time():
            if request.dry_run:
                return self._preview(request)
            moved = await self._observe()
            if moved is not None and request.reason != "manual":
                return moved
            if request.expected is not None and request.expected != self.active():
                raise Overtaken(f"{request.expected} is not the active account any more")
            self.switching = True
            try:
                return await self._switch(request)
            finally:
                self.switching = False

    def _one_at_a_time(self) -> asyncio.Lock:
        if self._turn is None:  # made here, and not in __init__: Python 3.9 ties a lock to the loop at its making
            self._turn = asyncio.Lock()
        return self._turn

    def _decide(self, request: SwitchRequest) -> tuple[str | None, str, str, Choice | None]:
        """Return the active account, and the outcome that is already certain, or ``switched``, with its reason."""
        active = self.active()
        limit = request.trigger.verdict.limit if request.trigger is not None else None
        if active is None:
            link = read_active(self.config.active_link, self.config.accounts)
            return None, "refused", describe_active(self.config.active_link, link, self.config.accounts), None
        if request.target == active:
            return active, "stayed", f"{active} is the active account already", None
        choice = self.choice(
            limit, only=request.target, force=request.force, clean=request.clean, below=request.below
        )
        if choice.target is not None:
            return active, "switched", f"{choice.target}: {choice.reason_of(choice.target)}", choice
        if request.target is not None:
            why = f"{request.target}: {choice.reason_of(request.target)}"
            if "exhausted" in why or "barred" in why:
                why += ". To switch all the same: --force"
            return active, "refused", why, choice
        until = self.usable_from(limit)
        when = f"the first one can be used at {clock.iso(until)}" if until else "none of them will be by waiting"
        outcome = "refused" if request.reason == "manual" else "stayed"
        return active, outcome, f"no other account can be used, {when}: {choice.text()}", choice

    def _preview(self, request: SwitchRequest) -> Record:
        active, outcome, detail, choice = self._decide(request)
        target = choice.target if choice is not None else None
        if outcome == "switched" and choice is not None:
            home = refresh_lock.holder([account.home for account in self.config.accounts
                                        if account.name in (active, target)])  # fmt: skip
            if home is not None:
                detail += f"; a login is being refreshed in {home}, which would be waited for"
        target = target or (active if outcome == "stayed" else request.target)
        record = new_record(
            request.reason, self._now(), origin=active, target=target,
            outcome=outcome, detail=detail, trigger=request.trigger,
        )  # fmt: skip
        record["dry_run"] = True
        record["candidates"] = [row.to_json() for row in choice.candidates] if choice is not None else []
        return record

    async def _switch(self, request: SwitchRequest) -> Record:
        began, started = self._now(), time.monotonic()
        active, outcome, detail, choice = self._decide(request)
        if request.note:
            detail = f"{request.note}; {detail}"
        target = self.config.account(choice.target) if choice is not None and choice.target else None
        if outcome != "switched" or target is None or active is None:
            record = new_record(
                request.reason, began, origin=active, target=active if outcome == "stayed" else request.target,
                outcome=outcome, detail=detail, trigger=request.trigger,
            )  # fmt: skip
            return self._ended(record, started)
        plan = Plan(
            UnderWay(new_id(), clock.iso(began), request.reason, active, target.name, "begin", detail, request.trigger),
            began, started, self.config.account(active), target, request.force,
        )  # fmt: skip
        return await self._go_through(plan, STEPS)

    async def _go_through(self, plan: Plan, steps: tuple[Step, ...]) -> Record:
        try:
            for step in steps:
                plan.under_way = dataclasses.replace(plan.under_way, step=step.name)
                await self._do(step, plan)
        except _Moved:
            return await self._overtaken(plan)
        except _End as end:
            return self._ended(self._record(plan, end.outcome, end.detail), plan.clock)
        except (FailoverError, OSError) as error:
            return self._ended(self._record(plan, "failed", str(error)), plan.clock)
        record = self._ended(self._record(plan, "switched", plan.under_way.detail), plan.clock)
        self.probe("end", "record")
        return record

    async def _do(self, step: Step, plan: Plan) -> None:
        """Write down one step, and do it. Once the link has moved, nothing that cannot be written stops the rest:
        the next start would finish it all the same."""
        try:
            self.journal.step(plan.under_way)
            self.probe("begin", step.name)
            await step.run(self, plan)
            self.probe("end", step.name)
        except OSError as error:
            if not plan.flipped:
                raise
            log.error("switch %s, step %s: %s; the switch goes on", plan.under_way.id, step.name, error)

    async def _overtaken(self, plan: Plan) -> Record:
        """The link was flipped by hand while we were about to: keep that, and record it."""
        external = await self._observe()
        if external is not None and plan.under_way.reason != "manual":
            return external
        why = "the active link was flipped by hand meanwhile, and is kept so"
        return self._ended(self._record(plan, "refused", why), plan.clock)

    def _record(self, plan: Plan, outcome: str, detail: str) -> Record:
        under_way = plan.under_way
        return new_record(
            under_way.reason, plan.began, origin=under_way.origin, target=under_way.target, outcome=outcome,
            detail=detail, trigger=under_way.trigger, record_id=under_way.id,
        )  # fmt: skip

    def _ended(self, record: Record, started: float) -> Record:
        record["seconds"] = round(time.monotonic() - started, 3)
        self.journal.end(record)
        return record

    # -- its steps ---------------------------------------------------------------------------------------------

    def _homes(self, plan: Plan) -> list[str]:
        return [account.home for account in (plan.origin, plan.target) if account is not None]

    async def _prepare(self, plan: Plan) -> None:
        """The target's links, before anything moves."""
        wrong = self._links(plan.target)
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
            log.info("switch %s: a refresh began in %s just before the flip: flipped back, and waiting",
                     plan.under_way.id, plan.origin.home)  # fmt: skip
        self.flips.add(Flip(at, plan.under_way.origin, plan.under_way.target, plan.under_way.reason))

    async def _touch(self, plan: Plan) -> None:
        """Make the running sessions see that the credentials are others."""
        self._touch_credentials(plan.target)

    def _touch_credentials(self, account: Account) -> None:
        try:
            touch_credentials(account.home)
            self.logins.touched(account)
        except OSError as error:
            log.error("the times of the credentials of %s could not be set: %s", account.name, error)

    async def _verify(self, plan: Plan) -> None:
        """The target's links again, now that sessions write there; if they fail, back."""
        wrong = self._links(plan.target)
        if wrong is not None:
            await self._back(plan, f"after the flip the shared links of {plan.target.name} are not right: {wrong}")

    async def _back(self, plan: Plan, why: str) -> None:
        """Flip back, and keep the target from being chosen again. Always raises _End."""
        try:
            plan.under_way = dataclasses.replace(plan.under_way, step=BACK, detail=why)
            self.journal.step(plan.under_way)
            self.probe("begin", BACK)
            self.exhaustion.ban(plan.target.name, why, self._now() + BAN, now=self._now())
            if plan.origin is None:
                raise Refused(f"the account {plan.under_way.origin} is not configured any more")
            await refresh_lock.wait_free([plan.target.home], time.monotonic() + _BACK_BOUND)
            link = read_active(self.config.active_link, self.config.accounts)
            if link.account is not None and link.account.name == plan.target.name:
                point_active(self.config.active_link, plan.origin)
                if self.flips.known != plan.origin.name:
                    self.flips.add(Flip(self._now(), plan.target.name, plan.origin.name, "failed"))
                self._touch_credentials(plan.origin)
            self.probe("end", BACK)
        except (FailoverError, OSError) as error:
            raise _End("failed", f"It could not be flipped back: {error}. {why}") from None
        raise _End("failed", f"flipped back to {plan.origin.name}: {why}")

    async def _settle(self, plan: Plan) -> None:
        """What the operator's force has overruled does not count any more."""
        if plan.force:
            self.exhaustion.clear(plan.target.name, now=self._now())

    # -- after a crash -----------------------------------------------------------------------------------------

    async def recover(self) -> Record | None:
        """Finish, undo or keep what a crash interrupted, by where the link leads now; and see whether it was
        flipped by hand while nobody looked. Returns the record of the interrupted switch, or of that flip.

        Raises OSError.
        """
        async with self._one_at_a_time():
            under_way = self.journal.under_way
            record = await self._resume(under_way) if under_way is not None else None
            return await self._observe() or record

    async def _resume(self, under_way: UnderWay) -> Record:
        link = await self._settled_link()
        name = link.account.name if link.account is not None else None
        target = self.config.account(under_way.target)
        where = f"interrupted at the step {under_way.step!r}"
        log.warning("switch %s from %s to %s was %s; the link leads to %s",
                    under_way.id, under_way.origin, under_way.target, where, name)  # fmt: skip
        began = clock.parse_iso(under_way.time)
        if target is not None:
            origin = self.config.account(under_way.origin)
            self._sweep([account.home for account in (origin, target) if account is not None], began)
            plan = Plan(under_way, began, time.monotonic(), origin, target)
            if name == target.name:
                return await self._resume_at_target(plan, where)
            if name == under_way.origin:
                if under_way.step == BACK and self.flips.known == target.name:
                    self.flips.add(Flip(self._moved_at()[0], target.name, name, "failed"))
                if under_way.step == BACK and origin is not None:
                    self._touch_credentials(origin)
                detail = f"{where}; the link still leads to {name}: undone. {under_way.detail}"
                return self._ended(self._record(plan, "failed", detail), plan.clock)
        more = f"; a switch ({under_way.reason}) to {under_way.target} was {where}, and is left at that"
        if name == self.flips.known:
            # Led away and back again by hand: there is no move left to record but the switch itself.
            kept = Plan(under_way, began, time.monotonic(), None, target or Account(under_way.target, ""))
            return self._ended(self._record(kept, "failed", f"{where}; the link leads to {name}: kept"), kept.clock)
        self._suspend_or_go_on(name, link)
        return self._external(name, more, under_way.trigger)

    async def _resume_at_target(self, plan: Plan, where: str) -> Record:
        if plan.under_way.step == BACK:
            try:
                await self._back(plan, plan.under_way.detail)
            except _End as error:
                return self._ended(self._record(plan, "failed", f"{error} ({where})"), plan.clock)
        if self.flips.known != plan.target.name:
            at, _identity = self._moved_at()
            self.flips.add(Flip(at, plan.under_way.origin, plan.target.name, plan.under_way.reason))
        plan.under_way = dataclasses.replace(plan.under_way, detail=f"{where}, finished. {plan.under_way.detail}")
        plan.flipped = True
        after = [step.name for step in STEPS].index("flip") + 1
        return await self._go_through(plan, STEPS[after:])

    def _sweep(self, homes: list[str], began: datetime) -> None:
        """Remove the link that a crash left under its temporary name: ours by its name, text and age."""
        folder, base = os.path.split(self.config.active_link)
        pattern = re.compile(re.escape(base) + r"\.[0-9a-f]{12}")
        with os.scandir(folder) as entries:
            for entry in entries:
                if not pattern.fullmatch(entry.name) or not entry.is_symlink():
                    continue
                made = entry.stat(follow_symlinks=False).st_ctime
                if os.readlink(entry.path) in homes and made >= began.timestamp() - 1:
                    os.unlink(entry.path)
                    log.info("removed %s, which the interrupted switch had made", entry.path)


#: The step of a flip back, which is none of `STEPS`.
BACK = "back"

#: A switch, in order. `Switcher.recover` finishes with what stands after ``flip``.
STEPS: tuple[Step, ...] = (
    Step("prepare", Switcher._prepare),
    Step("wait", Switcher._wait),
    Step("flip", Switcher._flip),
    Step("touch", Switcher._touch),
    Step("verify", Switcher._verify),
    Step("settle", Switcher._settle),
)


def refused_for_operator(record: Record) -> Record:
    """Return the record of a switch by hand, or raise Refused when it was refused or failed."""
    if record["outcome"] in ("refused", "failed") and not record.get("dry_run"):
        raise Refused(f"{record['outcome']}: {record['detail']}")
    return record
