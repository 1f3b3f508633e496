# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream that is connected to the journal, and the priorities of its lines (sd-daemon(3))."""

from __future__ import annotations

import os
from typing import Any

ERROR = 40  # the level of `logging`, which takes a command line long to import
_PRIORITIES = ((ERROR, 3), (30, 4), (20, 6))
_DEBUG = 7


def is_journal(stream: Any) -> bool:
    """Return whether a stream leads to the journal.

    JOURNAL_STREAM has the device and the inode that systemd connected (systemd.exec(5)). A process that inherited the
    variable may have another stream by now, such as a terminal of tmux.
    """
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def priority_of(level: int) -> int:
    """Return the journal's priority for a level of `logging`."""
    return next((priority for least, priority in _PRIORITIES if level >= least), _DEBUG)


def prefixed(text: str, level: int) -> str:
    """Return the text with the level's priority before each line, as systemd reads it (SyslogLevelPrefix=)."""
    start = f"<{priority_of(level)}>"
    return "\n".join(start + line for line in text.split("\n"))
