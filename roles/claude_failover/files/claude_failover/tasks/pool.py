# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build routing snapshots from the current configuration and session state."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime
from typing import Callable, Protocol

from ..common.backoff import Backoff
from ..config.holder import ConfigHolder
from ..config.model import SessionConfig
from ..sessions.ownership import RegistryProtocol
from ..sessions.tracked_session import TrackedSession
from ..tmux.client import Pane
from .routing import PooledSession, TaskRequirements, check_requirements, disqualification, refusal
from .task import Assignment

BACKOFF = (1.0, 60.0)  # seconds without a task after a failed delivery: first and longest


class SessionTableProtocol(Protocol):
    """The part of `sessions.table.SessionTable` that the dispatcher uses."""

    def __iter__(self) -> Iterator[TrackedSession]:
        """Yield the sessions."""

    def get(self, name: str) -> TrackedSession | None:
        """Return the session of that name, or None."""


class SessionPool:
    """The sessions that tasks may go to.

    Args:
        ownership_problem: see `sessions.ownership.ownership_problem`.
        monotonic: clock in seconds, for the back-off.
    """

    def __init__(
        self,
        config: ConfigHolder,
        sessions: SessionTableProtocol,
        registry: RegistryProtocol,
        *,
        ownership_problem: Callable[[TrackedSession, RegistryProtocol, Pane | None], str | None],
        monotonic: Callable[[], float],
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._ownership_problem = ownership_problem
        self._monotonic = monotonic
        self._backoffs: dict[str, tuple[Backoff, float]] = {}  # by session: until when it backs off
        self._config = config

    def snapshot(self) -> list[PooledSession]:
        """Return the current state of every session, in the order of the session table; each is proved once at most."""
        proved: dict[str, str | None] = {}
        return [self._pooled(tracked, tracked.pane, proved) for tracked in self._sessions]

    def holds(self, tracked: TrackedSession) -> bool:
        """Return whether tasks may go to a session, in some state of it."""
        return disqualification(self._pooled(tracked, tracked.pane, {}), TaskRequirements()) is None

    def check(self, requirements: TaskRequirements) -> None:
        """Check a task's requirements. Raises Refused, UsageError; see `routing.check_requirements`."""
        sessions = list(self._sessions)
        running = {each.name: each.cwd for each in sessions if each.spec is not None and each.cwd is not None}
        check_requirements(
            self._config.current, [each.name for each in sessions if each.spec is None], requirements, running
        )

    def assignment_for(self, name: str, at: datetime) -> Assignment | None:
        """Return the assignment of a task to that session; None when its pane, process or conversation is not known."""
        tracked, entry = self._sessions.get(name), self._registry.get(name)
        if tracked is None or tracked.pane is None or tracked.claude is None or entry is None:
            return None
        pane, claude = tracked.pane, tracked.claude
        return Assignment(name, pane.pane_id, pane.pid, claude.pid, claude.start, entry.uuid, at)

    def refusal(self, assignment: Assignment, pane: Pane, requirements: TaskRequirements) -> str | None:
        """Return why the assigned session cannot get the task now; None if it can.

        ``pane`` is the session's pane as tmux has just listed it.
        """
        tracked = self._sessions.get(assignment.session)
        if tracked is None:
            return "is gone"
        why = refusal(self._pooled(tracked, pane, {}), requirements)
        if why is not None:
            return why
        claude = tracked.claude
        if claude is None or (pane.pid, claude.pid, claude.start) != (
            assignment.pane_pid,
            assignment.pid,
            assignment.started,
        ):
            return "runs another process than the one that was chosen"
        return None

    def _pooled(self, tracked: TrackedSession, pane: Pane | None, proved: dict[str, str | None]) -> PooledSession:
        """Return the state of a session; its ownership is proved when it is asked for, and then kept in ``proved``."""
        spec = self._config.current.session(tracked.name)
        return PooledSession(
            name=tracked.name,
            configured=spec is not None and tracked.spec is not None,
            dedicated=spec is None or spec.dedicated or tracked.dedicated,
            claude_args=spec is not None and spec.claude_args and not self._runs_otherwise(tracked, spec),
            cwd=tracked.cwd if spec is not None else None,
            state=tracked.state,
            ownership_problem=functools.partial(self._prove, tracked, pane, proved),
        )

    def _prove(self, tracked: TrackedSession, pane: Pane | None, proved: dict[str, str | None]) -> str | None:
        """Return the ownership problem of a session, from ``proved`` where it is known."""
        if tracked.name not in proved:
            proved[tracked.name] = self._ownership_problem(tracked, self._registry, pane)
        return proved[tracked.name]

    def _runs_otherwise(self, tracked: TrackedSession, spec: SessionConfig) -> bool:
        """Return whether a session was started with another ``claude_args``, as a command of its own."""
        return tracked.launch is not None and "claude_args" in tracked.launch.changed(spec, self._config.current)

    # -- back-off ------------------------------------------------------------------------------------------

    def back_off(self, name: str) -> None:
        """Assign nothing to a session for a while, longer each time."""
        backoff, _until = self._backoffs.get(name, (Backoff(*BACKOFF), 0.0))
        self._backoffs[name] = (backoff, self._monotonic() + backoff.failed(0.0))

    def clear_backoff(self, name: str) -> None:
        """End the back-off of a session: it takes prompts."""
        self._backoffs.pop(name, None)

    def backing_off(self) -> set[str]:
        """Return the sessions that back off now."""
        return {name for name, (_backoff, until) in self._backoffs.items() if until > self._monotonic()}

    def backoff_delays(self) -> list[float]:
        """Return the seconds to the end of each back-off."""
        now = self._monotonic()
        return [until - now for _backoff, until in self._backoffs.values() if until > now]
