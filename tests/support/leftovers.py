# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The leftovers of a rehearsal: its folder, and processes that were started for it."""

from __future__ import annotations

import os


def left_of(folder: str) -> list[str]:
    """Return the folder, if it is there, and the pids of the processes whose environment names it."""
    found = [folder] if os.path.lexists(folder) else []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:
                if folder.encode() in stream.read():
                    found.append(pid)
        except OSError:  # it has ended, or is another user's
            continue
    return found
