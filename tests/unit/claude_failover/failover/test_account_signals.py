# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import errno
from datetime import timedelta
from types import SimpleNamespace

import pytest
from switch_world import T0, World, minutes

from claude_failover.claude.turns import TurnEvent
from claude_failover.failover.account_signals import AccountSignals
from claude_failover.switching.flip_log import Flip


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def signals(world):
    switcher = world.switcher
    return AccountSignals(world.config_holder, switcher.availability, switcher.flip_log, now=lambda: world.now)


@pytest.fixture
def answered():
    """When the newest answered request of each session was begun, by its name."""
    return {}


@pytest.fixture
def told(world, answered):
    """The signals where the transcripts tell when a request was begun."""
    switcher, woken = world.switcher, []
    found = AccountSignals(
        world.config_holder,
        switcher.availability,
        switcher.flip_log,
        now=lambda: world.now,
        answered=answered.get,
        wake=lambda: woken.append(world.now),
    )
    found.woken = woken
    return found


def session(config_dir, set_aside=None, foreign_login=None):
    return SimpleNamespace(name="main", config_dir=config_dir, set_aside=set_aside, foreign_login=foreign_login)


def figures(percent=42):
    return {"five_hour": {"used_percentage": percent, "resets_at": (T0 + minutes(60)).timestamp()}}


def flip(world, origin="a", target="b"):
    world.flip_by_hand(target)
    world.switcher.flip_log.add(Flip(T0, origin, target, "manual"))


def used(world, name):
    return world.usage.percent(name, T0)


def login(world, name):
    return world.logins.state(world.config.account(name))


