# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The C library's allocator: what it keeps of the memory that Python gives back."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Mapping

# The numbers of <malloc.h>, the same in glibc 2.28 to 2.36.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

_THRESHOLD = 128 * 1024  # bytes, the thresholds that glibc begins with
_FULL = 2  # the oldest generation of Python's collector


def bound_memory() -> bool:
    """Share one arena among threads, and give memory back to the system once it is freed.

    By itself glibc gives up to eight arenas a core to threads, and raises both thresholds, up to 32 and 64 MiB, with
    each large block that is freed: what is read for a moment then stays resident. Small blocks are given back after
    each full collection of Python's. Returns False where the C library has no such options.
    """
    try:
        library = ctypes.CDLL(None)
        option, trim = library.mallopt, library.malloc_trim
    except (OSError, AttributeError):
        return False
    trim.argtypes = [ctypes.c_size_t]

    def trim_after_full_collection(phase: str, info: Mapping[str, int]) -> None:
        if phase == "stop" and info["generation"] == _FULL:
            trim(0)

    gc.callbacks.append(trim_after_full_collection)
    values = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _THRESHOLD), (_TRIM_THRESHOLD, _THRESHOLD))
    return all(option(number, value) for number, value in values)


def settle_memory() -> None:
    """Collect what is left of the start, and take what stays out of later collections, which then come sooner."""
    gc.collect()
    gc.freeze()
