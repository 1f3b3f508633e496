# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch that is due while ``failover.automatic`` is false: told once, and left to a person."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Any

from ..common import clock
from ..common.limit_words import limit_word
from ..common.log_fields import log_fields
from ..switching.record import Record
from ..switching.switcher import SwitchRequest

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class AdvisedSwitch:
    """A switch from ``origin`` to ``target`` that is due ``since`` then, as its request and preview say."""

    request: SwitchRequest
    preview: Record
    since: datetime

    @property
    def key(self) -> tuple[str, ...]:
        """Reason, origin and target, by which two advices are one."""
        return self.preview["reason"], self.preview["from_account"], self.preview["to_account"]

    def to_status(self) -> dict[str, Any]:
        """Return ``advised_switch`` of ``status --json``."""
        keys = ("reason", "limit", "trigger_session", "from_account", "to_account", "detail")
        return {"since": clock.wall_iso(self.since), **{key: self.preview[key] for key in keys}}

    def text(self) -> str:
        """Return what is told of it, in one line."""
        limit, target = self.preview["limit"], self.preview["to_account"]
        parts = (self.preview["reason"], limit_word(limit) if limit else None, self.preview["trigger_session"])
        reason = ", ".join(filter(None, parts))
        return (
            f"a switch from {self.preview['from_account']} to {target} is due ({reason}), and failover.automatic is "
            f"false: claude-failover switch {target}"
        )


class SwitchAdvice:
    """The advice in force.

    Args:
        switch: makes, or with ``dry_run`` previews, the switch of a request.
        limited: returns the sessions that a limit has stopped.
        on_change: called with a new advice, and with None when that is over.
        now: the current time.
    """

    def __init__(
        self,
        switch: Callable[[SwitchRequest], Awaitable[Record]],
        limited: Callable[[], Collection[str]],
        on_change: Callable[[AdvisedSwitch | None], None],
        now: Callable[[], datetime],
    ) -> None:
        self.current: AdvisedSwitch | None = None
        self._switch = switch
        self._limited = limited
        self._on_change = on_change
        self._now = now

    async def review(self, active: str, request: SwitchRequest | None) -> SwitchRequest | None:
        """Return the request, or None where it would move the link, which is told instead."""
        due = request
        if due is None and self.current is not None and self.current.request.expected == active and self._limited():
            due = self.current.request  # a limit is decided on in some rounds only, and is in force between them
        if due is not None:
            preview = await self._switch(dataclasses.replace(due, dry_run=True))
            if preview["outcome"] == "switched":
                self._give(due, preview)
                return None
        self.withdraw()
        return request

    def _give(self, request: SwitchRequest, preview: Record) -> None:
        """Tell a switch that is due, unless it has been told."""
        known, advice = self.current, AdvisedSwitch(request, preview, self._now())
        if known is not None and known.key == advice.key:
            self.current = dataclasses.replace(advice, since=known.since)
            return
        self.current = advice
        fields = log_fields(
            session=preview["trigger_session"],
            account=preview["from_account"],
            limit=preview["limit"],
            event="switch_advised",
        )
        log.warning("%s", advice.text(), extra=fields)
        self._on_change(advice)

    def withdraw(self) -> None:
        """End the advice: the switch was made, or is not due any more."""
        if self.current is not None:
            log.info("no switch is due any more", extra=log_fields(event="switch_advised"))
            self.current = None
            self._on_change(None)
