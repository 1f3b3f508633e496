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
from dataclasses import dataclass
from typing import Any

from ..claude.settings import with_own_settings
from ..claude.transcript import paths_of
from ..common.backoff import Backoff
from ..common.errors import FailoverError
from ..common.processes import is_alive, read
from ..config.model import Config, Session
from ..tmux.client import Pane, Tmux, TmuxError, TmuxGone, TmuxNotFound
from .registry import Entry, Registry, from_pane
from .table import Sessions, Watched

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
class _Restarts:
    """When a session may be started again."""

    backoff: Backoff
    begun: float = 0.0  # time.monotonic() of the last start by this daemon
    due: float | None = None  # time.monotonic() of the next; None while it runs


class Lifecycle:
    """The loop that compares the configured sessions with tmux."""

    def __init__(
        self,
        config: Config,
        tmux: Tmux,
        sessions: Sessions,
        registry: Registry,
        settings: dict[str, Any],
    ) -> None:
        self._tmux = tmux
        self._sessions = sessions
        self._registry = registry
        self._restarts: dict[str, _Restarts] = {}
        self._forced: dict[str, str] = {}
        self._starting: dict[str, tuple[int, float]] = {}  # by name: the pane's pid, and since when it is starting
        self._restarting: set[str] = set()
        self._wake = asyncio.Event()
        self.checked_at = time.monotonic()
        self.configure(config, settings)

    def configure(self, config: Config, settings: dict[str, Any]) -> None:
        """Take over a configuration, first or new."""
        self._config = config
        self._settings = settings
        first, most = config.lifecycle.restart_backoff
        for restarts in self._restarts.values():
            restarts.backoff = Backoff(first, most, restarts.backoff.failures)
        self._wake.set()

    async def ensure_all_sessions(self) -> None:
        """Adopt what runs, and make what is missing. Once, at the start; then `run`."""
        await self.check()

    async def run(self) -> None:
        """Check again and again until cancelled."""
        while True:
            delay = self._config.lifecycle.check_interval
            soonest = min((item.due for item in self._restarts.values() if item.due is not None), default=None)
            if soonest is not None:
                delay = min(delay, max(0.05, soonest - time.monotonic()))
            try:
                await asyncio.wait_for(self._wake.wait(), delay)
            except asyncio.TimeoutError:
                pass
            self._wake.clear()
            await self.check()

    def wake(self) -> None:
        """Have the next check made now."""
        self._wake.set()

    async def check(self) -> None:
        """Look once at every session, and start those that are due. Never raises for a session's sake."""
        try:
            self._sessions.observe(await self._tmux.panes())
        except TmuxGone as error:
            self._sessions.observe([])
            for watched in self._sessions:
                watched.reason = str(error)
        except TmuxError as error:
            log.error("the sessions could not be listed, and are left alone until the next check: %s", error)
        else:
            for watched in self._sessions:
                if watched.name not in self._restarting:
                    await self._guarded(watched)
        self.checked_at = time.monotonic()

    async def _guarded(self, watched: Watched) -> None:
        try:
            await self._tend(watched)
        except (FailoverError, OSError) as error:
            watched.reason = str(error)
            self._put_off(watched, ran=0.0)
            log.error("session %s: %s", watched.name, error)

    async def _tend(self, watched: Watched) -> None:
        if watched.up:
            restarts = self._restarts.get(watched.name)
            if restarts is not None and restarts.due is not None:
                restarts.due = None
            if watched.reason is not None and not watched.reason.startswith("renamed"):
                watched.reason = None
            watched.reason = watched.reason or self._not_ready(watched, watched.plan)
            if self._registry.get(watched.name) is None:
                await self._look_in_pane(watched)
            return
        if watched.plan is None:
            watched.reason = _ending(watched.pane) if watched.pane else watched.reason
            return
        restarts = self._restarts_of(watched.name)
        if watched.pane is not None and restarts.due is None:
            try:
                await self._note_end(watched, watched.pane)
            except TmuxNotFound:  # the pane went after it was listed
                watched.pane = None
        if watched.pane is None and restarts.due is None and restarts.begun:
            self._note_down(watched, "its tmux session was ended")
        if restarts.due is None or time.monotonic() >= restarts.due:
            await self.start(watched, watched.plan)

    def _not_ready(self, watched: Watched, plan: Session | None) -> str | None:
        """Say that a session runs something that gives no sign of being Claude Code, after a while of it."""
        pid = watched.pane.pid if watched.pane is not None else 0
        seen, since = self._starting.get(watched.name, (0, 0.0))
        if plan is None or not plan.claude_args or watched.activity != "starting":
            self._starting.pop(watched.name, None)
        elif seen != pid:
            self._starting[watched.name] = pid, time.monotonic()
        elif time.monotonic() - since >= READY_WAIT:
            return (
                f"no sign of Claude Code in it for {READY_WAIT:.0f} s: it waits for an answer, or another program "
                f"has this session's name; look: claude-failover attach {shlex.quote(watched.name)}"
            )
        return None

    def _restarts_of(self, name: str) -> _Restarts:
        first, most = self._config.lifecycle.restart_backoff
        return self._restarts.setdefault(name, _Restarts(Backoff(first, most)))

    async def _look_in_pane(self, watched: Watched) -> None:
        """Take the UUID from what stands in the pane, where no better source has it."""
        if watched.pane is None:
            return
        lines = await self._tmux.capture(watched.pane.pane_id, lines=500)
        found = from_pane(lines)
        if found is not None:
            process = watched.claude
            self._registry.offer(
                watched.name,
                Entry(
                    found,
                    "pane",
                    cwd=watched.pane.cwd,
                    pid=process.pid if process else None,
                    started=process.start if process else None,
                ),
            )

    async def _note_end(self, watched: Watched, pane: Pane) -> None:
        """Say why a session's program ended, and when it will be started again."""
        pane = await self._with_exit_status(pane)
        lines = [line.strip() for line in await self._tmux.capture(pane.pane_id, lines=500)]
        said = [line for line in (_TMUXS_OWN.sub("", line).strip() for line in lines) if line]
        found = from_pane(lines)
        if found is not None:
            self._registry.offer(watched.name, Entry(found, "pane", cwd=pane.cwd))
        last = said[-1][:200] if said else ""
        reason = _ending(pane) + (f": {last}" if last else "")
        if pane.exit_status == 127 and watched.plan is not None:
            reason += f" (is {watched.plan.command[0]} installed, and in the PATH of the session?)"
        if any(_NO_CONVERSATION in line for line in said[-3:]):
            self._forced[watched.name] = "--session-id"
        elif any(_ALREADY_IN_USE in line for line in said[-3:]):
            self._forced[watched.name] = "--resume"
        self._note_down(watched, reason)

    def _note_down(self, watched: Watched, reason: str) -> None:
        begun = self._restarts_of(watched.name).begun
        delay = self._put_off(watched, time.monotonic() - begun if begun else 0.0)
        watched.reason = reason
        log.warning("session %s: %s; next start in %.0f s", watched.name, reason, delay)

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

    def _put_off(self, watched: Watched, ran: float) -> float:
        restarts = self._restarts_of(watched.name)
        delay = restarts.backoff.failed(ran)
        restarts.due = time.monotonic() + delay
        return delay

    async def start(self, watched: Watched, plan: Session) -> None:
        """Start a configured session, in the pane that it left or in a session made for it.

        Raises FailoverError, OSError; then the caller puts the next try off.
        """
        if not _is_folder(plan.cwd):
            raise FailoverError(
                f"cwd {plan.cwd} is no directory that this user may enter: make it, give the user rights on it, or "
                f"correct sessions[{plan.name}].cwd"
            )
        held = self._registry.get(plan.name)
        if held is not None and held.pid is not None and is_alive(held.pid, held.started):
            raise FailoverError(
                f"the process {held.pid} of conversation {held.uuid} still runs, outside of this session: a "
                "second one on the same conversation would spoil it. It is started again when that one has ended"
            )
        command, environment, conversation = self._launch(plan)
        restarts = self._restarts_of(plan.name)
        left = watched.pane
        if left is None:
            pane: Pane | None = await self._tmux.new_session(plan.name, plan.cwd, command, environment)
        else:
            await self._tmux.respawn(left.pane_id, plan.cwd, command, environment)
            pane = next((item for item in await self._tmux.panes() if item.pane_id == left.pane_id), None)
        restarts.begun, restarts.due = time.monotonic(), None
        watched.pane, watched.activity, watched.activity_at = pane, "starting", None
        log.info("session %s: started in %s, conversation %s", plan.name, plan.cwd, conversation or "unknown")
        if conversation is not None and pane is not None:
            process = read(pane.pid)
            watched.claude = process
            self._registry.offer(
                plan.name,
                Entry(
                    conversation,
                    "assigned",
                    cwd=plan.cwd,
                    command=tuple(command),
                    pid=pane.pid,
                    started=process.start if process else None,
                ),
            )

    async def restart(self, watched: Watched, plan: Session) -> None:
        """Start a session again whose program was just ended; the loop leaves it alone meanwhile.

        Raises FailoverError when its pane does not follow, OSError.
        """
        self._restarting.add(watched.name)
        try:
            end = time.monotonic() + PANE_WAIT
            while True:
                panes = await self._tmux.panes()
                self._sessions.observe(panes)
                if not watched.up:
                    break
                if time.monotonic() >= end:
                    raise FailoverError(f"the pane of session {watched.name} did not notice that its program ended")
                await asyncio.sleep(STATUS_WAIT)
            await self.start(watched, plan)
        finally:
            self._restarting.discard(watched.name)

    def _launch(self, plan: Session) -> tuple[list[str], dict[str, str], str | None]:
        """Return the command, the environment and the conversation of a session that is to be started."""
        environment = {
            "CLAUDE_CONFIG_DIR": self._config.active_link,
            **plan.env,  # with claude_args: false it may set the variable above, and the command runs as it stands
            "CLAUDE_FAILOVER_SESSION": plan.name,
        }
        if not plan.claude_args:
            return list(plan.command), environment, None
        command, more = with_own_settings(
            plan.command,
            plan.cwd,
            self._settings if self._config.detection.hooks else {},
            os.path.join(self._config.state_dir, "settings"),
            plan.name,
        )
        held = self._registry.get(plan.name)
        conversation = held.uuid if held is not None else str(uuid.uuid4())
        option = "--resume" if held is not None and self.has_transcript(conversation) else "--session-id"
        option = self._forced.pop(plan.name, option)
        if held is None:
            # Written down before the start: a kill right after it must not lose the conversation's name.
            self._registry.offer(plan.name, Entry(conversation, "assigned", cwd=plan.cwd))
        self._registry.flush()
        return [command[0], option, conversation, *command[1:]], {**environment, **more}, conversation

    def has_transcript(self, conversation: str) -> bool:
        """Tell whether a conversation has been written to: before its first turn there is nothing to resume,
        and Claude Code says "No conversation found" (2.1.330)."""
        return bool(paths_of(self._config.projects, conversation))


def _is_folder(path: str) -> bool:
    # What may not be entered would only be told by the program that could not be started there.
    return os.path.isdir(path) and os.access(path, os.X_OK, effective_ids=True)


def _ending(pane: Pane) -> str:
    """Say how a pane's program ended."""
    if pane.exit_signal:
        return f"ended by signal {pane.exit_signal}"
    return f"exited with status {pane.exit_status}" if pane.exit_status is not None else "ended"
