# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read processes from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator


def pids(proc: str = "/proc") -> Iterator[int]:
    """Yield the numbers of all processes. Raises OSError."""
    for entry in os.listdir(proc):
        if entry.isascii() and entry.isdecimal():
            yield int(entry)


def start_ticks(pid: int, proc: str = "/proc") -> int | None:
    """Return the start of a process in clock ticks since boot, None if it does not run. See proc(5)."""
    try:
        with open(os.path.join(proc, str(pid), "stat"), "rb") as stream:
            # The program's name, in parentheses before the state, may hold blanks and parentheses.
            fields = stream.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
