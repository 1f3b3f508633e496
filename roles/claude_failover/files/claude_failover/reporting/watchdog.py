# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Feed systemd's watchdog as long as the daemon does its work."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Callable

from ..common.shared_wake import REST, sleep_together
from ..config.holder import ConfigHolder
from .systemd import SystemdNotifier, watchdog_interval

log = logging.getLogger(__name__)

STALL_TIMEOUT = 60.0  # seconds without a finished check of the sessions until the watchdog is no longer fed


class Watchdog:
    """Feeds the watchdog while checks of the sessions finish.

    ``checked_at`` returns when the last one did, on the monotonic clock; ``summary`` is shown beside.
    """

    def __init__(
        self,
        config: ConfigHolder,
        systemd: SystemdNotifier,
        checked_at: Callable[[], float],
        summary: Callable[[], str],
    ) -> None:
        self._config = config
        self._systemd = systemd
        self._checked_at = checked_at
        self._summary = summary

    async def run(self) -> None:
        """Feed it until cancelled. There must be a watchdog."""
        while (interval := watchdog_interval()) is not None:
            stalled = time.monotonic() - self._checked_at()
            if stalled < STALL_TIMEOUT + self._config.current.lifecycle.check_interval:
                self._systemd.send(WATCHDOG=1, STATUS=self._summary())
            else:
                log.error("no check of the sessions has finished for %.0f s", stalled)
            # A shared pause lasts half more at most, which has to be in time too.
            await (sleep_together(REST) if interval >= 1.5 * REST else asyncio.sleep(interval))
