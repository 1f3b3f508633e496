# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scratch folder of a rehearsal: where it can lie, the end of the processes in it, its removal."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ..common import processes
from ..common.errors import FailoverError
from ..common.text import whole_number

PREFIX = "claude-failover-rehearsal-"
POLL = 0.02
END_TIMEOUT = 5.0  # seconds for the sessions to end after their tmux server; then they are killed
REMOVAL_TIMEOUT = 10.0  # seconds
LONGEST_SOCKET = 107  # bytes, unix(7)
_ENTRY = len(f"/{PREFIX}12345678/control.sock")  # the longest path of a socket, below the parent folder
_SYSTEM_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - mkdtemp makes a folder of its own there


def make() -> str:
    """Create a scratch folder and return its path. Raises FailoverError if there is no place for one."""
    reasons = []
    for parent in _parents():
        reason = _unusable(parent)
        if reason is None:
            try:
                return tempfile.mkdtemp(prefix=PREFIX, dir=parent)
            except OSError as error:
                reason = str(error.strerror)
        reasons.append(f"{parent}: {reason}")
    raise FailoverError(
        f"found no place for a scratch folder ({'; '.join(reasons)}); expected a folder that can be written, that "
        f"programs can be started from, and whose path has at most {LONGEST_SOCKET - _ENTRY} bytes: set TMPDIR to one"
    )


def _parents() -> list[str]:
    """Return the candidates in order; for root those only that no other user can replace."""
    own = [] if os.geteuid() == 0 else [os.environ.get("TMPDIR", ""), os.environ.get("XDG_RUNTIME_DIR", "")]
    return list(dict.fromkeys([*_SYSTEM_FOLDERS, *(os.path.normpath(path) for path in own if os.path.isabs(path))]))


def _unusable(parent: str) -> str | None:
    """Return why a scratch folder cannot lie in a folder; None if it can."""
    if not os.path.isdir(parent):
        return "no folder"
    if not os.access(parent, os.W_OK | os.X_OK):
        return "not writable"
    if len(os.fsencode(parent)) + _ENTRY > LONGEST_SOCKET:
        return "too long for the path of a socket"
    if os.statvfs(parent).f_flag & os.ST_NOEXEC:
        return "mounted noexec"
    return None


def end_processes(home: str) -> None:
    """Wait for the processes with this HOME to end, and kill those that do not within END_TIMEOUT.

    Raises FailoverError if one survives that.
    """
    end = time.monotonic() + END_TIMEOUT
    killed = False
    while True:
        left = _processes_of(home)
        if not left:
            return
        if time.monotonic() >= end:
            if killed:
                raise FailoverError(f"processes {left} of the rehearsal do not end; expected none after SIGKILL")
            killed, end = True, time.monotonic() + END_TIMEOUT
        if killed:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it has ended meanwhile
        time.sleep(POLL)


def end_with_parent(folder: str, home: str) -> int:
    """Wait for the end of the rehearsal, which holds standard input open; if it was killed, end and remove all of it.

    Returns the exit code.
    """
    if not os.read(0, 1):
        end_processes(home)
        remove(folder)
    return 0


def _processes_of(home: str) -> list[int]:
    pids = (whole_number(entry) for entry in os.listdir("/proc"))
    return [pid for pid in pids if pid is not None and processes.variable(pid, "HOME") == home]


def remove(folder: str) -> None:
    """Remove the folder if there is one. Raises OSError after REMOVAL_TIMEOUT."""
    end = time.monotonic() + REMOVAL_TIMEOUT
    while os.path.lexists(folder):
        try:
            shutil.rmtree(folder)
            return
        except OSError:
            if time.monotonic() >= end:
                raise
        time.sleep(POLL)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore the signals that end a program from a terminal; in the main thread, which alone gets them."""
    with _handled(signal.SIG_IGN):
        yield


@contextmanager
def undivided() -> Iterator[None]:
    """Hold the signals that end a program from a terminal back until the end of the block.

    A program that is started in the block does not inherit that.
    """
    held: list[int] = []
    try:
        with _handled(lambda number, _frame: held.append(number)):
            yield
    finally:
        for number in held:
            signal.raise_signal(number)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    """Handle the signals that end a program from a terminal so; in the main thread, which alone gets them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.getsignal(number)) for number in numbers]
    try:
        for number in numbers:
            signal.signal(number, handler)
        yield
    finally:
        for number, former in before:
            signal.signal(number, former)
