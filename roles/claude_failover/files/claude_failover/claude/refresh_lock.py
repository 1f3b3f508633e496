# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Claude Code is refreshing an account's login just now.

A refresh holds ``<home>/.oauth_refresh.lock/``, and renews its times while it runs. A flip in the middle of one left
the old account with an expired token and a stale lock (seen on Claude Code 2.1.330).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Callable

LOCK = ".oauth_refresh.lock"

#: Seconds after which a lock that nobody renews is one that was left behind.
STALE = 60.0

#: Seconds that a switch waits for a lock, and between two looks.
BOUND = 30.0
POLL = 0.05


def held(home: str) -> bool:
    """Tell whether a live refresh lock stands in the account home. Raises OSError when that cannot be seen."""
    try:
        status = os.lstat(os.path.join(home, LOCK))
    except FileNotFoundError:
        return False
    # A time far in the future is a clock that was set back: no reason to wait for ever.
    return abs(time.time() - status.st_mtime) <= STALE


def holder(homes: Sequence[str]) -> str | None:
    """Return the first of the homes in which a live lock stands, or None. Raises OSError."""
    return next((home for home in homes if held(home)), None)


async def wait_free(
    homes: Sequence[str], deadline: float, *, clock: Callable[[], float] = time.monotonic, poll: float = POLL
) -> str | None:
    """Wait until none of the homes has a live lock.

    Args:
        homes: the account homes.
        deadline: when to give up, on ``clock``'s scale.
        poll: seconds between two looks.

    Returns None, or the home that still has one at the deadline. Raises OSError.
    """
    while True:
        found = holder(homes)
        if found is None or clock() >= deadline:
            return found
        await asyncio.sleep(poll)
