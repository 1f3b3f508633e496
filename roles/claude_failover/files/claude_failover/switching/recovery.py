# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recover a switch that a crash interrupted: finish, undo or keep it, by where the link leads now."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import time
from datetime import datetime, timedelta, timezone

from ..common import clock
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..config.model import Account
from .flip_log import Flip, FlipLog
from .journal import JournalEntry
from .link_monitor import ActiveLinkMonitor
from .record import Record
from .steps import ROLL_BACK, STEPS, SwitchInProgress, SwitchProcedure

log = logging.getLogger(__name__)

_EARLY = timedelta(seconds=1)  # that a file can be older than the moment taken right before it was made


class SwitchRecovery:
    """Recovers the switch in progress that the journal holds."""

    def __init__(
        self, config: ConfigHolder, link_monitor: ActiveLinkMonitor, flip_log: FlipLog, procedure: SwitchProcedure
    ) -> None:
        self._config = config
        self._link_monitor = link_monitor
        self._flip_log = flip_log
        self._procedure = procedure

    async def recover(self, entry: JournalEntry) -> Record:
        """Finish, undo or keep the switch; returns its record, or that of the external change that ended it.

        Raises OSError.
        """
        link = await self._link_monitor.read_stable()
        name = link.account.name if link.account is not None else None
        target = self._config.current.account(entry.target)
        interruption = f"interrupted at the step '{entry.step}'"
        log.warning(
            "switch %s from %s to %s was %s; the link leads to %s",
            entry.id,
            entry.origin,
            entry.target,
            interruption,
            name,
            extra=log_fields(account=entry.target, switch_id=entry.id),
        )
        began = clock.parse_iso(entry.time)
        if target is not None:
            origin = self._config.current.account(entry.origin)
            self._remove_temporary_links([account.home for account in (origin, target) if account is not None], began)
            switch = SwitchInProgress(entry, began, time.monotonic(), origin, target)
            if name == target.name:
                return await self._finish_or_roll_back(switch, interruption)
            if name == entry.origin:
                return self._undo(switch, interruption)
        if name == self._flip_log.linked_account:
            # Changed by hand and back again: only the switch itself is left to record.
            kept = SwitchInProgress(entry, began, time.monotonic(), None, target or Account(entry.target, ""))
            return self._procedure.finish(kept, "failed", f"{interruption}; the link leads to {name}: kept")
        self._link_monitor.update_suspension(link)
        more = f"; a switch ({entry.reason}) to {entry.target} was {interruption}, and is not finished"
        return self._link_monitor.record_external_change(name, more, entry.trigger)

    async def _finish_or_roll_back(self, switch: SwitchInProgress, interruption: str) -> Record:
        """Finish the switch, or its roll-back: the link leads to the target."""
        if switch.entry.step == ROLL_BACK:
            detail = await self._procedure.roll_back(switch, switch.entry.detail)
            return self._procedure.finish(switch, "failed", f"{detail} ({interruption})")
        if self._flip_log.linked_account != switch.target.name:
            at, _identity = self._link_monitor.last_change()
            self._flip_log.add(Flip(at, switch.entry.origin, switch.target.name, switch.entry.reason))
        switch.entry = dataclasses.replace(switch.entry, detail=f"{interruption}, finished. {switch.entry.detail}")
        switch.flipped = True
        after = [step.name for step in STEPS].index("flip") + 1
        return await self._procedure.run(switch, STEPS[after:])

    def _undo(self, switch: SwitchInProgress, interruption: str) -> Record:
        """Record the switch as failed: the link still leads to the origin, or was flipped back to it."""
        entry = switch.entry
        if entry.step == ROLL_BACK and self._flip_log.linked_account == switch.target.name:
            self._flip_log.add(Flip(self._link_monitor.last_change()[0], switch.target.name, entry.origin, "failed"))
        if entry.step == ROLL_BACK and switch.origin is not None:
            self._procedure.touch(switch.origin)
        detail = f"{interruption}; the link still leads to {entry.origin}: undone. {entry.detail}"
        return self._procedure.finish(switch, "failed", detail)

    def _remove_temporary_links(self, homes: list[str], began: datetime) -> None:
        """Remove the link that a crash left under a temporary name: identified by its name, text and age."""
        folder, base = os.path.split(self._config.current.active_link)
        pattern = re.compile(re.escape(base) + r"\.[0-9a-f]{12}")
        with os.scandir(folder) as entries:
            for entry in entries:
                if not pattern.fullmatch(entry.name) or not entry.is_symlink():
                    continue
                changed = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_ctime, timezone.utc)
                created = clock.from_wall(changed)
                if os.readlink(entry.path) in homes and (created is None or created >= began - _EARLY):
                    os.unlink(entry.path)
                    log.info("removed %s, left by the interrupted switch", entry.path)
