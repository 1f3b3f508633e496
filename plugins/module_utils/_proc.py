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
    fields = _stat_fields(pid, proc)
    return int(fields[19]) if fields and fields[0] not in (b"Z", b"X") else None


def state(pid: int, proc: str = "/proc") -> str:
    """Return the letter for the state of a process, as ps(1) shows it, an empty text if there is none."""
    fields = _stat_fields(pid, proc)
    return fields[0].decode("ascii", "replace") if fields else ""


def _stat_fields(pid: int, proc: str) -> list[bytes]:
    """Return the fields of a process's ``stat`` from its state on, none if there is no such process."""
    try:
        with open(os.path.join(proc, str(pid), "stat"), "rb") as stream:
            # The program's name, in parentheses before the state, may hold blanks and parentheses.
            return stream.read().rpartition(b")")[2].split()
    except OSError:
        return []
