# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listing of the panes: of what is left out nothing is made up, and what has changed is told."""

from __future__ import annotations

import pytest

from claude_failover.tmux import panes as module
from claude_failover.tmux.errors import TmuxError
from claude_failover.tmux.panes import PaneFormat, PaneListing


class Clock:
    def __init__(self, monkeypatch):
        self.steady, self.wall = 100.0, 1_700_000_000.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.steady)
        monkeypatch.setattr(module.time, "time", lambda: self.wall)

    def pass_by(self, seconds, wall=None):
        self.steady += seconds
        self.wall += seconds if wall is None else wall


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def printed(used, told=True, name="main", number=0, pid=7, dead=False, command="bash", cwd="/srv", activity=5):
    """Return what tmux prints of a pane."""
    seldom = [command, cwd, "$0", "@0", "", ""] if told else [""]
    return used._begin + used._delimiter.join([f"%{number},{pid},{int(dead)},{activity},80,24,0,1,1", name, *seldom])


def listed(listing, **pane):
    used = listing.format(1)
    return listing.panes(used, [printed(used, **pane)])


def test_the_first_listing_is_full_and_the_next_asks_for_programs_with_output_since(clock):
    listing = PaneListing()
    assert listing.format(1).is_full
    (first,) = listed(listing)
    clock.pass_by(10)
    used = listing.format(1)
    assert not used.is_full
    assert "#{e|>=:#{window_activity},1699999999}" in used.format
    (again,) = listing.panes(used, [printed(used, told=False)])
    assert again == first
    clock.pass_by(10)
    assert listed(listing, told=False)[0] is again
    clock.pass_by(10)
    (changed,) = listed(listing, cwd="/tmp", activity=1_700_000_025)
    assert (changed.cwd, changed.activity) == ("/tmp", 1_700_000_025)


def test_of_a_pane_that_is_not_known_nothing_is_made_up(clock):
    for other in ({"pid": 8}, {"number": 1}, {"dead": True}, {"name": "other"}):
        listing = PaneListing()
        (first,) = listed(listing)
        clock.pass_by(1)
        assert listed(listing, told=False, **other) is None
        assert listed(listing, told=False) == [first], "the other one was not taken over"


@pytest.mark.parametrize("passed", [(60, None), (10, -20), (10, 40)])
def test_after_a_minute_and_after_the_clock_was_set_all_is_asked_for(clock, passed):
    listing = PaneListing()
    listed(listing)
    clock.pass_by(1)
    assert not listing.format(1).is_full
    clock.pass_by(*passed)
    assert listing.format(1).is_full


def test_another_server_is_asked_for_all(clock):
    listing = PaneListing()
    listed(listing)
    assert listing.format(2).is_full


def test_a_minute_counts_from_the_last_full_listing(clock):
    listing = PaneListing()
    listed(listing)
    for _look in range(2):
        clock.pass_by(25)
        listed(listing, told=False)
    clock.pass_by(25)
    assert listing.format(1).is_full


def test_what_no_pane_is_is_refused():
    used = PaneFormat()
    with pytest.raises(TmuxError, match="does not match the requested format"):
        used.parse([used._begin + "%0,1"])


def test_an_empty_command_is_a_field_too():
    used = PaneFormat()
    (pane,) = used.parse([printed(used, command="", cwd="")])
    assert (pane.session, pane.command, pane.cwd) == ("main", "", "")
