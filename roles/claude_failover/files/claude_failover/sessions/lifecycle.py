# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the configured sessions alive: makes the missing ones, and again when their program has ended."""

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

from ..claude.settings import with_own_settings
from ..claude.transcript import paths_of
from ..common.backoff import Backoff
from ..common.errors import FailoverError
from ..common.processes import is_alive, read
from ..config.holder import ConfigHolder
from ..config.model import SessionConfig
from ..tmux.client import Pane, Tmux, TmuxError, TmuxGone, TmuxNotFound
from .registry import RegistryEntry, SessionRegistry, from_pane
from .table import SessionTable, TrackedSession

log = logging.getLogger(__name__)

# Claude Code's own refusals (2.1.330), by which a start with the wrong option is told from other failures.
_NO_CONVERSATION = "No conversation found with session ID"
_ALREADY_IN_USE = "is already in use"

# What tmux itself writes behind the last line of a program that has ended (3.3a).
_TMUXS_OWN = re.compile(r"Pane is dead( \([^()]*\))?$")
READY_WAIT = 60.0  # seconds after which a program that gives no sign of being Claude Code is told
PANE_WAIT = 5.0  # seconds for tmux to see that a program has ended
STATUS_LOOKS, STATUS_WAIT = 10, 0.02  # how often, and how many seconds apart, an exit status is looked for


@dataclass
class _RestartState:
    """When a session may be started again."""

    backoff: Backoff
    begun: float = 0.0  # time.monotonic() of the last start by this daemon
    due: float | None = None  # time.monotonic() of the next; None while it runs


