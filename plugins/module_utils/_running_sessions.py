# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the processes of the Claude CLI that use an account home."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator

from ansible_collections.secuaas.claude.plugins.module_utils._proc import pids, start_ticks

# Process names of the CLI: native program and title (2.1.330), and a script run by Node.
_PROCESS_NAMES = ("claude", "node")
_PROGRAM_ARGUMENTS = 4  # of a command line in which Node's script is looked for


def session_pids(home: str) -> Iterator[int]:
    """Yield the running processes that have a file in ``<home>/sessions``.

    A killed session leaves its file, and its number may belong to another process by now; the start times then differ.
    """
    folder = os.path.join(home, "sessions")
    try:
        names = os.listdir(folder)
    except OSError:
        return  # a folder that this user may not read holds no session of this user
    for name in names:
        stem, ending = os.path.splitext(name)
        if ending != ".json" or not (stem.isascii() and stem.isdecimal()):
            continue
        start = start_ticks(int(stem))
        if start is not None and _recorded_start(os.path.join(folder, name)) in (str(start), None):
            yield int(stem)


def is_elsewhere(pid: int, home: str) -> bool:
    """Return True if the process says itself that it uses another home; in a shared folder its file does not."""
    folder = config_dir(pid)
    return folder is not None and os.path.realpath(folder) != os.path.realpath(os.fsencode(home))


def _recorded_start(path: str) -> str | None:
    """Return the start time in a session's file, None if it holds none or is no regular file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            return str(json.loads(stream.read(1 << 16))["procStart"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def cli_processes(folders: list[str]) -> Iterator[tuple[int, str]]:
    """Yield each process of the CLI that has one of the folders as ``CLAUDE_CONFIG_DIR``, with that folder.

    Finds sessions that have written no file yet, and logins under way. Only root can read those of other users.
    """
    wanted = {_entry(os.fsencode(folder)): os.path.normpath(folder) for folder in folders}
    for pid in pids():
        folder = config_dir(pid) if _is_cli(pid) else None
        if folder is not None:
            found = wanted.get(_entry(folder)) or wanted.get(os.path.realpath(folder))
            if found is not None:
                yield pid, found


def _entry(folder: bytes) -> bytes:
    """Return the path of an entry without links above it; it may be one itself, such as the active link."""
    above, name = os.path.split(os.path.normpath(folder))
    return os.path.join(os.path.realpath(above), name)


def config_dir(pid: int) -> bytes | None:
    """Return ``CLAUDE_CONFIG_DIR`` of a process, which may be relative to where that is.

    None without it, or where this user may not read it.
    """
    pairs = (variable.partition(b"=") for variable in _nul_separated(pid, "environ"))
    folder = next((value for name, _equals, value in pairs if name == b"CLAUDE_CONFIG_DIR" and value), None)
    if folder is None or os.path.isabs(folder):
        return folder
    try:
        return os.path.join(os.fsencode(os.readlink(f"/proc/{pid}/cwd")), folder)
    except OSError:
        return None  # it has ended


def default_home_pids(user_home: str) -> Iterator[int]:
    """Yield the processes of the CLI that use the home of a session without ``CLAUDE_CONFIG_DIR``.

    ``user_home`` is the folder of the user that holds it.
    """
    for pid in pids():
        if not _is_cli(pid):
            continue
        program = _nul_separated(pid, "cmdline")[:_PROGRAM_ARGUMENTS]
        if not any(b"claude" in argument for argument in program):
            continue
        variables = dict(variable.partition(b"=")[::2] for variable in _nul_separated(pid, "environ"))
        home = os.fsdecode(variables.get(b"HOME", b"")) or user_home
        named = variables.get(b"CLAUDE_CONFIG_DIR")
        if variables and not named and os.path.realpath(home) == os.path.realpath(user_home):
            yield pid


def _is_cli(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip() in _PROCESS_NAMES
    except OSError:
        return False


def _nul_separated(pid: int, name: str) -> list[bytes]:
    """Return the parts of ``environ`` or ``cmdline`` of a process, none where this user may not read it."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as stream:
            return [part for part in stream.read().split(b"\0") if part]
    except OSError:
        return []
