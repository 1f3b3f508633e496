# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the settings files of Claude Code that give a session another login than that of its home.

Of each file the names of the keys are kept, and read again when it changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from ..common import json_text
from ..config.login_origin import foreign_login_settings
from ..storage.regular_file import read_regular
from .settings import MAX_BYTES, split_settings

#: The administrator's settings on Linux, a file and a folder of further ones (Claude Code 2.1.330).
MANAGED_FILE = "/etc/claude-code/managed-settings.json"
MANAGED_FOLDER = "/etc/claude-code/managed-settings.d"
_MOST_FILES = 1000  # that are remembered


class _Seen(NamedTuple):
    """A file as it was read: its identity and times, and the keys found in it."""

    state: tuple[int, int, int, int]
    keys: list[str]


class LoginSettings:
    """The keys by which settings files make the login another, by file.

    In a round each file is looked at once, for however many sessions. ``stamp`` is another object in a round in which
    a file that was asked for in a round before has other keys, or the administrator has other files.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._in_round = False
        self._round: dict[str, list[str]] = {}  # by path: the keys found in this round, of all asked for in any
        self._managed: list[str] = []
        self.stamp = object()

    def begin_round(self) -> None:
        """Look at each file again, once."""
        managed = managed_settings()
        if managed != self._managed or any(self._look(path) != keys for path, keys in self._round.items()):
            self.forget()
        self._managed, self._in_round = managed, True

    def end_round(self) -> None:
        """Look at each file whenever it is asked for."""
        self._in_round = False

    def forget(self) -> None:
        """Begin with another stamp; so those that ask no more are looked at no more."""
        self._round, self.stamp = {}, object()

    def managed(self) -> list[str]:
        """Return the paths of the administrator's settings."""
        return self._managed if self._in_round else managed_settings()

    def found_in(self, paths: Iterable[str]) -> list[str]:
        """Return ``KEY in FILE`` for each key that makes the login another; a file that cannot be read has none."""
        return [f"{key} in {path}" for path in paths for key in self._keys(path)]

    def _keys(self, path: str) -> list[str]:
        if not self._in_round:
            return self._look(path)
        if path not in self._round:
            self._round[path] = self._look(path)
        return self._round[path]

    def _look(self, path: str) -> list[str]:
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            self._seen.pop(path, None)
            return []
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        seen = self._seen.get(path)
        if seen is None or seen.state != state:
            if len(self._seen) >= _MOST_FILES:
                self._seen.clear()
            seen = self._seen[path] = _Seen(state, _read_keys(path))
        return seen.keys


def managed_settings() -> list[str]:
    """Return the paths of the administrator's settings."""
    try:
        names = sorted(name for name in os.listdir(MANAGED_FOLDER) if name.endswith(".json"))
    except OSError:
        names = []
    return [MANAGED_FILE, *(os.path.join(MANAGED_FOLDER, name) for name in names)]


def home_settings(home: str) -> str:
    """Return the path of the settings of an account's home."""
    return os.path.join(home, "settings.json")


def project_settings(folder: str) -> list[str]:
    """Return the paths of a project's settings, those shared in it and the local ones."""
    return [os.path.join(folder, ".claude", name) for name in ("settings.json", "settings.local.json")]


def given_settings(arguments: list[str], cwd: str) -> tuple[str | None, list[str]]:
    """Return the path that a process was given with ``--settings``, and the keys found where it was given JSON."""
    _rest, given = split_settings(arguments)
    if given is None:
        return None, []
    if not given.lstrip().startswith("{"):
        return os.path.join(cwd, given), []
    try:
        return None, foreign_login_settings(json_text.parse(given))
    except ValueError:
        return None, []


def _read_keys(path: str) -> list[str]:
    try:
        return foreign_login_settings(json_text.parse(read_regular(path, MAX_BYTES)))
    except (OSError, ValueError):
        return []
