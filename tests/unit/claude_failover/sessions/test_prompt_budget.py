# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import json
import os
import random
from datetime import datetime, timedelta, timezone

import pytest

from claude_failover.claude.turns import TurnEvent
from claude_failover.sessions.prompt_budget import DOCUMENT, MOST, PromptBudget
from claude_failover.storage.store import Store

T0 = datetime(2026, 11, 22, 20, 0, tzinfo=timezone.utc)


def hours(number):
    return timedelta(hours=number)


class Place:
    """A budget whose account and time the test sets; ``told`` is what `on_spent` got."""

    def __init__(self, folder):
        self.store = Store(str(folder))
        self.account = "a"
        self.now = T0
        self.told = []
        self.start()

    def start(self):
        """Create the budget anew, as a start of the daemon does."""
        self.budget = PromptBudget(
            self.store,
            lambda _session: self.account,
            on_spent=lambda session, why: self.told.append((session, why)),
            now=lambda: self.now,
        )

    def press(self, count=1, text="continue"):
        """Return how many of ``count`` Enter keys are permitted."""
        return sum(self.budget.take("main", text) is None for _key in range(count))

    def turn(self, kind, prompt=None, turn=None):
        self.budget.on_turn(TurnEvent("main", None, kind, self.now, prompt=prompt, turn=turn))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "state")


def test_three_enter_keys_without_an_answer_are_the_most_under_one_account(place, caplog):
    assert place.press(10) == MOST == 3
    assert "3 prompts were sent without an answer (3 under a)" in caplog.text
    assert "3 prompts" in place.budget.refusal("main")
    assert place.budget.refusal("other") is None
    assert list(place.budget.spent()) == ["main"]


def test_each_further_account_permits_one_more(place):
    pressed = []
    for place.account in "abcabcabc":
        pressed.append(0)
        while len(pressed) < 4 and pressed[-1] < 1 and place.press():
            pressed[-1] += 1
    assert pressed[:3] == [1, 1, 1]
    assert sum(pressed) + place.press(10) == MOST + 2


def test_at_most_three_are_under_one_of_several_accounts(place):
    place.press()
    place.account = "b"
    assert place.press(10) == MOST


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_without_an_answer_the_sum_is_bounded(place, seed):
    """Accounts come and go, the daemon is restarted, and every refusal names another reset that soon passes."""
    dice, pressed = random.Random(seed), 0
    for _step in range(120):
        place.account = dice.choice("abc")
        dice.choice([place.start, lambda: place.turn("failure"), lambda: place.turn("start"), lambda: None])()
        if place.press():
            pressed += 1
        for _report in range(dice.randrange(3)):  # by the hook, by the transcript, or late
            place.turn("prompt", "continue", f"t{pressed}")
        place.budget.on_refused("main", place.account, place.now + timedelta(seconds=dice.randrange(5)))
        place.now += timedelta(seconds=dice.randrange(10))
    assert pressed <= (MOST + 2) * 4


def test_the_count_is_on_the_disk_before_the_key_and_outlives_a_restart(place):
    place.press()
    with open(place.store.path(DOCUMENT), encoding="utf-8") as stream:
        assert json.load(stream)["data"]["main"]["counts"] == {"a": 1}
    place.start()
    assert place.press(10) == MOST - 1
    place.start()
    assert place.budget.spent()
    assert place.press(10) == 0


def test_a_disk_that_refuses_the_write_stops_no_prompt_and_loses_no_count(place, monkeypatch, caplog):
    save = place.store.save

    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(place.store, "save", full)
    assert place.press(10) == MOST
    assert "cannot be stored, kept in memory" in caplog.text
    monkeypatch.setattr(place.store, "save", save)
    place.store.unsaved.retry()
    place.start()
    assert place.press(10) == 0


def test_an_answered_turn_begins_the_count_anew(place):
    place.press(10)
    place.turn("stop")
    assert place.press(10) == MOST


@pytest.mark.parametrize("kind", ["failure", "start", "end"])
def test_a_refusal_or_another_event_does_not(place, kind):
    place.press(10)
    place.turn(kind)
    assert place.press() == 0


@pytest.mark.parametrize(
    ("prompt", "anew"),
    [
        ("do it again", True),
        ("continue", False),
        (" continue\n", False),
        (None, False),
        ("<task-notification>done</task-notification>", False),
    ],
)
def test_only_a_prompt_that_is_not_ours_is_a_persons(place, prompt, anew):
    place.press(10)
    place.start()  # the prompt of an Enter key before a kill is still ours
    place.turn("prompt", prompt, "t1")
    place.turn("prompt", prompt, "t1")
    assert (place.press() > 0) == anew


def test_a_person_may_type_the_words_of_ours(place):
    place.press(10)
    place.turn("prompt", "continue", "t1")
    place.turn("prompt", "continue", "t2")
    assert place.press() == 0, "a second report, by the transcript, of what we sent a moment ago"
    place.now += timedelta(minutes=2)
    place.turn("prompt", "continue", "t1")
    assert place.press() == 0
    place.turn("prompt", "continue", "t3")
    assert place.press() == 1


def test_long_prompts_are_recognised_although_the_hook_truncates_them(place):
    text = "word " * 3000
    place.press(10, text)
    place.turn("prompt", text[:6000], "t1")
    assert place.press() == 0


def test_a_reset_that_has_passed_begins_the_count_anew(place):
    place.budget.on_refused("main", "a", T0 + hours(2))
    assert place.press(3) == 3
    place.start()
    place.now = T0 + hours(2)
    assert place.press(10) == MOST


def test_a_reset_that_has_not_passed_does_not(place):
    place.budget.on_refused("main", "a", T0 + hours(2))
    place.press(3)
    place.now = T0 + hours(2) - timedelta(seconds=1)
    assert place.press() == 0


def test_a_reset_that_was_past_when_it_was_named_is_none(place):
    place.press(3)
    place.budget.on_refused("main", "a", T0 - hours(1))
    assert place.press() == 0


@pytest.mark.parametrize(("ahead", "anew"), [(timedelta(minutes=1), 0), (hours(5), MOST)])
def test_an_assumed_reset_counts_only_when_it_is_far_ahead(place, ahead, anew):
    place.budget.on_refused("main", "a", T0 + ahead, named=False)
    place.press(MOST)
    place.now = T0 + ahead
    assert place.press(10) == anew


def test_after_the_bound_a_reset_does_not_take_the_session_back_from_the_person(place):
    place.budget.on_refused("main", "a", T0 + hours(2))
    place.press(10)
    place.now = T0 + hours(3)
    assert place.press() == 0
    place.turn("prompt", "go on then")
    assert place.press() == 1


def test_begin_and_end_of_the_bound_are_told_once_each(place):
    place.press(10)
    place.press(10)
    place.turn("stop")
    place.turn("stop")
    assert [(session, why is None) for session, why in place.told] == [("main", False), ("main", True)]


@pytest.mark.parametrize(
    "row", [None, [], {}, {"counts": {"a": -1}}, {"counts": {"a": "many"}}, {"counts": {"a": True}}]
)
def test_an_invalid_count_is_set_aside(tmp_path, row):
    place = Place(tmp_path / "state")
    place.press()
    with open(place.store.path(DOCUMENT), encoding="utf-8") as stream:
        good = json.load(stream)["data"]["main"]
    place.store.save(DOCUMENT, {"main": good, "bad": {**good, **row} if isinstance(row, dict) and row else row})
    place.start()
    assert place.press(10) == MOST - 1
    assert [name for name in os.listdir(place.store.folder) if "set-aside" in name]
