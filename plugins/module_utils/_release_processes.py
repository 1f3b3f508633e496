# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the processes that run a release, and daemons that need a restart."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils._proc import pids, start_ticks
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout
from ansible_collections.secuaas.claude.plugins.module_utils._release_store import read_current
from ansible_collections.secuaas.claude.plugins.module_utils._run_as import RunAsError, find_user, run_apart

# Allowance for a clock that is adjusted between the start of a process and the writing of a file.
_CLOCK_TOLERANCE = 2.0
_NO_UID = -1
_UID = re.compile(rb"^Uid:\s*([0-9]+)", re.MULTILINE)
_ONE_USER, _ALL_USERS = 5.0, 60.0  # seconds for a look at their processes
_ARGUMENTS = 1 << 14  # bytes that are read of those of a process; the daemon's are at the beginning


class RunningDaemon(NamedTuple):
    """A running daemon: the name of its release, and its start in seconds since the epoch."""

    release: str
    started: float


class Service(NamedTuple):
    """The user and the unit that a daemon runs as; None where it may be any."""

    uid: int | None
    unit: str | None


def service_of(user: str | None, unit: str | None) -> Service | None:
    """Return the service of a user, by name or number, and a unit; None where neither is known.

    A user who does not exist has a number that no process has.
    """
    if user is None and unit is None:
        return None
    found = None if user is None else find_user(user)
    return Service(None if user is None else found.pw_uid if found else _NO_UID, unit)


def releases_in_use(layout: Layout, proc: str = "/proc", warn: Callable[[str], None] | None = None) -> set[str]:
    """Return the names of the releases that a running process was started from.

    Calls ``warn`` for the users whose processes cannot be looked at.
    """
    return {name for _pid, name, _arguments in _release_processes(layout, proc, warn)}


def running_daemons(layout: Layout, proc: str = "/proc", service: Service | None = None) -> list[RunningDaemon]:
    """Return the daemons that were started as by the unit: by the launcher, with ``run`` and no other argument.

    Other arguments select another configuration; a process in a container belongs to the container's releases. With
    ``service`` a process of another user or unit is no daemon, whatever its arguments are.
    """
    # Boot time by the present clock; the start of a process counts from there.
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    found = []
    for pid, name, arguments in _release_processes(layout, proc):
        if arguments != [b"lib", b"run"]:
            continue
        ticks = start_ticks(pid, proc)
        try:
            with open(os.path.join(proc, str(pid), "status"), "rb") as file:
                status = file.read()
            if service is not None and not _belongs_to(pid, status, service, proc):
                continue
        except OSError:
            continue  # ended meanwhile
        numbers = re.search(rb"^NSpid:(.*)$", status, re.MULTILINE)
        # A process has one number for each PID namespace, hence more than one in a container.
        if ticks is not None and (numbers is None or len(numbers.group(1).split()) == 1):
            found.append(RunningDaemon(name, booted + ticks / os.sysconf("SC_CLK_TCK")))
    return found


def is_stale(layout: Layout, paths: Sequence[str], proc: str = "/proc", service: Service | None = None) -> bool:
    """Return True if a daemon runs another release than ``current``, or started before the last write to ``paths``.

    A run that breaks between installation and restart leaves such a daemon. A time in the future counts as unknown.
    With ``service`` only its daemon counts.
    """
    now = time.time()
    written = [os.lstat(path).st_mtime for path in paths if os.path.lexists(path)]
    newest = max((moment for moment in written if moment <= now), default=0.0)
    current = read_current(layout)
    daemons = running_daemons(layout, proc) if service is None else running_daemons(layout, proc, service)
    return any(daemon.release != current or daemon.started + _CLOCK_TOLERANCE < newest for daemon in daemons)


def _belongs_to(pid: int, status: bytes, service: Service, proc: str) -> bool:
    """Return True if a process is of the user and in the unit of a service. Raises OSError.

    systemd puts a unit's processes into a control group with its name, which no other user can enter. A user's own
    units have one below ``user.slice``.
    """
    if service.uid is not None:
        uid = _UID.search(status)
        if uid is None or int(uid.group(1)) != service.uid:
            return False
    if service.unit is None:
        return True
    with open(os.path.join(proc, str(pid), "cgroup"), "rb") as file:
        lines = [line.rstrip(b"\n").split(b":", 2) for line in file]
    # Hierarchy of version 2, or that of systemd in version 1, cgroups(7).
    groups = [fields[2].split(b"/") for fields in lines if len(fields) == 3 and fields[1] in (b"", b"name=systemd")]
    return any(os.fsencode(service.unit) in names and b"user.slice" not in names for names in groups)


def _release_processes(
    layout: Layout, proc: str, warn: Callable[[str], None] | None = None
) -> Iterator[tuple[int, str, list[bytes]]]:
    """Yield each process of a release: its number, the release's name, and its path in the release and arguments."""
    prefixes = {os.fsencode(path) + b"/" for path in (layout.releases, os.path.realpath(layout.releases))}
    for pid, words in _command_lines(proc, warn):
        arguments = words.rstrip(b"\0").split(b"\0")
        for number, argument in enumerate(arguments, 1):
            for prefix in prefixes:
                if argument.startswith(prefix):
                    start = len(prefix)
                    name, _slash, below = argument[start:].partition(b"/")
                    yield pid, os.fsdecode(name), [below, *arguments[number:]]


def _command_lines(proc: str, warn: Callable[[str], None] | None) -> Iterator[tuple[int, bytes]]:
    """Yield the arguments of every process, with its number.

    They are in the memory of the process, which can lie in a file system of its user's (FUSE) that never answers. So
    the processes of each user are looked at in a process apart, and those of a user who holds it up are left out.
    """
    end = time.monotonic() + _ALL_USERS
    for uid, numbers in sorted(_pids_by_user(proc).items()):
        read = functools.partial(_read_command_lines, proc, numbers)
        try:
            found = run_apart(read, f"a look at the processes of user {uid}", min(_ONE_USER, end - time.monotonic()))
        except RunAsError as error:
            if warn is not None:
                warn(f"{error}; they are left out. Look for one of them that does not let its arguments be read.")
            continue
        yield from ((pid, words.encode("latin-1")) for pid, words in found)


def _pids_by_user(proc: str) -> dict[int, list[int]]:
    """Return the numbers of all processes by their user; _NO_UID for one that is ending."""
    found: dict[int, list[int]] = {}
    for pid in pids(proc):
        try:
            with open(os.path.join(proc, str(pid), "status"), "rb") as file:
                uid = _UID.search(file.read())
        except OSError:
            uid = None
        found.setdefault(int(uid.group(1)) if uid else _NO_UID, []).append(pid)
    return found


def _read_command_lines(proc: str, numbers: Sequence[int]) -> list[tuple[int, str]]:
    """Return number and arguments of each process that is still there; a character stands for a byte."""
    found = []
    for pid in numbers:
        with contextlib.suppress(OSError), open(os.path.join(proc, str(pid), "cmdline"), "rb") as file:
            found.append((pid, file.read(_ARGUMENTS).decode("latin-1")))
    return found
