# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the configured sessions running: start missing ones, restart ended ones."""

from __future__ import annotations

import asyncio
import logging
import shlex
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from ..claude.background_jobs import BackgroundJob, running_jobs
from ..common import clock
from ..common.backoff import Backoff
from ..common.errors import FailoverError, Refused
from ..common.event_wait import wait_for_event
from ..common.log_fields import log_fields
from ..common.shared_wake import shared_pause
from ..config.holder import ConfigHolder
from ..config.model import SessionConfig
from ..tmux.client import Pane, Tmux, TmuxError, TmuxGone, TmuxNotFound
from .exits import STATUS_DELAY, await_exit_status, describe_exit, output_of
from .lifecycle_state import LifecycleState
from .moved_conversations import moved_reason
from .pane_conversations import PaneConversations
from .registry import RegistryEntry, SessionRegistry, uuid_in_pane
from .restart_policy import STOPPED_REASON, after_exit, before_start, is_settled, stays_down, while_running
from .start_obstacles import LOOK_INTERVAL, StartObstacles
from .starter import SessionStarter
from .table import SessionTable
from .tracked_session import TrackedSession

log = logging.getLogger(__name__)

READY_WAIT = 60.0  # seconds after which a session without a sign of Claude Code is reported
PANE_WAIT = 5.0  # seconds for tmux to notice that a program has ended


@dataclass
class _RestartState:
    """The last and the next start of a session."""

    backoff: Backoff
    started: float = 0.0  # time.monotonic() of the last start by this daemon; 0.0 before the first
    due: float | None = None  # time.monotonic() of the next start; None while it runs


