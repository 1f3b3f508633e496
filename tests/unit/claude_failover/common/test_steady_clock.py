# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest

from claude_failover.common.steady_clock import JUMP, SteadyClock

T0 = datetime(2026, 11, 22, 20, 0, tzinfo=timezone.utc)
JUMPS = [sign * seconds for seconds in (5, 30, 3600, 86400) for sign in (-1, 1)]


def seconds(number):
    return timedelta(seconds=number)


class Host:
    """A host whose wall clock is ``off`` by some seconds; ``passed`` is the true time since `T0`."""

    def __init__(self):
        self.passed, self.off, self.boot, self.uptime = 0.0, 0.0, "boot-1", 500.0
        self.jumps = []

    def clock(self):
        made = SteadyClock(
            lambda: T0.timestamp() + self.passed + self.off, lambda: self.uptime + self.passed, lambda: self.boot
        )
        made.on_jump = self.jumps.append
        return made

    @property
    def wall(self):
        """The wall time as another program writes it, to the millisecond."""
        return T0 + seconds(self.passed + self.off)

    @property
    def true(self):
        return T0 + seconds(self.passed)


@pytest.fixture
def host():
    return Host()


def near(moment):
    return pytest.approx(moment.timestamp(), abs=0.002)


def stamp(moment):
    return None if moment is None else moment.timestamp()


@pytest.mark.parametrize("off", JUMPS)
def test_a_jump_is_told_once_and_does_not_move_steady_time(host, off):
    steady = host.clock()
    host.passed, host.off = 10, off
    assert stamp(steady.now()) == near(host.true)
    host.passed = 20
    assert stamp(steady.now()) == near(host.true)
    assert host.jumps == [pytest.approx(off)]
    assert stamp(steady.wall()) == near(host.wall)
    assert stamp(steady.to_wall(host.true)) == near(host.wall)
    assert stamp(steady.expected(host.wall + seconds(100))) == near(host.true + seconds(100))


def test_small_corrections_are_followed_and_told_to_nobody(host):
    steady = host.clock()
    for _second in range(100):
        host.passed += 1
        host.off += 0.5
        assert stamp(steady.now()) == near(host.wall)
    assert host.jumps == []
    assert seconds(0.5) < JUMP


def test_steady_time_never_goes_back(host):
    steady, dice, last = host.clock(), random.Random(1), T0
    for _step in range(1000):
        host.passed += dice.random() * 3
        host.off += dice.choice([0, 0, 0, -0.9, -5, 5, 86400, -86400])
        assert steady.now() >= last
        last = steady.now()


@pytest.mark.parametrize("off", JUMPS)
def test_times_that_others_wrote_are_converted_by_the_clock_of_their_time(host, off):
    steady = host.clock()
    host.passed = 7200
    before, true_before = host.wall, host.true
    steady.now()
    host.passed += 0.5
    unseen_before, true_unseen_before = host.wall, host.true
    host.off = off
    unseen_after, true_unseen_after = host.wall, host.true
    host.passed += 0.4
    steady.now()
    host.passed += 1
    after = host.wall
    assert stamp(steady.from_wall(after)) == near(host.true)
    assert stamp(steady.from_wall(unseen_after)) == near(true_unseen_after)
    if off > -60 * 60 * 2:
        assert stamp(steady.from_wall(unseen_before)) == near(true_unseen_before)
        assert stamp(steady.from_wall(before)) == near(true_before)


def test_a_time_in_the_future_is_unknown(host):
    steady = host.clock()
    host.passed = 100
    assert steady.from_wall(host.wall + seconds(2)) is None
    assert stamp(steady.from_wall(host.wall + seconds(0.5))) == near(host.true)
    host.off = -3600
    steady.now()
    assert steady.from_wall(host.wall + seconds(1800)) is not None, "from before the jump"
    assert steady.from_wall(host.wall + seconds(3700)) is None


def test_a_time_at_the_end_of_the_calendar_is_unknown(host):
    steady = host.clock()
    host.off = -86400
    steady.now()
    last = datetime(9999, 12, 31, 23, 59, tzinfo=timezone.utc)
    assert steady.from_wall(last) is None
    assert steady.expected(last) == last


@pytest.mark.parametrize("off", JUMPS)
def test_a_restart_in_the_same_boot_goes_on_in_the_same_time(host, off):
    state = host.clock().state()
    host.passed, host.off = 60, off
    steady = host.clock()
    assert steady.restore(state) == pytest.approx(off)
    assert stamp(steady.now()) == near(host.true)
    assert stamp(steady.from_wall(host.wall)) == near(host.true)
    assert host.jumps == []


def test_a_restart_without_a_jump_tells_of_none(host):
    state = host.clock().state()
    host.passed = 60
    assert host.clock().restore(state) == 0.0


@pytest.mark.parametrize("off", [-86400, -3600, -30])
def test_after_a_reboot_with_a_clock_behind_time_goes_on_where_it_was(host, off):
    host.passed = 10
    state = host.clock().state()
    host.boot, host.uptime, host.passed, host.off = "boot-2", -10.0, 12, off
    steady = host.clock()
    assert steady.restore(state) == pytest.approx(off + 2)
    assert steady.now() >= state.seen
    began = steady.now()
    host.passed = 42
    assert stamp(steady.now()) == near(began + seconds(30))
    assert stamp(steady.from_wall(host.wall)) == near(steady.now())


def test_after_a_reboot_time_is_the_wall_clocks(host):
    state = host.clock().state()
    host.boot, host.uptime, host.passed = "boot-2", -3600.0, 3600
    steady = host.clock()
    assert steady.restore(state) == 0.0
    assert stamp(steady.now()) == near(host.wall)


def test_a_moment_of_an_earlier_run_is_not_in_the_future(host):
    steady = host.clock()
    flip = host.true + seconds(3600)
    steady.not_before(flip)
    assert steady.now() >= flip
    host.passed = 10
    assert stamp(steady.now()) == near(flip + seconds(10))
    assert stamp(steady.from_wall(host.wall)) == near(steady.now()), "what is written now is after the flip"
    steady.not_before(host.true)
    assert stamp(steady.now()) == near(flip + seconds(10))
    assert host.jumps == []


def test_a_host_without_a_boot_id_counts_each_start_as_a_boot(host):
    host.boot = ""
    host.passed = 10
    state = host.clock().state()
    host.off = -3600
    steady = host.clock()
    steady.restore(state)
    assert steady.now() >= state.seen
