# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the configured sessions running: start missing ones, restart ended ones."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shlex
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..claude.background_jobs import BackgroundJob, running_jobs
from ..claude.settings import session_defaults, settings_folder, with_own_settings
from ..claude.transcript import paths_of
from ..common.backoff import Backoff
from ..common.errors import FailoverError
from ..common.event_wait import wait_for_event
from ..common.processes import is_alive, read
from ..config.holder import ConfigHolder
from ..config.model import SessionConfig
from ..tmux.client import Pane, Tmux, TmuxError, TmuxGone, TmuxNotFound
from .moved_conversations import moved_reason, newest_conversation
from .ownership import SESSION_VARIABLE
from .registry import RegistryEntry, SessionRegistry, uuid_in_pane
from .start_obstacles import LOOK_INTERVAL, StartObstacles
from .table import SessionTable
from .tracked_session import TrackedSession

log = logging.getLogger(__name__)

# Claude Code's messages (2.1.330) for a start with the wrong one of --resume and --session-id.
_NO_CONVERSATION = "No conversation found with session ID"
_ALREADY_IN_USE = "is already in use"

# Appended by tmux (3.3a) to the last line of a program that has ended.
_DEAD_PANE_NOTE = re.compile(r"Pane is dead( \([^()]*\))?$")
READY_WAIT = 60.0  # seconds after which a session without a sign of Claude Code is reported
PANE_WAIT = 5.0  # seconds for tmux to notice that a program has ended
STATUS_TRIES, STATUS_DELAY = 10, 0.02  # reads of an exit status, and seconds between them


@dataclass
class _RestartState:
    """The last and the next start of a session."""

    backoff: Backoff
    started: float = 0.0  # time.monotonic() of the last start by this daemon; 0.0 before the first
    due: float | None = None  # time.monotonic() of the next start; None while it runs


