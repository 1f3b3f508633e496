# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An event loop whose time is made up: where nothing but a timer is waited for, it is skipped."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Adds up the time that it is asked to wait, and never waits."""

    def __init__(self) -> None:
        super().__init__()
        self.passed, self.wakes = 0.0, 0

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if not found and timeout != 0:
            assert timeout is not None, "everything waits, and no timer runs"
            self.passed += timeout
            self.wakes += 1
        return found


class SkippedTime(asyncio.SelectorEventLoop):
    """Begins at 0."""

    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Return the seconds that were skipped."""
        return self._skipping.passed

    @property
    def wakes(self) -> int:
        """How often a timer has ended a wait."""
        return self._skipping.wakes

    def run(self, scenario: Coroutine[Any, Any, Any]) -> Any:
        """Run a scenario, end what it has left, and close the loop."""
        try:
            return self.run_until_complete(scenario)
        finally:
            left = asyncio.all_tasks(self)
            for task in left:
                task.cancel()
            if left:
                self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self.close()
