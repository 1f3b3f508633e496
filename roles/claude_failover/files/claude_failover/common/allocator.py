# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The C library's allocator: what it keeps of the memory that Python gives back."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Mapping

# The numbers of <malloc.h>, the same in glibc 2.28 to 2.36.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

_THRESHOLD = 128 * 1024  # bytes, the thresholds that glibc begins with
_YOUNG = 0  # the youngest generation of Python's collector, the only one that is collected often
_PAUSE = 10.0  # seconds between two times that memory is given back


def bound_memory() -> bool:
    """Share one arena among threads, and give memory back to the system once it is freed.

    By itself glibc gives up to eight arenas a core to threads, and raises both thresholds, up to 32 and 64 MiB, with
    each large block that is freed: what is read for a moment then stays resident. Small blocks are given back after a
    collection of Python's older objects, which come where many were made: a process at rest does nothing for it.
    Returns False where the C library has no such options.
    """
    try:
        library = ctypes.CDLL(None)
        option, trim = library.mallopt, library.malloc_trim
    except (OSError, AttributeError):
        return False
    trim.argtypes = [ctypes.c_size_t]

    trimmed_at = -_PAUSE

    def trim_after_collection(phase: str, info: Mapping[str, int]) -> None:
        nonlocal trimmed_at
        if phase == "stop" and info["generation"] > _YOUNG and time.monotonic() - trimmed_at >= _PAUSE:
            trimmed_at = time.monotonic()
            trim(0)

    gc.callbacks.append(trim_after_collection)
    values = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _THRESHOLD), (_TRIM_THRESHOLD, _THRESHOLD))
    return all(option(number, value) for number, value in values)


def settle_memory() -> None:
    """Collect what is left of the start, and take what stays out of later collections, which then come sooner."""
    gc.collect()
    gc.freeze()
