# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bounds of the C library's allocator, by its own account of what it holds."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from unittest import mock

import pytest

from claude_failover import daemon
from claude_failover.common import allocator
from claude_failover.config.model import Account, Config

# Threads hold blocks of their own; and after a large block was freed, a smaller large one is held.
PROGRAM = """
import ctypes, gc, resource, sys, threading
from claude_failover.common.allocator import bound_memory

if sys.argv[1] == "bound":
    assert bound_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.free.argtypes = libc.fclose.argtypes = [ctypes.c_void_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.free(libc.malloc(8 << 20))
held = threading.Barrier(5)

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 10


def hold():
    libc.malloc(1000)
    libc.malloc(1 << 20)
    held.wait()
    held.wait()

for _each in range(4):
    threading.Thread(target=hold).start()
held.wait()
# Of many small blocks the first and the last are kept, so that what lies between is no end of the heap.
small = [libc.malloc(2000) for _each in range(5000)]
for block in small[1:-1]:
    libc.free(block)
before = resident()
gc.collect(1)
print("given back:", before - resident(), flush=True)
stream = libc.fopen(b"/proc/self/fd/1", b"w")
libc.malloc_info(0, stream)
libc.fclose(stream)
held.wait()
"""


def held(how: str, python_path: str) -> tuple[int, bool, bool]:
    """Return the number of arenas, and whether large blocks are held apart, and small ones given back once freed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        env={"PYTHONPATH": python_path},
        capture_output=True,
        text=True,
        check=True,
    )
    apart = done.stdout.partition('<total type="mmap" count="')[2].partition('"')[0]
    given_back = int(done.stdout.partition("given back: ")[2].partition("\n")[0])  # KiB, of 10 MB
    return done.stdout.count("<heap nr="), int(apart) >= 4, given_back > 5000


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_info"), reason="only glibc has these bounds, and tells of them"
)
def test_threads_share_one_arena_and_large_blocks_are_held_apart(python_path):
    assert held("as it is", python_path) == (5, False, False)
    assert held("bound", python_path) == (1, True, True)


def test_memory_is_given_back_once_in_a_while(monkeypatch):
    library, clock = mock.Mock(), mock.Mock()
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: library)
    monkeypatch.setattr(allocator.time, "monotonic", clock)
    monkeypatch.setattr(gc, "callbacks", [])
    assert allocator.bound_memory()
    (on_collection,) = gc.callbacks
    given_back = []
    for clock.return_value, generation in ((100, 0), (101, 1), (102, 2), (110, 1), (111, 1), (112, 0), (130, 2)):
        for phase in ("start", "stop"):
            before = library.malloc_trim.call_count
            on_collection(phase, {"generation": generation})
            if library.malloc_trim.call_count > before:
                given_back.append((clock.return_value, phase))
    assert given_back == [(101, "stop"), (111, "stop"), (130, "stop")]


def test_a_library_without_these_bounds_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: object())
    before = list(gc.callbacks)
    assert not allocator.bound_memory()
    assert gc.callbacks == before


def test_the_daemon_bounds_its_memory_and_settles_it_once_it_is_ready(monkeypatch):
    done = []

    class Ready(daemon.Daemon):
        async def run(self):
            self.on_ready()
            done.append("ready")
            return 0

    monkeypatch.setattr(daemon, "Daemon", Ready)
    monkeypatch.setattr(daemon, "bound_memory", lambda: done.append("bounded"))
    monkeypatch.setattr(daemon.log_format, "set_up", lambda _level: None)
    monkeypatch.setattr(daemon.log_format, "configure", lambda _config: None)
    try:
        assert daemon.run(Config(path="/c.yml", accounts=(Account("a", "/a"),))) == 0
        assert done == ["bounded", "ready"]
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
