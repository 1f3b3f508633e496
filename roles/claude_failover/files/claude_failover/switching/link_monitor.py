# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others do to the active link: a flip by hand is recorded, a link to no account suspends switching."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from datetime import datetime, timezone

from ..accounts.active_link import ActiveLink, describe_active, read_active
from ..config.holder import ConfigHolder
from ..limits.evidence import Evidence
from .flip_log import Flip, FlipLog
from .journal import Journal
from .record import Record, new_record

log = logging.getLogger(__name__)

# `ln -sfn` removes the link before it makes the new one: what is missing for a moment is looked at again.
_LOOKS = 5
LOOK_AGAIN = 0.1


class ActiveLinkMonitor:
    """Sees where the link leads, and tells a move of ours from somebody else's.

    ``suspended`` is why no switch can be made, None when one can; ``config`` may be replaced at any time.
    """

    def __init__(
        self,
        config: ConfigHolder,
        flip_log: FlipLog,
        journal: Journal,
        *,
        now: Callable[[], datetime],
        look_again: float,
    ) -> None:
        self._config = config
        self.suspended: str | None = None
        self._flip_log = flip_log
        self._journal = journal
        self._now = now
        self._look_again = look_again

    async def observe(self) -> Record | None:
        """Take note of where the link leads. A flip by hand is recorded; a link to no configured account suspends
        switching until it leads to one again. Returns the record, if there is one. Raises OSError.

        Only for where no flip of ours is half done: what the log of flips does not have yet counts as somebody else's.
        """
        link = await self.read_stable()
        name = link.account.name if link.account is not None else None
        self.update_suspension(link)
        if link.kind == "unreadable":
            return None  # which does not say that it has moved
        self._flip_log.flush()
        if name == self._flip_log.known:
            return None
        if self._flip_log.known is None and name is not None and self._flip_log.last is None:
            self._flip_log.first_seen(name)
            return None
        return self.record_external_change(name)

    async def read_stable(self) -> ActiveLink:
        """Return what stands at the link, after some more looks while that is no account."""
        for _look in range(_LOOKS):
            link = read_active(self._config.current.active_link, self._config.current.accounts)
            if link.account is not None:
                break
            if self.suspended is not None:
                break
            await asyncio.sleep(self._look_again)
        return link

    def update_suspension(self, link: ActiveLink) -> None:
        """Suspend switching, or end that, by where the link leads."""
        if link.account is not None:
            if self.suspended is not None:
                log.warning(
                    "switching goes on: active_link %s leads to account %s",
                    self._config.current.active_link,
                    link.account.name,
                )
            self.suspended = None
            return
        why = describe_active(self._config.current.active_link, link, self._config.current.accounts)
        if link.kind == "missing":
            why = f"active_link {self._config.current.active_link} is missing. Make it: " + why.rpartition(": ")[2]
        if self.suspended != why:
            log.error("switching is suspended: %s", why)
        self.suspended = why

    def record_external_change(self, name: str | None, more: str = "", trigger: Evidence | None = None) -> Record:
        """Record that somebody else has moved the link to the account ``name``, None for to none. Raises OSError.

        ``more`` is put behind the record's detail; ``trigger`` is the evidence of the switch that this came upon.
        """
        origin = self._flip_log.known
        at, identity = self.moved_at()
        detail = f"flipped by hand, to {name}" if name else f"led by hand to no account: {self.suspended}"
        record = new_record(
            "external",
            at,
            origin=origin,
            target=name,
            outcome="switched",
            detail=detail + more,
            trigger=trigger,
            # The same flip has the same id: a crash right here does not make a second record of it.
            record_id=hashlib.sha256(f"{identity} {origin} {name}".encode()).hexdigest()[:16],
        )
        log.warning("active_link %s: %s", self._config.current.active_link, record["detail"])
        self._journal.end(record)
        self._flip_log.add(Flip(at, origin, name, "external"))
        return record

    def moved_at(self) -> tuple[datetime, str]:
        """Return when the link was made, and what tells it from every other one."""
        try:
            status = os.lstat(self._config.current.active_link)
        except OSError:
            return self._now(), self._now().isoformat()
        at = min(datetime.fromtimestamp(status.st_ctime, timezone.utc), self._now())
        if self._flip_log.last is not None:
            at = max(at, self._flip_log.last.at)  # the log stays in order when the clock was set back
        return at, f"{status.st_ino} {status.st_ctime_ns}"
