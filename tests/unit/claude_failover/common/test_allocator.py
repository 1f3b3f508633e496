# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bounds of the C library's allocator, by its own account of what it holds."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import threading
from unittest import mock

import pytest

from claude_failover import daemon
from claude_failover.common import allocator
from claude_failover.config.model import Account, Config

# Threads hold blocks of their own; and after a large block was freed, a smaller large one is held.
PROGRAM = """
import asyncio, ctypes, gc, resource, sys, threading
from claude_failover.common import allocator

loop = asyncio.new_event_loop()
if sys.argv[1] == "bound":
    allocator._PAUSE = 0.0
    assert allocator.bound_memory()
    assert allocator.give_back_memory(loop)
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
gc.collect(0)
loop.run_until_complete(asyncio.sleep(0.01))
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


@pytest.fixture
def collections():
    """What is called at collections; nothing but what a test adds."""
    before, threshold = list(gc.callbacks), gc.get_threshold()
    gc.callbacks.clear()
    yield gc.callbacks
    gc.callbacks[:] = before
    gc.set_threshold(*threshold)
    gc.enable()


def test_memory_is_given_back_once_after_many_collections(monkeypatch, collections):
    gc.disable()  # no collection but those below
    library, loop = mock.Mock(), mock.Mock()
    loop.is_closed.return_value = False
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: library)
    assert allocator.give_back_memory(loop)
    for times in (1, 2):
        for _each in range(3):
            gc.collect(0)
        thread = threading.Thread(target=gc.collect, args=(0,))
        thread.start()
        thread.join()
        assert loop.call_soon_threadsafe.call_count == times
        call_later, pause, give_back = loop.call_soon_threadsafe.call_args.args
        assert (call_later, pause) == (loop.call_later, allocator._PAUSE)
        assert library.malloc_trim.call_count == times - 1
        give_back()
        assert library.malloc_trim.call_count == times
    loop.is_closed.return_value = True
    gc.collect(0)
    assert loop.call_soon_threadsafe.call_count == 2


@pytest.mark.parametrize("asked", [allocator.bound_memory, lambda: allocator.give_back_memory(mock.Mock())])
def test_a_library_without_these_bounds_is_left_as_it_is(monkeypatch, collections, asked):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: object())
    before = gc.get_threshold()
    assert not asked()
    assert collections == []
    assert gc.get_threshold() == before


def test_some_hundred_objects_are_enough_for_memory_to_be_given_back(monkeypatch, collections):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: mock.Mock())
    loop = mock.Mock(is_closed=lambda: False)
    gc.collect()
    assert allocator.give_back_memory(loop)
    made = [[] for _each in range(600)]
    assert loop.call_soon_threadsafe.call_count == 1, len(made)


def test_the_daemon_bounds_its_memory_and_settles_it_once_it_is_ready(monkeypatch):
    done = []

    class Ready(daemon.Daemon):
        async def run(self):
            self.on_ready()
            done.append("ready")
            return 0

    monkeypatch.setattr(daemon, "Daemon", Ready)
    monkeypatch.setattr(daemon, "bound_memory", lambda: done.append("bounded"))
    monkeypatch.setattr(daemon, "give_back_memory", lambda loop: done.append("gives back" if loop.is_running() else ""))
    monkeypatch.setattr(daemon.log_format, "set_up", lambda _level: None)
    monkeypatch.setattr(daemon.log_format, "configure", lambda _config: None)
    try:
        assert daemon.run(Config(path="/c.yml", accounts=(Account("a", "/a"),))) == 0
        assert done == ["bounded", "gives back", "ready"]
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
