# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pauses that end together, so that a process in which nothing happens wakes once for all of them."""

from __future__ import annotations

import asyncio

#: Seconds between two looks at what has nothing to do; a multiple of it, for whatever looks less often, wakes no more.
REST = 10.0
_SHORTEST = 1.0  # seconds; a shorter pause is kept as it is


async def sleep_together(seconds: float) -> None:
    """Sleep for a `shared_pause`."""
    await asyncio.sleep(shared_pause(seconds))


def shared_pause(seconds: float) -> float:
    """Return the time up to a multiple of ``seconds``: half of it at least, half more at most."""
    return pause(asyncio.get_running_loop().time(), seconds) if seconds >= _SHORTEST else seconds


def pause(now: float, seconds: float) -> float:
    """Return the time from ``now`` up to the next multiple of ``seconds`` that is half of it away."""
    rest = seconds - now % seconds
    return rest if 2 * rest > seconds else rest + seconds
