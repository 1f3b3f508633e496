# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop and restart a session at an operator's request, in its conversation.

What was asked for is on the disk before the first signal, so a kill of the daemon in between loses no request. A
session that has something under way is refused, unless ``force`` is given.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import Callable
from typing import Any

from ..claude.prompt_box import find_prompt_box
from ..common import clock
from ..common.errors import Refused, UsageError
from ..common.log_fields import log_fields
from ..common.processes import read
from ..common.suggestions import did_you_mean
from ..common.text import natural_key
from ..tmux.client import Tmux
from .launch import SESSION_VARIABLE, start_problem
from .lifecycle import SessionLifecycle
from .lifecycle_state import RESTARTING, STOPPED, LifecycleEntry, LifecycleState
from .registry import SessionRegistry
from .restart_policy import STOPPED_REASON
from .table import SessionTable
from .termination import end_program
from .tracked_session import TrackedSession

log = logging.getLogger(__name__)

#: Seconds after its Stop hook in which SIGTERM can cost the turn its records (2.1.197: at once in 7 of 13 runs, after
#: 0.3 s in 0 of 13).
WRITE_WAIT = 0.5


class SessionControl:
    """The commands ``stop`` and ``restart``.

    ``state`` is what was asked for; ``task_of`` returns the id of the task that a session has, or None.
    """

    def __init__(
        self,
        tmux: Tmux,
        sessions: SessionTable,
        registry: SessionRegistry,
        lifecycle: SessionLifecycle,
        state: LifecycleState,
        *,
        task_of: Callable[[str], str | None] = lambda _session: None,
    ) -> None:
        self._tmux = tmux
        self._sessions = sessions
        self._registry = registry
        self._lifecycle = lifecycle
        self.state = state
        self._task_of = task_of

    def handles(self, session: str) -> bool:
        """Return whether a session is being stopped or restarted."""
        return self._lifecycle.holds(session)

    async def stop(self, session: str, force: bool = False) -> dict[str, Any]:
        """End a session's program, and keep it down until `restart`; returns what was done.

        Raises UsageError for an unknown session; Refused, FailoverError, OSError.
        """
        async with self._lifecycle.hold(session):
            tracked = await self._observed(session)
            if tracked.spec is None:
                await self._check_own(tracked)
            await self._check_free(tracked, force)
            if tracked.spec is not None:
                self.state.require(session, self._order(STOPPED, tracked, force))
            await self._end(tracked, force)
            forced = ", by force" if force else ""
            if tracked.spec is None:
                if tracked.pane is not None:
                    await self._tmux.kill_pane(tracked.pane.pane_id)
                log.warning(
                    "session %s: ended%s, as it is no longer configured",
                    session,
                    forced,
                    extra=log_fields(session=session),
                )
                return self._answer(tracked, "ended; the configuration has no such session any more")
            tracked.reason, tracked.next_try_at = STOPPED_REASON, None
            log.warning("session %s: %s%s", session, STOPPED_REASON, forced, extra=log_fields(session=session))
            restart = "claude-failover restart " + shlex.quote(session)
            return self._answer(tracked, f"stopped; it stays down until: {restart}")

    async def restart(self, session: str, force: bool = False, why: str = "by hand") -> dict[str, Any]:
        """End a session's program if it runs, and start it as it is configured now; returns what was done.

        Raises UsageError for an unknown session; Refused, FailoverError, OSError.
        """
        async with self._lifecycle.hold(session):
            tracked = await self._observed(session)
            spec = tracked.spec
            if spec is None:
                end = f"end it: claude-failover stop {shlex.quote(session)}"
                raise Refused(
                    f"session {session!r} is not in the configuration, and cannot be started from it; add it under "
                    f"sessions, or {end if await self._is_own(tracked) else _end_by_hand(session)}"
                )
            problem = start_problem(spec)
            if problem is not None:
                raise Refused(f"session {session} was left as it is: {problem}")
            if tracked.up and tracked.parked_job is not None:
                raise Refused(f"session {session} was left as it is: {tracked.reason}")
            await self._check_free(tracked, force)
            was_up = tracked.up
            self.state.require(session, self._order(RESTARTING, tracked, force))
            await self._end(tracked, force)
            # A reload can have changed, renamed or removed it meanwhile.
            if tracked.spec is None:
                raise Refused(f"session {session} was ended, and the configuration has no such session any more")
            await self._lifecycle.start(tracked, tracked.spec)
            tracked.reason = None
            log.warning(
                "session %s: restarted %s%s",
                session,
                why,
                ", by force" if force else "",
                extra=log_fields(session=session),
            )
            return self._answer(tracked, "restarted" if was_up else "started")

    async def _observed(self, name: str) -> TrackedSession:
        """Return the session as it is now. Raises UsageError."""
        self._sessions.observe(await self._tmux.panes())
        tracked = self._sessions.get(name)
        if tracked is None:
            names = sorted((item.name for item in self._sessions), key=natural_key)
            known = ", ".join(names) or "none"
            raise UsageError(f"session {name!r} does not exist; there are: {known}{did_you_mean(name, names)}")
        return tracked

    async def _check_own(self, tracked: TrackedSession) -> None:
        """Check that what runs in a session that is not configured was started by the daemon. Raises Refused."""
        if not await self._is_own(tracked):
            raise Refused(
                f"session {tracked.name!r} was started by hand, or a window in it was, and belongs to whoever did; "
                + _end_by_hand(tracked.name)
            )

    async def _is_own(self, tracked: TrackedSession) -> bool:
        """Return whether what runs in a session that is not configured was started by the daemon."""
        pane = tracked.pane
        made_for = await self._tmux.session_variable(pane.session_id, SESSION_VARIABLE) if pane is not None else None
        return pane is not None and made_for == tracked.name and await self._tmux.has_own_program(pane.pane_id)

    async def _check_free(self, tracked: TrackedSession, force: bool) -> None:
        """Check that nothing of a session's is lost by its end, once its last turn is written. Raises Refused."""
        if not tracked.up:
            return
        await _wait_until_written(tracked)
        if force:
            return
        draft = await self._draft(tracked)
        why = work_under_way(tracked)  # no await between this and the signal
        task = self._task_of(tracked.name)
        if why is None and task is not None:
            why = f"has task {task}"
        if why is None and draft:
            why = "has a draft in its prompt box"
        if why is not None:
            raise Refused(f"session {tracked.name} {why}, which would be lost; wait for it, or repeat with --force")

    async def _draft(self, tracked: TrackedSession) -> bool:
        if tracked.pane is None or tracked.claude is None:
            return False
        box = find_prompt_box(await self._tmux.screen(tracked.pane.pane_id, escapes=True))
        return box is not None and bool(box.draft.strip()) and not box.deleted

    def _order(self, state: str, tracked: TrackedSession, force: bool) -> LifecycleEntry:
        process = read(tracked.pane.pid) if tracked.pane is not None and tracked.up else None
        if process is None:
            return LifecycleEntry(state, force=force)
        return LifecycleEntry(state, force=force, pid=process.pid, started=process.start)

    async def _end(self, tracked: TrackedSession, force: bool) -> None:
        if tracked.up:
            await end_program(tracked, force=force)
            await self._lifecycle.await_down(tracked)

    def _answer(self, tracked: TrackedSession, detail: str) -> dict[str, Any]:
        entry = self._registry.get(tracked.name)
        return {
            "session": tracked.name,
            "state": tracked.state,
            "uuid": entry.uuid if entry is not None else None,
            "detail": detail,
        }


def _end_by_hand(session: str) -> str:
    """Return how a session that was started by hand is ended."""
    return f"end it there, or with tmux kill-session -t {shlex.quote('=' + session)}"


async def _wait_until_written(tracked: TrackedSession) -> None:
    """Wait until what the Claude CLI told of last is in its transcript."""
    since = WRITE_WAIT if tracked.activity_at is None else (clock.now() - tracked.activity_at).total_seconds()
    await asyncio.sleep(min(max(WRITE_WAIT - since, 0), WRITE_WAIT))


def work_under_way(tracked: TrackedSession) -> str | None:
    """Return what a running session has under way that its end would lose; None if nothing is known."""
    if tracked.resume_state == "resuming" or tracked.remote_control_returns:
        return "is being sent a prompt"
    if tracked.question is not None:
        return "has a prompt that waits for an answer"
    if tracked.activity == "busy":
        return "is busy: a turn is under way"
    if tracked.activity == "waiting":
        return "is in a turn that waits for an answer"
    return None
