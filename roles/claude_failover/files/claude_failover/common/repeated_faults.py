# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go on through faults of the system that pass, such as no descriptors left."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Any, Callable

log = logging.getLogger(__name__)

PAUSE = 1.0  # seconds after a fault
INTERVAL = 60.0  # seconds between two log lines about one fault that lasts


class RepeatedFaults:
    """Logs a fault when it begins, and again every `INTERVAL` seconds while it lasts."""

    def __init__(self) -> None:
        self._logged_at: dict[str, float] = {}  # by text

    def report(self, text: str) -> None:
        """Log a fault, unless that has just been done."""
        now = time.monotonic()
        if now - self._logged_at.get(text, float("-inf")) >= INTERVAL:
            if len(self._logged_at) > 100:
                self._logged_at.clear()
            self._logged_at[text] = now
            log.error("%s", text)

    async def keep_running(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run an endless loop, and start it again after every fault of the system."""
        while True:
            try:
                await run()
                return
            except OSError as error:
                self.report(f"{name}: {error}; it goes on")
            await asyncio.sleep(PAUSE)

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an exception in a callback of the event loop; asyncio itself goes on after one.

        At the limit of descriptors asyncio reports every connection that it cannot accept, several hundreds a second.
        """
        error = context.get("exception")
        if isinstance(error, OSError):
            self.report(f"{context.get('message')}: {error}; it goes on")
        else:
            loop.default_exception_handler(context)
