# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test how the end of a program is waited for."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from claude_failover.common import processes
from claude_failover.common.errors import FailoverError
from claude_failover.sessions import termination

ENDS_LATE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), sys.exit(7)))
print(flush=True)
while True:
    time.sleep(0.02)  # a signal just before one long sleep would be handled after it
"""
NEVER_ENDS = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"


@pytest.fixture
def started():
    """Starts a program; returns its session."""
    children = []

    def start(program):
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        children.append(child)
        child.stdout.readline()
        return SimpleNamespace(name="main", claude=processes.read(child.pid))

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


def open_descriptors():
    return sorted(os.listdir("/proc/self/fd"))


@pytest.fixture
def looks(monkeypatch):
    """The looks whether a process is alive."""
    found = []

    def is_alive(pid, start):
        found.append(pid)
        return processes.is_alive(pid, start)

    monkeypatch.setattr(termination, "is_alive", is_alive)
    return found


def refused(_pid):
    raise PermissionError(1, "Operation not permitted")


needs_notice = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this Python has no pidfd_open")


@needs_notice
def test_the_end_of_a_program_is_told_without_looking_for_it(started, looks):
    session = started(ENDS_LATE)
    before = open_descriptors()
    asyncio.run(termination.end_claude(session, force=False))
    assert not processes.is_alive(session.claude.pid, session.claude.start)
    assert len(looks) == 3, "before the signal, when the kernel is asked, and after its notice"
    assert open_descriptors() == before


@pytest.mark.parametrize("how", ["missing", "refused"])
def test_where_the_kernel_does_not_tell_it_is_looked_for(started, looks, monkeypatch, how):
    if how == "missing":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    else:
        monkeypatch.setattr(os, "pidfd_open", refused, raising=False)
    session = started(ENDS_LATE)
    asyncio.run(termination.end_claude(session, force=False))
    assert not processes.is_alive(session.claude.pid, session.claude.start)
    assert len(looks) > 3


@needs_notice
def test_a_program_that_does_not_end_is_told_after_its_time_and_nothing_stays_open(started, monkeypatch):
    monkeypatch.setattr(termination, "TERM_WAIT", 0.1)
    session = started(NEVER_ENDS)
    before = open_descriptors()
    with pytest.raises(FailoverError, match="does not end within"):
        asyncio.run(termination.end_claude(session, force=False))
    assert open_descriptors() == before
    asyncio.run(termination.end_claude(session, force=True))
    assert not processes.is_alive(session.claude.pid, session.claude.start)


@needs_notice
def test_a_process_that_has_taken_over_the_pid_is_not_waited_for(started, monkeypatch):
    session = started(NEVER_ENDS)
    monkeypatch.setattr(os, "kill", lambda _pid, number: signals.append(number))
    alive, signals = iter([True, False, False]), []
    monkeypatch.setattr(termination, "is_alive", lambda _pid, _start: next(alive))
    before = open_descriptors()
    asyncio.run(termination.end_claude(session, force=True))
    assert signals == [signal.SIGTERM]
    assert open_descriptors() == before
