# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handle a usage limit: write its record, then wait for the reset or open the menu."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from . import dialogs, texts
from .core import Core
from .requests import Answer, request_id


class LimitWait:
    """Claude Code's own wait for a reset; ``submit`` starts the turn that continues afterwards."""

    def __init__(self, core: Core, submit: Callable[[], None]) -> None:
        self.core, self._submit = core, submit
        self.menus_shown: set[int] = set()
        self._continue: asyncio.TimerHandle | None = None

    def record(self, answer: Answer) -> None:
        """Write the transcript record of the limit."""
        more: dict[str, Any] = {"requestId": request_id(), "apiErrorStatus": 429}
        if self.core.context.version != texts.OLD:
            limits = {
                "status": "rejected",
                "resetsAt": answer.resets_at,
                "rateLimitType": answer.claim,
                "unifiedRateLimitFallbackAvailable": False,
                "isUsingOverage": False,
            }
            more.update(
                apiError="usage_limit_reached",
                quotaLimits=limits,
                apiErrorType="rate_limit_error",
                apiErrorParams={"rate_limit_info": limits},
            )
        self.core.transcript.api_error(answer.text, "rate_limit", **more)

    def after(self, answer: Answer) -> None:
        """Wait for a near reset; for a far one, open the menu, once per reset."""
        ahead = answer.resets_at - time.time()
        zone = self.core.context.zone
        when = texts.clock(datetime.fromtimestamp(answer.resets_at, zone), datetime.now(zone))
        account, session = self.core.sources()
        wanted = {**account, **session}.get("autoContinueAtUsageLimit", True)
        if wanted and ahead <= texts.AUTO_CONTINUE_WITHIN and self.core.context.version != texts.OLD:
            notice = f"Usage limit reached · set to continue automatically at {when}"
            self.core.view.add("notice", notice)
            self.core.transcript.system("informational", content=notice, level="notice")
            self.core.view.continues = when
            delay = max(ahead, 0) + self.core.context.delay("CLAUDE_FAKE_AUTO_CONTINUE")
            self._continue = asyncio.get_running_loop().call_later(delay, self._continue_now)
        elif answer.resets_at in self.menus_shown:
            self.core.view.add("hint", texts.HINT)
        else:
            self.menus_shown.add(answer.resets_at)
            if self.core.context.version == texts.OLD:
                self.core.view.add("prompt", "/rate-limit-options")
            self.core.view.dialog = dialogs.limit_menu(when, self.core.context.version)
            self.core.file.update("waiting", "dialog open")

    def _continue_now(self) -> None:
        self._continue = None
        self.core.view.continues = ""
        self.core.view.add("notice", texts.CONTINUED)
        self._submit()
        self.core.changed()

    def cancel(self, *, by_escape: bool = False) -> bool:
        """Cancel the wait for the reset; returns False if there was none. ``by_escape``: show and record it."""
        if self._continue is None:
            return False
        self._continue.cancel()
        self._continue = None
        self.core.view.continues = ""
        if by_escape:
            self.core.view.add("notice", texts.CANCELLED)
            self.core.view.toast = "automatic continue cancelled"
            self.core.transcript.system("informational", content=texts.CANCELLED, level="notice")
            self.core.write_later()
        return True
