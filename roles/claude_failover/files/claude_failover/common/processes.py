# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read processes, their ancestry and their environment from /proc (Linux only, proc(5))."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .text import decoded


@dataclass(frozen=True)
class Process:
    """One process; ``start`` (clock ticks since boot) distinguishes it from a later one with the same pid.

    ``image`` is where its environment lies, which another program that it executes moves; 0 where that is hidden.
    """

    pid: int
    parent: int
    start: int
    name: str
    state: str
    image: int = field(default=0, compare=False)

    @property
    def alive(self) -> bool:
        """False for a zombie, which waits for its parent to reap it."""
        return self.state not in "ZX"


def boot_id() -> str:
    """Return the id of the current boot; empty where the kernel gives none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except (OSError, ValueError):
        return ""


def read(pid: int) -> Process | None:
    """Return the process ``pid``; None if it does not exist or is hidden (another user's).

    Raises OSError if /proc cannot be read now (no descriptors are left): a process must not pass for dead then.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            text = decoded(stream.read())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name is in parentheses and may itself contain blanks and parentheses.
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    image = int(fields[47]) if len(fields) > 47 else 0  # env_start, since Linux 3.5
    return Process(pid=pid, parent=int(fields[1]), start=int(fields[19]), name=name, state=fields[0], image=image)


def is_alive(pid: int, start: int | None = None) -> bool:
    """Return whether the process ``pid`` is running; with ``start``, whether it is that very process.

    Raises OSError, as `read` does.
    """
    process = read(pid)
    return process is not None and process.alive and (start is None or process.start == start)


class ProcessTrees:
    """The processes of interest in their trees, at one moment; they and those above them are read, and no others.

    Each is read once, when it is asked for. Methods raise OSError if /proc cannot be read.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = frozenset(pids)
        self._read: dict[int, Process | None] = {}
        self._below: dict[int, list[tuple[int, ...]]] | None = None  # by pid: the ways down to those of interest

    def get(self, pid: int) -> Process | None:
        """Return a process, or None if it does not exist."""
        if pid not in self._read:
            self._read[pid] = read(pid)
        return self._read[pid]

    def tree(self, pid: int) -> Iterator[Process]:
        """Yield the process ``pid`` and those of interest below it, nearest first."""
        if self._below is None:
            self._below = self._ways()
        for way in [(), *sorted(self._below.get(pid, []), key=lambda way: (len(way), way))]:
            process = self.get(way[-1] if way else pid)
            if process is not None:
                yield process

    def _ways(self) -> dict[int, list[tuple[int, ...]]]:
        found: dict[int, list[tuple[int, ...]]] = {}
        for pid in self._pids:
            way: tuple[int, ...] = ()
            process = self.get(pid)
            # Processes are not read at one moment: a pid that is used again could close a circle.
            while process is not None and process.parent > 0 and process.pid not in way:
                way = (process.pid, *way)
                found.setdefault(process.parent, []).append(way)
                process = self.get(process.parent)
        return found


def variable(pid: int, name: str) -> str | None:
    """Return an environment variable that the process was started with; None if unset or not readable.

    The rest of the environment is discarded: it can contain credentials.
    """
    prefix = name.encode() + b"="
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            for item in stream.read().split(b"\0"):
                if item.startswith(prefix):
                    return os.fsdecode(item[len(prefix) :])
    except OSError:
        pass
    return None


def variables(pid: int, wanted: Callable[[str, str], bool]) -> list[str]:
    """Return the names of the environment variables of a process for which ``wanted(name, value)`` holds, sorted.

    Names only: the values can be credentials, and are discarded.
    """
    found = set()
    for item in _null_separated(pid, "environ"):
        name, separator, value = item.partition("=")
        if separator and wanted(name, value):
            found.add(name)
    return sorted(found)


def arguments(pid: int) -> list[str]:
    """Return the command line of a process; empty if it is not readable."""
    return _null_separated(pid, "cmdline")


def _null_separated(pid: int, name: str) -> list[str]:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as stream:
            return [os.fsdecode(item) for item in stream.read().split(b"\0")][:-1]
    except OSError:
        return []


def working_directory(pid: int) -> str | None:
    """Return the directory that a process is in; None if it is not readable."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None


def age(process: Process) -> float:
    """Return how long ago a process was started, in seconds, which no jump of the wall clock changes."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - process.start / os.sysconf("SC_CLK_TCK")
