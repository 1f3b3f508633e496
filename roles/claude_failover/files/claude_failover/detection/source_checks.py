# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the sources that are read in passing, where a failure looks like nothing to report.

These are the processes of /proc, the session files, the active link, and the hooks of the configured sessions.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from ..accounts.active_link import read_active
from ..common import processes
from ..common.health import SourceHealth
from ..common.shared_wake import REST, sleep_together
from ..config.holder import ConfigHolder

CHECK_INTERVAL = REST  # seconds


class SourceChecks:
    """Checks the sources periodically, and tells the health.

    Args:
        settings: returns the daemon's Claude Code settings, with which sessions are started.
        without_hooks: returns the sessions that end turns without a hook.
    """

    def __init__(
        self,
        config: ConfigHolder,
        health: SourceHealth,
        *,
        settings: Callable[[], dict[str, Any]],
        without_hooks: Callable[[], list[str]],
    ) -> None:
        self._config = config
        self._health = health
        self._settings = settings
        self._without_hooks = without_hooks

    async def run(self) -> None:
        """Check every `CHECK_INTERVAL` seconds until cancelled."""
        while True:
            self.check()
            await sleep_together(CHECK_INTERVAL)

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
                self._health.failed_by_bug(source, error)
                continue
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
                os.scandir(folder).close()  # opened, which tells; the sessions' table reads it
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
        # A session's own settings file is not looked at: a running Claude Code keeps the hooks of its --settings when
        # the file is emptied, replaced or removed (2.1.330), and each start writes it anew.
        for program in sorted(_programs(self._settings())):
            if os.path.isabs(program) and not os.access(program, os.X_OK):
                yield f"{program}, which the sessions' hooks run, is not an executable file"
        for name in self._without_hooks():
            yield (
                f"session {name} ends turns without a hook; its limits are found in its transcript. See /hooks in it, "
                "and whether its settings disable hooks (disableAllHooks, allowManagedHooksOnly)"
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
    return {name for command in commands if isinstance(command, str) for name in _program(command)}


@lru_cache(maxsize=256)
def _program(command: str) -> list[str]:
    """Return the program of a command; none of an operator's that only a shell can read."""
    try:
        return shlex.split(command)[:1]
    except ValueError:
        return []
