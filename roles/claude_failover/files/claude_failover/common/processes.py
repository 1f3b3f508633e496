# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read processes, their ancestry and their environment from /proc (Linux only, proc(5))."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .text import decoded

_MOST_STAT = 1 << 13  # bytes of a process's stat: 52 numbers and a name


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
    text = _stat(pid)
    return _parsed(pid, text) if text is not None else None


def _stat(pid: int) -> bytes | None:
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, _MOST_STAT)  # which the kernel gives in one piece
        finally:
            os.close(descriptor)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def _parsed(pid: int, text: bytes) -> Process:
    # The name is in parentheses and may itself contain blanks and parentheses.
    name, _end, rest = text[text.index(b"(") + 1 :].rpartition(b")")
    fields = rest.split()
    image = int(fields[47]) if len(fields) > 47 else 0  # env_start, since Linux 3.5
    return Process(
        pid=pid,
        parent=int(fields[1]),
        start=int(fields[19]),
        name=decoded(name),
        state=decoded(fields[0]),
        image=image,
    )


def is_alive(pid: int, start: int | None = None) -> bool:
    """Return whether the process ``pid`` is running; with ``start``, whether it is that very process.

    Raises OSError, as `read` does.
    """
    process = read(pid)
    return process is not None and process.alive and (start is None or process.start == start)


class ProcessMemory:
    """The processes and trees of the last `ProcessTrees`, so that those without a change are not made again."""

    def __init__(self) -> None:
        self._now: dict[int, tuple[bytes, Process]] = {}  # by pid: as it was read
        self._before: dict[int, tuple[bytes, Process]] = {}
        self.pids: frozenset[int] = frozenset()  # those of interest
        self.above: dict[int, Process | None] = {}  # and those that were read to find their ways
        self.ways: dict[int, list[tuple[int, ...]]] = {}
        self.trees: dict[int, tuple[Process, ...]] = {}

    def begin(self) -> None:
        """Forget what was not read since the last call."""
        self._before, self._now = self._now, {}

    def read(self, pid: int) -> Process | None:
        """Return the process, the same object as last as long as it is the same in the same program.

        Of its state only whether it is alive counts for that. Raises OSError, as `read` does.
        """
        text = _stat(pid)
        if text is None:
            return None
        known = self._before.pop(pid, None) or self._now.get(pid)
        if known is None or known[0] != text:
            process = _parsed(pid, text)
            known = text, known[1] if known is not None and _is_same(process, known[1]) else process
        self._now[pid] = known
        return known[1]


def _is_same(one: Process, other: Process) -> bool:
    return (one.start, one.parent, one.image, one.name, one.alive) == (
        other.start,
        other.parent,
        other.image,
        other.name,
        other.alive,
    )


class ProcessTrees:
    """The processes of interest in their trees, at one moment; they and those above them are read, and no others.

    Each is read once, when it is asked for. With the ``memory`` of the trees before, what has not changed is the same
    object: a process, and a tree. Methods raise OSError if /proc cannot be read.
    """

    def __init__(self, pids: Iterable[int], memory: ProcessMemory | None = None) -> None:
        self._pids = frozenset(pids)
        self._read: dict[int, Process | None] = {}
        self._memory = memory if memory is not None else ProcessMemory()
        self._read_one = memory.read if memory is not None else read
        self._below: dict[int, list[tuple[int, ...]]] | None = None  # by pid: the ways down to those of interest
        self._trees: dict[int, tuple[Process, ...]] = {}
        self._before: dict[int, tuple[Process, ...]] = {}  # the trees of the memory
        self._memory.begin()

    def get(self, pid: int) -> Process | None:
        """Return a process, or None if it does not exist."""
        if pid not in self._read:
            self._read[pid] = self._read_one(pid)
        return self._read[pid]

    def tree(self, pid: int) -> tuple[Process, ...]:
        """Return the process ``pid`` and those of interest below it, nearest first."""
        if pid not in self._trees:
            self._trees[pid] = self._known_tree(pid) or self._new_tree(pid)
        return self._trees[pid]

    def _known_tree(self, pid: int) -> tuple[Process, ...]:
        """Return the tree of before if it is the same, else an empty one."""
        memory = self._memory
        if self._below is None:
            if not self._is_as_before():
                memory.ways, memory.above = self._ways()
                memory.pids, memory.trees = self._pids, {}
            self._below, self._before, memory.trees = memory.ways, memory.trees, self._trees
        known = self._before.get(pid, ())
        for process in known:
            if self.get(process.pid) is not process:
                return ()
        return known

    def _new_tree(self, pid: int) -> tuple[Process, ...]:
        ways = sorted((self._below or {}).get(pid, []), key=lambda way: (len(way), way))
        found = map(self.get, [pid, *(way[-1] for way in ways)])
        return tuple(process for process in found if process is not None)

    def _is_as_before(self) -> bool:
        """Return whether the ways were found from the same processes."""
        memory = self._memory
        return memory.pids == self._pids and all(self.get(pid) is process for pid, process in memory.above.items())

    def _ways(self) -> tuple[dict[int, list[tuple[int, ...]]], dict[int, Process | None]]:
        """Return the ways down to the processes of interest, by what they begin at, and all that were read for it."""
        found: dict[int, list[tuple[int, ...]]] = {}
        above: dict[int, Process | None] = {}
        for pid in self._pids:
            way: tuple[int, ...] = ()
            process = above[pid] = self.get(pid)
            # Processes are not read at one moment: a pid that is used again could close a circle.
            while process is not None and process.parent > 0 and process.pid not in way:
                way = (process.pid, *way)
                found.setdefault(process.parent, []).append(way)
                parent = process.parent
                process = above[parent] = self.get(parent)
        return found, above


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
