# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify that the process in a pane is the one the daemon started.

A session's name proves nothing, as tmux lets anybody rename sessions and swap two names. The proof is an environment
variable of the process, set at its start to the name of its session.
"""

from __future__ import annotations

from typing import Protocol

from ..common.processes import Process, is_alive, read, variable
from ..tmux.client import Pane
from .launch import SESSION_VARIABLE
from .registry import RegistryEntry
from .tracked_session import TrackedSession

_MAX_DEPTH = 64  # processes between a pane's own and Claude Code's


class RegistryProtocol(Protocol):
    """The part of `SessionRegistry` that ownership is proved with."""

    def get(self, name: str) -> RegistryEntry | None:
        """Return the conversation of the session, or None."""


def ownership_problem(tracked: TrackedSession, registry: RegistryProtocol, pane: Pane | None) -> str | None:
    """Return why the session cannot be proved to be the daemon's own, or None if it is.

    ``pane`` is the session's pane as tmux lists it now.
    """
    claude = tracked.claude
    if pane is None or tracked.pane is None or pane.dead or claude is None:
        return "has no running Claude Code"
    if pane.session != tracked.name:
        return f"was renamed in tmux to {pane.session!r}"
    if (pane.pane_id, pane.pid) != (tracked.pane.pane_id, tracked.pane.pid):
        return "has a pane unknown to the daemon"
    entry = registry.get(tracked.name)
    if entry is None or entry.source == "pane" or entry.pid is None:
        return "is in an unverified conversation"
    if (entry.pid, entry.started) != (claude.pid, claude.start):
        return "runs a process unknown to the daemon"
    if not is_alive(claude.pid, claude.start):
        return "has no running Claude Code"
    if tracked.parked_job is not None:
        return "has its conversation in the background (agents view)"
    started_for = variable(claude.pid, SESSION_VARIABLE)
    if started_for is None:
        return "was started by hand under the name of a configured session"
    if started_for not in (tracked.name, *entry.former_names):
        return f"runs the process of session {started_for!r}"
    return None if _descends_from(claude, pane.pid) else "runs its process outside of its pane"


def _descends_from(process: Process | None, pid: int) -> bool:
    for _level in range(_MAX_DEPTH):
        if process is None or process.pid == pid:
            return process is not None
        process = read(process.parent)
    return False