def fill_disk(monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("claude_failover.storage.store.write_atomic", full)


def test_a_session_that_is_set_aside_says_nothing_of_an_account(world, signals):
    left_out = session(world.link, set_aside="found Claude Code 2.1.78, expected 2.1.81 or newer")
    signals.on_usage(left_out, figures())
    signals.on_login_dead(left_out, "Login expired")
    assert used(world, "a") == {}
    assert login(world, "a") == "ok"
    signals.on_usage(session(world.link), figures())
    assert used(world, "a") == {"five_hour": 42}


# -- usage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "recorded"), [(599, False), (600, True)])
def test_the_old_accounts_figures_are_dropped_for_ten_minutes_after_a_flip(world, signals, after, recorded):
    signals.on_usage(session(world.link), figures())
    flip(world)
    world.now = T0 + timedelta(seconds=after)
    signals.on_usage(session(world.link), figures())
    assert bool(used(world, "b")) is recorded


def both(five_hour, seven_day, reset=90):
    rows = {"five_hour": (five_hour, 60), "seven_day": (seven_day, reset)}
    return {
        name: {"used_percentage": percent, "resets_at": (T0 + minutes(end)).timestamp()}
        for name, (percent, end) in rows.items()
    }


@pytest.mark.parametrize(
    "new", [both(95, 40, reset=91), both(3, 40), both(95, 8), {"seven_day": both(3, 8)["seven_day"]}]
)
def test_two_accounts_whose_windows_end_in_one_second_are_told_apart(world, signals, new):
    """By all windows, and by their percentages."""
    signals.on_usage(session(world.link), both(95, 40))
    flip(world)
    signals.on_usage(session(world.link), new)
    assert used(world, "b") == {name: row["used_percentage"] for name, row in new.items()}


def test_what_a_session_showed_before_the_flip_is_the_old_accounts_however_old(world, signals):
    signals.on_usage(session(world.link), both(50, 30))
    other = session(world.link)
    other.name = "other"
    signals.on_usage(other, both(95, 40))
    flip(world)
    signals.on_usage(session(world.link), both(50, 30))
    assert used(world, "b") == {}
    signals.on_usage(other, both(97, 41))
    assert used(world, "b") == {}, "an answer that was under way at the flip"


def test_a_turn_under_way_at_the_flip_ends_with_the_old_accounts_figures(world, told, answered):
    """They are unlike any that were seen, and count for the account that gave the answer."""
    answered["main"] = T0 - minutes(2)
    told.on_usage(session(world.link), figures(40))
    flip(world)
    answered["main"], world.now = T0 - minutes(1), T0 + timedelta(seconds=40)
    told.on_usage(session(world.link), figures(60))
    assert (used(world, "a"), used(world, "b")) == ({"five_hour": 60}, {})
    answered["main"], world.now = T0 + timedelta(seconds=41), T0 + timedelta(seconds=50)
    told.on_usage(session(world.link), figures(5))
    assert (used(world, "a"), used(world, "b")) == ({"five_hour": 60}, {"five_hour": 5})


def test_a_turn_that_ended_under_the_new_account_is_known_by_its_hooks(world, told, answered):
    answered["main"] = T0 - minutes(1)
    told.on_usage(session(world.link), figures(40))
    flip(world)
    for kind, seconds in (("prompt", 10), ("stop", 20)):
        told.on_turn(TurnEvent("main", None, kind, T0 + timedelta(seconds=seconds)))
    told.on_usage(session(world.link), figures(45))
    assert (used(world, "a"), used(world, "b")) == ({"five_hour": 40}, {"five_hour": 45})


def test_an_idle_session_that_shows_its_figures_again_sets_nothing_back(world, told, answered):
    other = session(world.link)
    other.name = "other"
    answered["main"] = T0
    told.on_usage(session(world.link), figures(40))
    world.now, answered["other"] = T0 + timedelta(seconds=9), T0 + timedelta(seconds=5)
    told.on_usage(other, figures(70))
    world.now = T0 + timedelta(seconds=20)
    told.on_usage(session(world.link), figures(40))
    assert used(world, "a") == {"five_hour": 70}
    answered["main"], world.now = T0 + timedelta(seconds=8), T0 + timedelta(seconds=25)
    told.on_usage(session(world.link), figures(65))
    assert used(world, "a") == {"five_hour": 70}, "an answer at the same moment"
    answered["main"] = T0 + timedelta(seconds=30)
    told.on_usage(session(world.link), figures(2))
    assert used(world, "a") == {"five_hour": 2}, "an answer begun since: the vendor has reset it"


@pytest.mark.parametrize(("threshold", "woken"), [(None, 0), (90, 2)])
def test_turns_and_figures_wake_the_failover_where_a_threshold_is_set(world, told, threshold, woken):
    world.configure(failover=dataclasses.replace(world.config.failover, proactive_threshold=threshold))
    told.on_turn(TurnEvent("main", None, "prompt", T0))
    told.on_usage(session(world.link), figures(40))
    assert len(told.woken) == woken


def test_the_step_and_the_turns_in_flight_are_those_of_the_sessions(world, told):
    for percent in (40, 50):
        told.on_usage(session(world.link), figures(percent))
    assert told.next_turn.steps.room("a", {"five_hour": 79}) == pytest.approx(2)
    told.on_turn(TurnEvent("main", None, "prompt", T0))
    told.rename_session("main", "other")
    told.on_turn(TurnEvent("other", None, "end", T0))
    assert told.next_turn.turns.outstanding(T0) == 0
    told.rename_accounts({"a": "work"})
    assert told.next_turn.steps.room("work", {"five_hour": 79}) == pytest.approx(2)


def test_the_pace_is_that_of_the_figures(world, signals):
    signals.on_usage(session(world.link), figures(40))
    world.now = T0 + minutes(30)
    signals.on_usage(session(world.link), figures(50))
    assert signals.pace.of("a", world.now)["per_hour"] == 20.0
    assert signals.pace.of("b", world.now)["per_hour"] is None


def test_figures_of_the_new_account_count_at_once_after_a_flip(world, signals):
    flip(world)
    signals.on_usage(session(world.link), figures())
    assert used(world, "b") == {"five_hour": 42}


def test_figures_of_a_session_outside_the_accounts_are_ignored(world, signals):
    for folder in (None, "/elsewhere"):
        signals.on_usage(session(folder), figures())
    assert (used(world, "a"), used(world, "b")) == ({}, {})


def test_figures_by_a_link_to_no_account_are_ignored(world, signals):
    world.flip_by_hand("x")
    signals.on_usage(session(world.link), figures())
    assert (used(world, "a"), used(world, "b")) == ({}, {})


def test_a_session_with_a_login_of_its_own_tells_nothing_of_an_account(world, signals):
    other = session(world.link, foreign_login="ANTHROPIC_AUTH_TOKEN in its environment")
    signals.on_usage(other, figures())
    signals.on_login_dead(other, "Login expired")
    assert (used(world, "a"), login(world, "a")) == ({}, "ok")


def test_usage_that_cannot_be_stored_is_logged_with_its_account(world, signals, monkeypatch, caplog):
    fill_disk(monkeypatch)
    signals.on_usage(session(world.home("b")), figures())
    assert "usage of b: cannot be stored" in caplog.text
    assert "No space left" in caplog.text


# -- rejected logins -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "state"), [(0, "ok"), (2.9, "ok"), (3, "expired"), (60, "expired")])
def test_a_rejection_right_after_a_flip_is_no_accounts(world, signals, after, state):
    flip(world)
    world.now = T0 + timedelta(seconds=after)
    signals.on_login_dead(session(world.link), "Login expired")
    assert (login(world, "a"), login(world, "b")) == ("ok", state)


def test_a_rejection_right_after_a_flip_to_another_account_counts(world, signals):
    flip(world)
    signals.on_login_dead(session(world.home("a")), "Login expired")
    assert login(world, "a") == "expired"


def test_a_dead_login_is_logged_with_account_message_and_remedy(world, signals, caplog):
    signals.on_login_dead(session(world.home("b")), "Login expired")
    assert "account b" in caplog.text
    assert "('Login expired')" in caplog.text
    assert "claude-failover login b" in caplog.text


def test_a_long_message_is_logged_up_to_200_characters(world, signals, caplog):
    signals.on_login_dead(session(world.home("b")), "m" * 201)
    assert f"'{'m' * 200}'" in caplog.text


def test_without_a_message_none_is_logged(world, signals, caplog):
    signals.on_login_dead(session(world.home("b")), "")
    assert "login is dead. It is no switch target until" in caplog.text


def test_a_rejection_of_an_unknown_account_is_logged_with_the_session(world, signals, caplog):
    signals.on_login_dead(session("/elsewhere"), "Login expired")
    assert "session main" in caplog.text
    assert "account is not known" in caplog.text
    assert (login(world, "a"), login(world, "b")) == ("ok", "ok")


def test_a_rejection_that_cannot_be_stored_counts_and_is_logged(world, signals, monkeypatch, caplog):
    fill_disk(monkeypatch)
    signals.on_login_dead(session(world.home("b")), "Login expired")
    assert "rejected login of b: cannot be stored" in caplog.text
    assert "No space left" in caplog.text
    assert login(world, "b") == "expired"
