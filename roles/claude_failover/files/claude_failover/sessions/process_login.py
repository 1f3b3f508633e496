# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login of one Claude Code process: found to be its home's, or another's, by its environment and its settings.

Claude Code takes the ``env`` of the account's settings at its start and keeps it over a flip (2.1.332), so the home
that the process was started with counts, and what was found once holds until the process ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Optional

from ..claude.login_settings import (
    LoginSettings,
    given_settings,
    home_settings,
    project_settings,
)
from ..common import clock
from ..common.file_identity import is_same_entry
from ..common.processes import Process, age, arguments, variable, variables
from ..config.login_origin import STORAGE, VARIABLES, is_off, listed
from ..config.model import Config

#: Returns the accounts that the link led to between two moments, None where that is not known.
AccountsBetween = Callable[[datetime, datetime], Optional[set[str]]]

_READ_SETTINGS = timedelta(seconds=10)  # within which a started process has read its settings, on a busy host too


class ProcessLogin:
    """The login of one process, as far as it is known.

    Args:
        process: the process.
        config_dir: its configuration directory.
        project: the folder that it was started in.
        config: the configuration.
        accounts_between: see `AccountsBetween`.
    """

    def __init__(
        self,
        process: Process,
        config_dir: str,
        project: str | None,
        config: Config,
        accounts_between: AccountsBetween = lambda _begin, _end: None,
    ) -> None:
        self.process = process
        self._config = config
        self._project = project
        self._homes = _homes_at_start(process, config_dir, config, accounts_between)
        self._settings: dict[str, None] = {}  # in the order of being found
        self._environment: list[str] | None = None  # as it was found last
        self._arguments: list[str] = []
        self._given: tuple[list[str], list[str]] | None = None  # the paths of its settings, and keys in its arguments

    def is_of(self, process: Process) -> bool:
        """Return whether it is this very process."""
        return (self.process.pid, self.process.start) == (process.pid, process.start)

    def foreign(self, files: LoginSettings, *, anew: bool = True) -> str | None:
        """Return what makes the login another than that of the active link; None if nothing is found.

        Without ``anew`` environment and arguments are those that were read last.
        """
        if anew or self._environment is None:
            self._environment = self._found_in_environment()
            self._arguments, self._given = arguments(self.process.pid), None
        self._settings.update(dict.fromkeys(self._found_in_settings(files)))
        found = [f"{name} in its environment" for name in self._environment]
        return listed([*found, *self._settings]) if found or self._settings else None

    def _found_in_environment(self) -> list[str]:
        pid = self.process.pid
        found = variables(pid, lambda name, value: name in VARIABLES and not is_off(value))
        storage = variable(pid, STORAGE)
        if storage is not None:
            folder = storage or os.path.join(variable(pid, "HOME") or "/", ".claude")
            if not is_same_entry(folder, self._config.active_link):
                found.append(STORAGE)
        return found

    def _found_in_settings(self, files: LoginSettings) -> list[str]:
        if self._given is None:
            path, keys = given_settings(self._arguments, self._project or "/")
            paths = [*map(home_settings, self._homes), *(project_settings(self._project) if self._project else [])]
            self._given = [*paths, *([path] if path is not None else [])], keys
        paths, keys = self._given
        return files.found_in([*files.managed(), *paths]) + [f"{key} in its --settings" for key in keys]


def _homes_at_start(process: Process, config_dir: str, config: Config, accounts_between: AccountsBetween) -> list[str]:
    """Return the home that a process was started with; all that it may be where that is not known."""
    if not is_same_entry(config_dir, config.active_link):
        return [config_dir]
    try:
        found = os.lstat(config.active_link)
        home = os.path.realpath(config.active_link)
    except OSError:
        return config.homes
    # A wall clock that was set since makes the link's times uncertain: then one in the future, or any home.
    if max(found.st_mtime, found.st_ctime) < time.time() - age(process):
        return [home]
    started = clock.of_ticks(process.start)
    names = accounts_between(started, started + _READ_SETTINGS) or set()
    homes = [account.home for account in config.accounts if account.name in names]
    return homes if homes and len(homes) == len(names) else config.homes