class SessionLifecycle:
    """Compares the configured sessions with tmux, and starts those that are missing or have ended.

    ``state`` says which of them stay down.
    """

    def __init__(
        self,
        config: ConfigHolder,
        tmux: Tmux,
        sessions: SessionTable,
        registry: SessionRegistry,
        starter: SessionStarter,
        state: LifecycleState,
    ) -> None:
        self._config = config
        self._tmux = tmux
        self._sessions = sessions
        self._registry = registry
        self._starter = starter
        self._state = state
        self._restarts: dict[str, _RestartState] = {}
        self._obstacles = StartObstacles()
        self._conversations = PaneConversations(tmux, registry)
        self._starting: dict[str, tuple[int, float]] = {}  # by name: the pane's pid, time.monotonic() at first sight
        self._held: list[set[str]] = []  # the names of each session that is held, which a rename adds one to
        self._maintained: TrackedSession | None = None  # that `check` is at
        self._left: asyncio.Event | None = None  # set when `check` leaves it, where that is waited for
        self._moved: dict[str, str | None] = {}  # by name: the conversation in the background that was logged
        self.background: list[BackgroundJob] = []  # Claude Code's running background jobs, at the last check
        self._check_requested = asyncio.Event()
        self._check_requested.set()  # `run` begins with a check
        self.checked_at = time.monotonic()
        self.before_check: Callable[[list[Pane]], Awaitable[list[Pane]]] | None = None  # returns the panes to go by
        config.subscribe(self._on_config_replaced)

    def _on_config_replaced(self) -> None:
        first, most = self._config.current.lifecycle.restart_backoff
        for restarts in self._restarts.values():
            restarts.backoff = Backoff(first, most, restarts.backoff.failures)
        self._forget_removed()
        self._check_requested.set()

    def _forget_removed(self) -> None:
        sessions = self._config.current.sessions
        self._state.forget_others({spec.name for spec in sessions} | {spec.renamed_from or "" for spec in sessions})

    async def ensure_all_sessions(self) -> None:
        """Adopt running sessions and start missing ones; called once, before `run`."""
        self._forget_removed()
        await self.check()

    async def run(self) -> None:
        """Check periodically until cancelled."""
        while True:
            delay = shared_pause(self._config.current.lifecycle.check_interval)
            soonest = min((item.due for item in self._restarts.values() if item.due is not None), default=None)
            if soonest is not None:
                delay = min(delay, max(0.05, soonest - time.monotonic()))
            if self._obstacles.names:
                delay = min(delay, LOOK_INTERVAL)
            await wait_for_event(self._check_requested, delay)
            self._check_requested.clear()
            await self.check()

    def request_check(self) -> None:
        """Run the next check immediately."""
        self._check_requested.set()

    async def check(self) -> None:
        """Observe every session, and start those that are due. Problems of a session become its reason."""
        try:
            panes = await self._tmux.panes()
            self._sessions.observe(panes if self.before_check is None else await self.before_check(panes))
        except TmuxGone as error:
            self._sessions.observe([])
            for tracked in self._sessions:
                tracked.reason, tracked.last_words = str(error), None
        except TmuxError as error:
            log.error("cannot list the tmux sessions, retrying at the next check: %s", error)
        else:
            self.background = running_jobs(self._config.current.homes) if self._sessions.background_seen else []
            down = [tracked for tracked in self._sessions if not tracked.up]
            startable = [tracked for tracked in down if self._stays_down(tracked) is None]
            for name in self._obstacles.mended(startable, self._tmux.server_pid):
                self._try_now(name)
            unwell = [tracked for tracked in self._sessions if not self._is_well(tracked)]
            for tracked in unwell:
                if not self.holds(tracked.name):
                    await self._try_maintain(tracked)
            await self._conversations.read([tracked for tracked in unwell if not self.holds(tracked.name)])
        self.checked_at = time.monotonic()

    def _stays_down(self, tracked: TrackedSession) -> str | None:
        """Return why a configured session is not started when it is down; None if it is to be."""
        if tracked.spec is None:
            return None
        return stays_down(tracked.spec, self._state.get(tracked.name), tracked.pane)

    def _try_now(self, name: str) -> None:
        """Make a session that is down due now, whatever its back-off."""
        log.info("session %s: what kept it from starting is mended", name, extra=log_fields(session=name))
        restarts = self._restart_state(name)
        restarts.backoff.failures, restarts.due = 0, time.monotonic()

    def _is_well(self, tracked: TrackedSession) -> bool:
        """Return whether a session runs as it did, so that maintaining it would change nothing."""
        name, restarts = tracked.name, self._restarts.get(tracked.name)
        return (
            tracked.up
            and tracked.activity != "starting"
            and tracked.reason is None
            and tracked.next_try_at is None
            and tracked.parked_job is None
            and not self.background
            and (tracked.spec is None or tracked.spec.restart == "always")
            and self._state.get(name) is None
            and (restarts is None or restarts.due is None)
            and name not in self._starting
            and self._moved.get(name) is None
            and self._registry.get(name) is not None
        )

    async def _try_maintain(self, tracked: TrackedSession) -> None:
        self._maintained = tracked
        try:
            await self._maintain(tracked)
        except (FailoverError, OSError) as error:
            tracked.reason, tracked.last_words = str(error), None
            self._delay_restart(tracked, ran=0.0)
            log.error("session %s: %s", tracked.name, error, extra=log_fields(session=tracked.name))
        finally:
            left, self._maintained, self._left = self._left, None, None
            if left is not None:
                left.set()

    async def _maintain(self, tracked: TrackedSession) -> None:
        if tracked.up:
            await self._maintain_running(tracked)
            return
        if tracked.spec is None:
            tracked.reason = describe_exit(tracked.pane) if tracked.pane else tracked.reason
            return
        restarts = self._restart_state(tracked.name)
        if not is_settled(self._state.get(tracked.name)) and restarts.due is None:
            if tracked.pane is not None:
                try:
                    await self._record_exit(tracked, tracked.spec, tracked.pane)
                except TmuxNotFound:  # the pane was closed after it was listed
                    tracked.pane = None
            if tracked.pane is None and restarts.due is None and restarts.started:
                self._on_exit(tracked, tracked.spec, "its tmux session was ended", failed=True)
        why = self._stays_down(tracked)
        if why is not None:
            restarts.due = tracked.next_try_at = None
            if tracked.reason != why:
                log.info("session %s: stays down: %s", tracked.name, why, extra=log_fields(session=tracked.name))
            entry = self._state.get(tracked.name)
            tracked.reason, tracked.last_words = why, entry.last_words if entry is not None else None
        elif restarts.due is None or time.monotonic() >= restarts.due:
            await self.start(tracked, tracked.spec)

    async def _maintain_running(self, tracked: TrackedSession) -> None:
        restarts = self._restarts.get(tracked.name)
        if restarts is not None and restarts.due is not None:
            restarts.due = None
        tracked.next_try_at = None
        if tracked.spec is not None and tracked.pane is not None:
            entry = while_running(tracked.spec, self._state.get(tracked.name), tracked.pane.pid)
            self._state.record(tracked.name, entry)
        if tracked.reason is not None and not tracked.reason.startswith("renamed"):
            tracked.reason = None
        moved = moved_reason(tracked, self._config.current, self.background)
        tracked.reason = tracked.reason or moved or self._startup_problem(tracked)
        self._tell_moved(tracked.name, moved)

    def _tell_moved(self, name: str, moved: str | None) -> None:
        """Log once that a session has a conversation in the background."""
        if moved is not None and self._moved.get(name) != moved:
            log.warning("session %s: %s", name, moved, extra=log_fields(session=name))
        self._moved[name] = moved

    def _startup_problem(self, tracked: TrackedSession) -> str | None:
        """Return a reason once a session has shown no sign of Claude Code for `READY_WAIT`, else None."""
        pid = tracked.pane.pid if tracked.pane is not None else 0
        seen, since = self._starting.get(tracked.name, (0, 0.0))
        if not tracked.starts_claude or tracked.activity != "starting":
            self._starting.pop(tracked.name, None)
        elif seen != pid:
            self._starting[tracked.name] = pid, time.monotonic()
        elif time.monotonic() - since >= READY_WAIT:
            return (
                f"no sign of Claude Code in it for {READY_WAIT:.0f} s: it waits for an answer, or another program "
                f"has this session's name; see: claude-failover attach {shlex.quote(tracked.name)}"
            )
        return None

    def _restart_state(self, name: str) -> _RestartState:
        first, most = self._config.current.lifecycle.restart_backoff
        return self._restarts.setdefault(name, _RestartState(Backoff(first, most)))

    async def _record_exit(self, tracked: TrackedSession, spec: SessionConfig, pane: Pane) -> None:
        """Record why a session's program ended, and schedule its restart."""
        pane = tracked.pane = await await_exit_status(self._tmux, pane)
        lines = await self._tmux.capture(pane.pane_id, lines=500)
        output = output_of(lines)
        found = uuid_in_pane([line.strip() for line in lines])
        if found is not None:
            self._registry.propose(tracked.name, RegistryEntry(found, "pane", cwd=pane.cwd))
        last = output[-1][:200] if output else ""
        reason = describe_exit(pane)
        if pane.exit_status == 127:
            reason += f" (is {spec.command[0]} installed, and in the PATH of the session?)"
        self._starter.note_output(tracked.name, output)
        self._on_exit(tracked, spec, reason, last or None, failed=pane.exit_status != 0)

    def _on_exit(
        self, tracked: TrackedSession, spec: SessionConfig, reason: str, last_words: str | None = None, *, failed: bool
    ) -> None:
        """Record that a session's program has ended by itself, and schedule its next start."""
        entry = after_exit(spec, reason, failed, last_words)
        self._state.record(tracked.name, entry)
        if stays_down(spec, entry, tracked.pane) is not None:
            return
        started = self._restart_state(tracked.name).started
        delay = self._delay_restart(tracked, time.monotonic() - started if started else 0.0)
        tracked.reason, tracked.last_words = reason, last_words
        told = reason + (f": {last_words}" if last_words else "")
        log.warning(
            "session %s: %s; next start in %.0f s", tracked.name, told, delay, extra=log_fields(session=tracked.name)
        )

    def _delay_restart(self, tracked: TrackedSession, ran: float) -> float:
        restarts = self._restart_state(tracked.name)
        delay = restarts.backoff.failed(ran)
        restarts.due = time.monotonic() + delay
        tracked.next_try_at = clock.now() + timedelta(seconds=delay)
        return delay

    async def start(self, tracked: TrackedSession, spec: SessionConfig) -> None:
        """Start a configured session, in its dead pane or in a new tmux session.

        Raises FailoverError, OSError; then the caller delays the next try.
        """
        before = self._state.get(tracked.name)
        first = before_start(spec)
        if first is not None:
            self._state.require(tracked.name, first)
        try:
            await self._starter.start(tracked, spec)
        except BaseException:
            self._state.record(tracked.name, before)
            raise
        self._state.record(tracked.name, first)
        restarts = self._restart_state(tracked.name)
        restarts.started, restarts.due, tracked.next_try_at = time.monotonic(), None, None

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Keep `check` from a session meanwhile, once it has left it. Raises Refused if it is held already."""
        while self._maintained is not None and self._maintained.name == name:
            self._left = self._left or asyncio.Event()
            await self._left.wait()
        if self.holds(name):
            raise Refused(f"session {name} is being started or ended already; try again in a moment")
        names = {name}
        self._held.append(names)
        try:
            yield
        finally:
            self._held.remove(names)

    def holds(self, name: str) -> bool:
        """Return whether a session is being started or ended by another part."""
        return any(name in names for names in self._held)

    def rename(self, old: str, new: str) -> None:
        """Go on holding a session under another name."""
        for names in self._held:
            if old in names:
                names.add(new)

    async def restart(self, tracked: TrackedSession, spec: SessionConfig) -> None:
        """Start a session again right after its program was terminated; `check` skips it meanwhile.

        Raises FailoverError if tmux does not see the program end, OSError.
        """
        async with self.hold(tracked.name):
            if self._state.is_stopped(tracked.name):
                raise Refused(f"session {tracked.name} was {STOPPED_REASON}")
            await self.await_down(tracked)
            await self.start(tracked, spec)

    def is_stopped(self, name: str) -> bool:
        """Return whether a session was stopped by hand, and so is not started."""
        return self._state.is_stopped(name)

    async def await_down(self, tracked: TrackedSession) -> None:
        """Wait until tmux has seen that a session's program has ended. Raises FailoverError."""
        end = time.monotonic() + PANE_WAIT
        while True:
            self._sessions.observe(await self._tmux.panes())
            if not tracked.up:
                return
            if time.monotonic() >= end:
                raise FailoverError(
                    f"tmux did not see the program of session {tracked.name} end within {PANE_WAIT:.0f} s"
                )
            await asyncio.sleep(STATUS_DELAY)
