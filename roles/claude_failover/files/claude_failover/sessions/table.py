# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observed state of all sessions, configured ones and those started by hand.

Combines the panes of tmux, the processes of /proc and Claude Code's session files; changes none of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..claude.login_settings import LoginSettings
from ..claude.process_home import process_home
from ..claude.session_files import SessionFile, SessionFiles
from ..claude.transcript import UUID
from ..common.log_fields import log_fields
from ..common.processes import Process, ProcessMemory, ProcessTrees
from ..common.text import text_or_none, whole_number
from ..config.holder import ConfigHolder
from ..tmux.client import Pane
from .launch import read_launch
from .process_login import AccountsBetween, ProcessLogin
from .registry import RegistryEntry, SessionRegistry
from .sight import Found, Sight
from .tracked_session import TrackedSession

log = logging.getLogger(__name__)

# Activity after a hook event, or a notification of that type (Claude Code 2.1.330); others do not change it.
_EVENT_ACTIVITY = {
    "SessionStart": "idle",
    "UserPromptSubmit": "busy",
    "Stop": "idle",
    "StopFailure": "idle",
    "PermissionRequest": "waiting",
}
_NOTIFICATION_ACTIVITY = {"idle_prompt": "idle", "permission_prompt": "waiting"}


class SessionTable:
    """All sessions by name: in the order of the configuration, then those started by hand.

    ``on_set_aside`` is told why a session is set aside, and with None that it is not any more; ``on_change`` is called
    when a session may have become free; ``accounts_between`` returns which accounts the active link led to.
    """

    def __init__(self, config: ConfigHolder, registry: SessionRegistry) -> None:
        self._registry = registry
        self._tracked: dict[str, TrackedSession] = {}
        self._told: dict[str, str] = {}  # by session: why it is set aside
        self.on_set_aside: Callable[[str, str | None], None] = lambda _session, _why: None
        self.on_change: Callable[[], None] = lambda: None
        self.on_observed: list[Callable[[], None]] = []  # called after each `observe`
        self.accounts_between: AccountsBetween = lambda _begin, _end: None
        self._login_settings = LoginSettings()
        self._files = SessionFiles()
        self._processes = ProcessMemory()
        self._seen: dict[str, Sight] = {}  # by session: what it was observed from last
        self.background_seen = False  # whether a background job of Claude Code runs, at the last `observe`
        self._config = config
        self._apply_config()
        config.subscribe(self._apply_config)

    def __iter__(self) -> Iterator[TrackedSession]:
        return iter(list(self._tracked.values()))

    def get(self, name: str) -> TrackedSession | None:
        """Return the session of that name, or None."""
        return self._tracked.get(name)

    def set_aside(self, name: str) -> str | None:
        """Return why the failover leaves out the session of that name; None if it does not."""
        tracked = self._tracked.get(name)
        return tracked.set_aside if tracked is not None else None

    def _apply_config(self) -> None:
        """Track the configured sessions; those that stay keep their state."""
        config, known = self._config.current, self._tracked
        names = [spec.name for spec in config.sessions]
        self._tracked = {name: known.pop(name) if name in known else self._new(name) for name in names}
        for spec in config.sessions:
            self._tracked[spec.name].spec = spec
        for name, tracked in known.items():
            tracked.spec = None
            self._tracked[name] = tracked

    def rename(self, old: str, new: str) -> None:
        """Go on with the state of one session under another, configured name."""
        tracked = self._tracked.pop(old, None)
        if tracked is not None:
            tracked.name, tracked.spec = new, self._config.current.session(new)
            self._tracked = {name: tracked if name == new else item for name, item in self._tracked.items()}
        if old in self._told:
            self._told[new] = self._told.pop(old)

    def observe(self, panes: Sequence[Pane]) -> None:
        """Update the table from all panes of the tmux server. Raises OSError if /proc cannot be read."""
        self._files.refresh(account.home for account in self._config.current.accounts)
        self._login_settings.begin_round()
        entries = [self._registry.get(name) for name in self._tracked]
        known = {entry.pid for entry in entries if entry is not None and entry.pid is not None}
        known |= {tracked.claude.pid for tracked in self._tracked.values() if tracked.claude is not None}
        trees = ProcessTrees(known | self._files.pids(), self._processes)
        files = self._running(trees)
        self.background_seen = any(file is not None and file.background for file in files.values())
        by_session: dict[str, list[Pane]] = {}
        for pane in panes:
            by_session.setdefault(pane.session, []).append(pane)
        self._resolve_renames(by_session, trees)
        for name in [name for name, tracked in self._tracked.items() if tracked.spec is None]:
            if name not in by_session:
                del self._tracked[name]
        for name in by_session:
            if name not in self._tracked:
                self._tracked[name] = self._new(name)
        for tracked in self._tracked.values():
            self._observe_session(tracked, by_session.get(tracked.name, []), trees, files)
        if self._seen.keys() - self._tracked.keys():
            self._seen = {name: seen for name, seen in self._seen.items() if name in self._tracked}
            self._login_settings.forget()
        self._login_settings.end_round()
        self._tell_set_aside()
        for callback in self.on_observed:
            callback()
        self.on_change()

    def _tell_change(self) -> None:
        self.on_change()

    def _new(self, name: str) -> TrackedSession:
        return TrackedSession(name, on_change=self._tell_change)

    def _running(self, trees: ProcessTrees) -> dict[int, SessionFile | None]:
        """Return the session file of each process that one is named after; None where it is not that process's."""
        found = [process for process in map(trees.get, self._files.pids()) if process is not None]
        return {process.pid: self._files.of(process) if process.alive else None for process in found}

    def _tell_set_aside(self) -> None:
        all_sessions = ((tracked.name, tracked.set_aside) for tracked in self._tracked.values())
        found = {name: why for name, why in all_sessions if why is not None}
        for name in [*found, *(name for name in self._told if name not in found)]:
            why = found.get(name)
            if why != self._told.get(name):
                fields = log_fields(session=name, event="session_set_aside")
                if why is not None:
                    log.warning("session %s is set aside: %s", name, why, extra=fields)
                    self._told[name] = why
                    self._tracked[name].resume_state = self._tracked[name].resume_note = None
                else:
                    log.info("session %s is set aside no more", name, extra=fields)
                    del self._told[name]
                self.on_set_aside(name, why)

    def _resolve_renames(self, by_session: dict[str, list[Pane]], trees: ProcessTrees) -> None:
        """Move the panes of a configured session that was renamed in tmux back to its configured name.

        Else it would count as missing, and its conversation would be resumed while it runs, which Claude Code does
        not refuse (2.1.330).
        """
        for name, tracked in self._tracked.items():
            entry = self._registry.get(name)
            if tracked.spec is None or entry is None or entry.pid is None:
                continue
            own = by_session.get(name, [])
            if entry.pid in [process.pid for pane in own for process in trees.tree(pane.pid)]:
                continue
            for other, panes in list(by_session.items()):
                if self._config.current.session(other) is None and any(
                    process.pid == entry.pid and process.start == entry.started
                    for pane in panes
                    for process in trees.tree(pane.pid)
                ):
                    tracked.reason = f"renamed in tmux to {other!r}"
                    by_session[name] = by_session.pop(other) + own
                    break

    def _observe_session(
        self, tracked: TrackedSession, panes: list[Pane], trees: ProcessTrees, files: Mapping[int, SessionFile | None]
    ) -> None:
        in_panes = [trees.tree(pane.pid) for pane in panes]
        found = [
            files[process.pid] if process.pid in files else self._files.of(process)
            for tree in in_panes
            for process in tree
        ]
        now = Sight(tracked.spec, self._registry.get(tracked.name), panes, in_panes, found)
        seen, stamp = self._seen.get(tracked.name), self._login_settings.stamp
        pane = _same_pane(tracked.pane, panes)
        if seen is None or pane is None or not seen.is_same(now):
            now.project = self._observe_anew(tracked, panes, now.found)
            self._observe_login(tracked, now.project)
            now.entry = self._registry.get(tracked.name)
            if not now.is_complete:
                self._seen.pop(tracked.name, None)
                return
        else:
            tracked.pane, now.project = pane, seen.project
            if seen.stamp is not stamp or seen.login is not tracked.login or tracked.login is None:
                self._observe_login(tracked, seen.project, anew=False)
        now.login, now.stamp = tracked.login, stamp
        self._seen[tracked.name] = now

    def _observe_anew(self, tracked: TrackedSession, panes: list[Pane], found: Sequence[Found]) -> str | None:
        """Update a session of which something has changed; returns the folder of its project."""
        previous, known, parked = tracked.pane, tracked.claude, tracked.parked_job
        tracked.claude, tracked.parked_job, tracked.file_at, version = None, None, None, None
        claude_panes: list[tuple[Pane, Process, SessionFile]] = []
        for pane, process, file in found:
            # Jobs are below the pane's, but not in it; a Claude Code below it is run by one of its tools.
            if (
                file is not None
                and process.alive
                and not file.background
                and pane not in [found[0] for found in claude_panes]
            ):
                claude_panes.append((pane, process, file))
        entry = self._registry.get(tracked.name)
        tracked.pane = _main_pane(panes, entry, [pane for pane, _process, _file in claude_panes])
        if tracked.pane is None or tracked.pane.dead:
            return None
        if previous is None or previous.pid != tracked.pane.pid:
            tracked.activity, tracked.activity_at, tracked.hook_seen = "starting", None, False
            tracked.config_dir = tracked.foreign_login = tracked.login = None
            tracked.started_for = tracked.launch = None
        if tracked.launch is None:
            tracked.started_for, tracked.launch = read_launch(tracked.pane.pid)
        project, tree = tracked.cwd, [process for pane, process, _file in found if pane.pid == tracked.pane.pid]
        for pane, process, file in claude_panes:
            if pane.pane_id == tracked.pane.pane_id:
                tracked.claude, tracked.parked_job, version = process, file.parked_job, file.version
                project = file.cwd or project
                if file.status is not None:
                    tracked.file_at = file.status_at
                    tracked.record_activity(file.status, file.status_at)
        if tracked.claude is None and known is not None:
            # Its file is being written, or was removed a moment before its end.
            same = known.pid, known.start
            tracked.claude = next((item for item in tree if item.alive and (item.pid, item.start) == same), None)
            tracked.parked_job = parked if tracked.claude is not None else None
        if tracked.claude is None and tracked.starts_claude:
            tracked.claude = next(iter(tree), None)
        if tracked.claude is not None:
            identity = (tracked.claude.pid, tracked.claude.start)
            tracked.version = version or (tracked.version if tracked.version_process == identity else None)
            tracked.version_process = identity
        else:
            tracked.activity, tracked.activity_at = "starting", None
        # Two candidates are ambiguous, and neither is guessed.
        candidates = {file.uuid for _pane, _process, file in claude_panes if UUID.fullmatch(file.uuid)}
        if len(candidates) == 1:
            _pane, process, file = claude_panes[0]
            self._registry.propose(
                tracked.name,
                RegistryEntry(file.uuid, "process", cwd=file.cwd, pid=process.pid, started=process.start),
            )
        return project

    def _observe_login(self, tracked: TrackedSession, project: str | None, *, anew: bool = True) -> None:
        """Update what is known of the login of a session's process; a login that is not the link's is logged once.

        Without ``anew`` the process has the environment that it had, and only settings can have changed.
        """
        process = tracked.claude
        if process is None:
            return
        if not anew and tracked.login is not None:
            self._set_foreign_login(tracked, tracked.login.foreign(self._login_settings, anew=False))
            return
        if tracked.login is not None and not tracked.login.is_of(process):  # another one in the same shell
            tracked.config_dir = tracked.foreign_login = tracked.login = None
        # A dead process has no environment; its last known one still applies.
        folder = process_home(process.pid)
        tracked.config_dir = folder or tracked.config_dir
        if folder is None:
            return
        if tracked.login is None or not tracked.login.is_of(process):
            tracked.login = ProcessLogin(process, folder, project, self._config.current, self.accounts_between)
        self._set_foreign_login(tracked, tracked.login.foreign(self._login_settings))

    def _set_foreign_login(self, tracked: TrackedSession, why: str | None) -> None:
        known, tracked.foreign_login = tracked.foreign_login, why
        if tracked.foreign_login not in (None, known):
            log.warning(
                "session %s: its login does not follow the active link: %s. Its limits switch nothing and mark no "
                "account; to change that, remove this and restart the session",
                tracked.name,
                tracked.foreign_login,
                extra=log_fields(session=tracked.name),
            )

    def conversation(self, name: str) -> str | None:
        """Return the UUID of the session's conversation, or None if it is unknown."""
        entry = self._registry.get(name)
        return entry.uuid if entry else None

    def find_by_conversation(self, uuid: str) -> TrackedSession | None:
        """Return the session in that conversation, or None."""
        for tracked in self._tracked.values():
            entry = self._registry.get(tracked.name)
            if entry is not None and entry.uuid == uuid:
                return tracked
        return None

    def find_by_pane(self, pane_id: str) -> TrackedSession | None:
        """Return the session whose Claude Code runs in that pane, or None."""
        for tracked in self._tracked.values():
            if tracked.pane is not None and tracked.pane.pane_id == pane_id:
                return tracked
        return None

    def handle_hook(self, payload: dict[str, Any], environment: dict[str, Any]) -> TrackedSession | None:
        """Update a session from a hook's payload; returns the session, or None if it is of none.

        Only hooks of the session's own process count: a Claude Code run by one of its tools has the same environment
        and another pid.
        """
        tracked = self.find_by_environment(environment)
        event = payload.get("hook_event_name")
        if tracked is None or not isinstance(event, str):
            return None
        tracked.hook_seen = True
        # The settings can have changed, and the process be another, since the last check of the sessions.
        self._observe_login(tracked, tracked.cwd if tracked.spec is not None else text_or_none(payload.get("cwd")))
        activity = _EVENT_ACTIVITY.get(event) or _NOTIFICATION_ACTIVITY.get(str(payload.get("notification_type")))
        # The end of a sub-agent is none of the session's turn (StopFailure of a compaction's, 2.1.197, 2.1.332).
        if activity is not None and not payload.get("agent_id"):
            tracked.record_activity(activity)
        uuid = str(payload.get("session_id", "")).lower()
        # SessionEnd names the old conversation, which /clear may have replaced already.
        if event != "SessionEnd" and UUID.fullmatch(uuid):
            process = tracked.claude
            self._registry.propose(
                tracked.name,
                RegistryEntry(
                    uuid,
                    "hook",
                    cwd=text_or_none(payload.get("cwd")),
                    transcript=text_or_none(payload.get("transcript_path")),
                    pid=process.pid if process else None,
                    started=process.start if process else None,
                ),
            )
        self.on_change()
        return tracked

    def find_by_environment(self, environment: dict[str, Any]) -> TrackedSession | None:
        """Return the session whose own process has this environment, or None.

        Reads TMUX, TMUX_PANE and CLAUDE_PID.
        """
        server = str(environment.get("TMUX", "")).partition(",")[0]
        tracked = self.find_by_pane(str(environment.get("TMUX_PANE", "")))
        if tracked is None or server != self._config.current.tmux.socket:
            return None
        pid = whole_number(str(environment.get("CLAUDE_PID", "")))
        own = {process.pid for process in (tracked.claude, tracked.pane) if process is not None}
        return None if pid is not None and pid not in own else tracked


def _same_pane(pane: Pane | None, panes: list[Pane]) -> Pane | None:
    """Return the pane as it is listed now, or None."""
    return next((item for item in panes if pane is not None and item.pane_id == pane.pane_id), None)


def _main_pane(panes: list[Pane], entry: RegistryEntry | None, claude_panes: list[Pane]) -> Pane | None:
    """Choose the pane that holds Claude Code: an operator may have split the window."""
    if entry is not None:
        for pane in panes:
            if pane.pid == entry.pid:
                return pane
    living = [pane for pane in panes if not pane.dead]
    return next(iter(claude_panes or living or panes), None)
