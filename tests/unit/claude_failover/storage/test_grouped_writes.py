# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import errno

import pytest

from claude_failover.storage.grouped_writes import INTERVAL, MOST, GroupedWrites
from claude_failover.storage.pending_writes import PendingWrites


class Disk:
    """Counts the writes of documents; each takes ``duration`` seconds of a made-up clock, or is refused."""

    def __init__(self):
        self.now = 100.0
        self.duration = 0.0
        self.full = False
        self.written = []
        self.unsaved = PendingWrites()
        self.writes = GroupedWrites(self.unsaved.attempt, now=lambda: self.now)

    def mark(self, key):
        self.writes.mark(key, lambda: self._write(key))

    def _write(self, key):
        self.now += self.duration
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.written.append(key)


@pytest.fixture
def disk():
    return Disk()


def test_what_changes_in_one_pass_of_the_loop_is_one_write_a_document_in_the_order_of_change(disk):
    async def change():
        for key in ["first", "second", "first"] * 100:
            disk.mark(key)
        assert disk.written == []
        await disk.writes.settle()

    asyncio.run(change())
    assert disk.written == ["first", "second"]


def test_what_settle_was_asked_for_is_stored_when_it_returns(disk):
    async def change():
        found = []
        for key in "abc":
            disk.mark(key)
            await disk.writes.settle()
            found.append(disk.written[-1])
        return found

    assert asyncio.run(change()) == ["a", "b", "c"]


def test_settle_waits_for_nothing_where_nothing_has_changed(disk):
    asyncio.run(disk.writes.settle())
    assert disk.written == []


def test_what_changes_while_the_disk_rests_is_one_group(disk, monkeypatch):
    delays = []

    async def change():
        loop = asyncio.get_running_loop()
        timer = loop.call_later
        monkeypatch.setattr(loop, "call_later", lambda delay, work: (delays.append(delay), timer(0, work))[1])
        for number in range(3):
            disk.duration = (0.0, 0.02, 1.0)[number]
            disk.mark("a")
            await disk.writes.settle()
        disk.mark("a")
        await disk.writes.settle()

    asyncio.run(change())
    assert delays == pytest.approx([0.0, INTERVAL, 0.06, MOST])


def test_settle_ends_where_the_disk_refuses_and_the_document_is_unsaved(disk):
    disk.full = True

    async def change():
        disk.mark("a")
        await disk.writes.settle()

    asyncio.run(change())
    assert list(disk.unsaved.problems) == ["a"]
    disk.full = False
    disk.unsaved.retry()
    assert disk.written == ["a"]


def test_flush_stores_now_and_lets_those_go_on_that_wait(disk):
    async def change():
        disk.mark("a")
        waiting = asyncio.ensure_future(disk.writes.settle())
        await asyncio.sleep(0)
        disk.mark("b")
        disk.writes.flush()
        found = list(disk.written)
        await waiting
        return found

    assert asyncio.run(change()) == ["a", "b"]


def test_a_bug_in_one_document_leaves_nobody_waiting(disk):
    def broken():
        raise RuntimeError("a bug")

    async def change():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        disk.writes.mark("a", broken)
        disk.mark("b")
        await disk.writes.settle()
        disk.mark("c")
        await disk.writes.settle()

    asyncio.run(change())
    assert disk.written == ["b", "c"]


def test_without_a_loop_a_document_is_stored_at_once(disk):
    disk.mark("a")
    assert disk.written == ["a"]


def test_what_a_loop_has_left_is_stored_in_the_next_one(disk):
    async def change(key, wait):
        disk.mark(key)
        if wait:
            await disk.writes.settle()

    asyncio.run(change("a", False))
    asyncio.run(change("b", True))
    assert disk.written == ["a", "b"]
