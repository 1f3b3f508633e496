# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a condition, with a deadline; nothing here sleeps in the hope that something has happened."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def until(
    condition: Callable[[], T | None],
    what: str,
    *,
    timeout: float = 30.0,
    every: float = 0.03,
    show: Callable[[], str] | None = None,
) -> T:
    """Return the first true value of ``condition``, looked at each ``every`` seconds.

    Raises AssertionError after ``timeout`` seconds, with ``what`` was awaited and what ``show`` sees then.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            seen = "\n" + show() if show else ""
            raise AssertionError(f"waited {timeout:.0f} s for {what}{seen}")
        time.sleep(every)
