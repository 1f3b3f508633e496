# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions as they are: those of the configuration, and those that somebody started by hand.

What is seen of tmux, of /proc and of Claude Code's own files is put together here; nothing here acts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..claude.session_files import SessionFiles
from ..common import clock
from ..common.processes import Process, Snapshot, variable
from ..config.holder import ConfigHolder
from ..config.model import SessionConfig
from ..tmux.client import Pane
from .registry import UUID, RegistryEntry, SessionRegistry

log = logging.getLogger(__name__)

# What a hook event says of its session (Claude Code 2.1.330). Others change nothing.
_ACTIVITY = {
    "SessionStart": "idle",
    "UserPromptSubmit": "busy",
    "Stop": "idle",
    "StopFailure": "idle",
    "PermissionRequest": "waiting",
}
_NOTIFIED = {"idle_prompt": "idle", "permission_prompt": "waiting"}


@dataclass
class TrackedSession:
    """One session.

    ``plan`` is its configuration, None for a session started by hand; ``pane`` the pane that holds Claude Code,
    None while tmux has none; ``activity`` what it does while it runs; ``reason`` why it is down or unusual;
    ``claude`` the process that speaks for it; ``config_dir`` its CLAUDE_CONFIG_DIR; ``hooked`` whether a hook
    of that process was heard; ``carry`` is ``limited`` or ``resuming`` while a usage limit is being dealt
    with, and ``carry_note`` says why that needs a person.
    """

    name: str
    spec: SessionConfig | None = None
    pane: Pane | None = None
    activity: str = "starting"
    activity_at: datetime | None = None
    reason: str | None = None
    claude: Process | None = None
    config_dir: str | None = None
    hooked: bool = False
    resume_state: str | None = None
    resume_note: str | None = None

    @property
    def up(self) -> bool:
        """Whether its program runs."""
        return self.pane is not None and not self.pane.dead

    @property
    def dedicated(self) -> bool:
        """Whether no task may ever be sent to it; a session started by hand belongs to whoever started it."""
        return self.spec is None or self.spec.dedicated

    @property
    def state(self) -> str:
        """``starting``, ``idle``, ``busy``, ``waiting``, ``limited``, ``resuming`` or ``down``."""
        return (self.resume_state or self.activity) if self.up else "down"

    def record_activity(self, activity: str, moment: datetime | None = None) -> None:
        """Take note of what the session does, unless something newer is known."""
        moment = moment or clock.now()
        if self.activity_at is None or moment >= self.activity_at:
            self.activity, self.activity_at = activity, moment


