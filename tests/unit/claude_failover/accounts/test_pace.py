# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pace at which an account is used, and when it would run out."""

from __future__ import annotations

import pytest
from switch_world import T0, minutes

from claude_failover.accounts.pace import Pace
from claude_failover.accounts.usage import UsageWindow
from claude_failover.common import clock

UNKNOWN = {"per_hour": None, "runs_out_at": None}


def told(*figures, at, reset=300, window="five_hour"):
    """Return what is told at a minute, of the percentages at earlier ones."""
    pace = Pace()
    for minute, percent in figures:
        pace.record("a", {window: UsageWindow(percent, T0 + minutes(reset))}, T0 + minutes(minute))
    found = pace.of("a", T0 + minutes(at))
    return found["per_hour"], found["runs_out_at"]


def at(minute):
    return clock.wall_iso(T0 + minutes(minute))


def test_the_pace_of_a_window_and_when_it_runs_out():
    assert told((0, 40), (30, 55), at=30) == (30.0, at(120))


@pytest.mark.parametrize("figures", [[], [(0, 40)], [(0, 40), (4, 50)]])
def test_nothing_is_told_of_less_than_five_minutes(figures):
    assert told(*figures, at=4) == (None, None)


def test_an_idle_time_slows_the_pace():
    assert told((0, 40), (30, 55), at=60) == (15.0, at(240))
    assert told((0, 40), at=30) == (0.0, None)


def test_only_the_last_hour_counts():
    assert told((0, 10), (60, 60), (120, 70), at=120)[0] == 10.0
    assert told((0, 10), (60, 60), at=200)[0] == 0.0


def test_a_window_that_resets_before_does_not_run_out():
    assert told((0, 40), (30, 55), at=30, reset=119) == (30.0, None)
    assert told((0, 40), (30, 55), at=150, reset=140) == (None, None), "it has reset"


def test_figures_that_another_session_shows_late_change_nothing():
    assert told((0, 40), (20, 50), (25, 42), (30, 55), at=30) == (30.0, at(120))
    assert told((0, 40), (20, 50), (20.1, 52), at=30)[0] == 24.0, "many in a short time are one"


def test_a_window_begins_anew_at_its_reset():
    pace = Pace()
    pace.record("a", {"five_hour": UsageWindow(90, T0 + minutes(10))}, T0)
    pace.record("a", {"five_hour": UsageWindow(1, T0 + minutes(310))}, T0 + minutes(11))
    assert pace.of("a", T0 + minutes(12)) == UNKNOWN


def test_the_window_that_runs_out_first_is_told():
    pace = Pace()
    for minute, five, seven in ((0, 10, 97), (30, 20, 98)):
        windows = {
            "five_hour": UsageWindow(five, T0 + minutes(200)),
            "seven_day": UsageWindow(seven, T0 + minutes(9000)),
        }
        pace.record("a", windows, T0 + minutes(minute))
    assert pace.of("a", T0 + minutes(30)) == {"per_hour": 2.0, "runs_out_at": at(90)}
    assert pace.of("b", T0) == pace.of(None, T0) == UNKNOWN


def test_a_full_window_has_run_out():
    assert told((0, 40), (30, 104), at=30)[1] == at(30)
