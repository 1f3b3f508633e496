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
from ..config.holder import ConfigHolder
from ..config.model import Account
from .flip_log import Flip, FlipLog
from .journal import JournalEntry
from .link_monitor import ActiveLinkMonitor
from .record import Record
from .steps import BACK, STEPS, SwitchInProgress, SwitchProcedure

log = logging.getLogger(__name__)


class SwitchRecovery:
    """Sees to the one switch that the journal has as being under way. Made for that, and of no use after."""

    def __init__(
        self, config: ConfigHolder, link_monitor: ActiveLinkMonitor, flip_log: FlipLog, procedure: SwitchProcedure
    ) -> None:
        self._config = config
        self._link_monitor = link_monitor
        self._flip_log = flip_log
        self._procedure = procedure

    async def resume(self, entry: JournalEntry) -> Record:
        """Finish, undo or keep it; returns its record, or that of the flip by hand that came upon it.

        Raises OSError.
        """
        link = await self._link_monitor.read_stable()
        name = link.account.name if link.account is not None else None
        target = self._config.current.account(entry.target)
        where = f"interrupted at the step {entry.step!r}"
        log.warning(
            "switch %s from %s to %s was %s; the link leads to %s",
            entry.id,
            entry.origin,
            entry.target,
            where,
            name,
        )
        began = clock.parse_iso(entry.time)
        if target is not None:
            origin = self._config.current.account(entry.origin)
            self._sweep([account.home for account in (origin, target) if account is not None], began)
            switch = SwitchInProgress(entry, began, time.monotonic(), origin, target)
            if name == target.name:
                return await self._at_target(switch, where)
            if name == entry.origin:
                return self._at_origin(switch, where)
        if name == self._flip_log.known:
            # Led away and back again by hand: there is no move left to record but the switch itself.
            kept = SwitchInProgress(entry, began, time.monotonic(), None, target or Account(entry.target, ""))
            return self._procedure.ended(kept, "failed", f"{where}; the link leads to {name}: kept")
        self._link_monitor.update_suspension(link)
        more = f"; a switch ({entry.reason}) to {entry.target} was {where}, and is left at that"
        return self._link_monitor.record_external_change(name, more, entry.trigger)

    async def _at_target(self, switch: SwitchInProgress, where: str) -> Record:
        """The link has moved: what is left is done."""
        if switch.entry.step == BACK:
            detail = await self._procedure.roll_back(switch, switch.entry.detail)
            return self._procedure.ended(switch, "failed", f"{detail} ({where})")
        if self._flip_log.known != switch.target.name:
            at, _identity = self._link_monitor.moved_at()
            self._flip_log.add(Flip(at, switch.entry.origin, switch.target.name, switch.entry.reason))
        switch.entry = dataclasses.replace(switch.entry, detail=f"{where}, finished. {switch.entry.detail}")
        switch.flipped = True
        after = [step.name for step in STEPS].index("flip") + 1
        return await self._procedure.run(switch, STEPS[after:])

    def _at_origin(self, switch: SwitchInProgress, where: str) -> Record:
        """The link has not moved, or has been flipped back."""
        entry = switch.entry
        if entry.step == BACK and self._flip_log.known == switch.target.name:
            self._flip_log.add(Flip(self._link_monitor.moved_at()[0], switch.target.name, entry.origin, "failed"))
        if entry.step == BACK and switch.origin is not None:
            self._procedure.touch(switch.origin)
        detail = f"{where}; the link still leads to {entry.origin}: undone. {entry.detail}"
        return self._procedure.ended(switch, "failed", detail)

    def _sweep(self, homes: list[str], began: datetime) -> None:
        """Remove the link that a crash left under its temporary name: ours by its name, text and age."""
        folder, base = os.path.split(self._config.current.active_link)
        pattern = re.compile(re.escape(base) + r"\.[0-9a-f]{12}")
        with os.scandir(folder) as entries:
            for entry in entries:
                if not pattern.fullmatch(entry.name) or not entry.is_symlink():
                    continue
                made = entry.stat(follow_symlinks=False).st_ctime
                if os.readlink(entry.path) in homes and made >= began.timestamp() - 1:
                    os.unlink(entry.path)
                    log.info("removed %s, which the interrupted switch had made", entry.path)