class SessionLifecycle:
    """The loop that compares the configured sessions with tmux.

    ``settings`` returns the daemon's own Claude Code settings, which every session is started with.
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
        self._forced: dict[str, str] = {}
        self._starting: dict[str, tuple[int, float]] = {}  # by name: the pane's pid, and since when it is starting
        self._restarting: set[str] = set()
        self._wake = asyncio.Event()
        self.checked_at = time.monotonic()
        config.subscribe(self._on_config_replaced)

    def _on_config_replaced(self) -> None:
        first, most = self._config.current.lifecycle.restart_backoff
        for restarts in self._restarts.values():
            restarts.backoff = Backoff(first, most, restarts.backoff.failures)
        self._wake.set()

    async def ensure_all_sessions(self) -> None:
        """Adopt what runs, and make what is missing. Once, at the start; then `run`."""
        await self.check()

    async def run(self) -> None:
        """Check again and again until cancelled."""
        while True:
            delay = self._config.current.lifecycle.check_interval
            soonest = min((item.due for item in self._restarts.values() if item.due is not None), default=None)
            if soonest is not None:
                delay = min(delay, max(0.05, soonest - time.monotonic()))
            try:
                await asyncio.wait_for(self._wake.wait(), delay)
            except asyncio.TimeoutError:
                pass
            self._wake.clear()
            await self.check()

    def request_check(self) -> None:
        """Have the next check made now."""
        self._wake.set()

    async def check(self) -> None:
        """Look once at every session, and start those that are due. Never raises for a session's sake."""
        try:
            self._sessions.observe(await self._tmux.panes())
        except TmuxGone as error:
            self._sessions.observe([])
            for tracked in self._sessions:
                tracked.reason = str(error)
        except TmuxError as error:
            log.error("the sessions could not be listed, and are left alone until the next check: %s", error)
        else:
            for tracked in self._sessions:
                if tracked.name not in self._restarting:
                    await self._guarded(tracked)
        self.checked_at = time.monotonic()

    async def _guarded(self, tracked: TrackedSession) -> None:
        try:
            await self._tend(tracked)
        except (FailoverError, OSError) as error:
            tracked.reason = str(error)
            self._put_off(tracked, ran=0.0)
            log.error("session %s: %s", tracked.name, error)

    async def _tend(self, tracked: TrackedSession) -> None:
        if tracked.up:
            restarts = self._restarts.get(tracked.name)
            if restarts is not None and restarts.due is not None:
                restarts.due = None
            if tracked.reason is not None and not tracked.reason.startswith("renamed"):
                tracked.reason = None
            tracked.reason = tracked.reason or self._not_ready(tracked, tracked.spec)
            if self._registry.get(tracked.name) is None:
                await self._look_in_pane(tracked)
            return
        if tracked.spec is None:
            tracked.reason = _ending(tracked.pane) if tracked.pane else tracked.reason
            return
        restarts = self._restarts_of(tracked.name)
        if tracked.pane is not None and restarts.due is None:
            try:
                await self._note_end(tracked, tracked.pane)
            except TmuxNotFound:  # the pane went after it was listed
                tracked.pane = None
        if tracked.pane is None and restarts.due is None and restarts.begun:
            self._note_down(tracked, "its tmux session was ended")
        if restarts.due is None or time.monotonic() >= restarts.due:
            await self.start(tracked, tracked.spec)

    def _not_ready(self, tracked: TrackedSession, spec: SessionConfig | None) -> str | None:
        """Say that a session runs something that gives no sign of being Claude Code, after a while of it."""
        pid = tracked.pane.pid if tracked.pane is not None else 0
        seen, since = self._starting.get(tracked.name, (0, 0.0))
        if spec is None or not spec.claude_args or tracked.activity != "starting":
            self._starting.pop(tracked.name, None)
        elif seen != pid:
            self._starting[tracked.name] = pid, time.monotonic()
        elif time.monotonic() - since >= READY_WAIT:
            return (
                f"no sign of Claude Code in it for {READY_WAIT:.0f} s: it waits for an answer, or another program "
                f"has this session's name; look: claude-failover attach {shlex.quote(tracked.name)}"
            )
        return None

    def _restarts_of(self, name: str) -> _RestartState:
        first, most = self._config.current.lifecycle.restart_backoff
        return self._restarts.setdefault(name, _RestartState(Backoff(first, most)))

    async def _look_in_pane(self, tracked: TrackedSession) -> None:
        """Take the UUID from what stands in the pane, where no better source has it."""
        if tracked.pane is None:
            return
        lines = await self._tmux.capture(tracked.pane.pane_id, lines=500)
        found = from_pane(lines)
        if found is not None:
            process = tracked.claude
            self._registry.offer(
                tracked.name,
                RegistryEntry(
                    found,
                    "pane",
                    cwd=tracked.pane.cwd,
                    pid=process.pid if process else None,
                    started=process.start if process else None,
                ),
            )

    async def _note_end(self, tracked: TrackedSession, pane: Pane) -> None:
        """Say why a session's program ended, and when it will be started again."""
        pane = await self._with_exit_status(pane)
        lines = [line.strip() for line in await self._tmux.capture(pane.pane_id, lines=500)]
        said = [line for line in (_TMUXS_OWN.sub("", line).strip() for line in lines) if line]
        found = from_pane(lines)
        if found is not None:
            self._registry.offer(tracked.name, RegistryEntry(found, "pane", cwd=pane.cwd))
        last = said[-1][:200] if said else ""
        reason = _ending(pane) + (f": {last}" if last else "")
        if pane.exit_status == 127 and tracked.spec is not None:
            reason += f" (is {tracked.spec.command[0]} installed, and in the PATH of the session?)"
        if any(_NO_CONVERSATION in line for line in said[-3:]):
            self._forced[tracked.name] = "--session-id"
        elif any(_ALREADY_IN_USE in line for line in said[-3:]):
            self._forced[tracked.name] = "--resume"
        self._note_down(tracked, reason)

    def _note_down(self, tracked: TrackedSession, reason: str) -> None:
        begun = self._restarts_of(tracked.name).begun
        delay = self._put_off(tracked, time.monotonic() - begun if begun else 0.0)
        tracked.reason = reason
        log.warning("session %s: %s; next start in %.0f s", tracked.name, reason, delay)

    async def _with_exit_status(self, pane: Pane) -> Pane:
        """Return the pane with its program's exit status.

        tmux 3.3a calls a pane dead once its terminal is closed, a moment before it has the status; and on a busy
        host it can miss the end of a child altogether, until the next SIGCHLD makes it look at all of them.
        """
        for look in range(STATUS_LOOKS):
            if pane.exit_status is not None or pane.exit_signal is not None:
                break
            if look == STATUS_LOOKS // 2:
                self._have_children_looked_at()
            await asyncio.sleep(STATUS_WAIT)
            pane = next((item for item in await self._tmux.panes() if item.pane_id == pane.pane_id), pane)
        return pane

    def _have_children_looked_at(self) -> None:
        """Send the tmux server the signal that it missed; it does nothing but look at its children then."""
        if self._tmux.server_pid is not None:
            try:
                os.kill(self._tmux.server_pid, signal.SIGCHLD)
            except OSError as error:
                log.debug("the tmux server cannot be made to look at its children: %s", error)

    def _put_off(self, tracked: TrackedSession, ran: float) -> float:
        restarts = self._restarts_of(tracked.name)
        delay = restarts.backoff.failed(ran)
        restarts.due = time.monotonic() + delay
        return delay

    async def start(self, tracked: TrackedSession, spec: SessionConfig) -> None:
        """Start a configured session, in the pane that it left or in a session made for it.

        Raises FailoverError, OSError; then the caller puts the next try off.
        """
        if not _is_folder(spec.cwd):
            raise FailoverError(
                f"cwd {spec.cwd} is no directory that this user may enter: make it, give the user rights on it, or "
                f"correct sessions[{spec.name}].cwd"
            )
        held = self._registry.get(spec.name)
        if held is not None and held.pid is not None and is_alive(held.pid, held.started):
            raise FailoverError(
                f"the process {held.pid} of conversation {held.uuid} still runs, outside of this session: a "
                "second one on the same conversation would spoil it. It is started again when that one has ended"
            )
        command, environment, conversation = self._launch(spec)
        restarts = self._restarts_of(spec.name)
        left = tracked.pane
        if left is None:
            pane: Pane | None = await self._tmux.new_session(spec.name, spec.cwd, command, environment)
        else:
            await self._tmux.respawn(left.pane_id, spec.cwd, command, environment)
            pane = next((item for item in await self._tmux.panes() if item.pane_id == left.pane_id), None)
        restarts.begun, restarts.due = time.monotonic(), None
        tracked.pane, tracked.activity, tracked.activity_at = pane, "starting", None
        log.info("session %s: started in %s, conversation %s", spec.name, spec.cwd, conversation or "unknown")
        if conversation is not None and pane is not None:
            process = read(pane.pid)
            tracked.claude = process
            self._registry.offer(
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
        """Start a session again whose program was just ended; the loop leaves it alone meanwhile.

        Raises FailoverError when its pane does not follow, OSError.
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
                    raise FailoverError(f"the pane of session {tracked.name} did not notice that its program ended")
                await asyncio.sleep(STATUS_WAIT)
            await self.start(tracked, spec)
        finally:
            self._restarting.discard(tracked.name)

    def _launch(self, spec: SessionConfig) -> tuple[list[str], dict[str, str], str | None]:
        """Return the command, the environment and the conversation of a session that is to be started."""
        environment = {
            "CLAUDE_CONFIG_DIR": self._config.current.active_link,
            **spec.env,  # with claude_args: false it may set the variable above, and the command runs as it stands
            "CLAUDE_FAILOVER_SESSION": spec.name,
        }
        if not spec.claude_args:
            return list(spec.command), environment, None
        command, more = with_own_settings(
            spec.command,
            spec.cwd,
            self._settings() if self._config.current.detection.hooks else {},
            os.path.join(self._config.current.state_dir, "settings"),
            spec.name,
        )
        held = self._registry.get(spec.name)
        conversation = held.uuid if held is not None else str(uuid.uuid4())
        option = "--resume" if held is not None and self.has_transcript(conversation) else "--session-id"
        option = self._forced.pop(spec.name, option)
        if held is None:
            # Written down before the start: a kill right after it must not lose the conversation's name.
            self._registry.offer(spec.name, RegistryEntry(conversation, "assigned", cwd=spec.cwd))
        self._registry.flush()
        return [command[0], option, conversation, *command[1:]], {**environment, **more}, conversation

    def has_transcript(self, conversation: str) -> bool:
        """Tell whether a conversation has been written to: before its first turn there is nothing to resume,
        and Claude Code says "No conversation found" (2.1.330)."""
        return bool(paths_of(self._config.current.projects, conversation))


def _is_folder(path: str) -> bool:
    # What may not be entered would only be told by the program that could not be started there.
    return os.path.isdir(path) and os.access(path, os.X_OK, effective_ids=True)


def _ending(pane: Pane) -> str:
    """Say how a pane's program ended."""
    if pane.exit_signal:
        return f"ended by signal {pane.exit_signal}"
    return f"exited with status {pane.exit_status}" if pane.exit_status is not None else "ended"
