# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import os
from datetime import timedelta

import pytest

from claude_failover.common import clock
from claude_failover.common.steady_clock import SteadyClock
from claude_failover.storage.clock_document import DOCUMENT, ClockDocument
from claude_failover.storage.store import Store


class Wall:
    def __init__(self):
        self.seconds, self.elapsed = 1_795_000_000.0, 1000.0

    def start(self, folder):
        clock.install(SteadyClock(lambda: self.seconds, lambda: self.elapsed, lambda: "boot-1"))
        self.store = Store(str(folder))
        return ClockDocument(self.store)

    def pass_time(self, seconds, jump=0.0):
        self.seconds += seconds + jump
        self.elapsed += seconds


@pytest.mark.parametrize(("jump", "words"), [(-3600, "back by 3600.0 s"), (86400, "forward by 86400.0 s")])
def test_a_jump_is_logged_with_size_and_direction_and_outlives_a_restart(tmp_path, caplog, jump, words):
    wall = Wall()
    wall.start(tmp_path)
    before = clock.now()
    wall.pass_time(10, jump)
    assert clock.now() - before == timedelta(seconds=10)
    assert f"the clock was set {words}" in caplog.text
    caplog.clear()
    wall.pass_time(10)
    wall.start(tmp_path)
    assert clock.now() - before == timedelta(seconds=20)
    assert caplog.text == ""


def test_a_jump_while_no_daemon_ran_is_logged_at_the_start(tmp_path, caplog):
    wall = Wall()
    wall.start(tmp_path)
    wall.pass_time(10, -30)
    wall.start(tmp_path)
    assert "the clock was set back by 30.0 s while no daemon ran" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"seen": "yesterday"},
        {"anchor": 1e300},
        {"anchor": None},
        {"skews": [{"start": "2026-01-01T00:00:00Z", "end": None, "seconds": "many"}]},
        {"skews": None},
        {"boot_id": 1, "anchor": True},
        {"seen": "4052-11-22T20:00:00Z"},
        {"anchor": 9e9},
        {"anchor": -9e9, "seen": "1720-01-01T00:00:00Z"},
    ],
)
def test_an_invalid_document_is_set_aside_and_the_wall_clock_counts(tmp_path, change):
    wall, store = Wall(), Store(str(tmp_path))
    wall.start(tmp_path)
    store.save(DOCUMENT, {**store.load(DOCUMENT, {}), **change})
    wall.pass_time(10, -3600)
    wall.start(tmp_path)
    assert clock.now() == clock.wall()
    assert len([name for name in os.listdir(store.folder) if "set-aside" in name]) == 1
    wall.start(tmp_path)
    assert len([name for name in os.listdir(store.folder) if "set-aside" in name]) == 1, "what was stored is loaded"


@pytest.mark.parametrize("year", [2300, 9800])
def test_a_moment_of_an_earlier_run_in_another_century_is_none(tmp_path, year):
    wall = Wall()
    wall.start(tmp_path)
    assert clock.current().not_before(clock.parse_iso(f"{year}-01-01T00:00:00Z")) == 0.0
    assert clock.now() == clock.wall()


def test_a_full_disk_is_logged_and_stops_nothing(tmp_path, caplog, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Store, "save", full)
    wall = Wall()
    wall.start(tmp_path)
    store = wall.store
    assert "the state of the clock: cannot be stored" in caplog.text
    assert list(store.unsaved.problems) == ["clock"]
    monkeypatch.undo()
    store.unsaved.retry()
    assert store.load("clock", {})["boot_id"]
