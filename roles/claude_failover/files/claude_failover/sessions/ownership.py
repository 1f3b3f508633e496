# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the process in a session's pane is surely the one that the daemon started for that session's name.

A session's name says little: tmux lets anybody rename sessions, and swap two names. The process says it itself: the
daemon starts it with a variable that holds the name, which nothing changes afterwards.
"""

from __future__ import annotations

from typing import Protocol

from ..common.processes import Process, is_alive, read, variable
from ..tmux.client import Pane
from .registry import RegistryEntry
from .table import TrackedSession

#: The variable that `lifecycle` starts every configured session with.
SESSION_VARIABLE = "CLAUDE_FAILOVER_SESSION"
_DEEPEST = 64  # processes between a pane's own and Claude Code's, at most


class RegistryProtocol(Protocol):
    """What is needed of `registry.Registry`."""

    def get(self, name: str) -> RegistryEntry | None: ...


def ownership_problem(tracked: TrackedSession, registry: RegistryProtocol, pane: Pane | None) -> str | None:
    """Say why it is not sure that the session is the one that the daemon started; None when it is.

    ``pane`` is the session's pane as tmux lists it now.
    """
    claude = tracked.claude
    if pane is None or tracked.pane is None or pane.dead or claude is None:
        return "has no running Claude Code"
    if pane.session != tracked.name:
        return f"was renamed in tmux to {pane.session!r}"
    if (pane.pane_id, pane.pid) != (tracked.pane.pane_id, tracked.pane.pid):
        return "has another pane than the daemon knows"
    entry = registry.get(tracked.name)
    if entry is None or entry.source == "pane" or entry.pid is None:
        return "is in a conversation that is not surely known"
    if (entry.pid, entry.started) != (claude.pid, claude.start):
        return "runs another process than the daemon knows"
    if not is_alive(claude.pid, claude.start):
        return "has no running Claude Code"
    made_for = variable(claude.pid, SESSION_VARIABLE)
    if made_for is None:
        return "was started by hand, under the name of a configured session"
    if made_for != tracked.name:
        return f"runs the process of session {made_for!r}"
    return None if _below(claude, pane.pid) else "runs its process outside of its pane"


def _below(process: Process | None, pid: int) -> bool:
    for _level in range(_DEEPEST):
        if process is None or process.pid == pid:
            return process is not None
        process = read(process.parent)
    return False
