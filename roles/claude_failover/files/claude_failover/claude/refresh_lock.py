# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detect and await Claude Code's token refresh lock in an account home.

A refresh holds ``<home>/.oauth_refresh.lock/`` and updates its mtime while it runs. A flip during a refresh left the
old account with an expired token and a stale lock (seen on Claude Code 2.1.330).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Callable

from ..common import clock

LOCK = ".oauth_refresh.lock"

#: Seconds without an update after which a lock is stale.
STALE = 60.0

#: Seconds: a switch's maximum wait for a lock, and the poll interval.
BOUND = 30.0
POLL = 0.05


def is_locked(home: str) -> bool:
    """Return whether the account home has a live refresh lock. Raises OSError if that cannot be determined."""
    try:
        status = os.lstat(os.path.join(home, LOCK))
    except FileNotFoundError:
        return False
    if abs(clock.wall().timestamp() - status.st_mtime) <= STALE:
        return True
    # The clock may have been set since; a time in the future from before this daemon's start is unknown: stale.
    made = clock.from_wall(datetime.fromtimestamp(status.st_mtime, timezone.utc))
    return made is not None and (clock.now() - made).total_seconds() <= STALE


def locked_home(homes: Sequence[str]) -> str | None:
    """Return the first of the homes that has a live lock, or None. Raises OSError."""
    return next((home for home in homes if is_locked(home)), None)


async def wait_unlocked(
    homes: Sequence[str], deadline: float, *, clock: Callable[[], float] = time.monotonic, poll: float = POLL
) -> str | None:
    """Wait until none of the homes has a live lock.

    Args:
        homes: the account homes.
        deadline: when to give up, as a value of ``clock``.
        clock: returns monotonic seconds.
        poll: seconds between two checks.

    Returns None, or the home that is still locked at the deadline. Raises OSError.
    """
    while True:
        locked = locked_home(homes)
        if locked is None or clock() >= deadline:
            return locked
        await asyncio.sleep(poll)