class SessionTable:
    """All sessions by name, in the order of the configuration, those started by hand last."""

    def __init__(self, config: ConfigHolder, registry: SessionRegistry) -> None:
        self._registry = registry
        self._watched: dict[str, TrackedSession] = {}
        self._config = config
        self._take_over_config()
        config.subscribe(self._take_over_config)

    def __iter__(self) -> Iterator[TrackedSession]:
        return iter(list(self._watched.values()))

    def get(self, name: str) -> TrackedSession | None:
        """Return the session of that name, or None."""
        return self._watched.get(name)

    def _take_over_config(self) -> None:
        """Follow the configured sessions; what is known of those that stay, stays."""
        config, known = self._config.current, self._watched
        self._watched = {spec.name: known.pop(spec.name, TrackedSession(spec.name)) for spec in config.sessions}
        for spec in config.sessions:
            self._watched[spec.name].spec = spec
        for name, tracked in known.items():
            tracked.spec = None
            self._watched[name] = tracked

    def observe(self, panes: Sequence[Pane]) -> None:
        """Bring the table up to date with all panes of the tmux server."""
        snapshot = Snapshot()
        files = SessionFiles(account.home for account in self._config.current.accounts)
        of_session: dict[str, list[Pane]] = {}
        for pane in panes:
            of_session.setdefault(pane.session, []).append(pane)
        self._follow_renames(of_session, snapshot)
        for name in [name for name, tracked in self._watched.items() if tracked.spec is None]:
            if name not in of_session:
                del self._watched[name]
        for name in of_session:
            self._watched.setdefault(name, TrackedSession(name))
        for tracked in self._watched.values():
            self._observe(tracked, of_session.get(tracked.name, []), snapshot, files)

    def _follow_renames(self, of_session: dict[str, list[Pane]], snapshot: Snapshot) -> None:
        """Put a configured session that was renamed in tmux back under its configured name.

        Otherwise it would count as missing, and its conversation be resumed while it still runs, which Claude
        Code does not refuse (2.1.330).
        """
        for name, tracked in self._watched.items():
            entry = self._registry.get(name)
            if tracked.spec is None or entry is None or entry.pid is None:
                continue
            own = of_session.get(name, [])
            if any(process.pid == entry.pid for pane in own for process in snapshot.tree(pane.pid)):
                continue
            for other, panes in list(of_session.items()):
                if self._config.current.session(other) is None and any(
                    process.pid == entry.pid and process.start == entry.started
                    for pane in panes
                    for process in snapshot.tree(pane.pid)
                ):
                    tracked.reason = f"renamed in tmux to {other!r}"
                    of_session[name] = of_session.pop(other) + own
                    break

    def _observe(self, tracked: TrackedSession, panes: list[Pane], snapshot: Snapshot, files: SessionFiles) -> None:
        previous = tracked.pane
        tracked.claude = None
        speaking = []
        for pane in panes:
            for process in snapshot.tree(pane.pid):
                file = files.of(process) if process.alive else None
                if file is not None:
                    speaking.append((pane, process, file))
                    break  # what runs below a Claude Code process is its tool, not the session
        entry = self._registry.get(tracked.name)
        tracked.pane = _main_pane(panes, entry, [pane for pane, _process, _file in speaking])
        if tracked.pane is None or tracked.pane.dead:
            return
        if previous is None or previous.pid != tracked.pane.pid:
            tracked.activity, tracked.activity_at, tracked.hooked = "starting", None, False
            tracked.config_dir = None
        for pane, process, file in speaking:
            if pane.pane_id == tracked.pane.pane_id:
                tracked.claude = process
                if file.status is not None:
                    tracked.record_activity(file.status, file.status_at)
        if tracked.claude is None and tracked.spec is not None and tracked.spec.claude_args:
            tracked.claude = next(snapshot.tree(tracked.pane.pid), None)
        if tracked.claude is not None:
            # A process that has just died has no environment any more, and what it said still counts.
            tracked.config_dir = variable(tracked.claude.pid, "CLAUDE_CONFIG_DIR") or tracked.config_dir
        # Two processes that both could be the session are no answer: none is guessed.
        candidates = {file.uuid for _pane, _process, file in speaking if UUID.fullmatch(file.uuid)}
        if len(candidates) == 1:
            _pane, process, file = speaking[0]
            self._registry.offer(
                tracked.name,
                RegistryEntry(file.uuid, "process", cwd=file.cwd, pid=process.pid, started=process.start),
            )

    def conversation(self, name: str) -> str | None:
        """Return the UUID of the conversation that the session is in, None when that is not known."""
        entry = self._registry.get(name)
        return entry.uuid if entry else None

    def by_uuid(self, uuid: str) -> TrackedSession | None:
        """Return the session that is in that conversation, or None."""
        for tracked in self._watched.values():
            entry = self._registry.get(tracked.name)
            if entry is not None and entry.uuid == uuid:
                return tracked
        return None

    def by_pane(self, pane_id: str) -> TrackedSession | None:
        """Return the session whose Claude Code runs in that pane, or None."""
        for tracked in self._watched.values():
            if tracked.pane is not None and tracked.pane.pane_id == pane_id:
                return tracked
        return None

    def hook(self, payload: dict[str, Any], environment: dict[str, Any]) -> TrackedSession | None:
        """Take in a hook's payload; returns the session that it speaks of, or None when there is none.

        Only what comes from the session's own pane counts, and from its own process: a Claude Code that a
        tool of the session runs has the same environment and another pid.
        """
        tracked = self.speaker(environment)
        event = payload.get("hook_event_name")
        if tracked is None or not isinstance(event, str):
            return None
        tracked.hooked = True
        activity = _ACTIVITY.get(event) or _NOTIFIED.get(str(payload.get("notification_type")))
        if activity is not None:
            tracked.record_activity(activity)
        uuid = str(payload.get("session_id", "")).lower()
        # SessionEnd tells of the conversation that is over, which /clear has already followed by another.
        if event != "SessionEnd" and UUID.fullmatch(uuid):
            process = tracked.claude
            self._registry.offer(
                tracked.name,
                RegistryEntry(
                    uuid,
                    "hook",
                    cwd=_text(payload.get("cwd")),
                    transcript=_text(payload.get("transcript_path")),
                    pid=process.pid if process else None,
                    started=process.start if process else None,
                ),
            )
        return tracked

    def speaker(self, environment: dict[str, Any]) -> TrackedSession | None:
        """Return the session whose own process has this environment, or None."""
        server = str(environment.get("TMUX", "")).partition(",")[0]
        tracked = self.by_pane(str(environment.get("TMUX_PANE", "")))
        if tracked is None or server != self._config.current.tmux.socket:
            return None
        pid = str(environment.get("CLAUDE_PID", ""))
        own = {str(process.pid) for process in (tracked.claude, tracked.pane) if process is not None}
        return None if pid.isdigit() and pid not in own else tracked


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _main_pane(panes: list[Pane], entry: RegistryEntry | None, speaking: list[Pane]) -> Pane | None:
    """Choose the pane of a session that holds Claude Code: an operator may have split the window."""
    if entry is not None:
        for pane in panes:
            if pane.pid == entry.pid:
                return pane
    living = [pane for pane in panes if not pane.dead]
    return next(iter(speaking or living or panes), None)