class SessionLifecycle:
    """Compares the configured sessions with tmux, and starts those that are missing or have ended.

    ``settings`` returns the daemon's Claude Code settings, with which every session is started.
    """

    def __init__(
        self,
        config: ConfigHolder,
        tmux: Tmux,
        sessions: SessionTable,
        registry: SessionRegistry,
        settings: Callable[[], dict[str, Any]],
    ) -> None:
        self._config = config
        self._settings = settings
        self._tmux = tmux
        self._sessions = sessions
        self._registry = registry
        self._restarts: dict[str, _RestartState] = {}
        self._obstacles = StartObstacles()
        self._next_option: dict[str, str] = {}  # by name: --resume or --session-id, as the last start demanded
        self._starting: dict[str, tuple[int, float]] = {}  # by name: the pane's pid, time.monotonic() at first sight
        self._restarting: set[str] = set()
        self._moved: dict[str, str | None] = {}  # by name: the conversation in the background that was logged
        self.background: list[BackgroundJob] = []  # Claude Code's running background jobs, at the last check
        self._check_requested = asyncio.Event()
        self._check_requested.set()  # `run` begins with a check
        self.checked_at = time.monotonic()
        config.subscribe(self._on_config_replaced)

    def _on_config_replaced(self) -> None:
        first, most = self._config.current.lifecycle.restart_backoff
        for restarts in self._restarts.values():
            restarts.backoff = Backoff(first, most, restarts.backoff.failures)
        self._check_requested.set()

    async def ensure_all_sessions(self) -> None:
        """Adopt running sessions and start missing ones; called once, before `run`."""
        await self.check()

    async def run(self) -> None:
        """Check periodically until cancelled."""
        while True:
            delay = self._config.current.lifecycle.check_interval
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
            self._sessions.observe(await self._tmux.panes())
        except TmuxGone as error:
            self._sessions.observe([])
            for tracked in self._sessions:
                tracked.reason = str(error)
        except TmuxError as error:
            log.error("cannot list the tmux sessions, retrying at the next check: %s", error)
        else:
            self.background = running_jobs(self._config.current.homes)
            for name in self._obstacles.mended(self._sessions, self._tmux.server_pid):
                self._try_now(name)
            for tracked in self._sessions:
                if tracked.name not in self._restarting:
                    await self._try_maintain(tracked)
        self.checked_at = time.monotonic()

    def _try_now(self, name: str) -> None:
        """Make a session that is down due now, whatever its back-off."""
        log.info("session %s: what kept it from starting is mended", name)
        restarts = self._restart_state(name)
        restarts.backoff.failures, restarts.due = 0, time.monotonic()

    async def _try_maintain(self, tracked: TrackedSession) -> None:
        try:
            await self._maintain(tracked)
        except (FailoverError, OSError) as error:
            tracked.reason = str(error)
            self._delay_restart(tracked, ran=0.0)
            log.error("session %s: %s", tracked.name, error)

    async def _maintain(self, tracked: TrackedSession) -> None:
        if tracked.up:
            restarts = self._restarts.get(tracked.name)
            if restarts is not None and restarts.due is not None:
                restarts.due = None
            if tracked.reason is not None and not tracked.reason.startswith("renamed"):
                tracked.reason = None
            moved = moved_reason(tracked, self._config.current, self.background)
            tracked.reason = tracked.reason or moved or self._startup_problem(tracked, tracked.spec)
            self._tell_moved(tracked.name, moved)
            if self._registry.get(tracked.name) is None:
                await self._read_conversation_from_pane(tracked)
            return
        if tracked.spec is None:
            tracked.reason = _exit_description(tracked.pane) if tracked.pane else tracked.reason
            return
        restarts = self._restart_state(tracked.name)
        if tracked.pane is not None and restarts.due is None:
            try:
                await self._record_exit(tracked, tracked.pane)
            except TmuxNotFound:  # the pane was closed after it was listed
                tracked.pane = None
        if tracked.pane is None and restarts.due is None and restarts.started:
            self._schedule_restart(tracked, "its tmux session was ended")
        if restarts.due is None or time.monotonic() >= restarts.due:
            await self.start(tracked, tracked.spec)

    def _tell_moved(self, name: str, moved: str | None) -> None:
        """Log once that a session has a conversation in the background."""
        if moved is not None and self._moved.get(name) != moved:
            log.warning("session %s: %s", name, moved)
        self._moved[name] = moved

    def _startup_problem(self, tracked: TrackedSession, spec: SessionConfig | None) -> str | None:
        """Return a reason once a session has shown no sign of Claude Code for `READY_WAIT`, else None."""
        pid = tracked.pane.pid if tracked.pane is not None else 0
        seen, since = self._starting.get(tracked.name, (0, 0.0))
        if spec is None or not spec.claude_args or tracked.activity != "starting":
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

    async def _read_conversation_from_pane(self, tracked: TrackedSession) -> None:
        """Propose the UUID shown in the pane."""
        if tracked.pane is None:
            return
        lines = await self._tmux.capture(tracked.pane.pane_id, lines=500)
        found = uuid_in_pane(lines)
        if found is not None:
            process = tracked.claude
            self._registry.propose(
                tracked.name,
                RegistryEntry(
                    found,
                    "pane",
                    cwd=tracked.pane.cwd,
                    pid=process.pid if process else None,
                    started=process.start if process else None,
                ),
            )

    async def _record_exit(self, tracked: TrackedSession, pane: Pane) -> None:
        """Record why a session's program ended, and schedule its restart."""
        pane = await self._await_exit_status(pane)
        lines = [line.strip() for line in await self._tmux.capture(pane.pane_id, lines=500)]
        output = [line for line in (_DEAD_PANE_NOTE.sub("", line).strip() for line in lines) if line]
        found = uuid_in_pane(lines)
        if found is not None:
            self._registry.propose(tracked.name, RegistryEntry(found, "pane", cwd=pane.cwd))
        last = output[-1][:200] if output else ""
        reason = _exit_description(pane) + (f": {last}" if last else "")
        if pane.exit_status == 127 and tracked.spec is not None:
            reason += f" (is {tracked.spec.command[0]} installed, and in the PATH of the session?)"
        if any(_NO_CONVERSATION in line for line in output[-3:]):
            self._next_option[tracked.name] = "--session-id"
        elif any(_ALREADY_IN_USE in line for line in output[-3:]):
            self._next_option[tracked.name] = "--resume"
        self._schedule_restart(tracked, reason)

    def _schedule_restart(self, tracked: TrackedSession, reason: str) -> None:
        started = self._restart_state(tracked.name).started
        delay = self._delay_restart(tracked, time.monotonic() - started if started else 0.0)
        tracked.reason = reason
        log.warning("session %s: %s; next start in %.0f s", tracked.name, reason, delay)

    async def _await_exit_status(self, pane: Pane) -> Pane:
        """Return the pane with its program's exit status, within a bound.

        tmux 3.3a marks a pane dead once its terminal is closed, a moment before it has the exit status; on a busy
        host it can miss the exit of a child until the next SIGCHLD makes it reap all of them.
        """
        for attempt in range(STATUS_TRIES):
            if pane.exit_status is not None or pane.exit_signal is not None:
                break
            if attempt == STATUS_TRIES // 2:
                self._make_tmux_reap_children()
            await asyncio.sleep(STATUS_DELAY)
            pane = next((item for item in await self._tmux.panes() if item.pane_id == pane.pane_id), pane)
        return pane

    def _make_tmux_reap_children(self) -> None:
        """Send the tmux server a SIGCHLD, on which it does nothing else."""
        if self._tmux.server_pid is not None:
            try:
                os.kill(self._tmux.server_pid, signal.SIGCHLD)
            except OSError as error:
                log.debug("cannot send SIGCHLD to the tmux server: %s", error)

    def _delay_restart(self, tracked: TrackedSession, ran: float) -> float:
        restarts = self._restart_state(tracked.name)
        delay = restarts.backoff.failed(ran)
        restarts.due = time.monotonic() + delay
        return delay

    async def start(self, tracked: TrackedSession, spec: SessionConfig) -> None:
        """Start a configured session, in its dead pane or in a new tmux session.

        Raises FailoverError, OSError; then the caller delays the next try.
        """
        if not _is_accessible_folder(spec.cwd):
            raise FailoverError(
                f"cwd {spec.cwd} is not a directory that this user may enter: create it, grant the user access, or "
                f"correct sessions[{spec.name}].cwd"
            )
        known = self._registry.get(spec.name)
        newest = None
        if known is not None and spec.claude_args:
            # In a thread: without a `continued-in` the transcripts of all background jobs are read.
            newest = await asyncio.to_thread(newest_conversation, spec.name, known, self._config.current)
        if known is not None and known.pid is not None and is_alive(known.pid, known.started):
            raise FailoverError(
                f"process {known.pid} of conversation {known.uuid} still runs outside of this session, and a second "
                "one would corrupt the conversation; the session is started again once that process has ended"
            )
        if newest is not None:
            self._registry.follow(spec.name, newest)
        command, environment, conversation = self._prepare_launch(spec)
        restarts = self._restart_state(spec.name)
        dead_pane = tracked.pane
        if dead_pane is None:
            pane: Pane | None = await self._tmux.new_session(spec.name, spec.cwd, command, environment)
        else:
            await self._tmux.respawn(dead_pane.pane_id, spec.cwd, command, environment)
            pane = next((item for item in await self._tmux.panes() if item.pane_id == dead_pane.pane_id), None)
        restarts.started, restarts.due = time.monotonic(), None
        tracked.pane, tracked.activity, tracked.activity_at = pane, "starting", None
        log.info("session %s: started in %s, conversation %s", spec.name, spec.cwd, conversation or "unknown")
        if conversation is not None and pane is not None:
            process = read(pane.pid)
            tracked.claude = process
            self._registry.propose(
                spec.name,
                RegistryEntry(
                    conversation,
                    "assigned",
                    cwd=spec.cwd,
                    command=tuple(command),
                    pid=pane.pid,
                    started=process.start if process else None,
                ),
            )

    async def restart(self, tracked: TrackedSession, spec: SessionConfig) -> None:
        """Start a session again right after its program was terminated; `check` skips it meanwhile.

        Raises FailoverError if tmux does not see the program end, OSError.
        """
        self._restarting.add(tracked.name)
        try:
            end = time.monotonic() + PANE_WAIT
            while True:
                panes = await self._tmux.panes()
                self._sessions.observe(panes)
                if not tracked.up:
                    break
                if time.monotonic() >= end:
                    raise FailoverError(
                        f"tmux did not see the program of session {tracked.name} end within {PANE_WAIT:.0f} s"
                    )
                await asyncio.sleep(STATUS_DELAY)
            await self.start(tracked, spec)
        finally:
            self._restarting.discard(tracked.name)

    def _prepare_launch(self, spec: SessionConfig) -> tuple[list[str], dict[str, str], str | None]:
        """Return the command, the environment and the conversation with which to start a session."""
        environment = {
            "CLAUDE_CONFIG_DIR": self._config.current.active_link,
            **spec.env,  # may set CLAUDE_CONFIG_DIR with claude_args: false
            SESSION_VARIABLE: spec.name,
        }
        if not spec.claude_args:
            return list(spec.command), environment, None
        command, settings_environment = with_own_settings(
            spec.command,
            spec.cwd,
            self._settings() if self._config.current.detection.hooks else {},
            settings_folder(self._config.current.state_dir),
            spec.name,
            session_defaults(spec),
        )
        known = self._registry.get(spec.name)
        conversation = known.uuid if known is not None else str(uuid.uuid4())
        option = "--resume" if known is not None and self.has_transcript(conversation) else "--session-id"
        option = self._next_option.pop(spec.name, option)
        if known is None:
            # Stored before the start, so that a kill right after it does not lose the UUID.
            self._registry.propose(spec.name, RegistryEntry(conversation, "assigned", cwd=spec.cwd))
        self._registry.flush()
        return [command[0], option, conversation, *command[1:]], {**environment, **settings_environment}, conversation

    def has_transcript(self, conversation: str) -> bool:
        """Return True if a conversation has a transcript, which its first turn creates.

        Without one, --resume fails with "No conversation found" (Claude Code 2.1.330).
        """
        return bool(paths_of(self._config.current.projects, conversation))


def _is_accessible_folder(path: str) -> bool:
    # Check X_OK too: otherwise the failure would surface only in the pane.
    return os.path.isdir(path) and os.access(path, os.X_OK, effective_ids=True)


def _exit_description(pane: Pane) -> str:
    """Describe how a pane's program ended."""
    if pane.exit_signal:
        return f"ended by signal {pane.exit_signal}"
    return f"exited with status {pane.exit_status}" if pane.exit_status is not None else "ended"
