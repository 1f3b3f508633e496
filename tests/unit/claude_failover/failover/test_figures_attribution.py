# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta

import pytest
from switch_world import T0

from claude_failover.accounts.usage import UsageWindow
from claude_failover.failover.figures_attribution import account_of_figures, can_be_of
from claude_failover.switching.flip_log import Flip

FLIPS = (Flip(T0 - timedelta(minutes=30), "c", "a", "limit"), Flip(T0, "a", "b", "proactive"))
LATER = T0 + timedelta(hours=1)
LATER_STILL = T0 + timedelta(hours=2)
A = {"five_hour": UsageWindow(88, LATER)}


def after(seconds):
    return T0 + timedelta(seconds=seconds)


BEFORE, NOW = after(-2), after(20)


def account(percent, resets_at=LATER, begun=BEFORE, b=None, now=NOW):
    known = {"a": A, "b": b or {}}
    return account_of_figures({"five_hour": UsageWindow(percent, resets_at)}, known, FLIPS, begun, now)


def test_figures_of_a_request_that_was_begun_before_the_flip_are_the_old_accounts():
    """Unlike any that were seen, and after any time."""
    assert account(96) == "a"
    assert account(96, now=after(3000)) == "a"


def test_figures_of_a_request_that_was_begun_after_the_flip_are_the_new_accounts():
    assert account(96, begun=after(4)) == "b"
    assert account(3, LATER_STILL, begun=after(4)) == "b"


@pytest.mark.parametrize(
    ("percent", "resets_at"), [(3, LATER_STILL), (97, LATER_STILL), (3, LATER)], ids=["both", "reset", "per cent"]
)
def test_figures_that_cannot_be_the_old_accounts_are_the_new_ones_where_the_transcript_is_behind(percent, resets_at):
    assert account(percent, resets_at) == "b"


def test_figures_that_cannot_be_the_new_accounts_are_the_old_ones_where_a_transcript_is_ahead():
    assert account(90, begun=after(10), b={"five_hour": UsageWindow(3, LATER_STILL)}) == "a"


@pytest.mark.parametrize(("begun", "name"), [(0, "a"), (3, "a"), (3.1, "b")])
def test_what_was_shown_already_right_after_a_flip_is_the_old_accounts(begun, name):
    assert account(88, begun=after(begun)) == name


def test_figures_of_an_answer_at_the_same_moment_can_be_a_little_behind():
    assert account(80) == "a"


def test_figures_of_long_ago_are_those_of_the_account_of_that_time():
    assert account(50, LATER_STILL, begun=after(-3600)) == "c"


def test_after_its_reset_an_account_can_have_any_figures():
    for row in (UsageWindow(1, LATER_STILL), UsageWindow(90, LATER)):
        assert can_be_of(A, {"five_hour": row}, LATER + timedelta(seconds=1))


def test_before_a_window_is_known_it_can_have_any_figures():
    assert can_be_of({}, A, T0)
    assert can_be_of({"five_hour": UsageWindow(90, None)}, A, T0)
    assert can_be_of(A, {"seven_day": UsageWindow(1, LATER_STILL)}, T0)


@pytest.mark.parametrize("flip", [Flip(T0, None, "b", "external"), Flip(T0, "b", "b", "manual")])
def test_without_an_account_before_the_time_decides(flip):
    shown = {"five_hour": UsageWindow(50, LATER)}
    assert account_of_figures(shown, {}, (flip,), after(1), after(2)) == "b"
    assert account_of_figures(shown, {}, (flip,), after(-1), after(2)) == flip.origin
