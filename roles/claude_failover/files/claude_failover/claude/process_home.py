# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration directory that a process of Claude Code uses; a relative one is so to where the process is."""

from __future__ import annotations

import os

from ..common.processes import variable, working_directory

#: Below the user's home directory, without CLAUDE_CONFIG_DIR; its ``.claude.json`` is beside it (2.1.81 to 2.1.332).
DEFAULT_HOME = ".claude"


def process_home(pid: int) -> str | None:
    """Return the directory that the process was started with; None where its environment does not tell."""
    folder = variable(pid, "CLAUDE_CONFIG_DIR")
    if folder and not os.path.isabs(folder):
        current = working_directory(pid)
        return os.path.normpath(os.path.join(current, folder)) if current else None
    if folder:
        return folder
    user_home = variable(pid, "HOME")
    return os.path.join(user_home, DEFAULT_HOME) if user_home else None
