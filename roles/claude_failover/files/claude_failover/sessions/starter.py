# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the program of a session, in its conversation."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from ..claude.settings import session_defaults, settings_folder, with_own_settings
from ..claude.telemetry import telemetry_settings, telemetry_variables
from ..claude.transcript import paths_of
from ..common.errors import FailoverError
from ..common.log_fields import log_fields
from ..common.processes import is_alive, read
from ..config.holder import ConfigHolder
from ..config.model import SessionConfig
from ..tmux.client import Pane, Tmux
from .launch import LAUNCH_VARIABLE, SESSION_VARIABLE, folder_problem, launch_in, launch_of
from .moved_conversations import newest_conversation
from .registry import RegistryEntry, SessionRegistry
from .tracked_session import TrackedSession

log = logging.getLogger(__name__)

# Claude Code's messages (2.1.330) for a start with the wrong one of --resume and --session-id.
_NO_CONVERSATION = "No conversation found with session ID"
_ALREADY_IN_USE = "is already in use"


class SessionStarter:
    """Starts sessions, in their dead pane or in a new tmux session.

    ``settings`` returns the daemon's Claude Code settings, with which every session is started.
    """

    def __init__(
        self, config: ConfigHolder, tmux: Tmux, registry: SessionRegistry, settings: Callable[[], dict[str, Any]]
    ) -> None:
        self._config = config
        self._tmux = tmux
        self._registry = registry
        self._settings = settings
        self._next_option: dict[str, str] = {}  # by name: --resume or --session-id, as the last start demanded

    def note_output(self, name: str, output: Sequence[str]) -> None:
        """Note which of --resume and --session-id the program demanded in its last lines."""
        if any(_NO_CONVERSATION in line for line in output[-3:]):
            self._next_option[name] = "--session-id"
        elif any(_ALREADY_IN_USE in line for line in output[-3:]):
            self._next_option[name] = "--resume"

    async def start(self, tracked: TrackedSession, spec: SessionConfig) -> None:
        """Start a configured session. Raises FailoverError, OSError."""
        problem = folder_problem(spec)
        if problem is not None:
            raise FailoverError(problem)
        self._check_configured(spec)
        known = self._registry.get(spec.name)
        newest = None
        if known is not None and spec.claude_args:
            # In a thread: without a `continued-in` the transcripts of all background jobs are read.
            newest = await asyncio.to_thread(newest_conversation, spec.name, known, self._config.current)
            self._check_configured(spec)
        if known is not None and known.pid is not None and is_alive(known.pid, known.started):
            raise FailoverError(
                f"process {known.pid} of conversation {known.uuid} still runs outside of this session, and a second "
                "one would corrupt the conversation; the session is started again once that process has ended"
            )
        if newest is not None:
            self._registry.follow(spec.name, newest)
        command, environment, conversation = self._prepare(spec)
        launch = launch_of(spec, self._config.current, environment)
        environment[LAUNCH_VARIABLE] = launch.to_text()
        dead_pane = tracked.pane
        if dead_pane is None:
            pane: Pane | None = await self._tmux.new_session(spec.name, spec.cwd, command, environment)
        else:
            unset = await self._outdated_variables(dead_pane, environment)
            await self._tmux.respawn(dead_pane.pane_id, spec.cwd, command, environment, unset=unset)
            pane = next((item for item in await self._tmux.panes() if item.pane_id == dead_pane.pane_id), None)
        tracked.pane, tracked.activity, tracked.activity_at = pane, "starting", None
        tracked.started_for, tracked.launch = spec.name, launch
        log.info(
            "session %s: started in %s, conversation %s",
            spec.name,
            spec.cwd,
            conversation or "unknown",
            extra=log_fields(session=spec.name),
        )
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

    def _check_configured(self, spec: SessionConfig) -> None:
        """Check that a session is still configured like this: under a new name it has its conversation there."""
        if self._config.current.session(spec.name) != spec:
            raise FailoverError(
                f"the configuration of session {spec.name} was changed while it was started; expected the one in "
                "force, with which it is tried again"
            )

    async def _outdated_variables(self, pane: Pane, environment: dict[str, str]) -> list[str]:
        """Return the variables that the tmux session was made with, and that the configuration has no more.

        A respawned pane has the environment of its tmux session, too.
        """
        text = await self._tmux.session_variable(pane.session_id, LAUNCH_VARIABLE)
        made_with = launch_in(text) if text is not None else None
        return [name for name in (made_with.variables if made_with else ()) if name not in environment]

    def _prepare(self, spec: SessionConfig) -> tuple[list[str], dict[str, str], str | None]:
        """Return the command, the environment and the conversation with which to start a session."""
        telemetry = self._config.current.telemetry
        variables = telemetry_variables(telemetry, spec.name, socket.gethostname()) if spec.claude_args else {}
        environment = {
            "CLAUDE_CONFIG_DIR": self._config.current.active_link,
            **variables,
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
            {**telemetry_settings(telemetry), **session_defaults(spec)},
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
