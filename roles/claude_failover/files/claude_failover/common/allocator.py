# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The C library's allocator: what it keeps of the memory that Python gives back."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Mapping

# The numbers of <malloc.h>, the same in glibc 2.28 to 2.36.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

_THRESHOLD = 128 * 1024  # bytes, the thresholds that glibc begins with
_PAUSE = 5.0  # seconds from a collection until memory is given back
_YOUNG = 500  # objects that are made before the young ones are collected; 700 up to Python 3.12, 2000 in 3.13


def bound_memory() -> bool:
    """Share one arena among threads, and give large blocks back to the system once they are freed.

    By itself glibc gives up to eight arenas a core to threads, and raises both thresholds, up to 32 and 64 MiB, with
    each large block that is freed: what is read for a moment then stays resident. Returns False where the C library has
    no such options.
    """
    try:
        option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    values = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _THRESHOLD), (_TRIM_THRESHOLD, _THRESHOLD))
    return all(option(number, value) for number, value in values)


def give_back_memory(loop: asyncio.AbstractEventLoop) -> bool:
    """Give the pages of small blocks that were freed back to the system, on ``loop``, soon after something was done.

    What tells that something was done is Python's collection of its youngest objects, which comes where many were made
    and is made to come early: a process at rest does nothing for it. Returns False where the C library cannot.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return False
    trim.argtypes = [ctypes.c_size_t]
    is_due = False

    def give_back() -> None:
        nonlocal is_due
        is_due = False
        trim(0)

    def on_collection(phase: str, _info: Mapping[str, int]) -> None:
        # In any thread, between any two instructions of the loop, also while it orders its timers.
        nonlocal is_due
        if phase == "stop" and not is_due and not loop.is_closed():
            is_due = True
            loop.call_soon_threadsafe(loop.call_later, _PAUSE, give_back)

    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    gc.callbacks.append(on_collection)
    return True


def settle_memory() -> None:
    """Collect what is left of the start, and take what stays out of later collections, which then come sooner."""
    gc.collect()
    gc.freeze()
