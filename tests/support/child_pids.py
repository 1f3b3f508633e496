# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that a process has started, by /proc: a small system has no ``ps``."""

from __future__ import annotations

import os

from claude_failover.common import processes


def child_pids(pid: int) -> list[int]:
    """Return the pids of the processes that a process has started, the oldest first."""
    found = [processes.read(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()]
    below = [process for process in found if process is not None and process.parent == pid]
    return [process.pid for process in sorted(below, key=lambda process: (process.start, process.pid))]


def command_line(pid: int) -> str:
    """Return the command line of a process; empty for one that has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return stream.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
