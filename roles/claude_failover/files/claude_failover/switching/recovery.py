# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a switch that a crash interrupted: by where the link leads now, it is finished, undone or kept."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import time
from datetime import datetime

from ..common import clock
from ..config.model import Account, Config
from .flip_log import Flip, Flips
from .journal import UnderWay
from .link_monitor import LinkWatch
from .record import Record
from .steps import BACK, STEPS, Plan, Procedure

log = logging.getLogger(__name__)


class Recovery:
    """Sees to the one switch that the journal has as being under way. Made for that, and of no use after."""

    def __init__(self, config: Config, watch: LinkWatch, flips: Flips, procedure: Procedure) -> None:
        self._config = config
        self._watch = watch
        self._flips = flips
        self._procedure = procedure

    async def resume(self, under_way: UnderWay) -> Record:
        """Finish, undo or keep it; returns its record, or that of the flip by hand that came upon it.

        Raises OSError.
        """
        link = await self._watch.settled_link()
        name = link.account.name if link.account is not None else None
        target = self._config.account(under_way.target)
        where = f"interrupted at the step {under_way.step!r}"
        log.warning(
            "switch %s from %s to %s was %s; the link leads to %s",
            under_way.id,
            under_way.origin,
            under_way.target,
            where,
            name,
        )
        began = clock.parse_iso(under_way.time)
        if target is not None:
            origin = self._config.account(under_way.origin)
            self._sweep([account.home for account in (origin, target) if account is not None], began)
            plan = Plan(under_way, began, time.monotonic(), origin, target)
            if name == target.name:
                return await self._at_target(plan, where)
            if name == under_way.origin:
                return self._at_origin(plan, where)
        if name == self._flips.known:
            # Led away and back again by hand: there is no move left to record but the switch itself.
            kept = Plan(under_way, began, time.monotonic(), None, target or Account(under_way.target, ""))
            return self._procedure.ended(kept, "failed", f"{where}; the link leads to {name}: kept")
        self._watch.suspend_or_go_on(link)
        more = f"; a switch ({under_way.reason}) to {under_way.target} was {where}, and is left at that"
        return self._watch.external(name, more, under_way.trigger)

    async def _at_target(self, plan: Plan, where: str) -> Record:
        """The link has moved: what is left is done."""
        if plan.under_way.step == BACK:
            detail = await self._procedure.go_back(plan, plan.under_way.detail)
            return self._procedure.ended(plan, "failed", f"{detail} ({where})")
        if self._flips.known != plan.target.name:
            at, _identity = self._watch.moved_at()
            self._flips.add(Flip(at, plan.under_way.origin, plan.target.name, plan.under_way.reason))
        plan.under_way = dataclasses.replace(plan.under_way, detail=f"{where}, finished. {plan.under_way.detail}")
        plan.flipped = True
        after = [step.name for step in STEPS].index("flip") + 1
        return await self._procedure.go_through(plan, STEPS[after:])

    def _at_origin(self, plan: Plan, where: str) -> Record:
        """The link has not moved, or has been flipped back."""
        under_way = plan.under_way
        if under_way.step == BACK and self._flips.known == plan.target.name:
            self._flips.add(Flip(self._watch.moved_at()[0], plan.target.name, under_way.origin, "failed"))
        if under_way.step == BACK and plan.origin is not None:
            self._procedure.touch(plan.origin)
        detail = f"{where}; the link still leads to {under_way.origin}: undone. {under_way.detail}"
        return self._procedure.ended(plan, "failed", detail)

    def _sweep(self, homes: list[str], began: datetime) -> None:
        """Remove the link that a crash left under its temporary name: ours by its name, text and age."""
        folder, base = os.path.split(self._config.active_link)
        pattern = re.compile(re.escape(base) + r"\.[0-9a-f]{12}")
        with os.scandir(folder) as entries:
            for entry in entries:
                if not pattern.fullmatch(entry.name) or not entry.is_symlink():
                    continue
                made = entry.stat(follow_symlinks=False).st_ctime
                if os.readlink(entry.path) in homes and made >= began.timestamp() - 1:
                    os.unlink(entry.path)
                    log.info("removed %s, which the interrupted switch had made", entry.path)
