# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the processes that run a release, and daemons that need a restart."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils._proc import pids, start_ticks
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout
from ansible_collections.secuaas.claude.plugins.module_utils._release_store import read_current

# Allowance for a clock that is adjusted between the start of a process and the writing of a file.
_CLOCK_TOLERANCE = 2.0


class RunningDaemon(NamedTuple):
    """A running daemon: the name of its release, and its start in seconds since the epoch."""

    release: str
    started: float


def releases_in_use(layout: Layout, proc: str = "/proc") -> set[str]:
    """Return the names of the releases that a running process was started from."""
    return {name for _pid, name, _arguments in _release_processes(layout, proc)}


def running_daemons(layout: Layout, proc: str = "/proc") -> list[RunningDaemon]:
    """Return the daemons that were started as by the unit: by the launcher, with ``run`` and no other argument.

    Other arguments select another configuration; a process in a container belongs to the container's releases.
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
                numbers = re.search(rb"^NSpid:(.*)$", file.read(), re.MULTILINE)
        except OSError:
            continue  # ended meanwhile
        # A process has one number for each PID namespace, hence more than one in a container.
        if ticks is not None and (numbers is None or len(numbers.group(1).split()) == 1):
            found.append(RunningDaemon(name, booted + ticks / os.sysconf("SC_CLK_TCK")))
    return found


def is_stale(layout: Layout, paths: Sequence[str], proc: str = "/proc") -> bool:
    """Return True if a daemon runs another release than ``current``, or started before the last write to ``paths``.

    A run that breaks between installation and restart leaves such a daemon. A time in the future counts as unknown.
    """
    now = time.time()
    written = [os.lstat(path).st_mtime for path in paths if os.path.lexists(path)]
    newest = max((moment for moment in written if moment <= now), default=0.0)
    current = read_current(layout)
    return any(
        daemon.release != current or daemon.started + _CLOCK_TOLERANCE < newest
        for daemon in running_daemons(layout, proc)
    )


def _release_processes(layout: Layout, proc: str) -> Iterator[tuple[int, str, list[bytes]]]:
    """Yield each process of a release: its number, the release's name, and its path in the release and arguments."""
    prefixes = {os.fsencode(path) + b"/" for path in (layout.releases, os.path.realpath(layout.releases))}
    for pid in pids(proc):
        try:
            with open(os.path.join(proc, str(pid), "cmdline"), "rb") as file:
                arguments = file.read().rstrip(b"\0").split(b"\0")
        except OSError:
            continue  # ended meanwhile, or not readable
        for number, argument in enumerate(arguments, 1):
            for prefix in prefixes:
                if argument.startswith(prefix):
                    start = len(prefix)
                    name, _slash, below = argument[start:].partition(b"/")
                    yield pid, os.fsdecode(name), [below, *arguments[number:]]
