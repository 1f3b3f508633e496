# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions as `routing` asks for them: as the configuration that holds now has them, and as they are right now."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Protocol

from ..common.backoff import Backoff
from ..config.model import Config
from ..sessions.ownership import Registry
from ..sessions.table import Watched
from ..tmux.client import Pane
from .routing import Candidate, Wish, check_wish, refusal
from .task import Handed

BACKOFF = (1.0, 60.0)  # seconds that a session to which a prompt was handed in vain is left alone


class Sessions(Protocol):
    """What is needed of `sessions.Sessions`."""

    def __iter__(self) -> Any: ...
    def get(self, name: str) -> Watched | None: ...


class Candidates:
    """The candidates for tasks.

    Args:
        doubt: see `identity.doubt`.
        monotonic: seconds, for waits.
    """

    def __init__(
        self,
        config: Config,
        sessions: Sessions,
        registry: Registry,
        *,
        doubt: Callable[[Watched, Registry, Pane | None], str | None],
        monotonic: Callable[[], float],
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._doubt = doubt
        self._monotonic = monotonic
        self._resting: dict[str, tuple[Backoff, float]] = {}  # by session: until when it is left alone
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take over a configuration, first or new."""
        self._config = config

    def now(self) -> list[Candidate]:
        """Return every session as it is now, in the sessions' order."""
        return [self._candidate(watched, watched.pane) for watched in self._sessions]

    def check(self, wish: Wish) -> None:
        """Check what a task asks for. Raises Refused, UsageError, see `routing.check_wish`."""
        check_wish(self._config, [each.name for each in self._sessions if each.plan is None], wish)

    def addressee(self, name: str, at: datetime) -> Handed | None:
        """Return to whom a prompt for that session would be typed; None when that is not known."""
        watched, entry = self._sessions.get(name), self._registry.get(name)
        if watched is None or watched.pane is None or watched.claude is None or entry is None:
            return None
        pane, claude = watched.pane, watched.claude
        return Handed(name, pane.pane_id, pane.pid, claude.pid, claude.start, entry.uuid, at)

    def refusal(self, handed: Handed, pane: Pane, wish: Wish) -> str | None:
        """Say why the one that a task was to go to cannot get it now; None when it can.

        ``pane`` is its pane as tmux has just listed it.
        """
        watched = self._sessions.get(handed.session)
        if watched is None:
            return "is gone"
        why = refusal(self._candidate(watched, pane), wish)
        if why is not None:
            return why
        claude = watched.claude
        if claude is None or (pane.pid, claude.pid, claude.start) != (handed.pane_pid, handed.pid, handed.started):
            return "runs another process than the one that was chosen"
        return None

    def _candidate(self, watched: Watched, pane: Pane | None) -> Candidate:
        plan = self._config.session(watched.name)
        return Candidate(
            name=watched.name,
            planned=plan is not None and watched.plan is not None,
            dedicated=plan is None or plan.dedicated or watched.dedicated,
            claude_args=plan is not None and plan.claude_args,
            cwd=plan.cwd if plan is not None else None,
            state=watched.state,
            doubt=self._doubt(watched, self._registry, pane) if plan is not None and watched.state == "idle" else None,
        )

    # -- sessions that are left alone for a while ----------------------------------------------------------

    def rest(self, name: str) -> None:
        """Leave a session alone for a while, each time a longer one."""
        backoff, _until = self._resting.get(name, (Backoff(*BACKOFF), 0.0))
        self._resting[name] = (backoff, self._monotonic() + backoff.failed(0.0))

    def rested(self, name: str) -> None:
        """Leave a session alone no longer: it takes prompts."""
        self._resting.pop(name, None)

    def resting(self) -> set[str]:
        """Return the sessions that are left alone now."""
        return {name for name, (_backoff, until) in self._resting.items() if until > self._monotonic()}
