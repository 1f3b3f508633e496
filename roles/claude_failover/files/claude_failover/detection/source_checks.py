# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the sources that are read in passing, where a failure looks like nothing to report.

These are the processes of /proc, the session files, the active link, and the hooks of the configured sessions.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from ..accounts.active_link import read_active
from ..claude.settings import file_name, read_settings, with_own_settings
from ..common import processes
from ..common.errors import FailoverError
from ..common.health import SourceHealth
from ..config.holder import ConfigHolder
from ..config.model import SessionConfig
from ..sessions.table import SessionTable

log = logging.getLogger(__name__)

CHECK_INTERVAL = 10.0  # seconds


class SourceChecks:
    """Checks the sources periodically, and tells the health.

    Args:
        settings: returns the daemon's Claude Code settings, with which sessions are started.
        without_hooks: returns the sessions that end turns without a hook.
    """

    def __init__(
        self,
        config: ConfigHolder,
        sessions: SessionTable,
        health: SourceHealth,
        *,
        settings: Callable[[], dict[str, Any]],
        without_hooks: Callable[[], list[str]],
    ) -> None:
        self._config = config
        self._sessions = sessions
        self._health = health
        self._settings = settings
        self._without_hooks = without_hooks

    async def run(self) -> None:
        """Check every `CHECK_INTERVAL` seconds until cancelled."""
        while True:
            self.check()
            await asyncio.sleep(CHECK_INTERVAL)

    def check(self) -> None:
        """Check every source once. Never raises."""
        checks = {
            "processes": self._processes,
            "session_files": self._session_files,
            "active_link": self._active_link,
            "hooks": self._hooks,
        }
        for source, problems in checks.items():
            try:
                found = list(problems())
            except Exception as error:  # a bug in one check must not end the others
                if not self._health.is_blind(source):
                    log.exception("the check of %s: a bug", source)
                found = [f"a bug: {error!r}"]
            if found:
                self._health.failed(source, "; ".join(found))
            else:
                self._health.works(source)

    def _processes(self) -> Iterator[str]:
        try:
            if processes.read(os.getpid()) is None:
                yield "/proc does not show this process: it is not mounted, or hides processes from their own user"
        except OSError as error:
            yield f"/proc cannot be read: {error.strerror}"

    def _session_files(self) -> Iterator[str]:
        for account in self._config.current.accounts:
            folder = os.path.join(account.home, "sessions")
            try:
                os.listdir(folder)
            except FileNotFoundError:
                continue  # no session has run with this account yet
            except OSError as error:
                yield f"{folder} cannot be listed: {error.strerror}; only hooks tell whether its sessions are busy"

    def _active_link(self) -> Iterator[str]:
        config = self._config.current
        link = read_active(config.active_link, config.accounts)
        if link.kind == "unreadable":
            yield f"{config.active_link} cannot be read: {link.text}; a flip by hand is not noticed"

    def _hooks(self) -> Iterator[str]:
        if not self._config.current.detection.hooks:
            return
        settings = self._settings()
        for program in sorted(_programs(settings)):
            if os.path.isabs(program) and not os.access(program, os.X_OK):
                yield f"{program}, which the sessions' hooks run, is not an executable file"
        for tracked in self._sessions:
            if tracked.up and tracked.spec is not None and tracked.spec.claude_args:
                try:
                    self._restore_settings(tracked.spec, settings)
                except (FailoverError, OSError) as error:
                    yield f"session {tracked.name}: the file with its hooks cannot be written again: {error}"
        for name in self._without_hooks():
            yield (
                f"session {name} ends turns without a hook; its limits are found in its transcript. See /hooks in it, "
                "and whether its settings disable hooks (disableAllHooks, allowManagedHooksOnly)"
            )

    def _restore_settings(self, spec: SessionConfig, settings: dict[str, Any]) -> None:
        """Write the settings file of a session again if it lost the daemon's hooks. Raises FailoverError, OSError."""
        folder = os.path.join(self._config.current.state_dir, "settings")
        path = os.path.join(folder, file_name(spec.name))
        try:
            found = read_settings(path).get("hooks", {})
            missing = [
                event for event, rows in settings.get("hooks", {}).items() for row in rows if row not in found[event]
            ]
            problem = f"it lacks the hooks {', '.join(missing)}" if missing else None
        except (FailoverError, OSError, KeyError, TypeError) as error:
            problem = str(error)
        if problem is not None:
            with_own_settings(spec.command, spec.cwd, settings, folder, spec.name)
            log.warning(
                "session %s: %s is written again (%s); Claude Code reads it at its next start at the latest",
                spec.name,
                path,
                problem,
            )


def _programs(settings: dict[str, Any]) -> set[str]:
    """Return the programs of the hooks."""
    commands = [
        hook.get("command")
        for rows in settings.get("hooks", {}).values()
        for row in rows
        if isinstance(row, dict)
        for hook in row.get("hooks", [])
        if isinstance(hook, dict)
    ]
    programs = set()
    for command in commands:
        try:
            programs.update(shlex.split(command)[:1] if isinstance(command, str) else [])
        except ValueError:
            continue  # an operator's command that only a shell can read
    return programs
