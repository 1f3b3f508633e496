# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a function in a child process: with another user's ids and groups, for a bounded time."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

DEADLINE = 120.0
"""Seconds for the whole work; the user can stop the process that does it."""
MAXIMUM_ANSWER = 16 << 20
"""Bytes of the longest answer that is read."""

_END_TIMEOUT = 5.0  # seconds for a process to end after its answer, and again after SIGKILL
_CHUNK = 1 << 16
_POLL = 0.002
_GOES_ON = b"\n"  # before the answer


class Progress:
    """Called by the work to show that it goes on; after ``idle`` seconds without a call its process is ended.

    In the process that waits for it, a call does nothing.
    """

    def __init__(self, idle: float, every: float = 1.0) -> None:
        self.idle = idle
        self.descriptor: int | None = None  # of the child, to write to
        self._every = every
        self._next = 0.0

    def __call__(self) -> None:
        if self.descriptor is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            with contextlib.suppress(BrokenPipeError):  # nobody waits any more
                os.write(self.descriptor, _GOES_ON)


class RunAsError(Exception):
    """The work could not be done as the other user; the text gives the reason."""


def find_user(owner: str) -> pwd.struct_passwd | None:
    """Return the user of that name or number, None if there is none."""
    try:
        return pwd.getpwuid(int(owner)) if _is_number(owner) else pwd.getpwnam(owner)
    except (KeyError, ValueError, OverflowError):
        return None


def find_group(group: str) -> grp.struct_group | None:
    """Return the group of that name or number, None if there is none."""
    try:
        return grp.getgrgid(int(group)) if _is_number(group) else grp.getgrnam(group)
    except (KeyError, ValueError, OverflowError):
        return None


def current_user_name() -> str:
    """Return the name of the effective user, or its number where it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def run_as(
    user: pwd.struct_passwd, work: Callable[[], Any], deadline: float | None = None, progress: Progress | None = None
) -> Any:
    """Call ``work`` with the ids and groups of ``user``; return its result after a round trip through JSON.

    As root the call is made in a child process, so a link that the user plants cannot lead it where the user could
    not write anyway. The kernel lets the user neither trace nor read that process (PR_SET_DUMPABLE in prctl(2));
    if the user kills it, the call fails, and if the user stops it, it is killed after ``deadline`` seconds, by default
    DEADLINE, or earlier where it shows no ``progress``. The process that is ``user`` already makes the call itself.

    Raises RunAsError if the call ends without a result, takes too long, or has a result of more than MAXIMUM_ANSWER,
    and if this process is neither root nor the user.
    """
    if user.pw_uid == os.geteuid():
        return work()
    if os.geteuid() != 0:
        raise RunAsError(f"this runs as {current_user_name()}; expected root or {user.pw_name}, in whose name it works")
    groups = os.getgrouplist(user.pw_name, user.pw_gid)

    def work_as_user() -> Any:
        # A umask that takes rights from the owner would keep the child from setting the mode of what it creates.
        os.umask(0o077)
        os.setgroups(groups)
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
        return work()

    name = f"the process that works as {user.pw_name}"
    return run_apart(work_as_user, name, DEADLINE if deadline is None else deadline, progress)


def run_apart(work: Callable[[], Any], name: str, deadline: float, progress: Progress | None = None) -> Any:
    """Call ``work`` in a child process, for ``deadline`` seconds; return its result after a round trip through JSON.

    For work that another user can hold up. ``name`` is that of the process in messages. Raises RunAsError if the call
    ends without a result, takes too long, or has a result of more than MAXIMUM_ANSWER.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _run_child(work, reader, writer, progress)
    os.close(writer)
    try:
        raw = _read_answer(reader, pid, name, deadline, deadline if progress is None else progress.idle)
        status = _wait_for_child(pid, min(_END_TIMEOUT, deadline))
    finally:
        os.close(reader)
        _end_child(pid, min(_END_TIMEOUT, deadline))
    answer = json.loads(raw) if raw else {"failed": f"wait status {status}"}
    if "failed" in answer:
        raise RunAsError(f"{name} ended before it was done ({answer['failed']})")
    return answer["done"]


def _place(exc: Exception) -> str:
    """Return the file and line where ``exc`` was raised; imports nothing, as the user may not read root's Python."""
    frame, line = list(traceback.walk_tb(exc.__traceback__))[-1]
    return f"{os.path.basename(frame.f_code.co_filename)}:{line}"


def _run_child(work: Callable[[], Any], reader: int, writer: int, progress: Progress | None) -> None:
    """Call ``work``, write the answer to ``writer`` and exit; never returns."""
    try:
        os.close(reader)
        if progress is not None:
            progress.descriptor = writer
        try:
            answer = {"done": work()}
        except Exception as exc:
            # Not the text of the exception, which could quote the content of a file.
            kind = exc.strerror if isinstance(exc, OSError) and exc.strerror else type(exc).__name__
            answer = {"failed": f"{kind}, at {_place(exc)}"}
        with os.fdopen(writer, "wb") as stream:
            stream.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _read_answer(reader: int, pid: int, name: str, deadline: float, idle: float) -> bytes:
    """Read the child's answer until it closes the pipe. Raises RunAsError, also after ``idle`` seconds with nothing."""
    end = time.monotonic() + deadline
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    answer = bytearray()
    while True:
        left = max(end - time.monotonic(), 0)
        if not poll.poll(min(left, idle) * 1000):
            stopped = "; it was stopped by a signal" if _is_stopped(pid) else ""
            late = f"did not end within {deadline:g} s" if left <= idle else f"went on with nothing for {idle:g} s"
            raise RunAsError(f"{name} {late} and was killed{stopped}")
        chunk = os.read(reader, _CHUNK)
        if not chunk:
            return bytes(answer)
        answer += chunk.lstrip(_GOES_ON) if not answer else chunk
        if len(answer) > MAXIMUM_ANSWER:
            raise RunAsError(f"{name} answered with more than {MAXIMUM_ANSWER} bytes")


def _is_stopped(pid: int) -> bool:
    """Return True if the child is stopped by a signal."""
    try:
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def _wait_for_child(pid: int, timeout: float) -> int | None:
    """Return the wait status of the child; None if it has not ended in time, or the kernel keeps no status of it.

    The kernel keeps none where SIGCHLD is ignored.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return None
        if found:
            return status
        if time.monotonic() >= end:
            return None
        time.sleep(_POLL)


def _end_child(pid: int, timeout: float) -> None:
    """Kill the child if it has not ended; a process that is stopped ends by SIGKILL too."""
    try:
        if os.waitpid(pid, os.WNOHANG) == (0, 0):
            os.kill(pid, signal.SIGKILL)
            _wait_for_child(pid, timeout)
    except (ChildProcessError, ProcessLookupError):
        pass  # it has ended


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
