# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detect changes to the active link made outside the daemon."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from datetime import datetime, timezone

from ..accounts.active_link import ActiveLink, describe_active, read_active
from ..common import clock
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..limits.evidence import Evidence
from .flip_log import Flip, FlipLog
from .journal import Journal
from .record import Record, new_record

log = logging.getLogger(__name__)

# `ln -sfn` removes the link before it makes the new one: a missing link is read again.
_READS = 5
REREAD_DELAY = 0.1


class ActiveLinkMonitor:
    """Compares the link with the flip log: a difference is an external change.

    ``suspended`` is the reason why no switch can be made, None when switching is possible.
    """

    def __init__(
        self,
        config: ConfigHolder,
        flip_log: FlipLog,
        journal: Journal,
        *,
        now: Callable[[], datetime],
        reread_delay: float,
    ) -> None:
        self._config = config
        self.suspended: str | None = None
        self._flip_log = flip_log
        self._journal = journal
        self._now = now
        self._reread_delay = reread_delay

    async def observe(self, more: str = "") -> Record | None:
        """Read the link; record an external change, with ``more`` in its detail, and return its record, else None.

        A link to no configured account suspends switching until it leads to one again. Not to be called during a
        switch: a flip that is not in the flip log yet would count as external.
        """
        link = await self.read_stable()
        name = link.account.name if link.account is not None else None
        self.update_suspension(link)
        if link.kind == "unreadable":
            return None  # an unreadable link need not have changed
        self._journal.retry_writes()
        if name == self._flip_log.linked_account:
            return None
        if self._flip_log.linked_account is None and name is not None and self._flip_log.last is None:
            self._flip_log.record_initial(name)
            return None
        return self.record_external_change(name, more)

    async def read_stable(self) -> ActiveLink:
        """Return the state of the link, read again a few times while it leads to no account."""
        for _attempt in range(_READS):
            link = read_active(self._config.current.active_link, self._config.current.accounts)
            if link.account is not None:
                break
            if self.suspended is not None:
                break
            await asyncio.sleep(self._reread_delay)
        return link

    def update_suspension(self, link: ActiveLink) -> None:
        """Suspend switching when the link leads to no account; resume it when it leads to one."""
        if link.account is not None:
            if self.suspended is not None:
                log.info(
                    "switching is resumed: active_link %s leads to account %s",
                    self._config.current.active_link,
                    link.account.name,
                    extra=log_fields(account=link.account.name, event="switching_suspended"),
                )
            self.suspended = None
            return
        why = describe_active(self._config.current.active_link, link, self._config.current.accounts)
        if link.kind == "missing":
            why = f"active_link {self._config.current.active_link} is missing. Make it: " + why.rpartition(": ")[2]
        if self.suspended != why:
            event = "switching_suspended" if self.suspended is None else None  # another reason is no other event
            log.error("switching is suspended: %s", why, extra=log_fields(event=event))
        self.suspended = why

    def record_external_change(self, name: str | None, more: str = "", trigger: Evidence | None = None) -> Record:
        """Record that the link was changed by hand to the account ``name`` (None: to no account).

        ``more`` is appended to the record's detail; ``trigger`` is the evidence of the switch that the change ended.
        """
        origin = self._flip_log.linked_account
        at, identity = self.last_change()
        where = f"from {origin} to {name}" if origin else f"to {name}"
        detail = f"flipped by hand {where}" if name else f"changed by hand, to no account: {self.suspended}"
        record = new_record(
            "external",
            at,
            origin=origin,
            target=name,
            outcome="switched",
            detail=detail + more,
            trigger=trigger,
            # One change has one id: a crash before the next line does not lead to a second record.
            record_id=hashlib.sha256(f"{identity} {origin} {name}".encode()).hexdigest()[:16],
        )
        log.warning(
            "active_link %s: %s",
            self._config.current.active_link,
            record["detail"],
            extra=log_fields(account=name, switch_id=record["id"]),
        )
        self._journal.add_record(record)
        self._flip_log.add(Flip(at, origin, name, "external"))
        return record

    def last_change(self) -> tuple[datetime, str]:
        """Return when the link was created, and a text that identifies this link among all."""
        try:
            status = os.lstat(self._config.current.active_link)
        except OSError:
            return self._now(), self._now().isoformat()
        now = self._now()
        at = min(clock.from_wall(datetime.fromtimestamp(status.st_ctime, timezone.utc)) or now, now)
        if self._flip_log.last is not None:
            at = max(at, self._flip_log.last.at)  # the log stays in order
        return at, f"{status.st_ino} {status.st_ctime_ns}"
