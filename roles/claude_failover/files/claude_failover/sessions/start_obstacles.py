# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notice that what kept a session from starting is mended: its program was not found, or its folder missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from ..common.processes import variable
from ..config.model import SessionConfig
from .launch import folder_problem
from .tracked_session import TrackedSession

LOOK_INTERVAL = 1.0  # seconds between two looks, while there is an obstacle


class StartObstacles:
    """Sessions that are down and cannot start as the host is, by name."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()

    def mended(self, sessions: Iterable[TrackedSession], tmux_pid: int | None) -> list[str]:
        """Look again; return the names of the sessions that could start now, and could not at the last look."""
        down = {tracked.name: tracked.spec for tracked in sessions if tracked.spec is not None and not tracked.up}
        blocked = frozenset(name for name, spec in down.items() if _has_obstacle(spec, tmux_pid))
        mended = sorted((self.names - blocked) & set(down))
        self.names = blocked
        return mended


def _has_obstacle(spec: SessionConfig, tmux_pid: int | None) -> bool:
    """Return True if a session's folder is missing or closed, or its program not in its PATH or the tmux server's."""
    folders = spec.env.get("PATH") or (variable(tmux_pid, "PATH") if tmux_pid is not None else None)
    program = spec.command[0]
    if os.sep in program:
        program = os.path.join(spec.cwd, program)
    return folder_problem(spec) is not None or shutil.which(program, path=folders) is None
