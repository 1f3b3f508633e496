# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import timedelta

import pytest
from switch_world import T0, minutes, verdict

from claude_failover.accounts.exhaustion import CLOCK_SKEW, Exhaustion, reset_of
from claude_failover.storage.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


@pytest.fixture
def table(store):
    return Exhaustion(store)


@pytest.mark.parametrize("limit", ["five_hour", "seven_day", "spend", "unknown"])
@pytest.mark.parametrize("trigger", [None, "five_hour", "opus", "spend"])
def test_an_account_wide_limit_counts_for_every_trigger(table, limit, trigger):
    table.record("a", limit, T0 + minutes(10), now=T0)
    assert table.status("a", trigger, T0) == (True, T0 + minutes(10))
    assert table.status("b", trigger, T0) == (False, None)


@pytest.mark.parametrize("limit", ["opus", "sonnet", "model"])
@pytest.mark.parametrize("trigger", [None, "five_hour", "opus", "sonnet", "model"])
def test_a_models_limit_counts_only_for_itself(table, limit, trigger):
    table.record("a", limit, T0 + minutes(10), now=T0)
    assert table.status("a", trigger, T0).exhausted is (limit == trigger)


def test_a_limit_ends_at_its_reset(table):
    table.record("a", "five_hour", T0 + minutes(10), now=T0)
    assert table.status("a", None, T0 + minutes(10) - timedelta(milliseconds=1)).exhausted
    assert not table.status("a", None, T0 + minutes(10)).exhausted
    assert table.status_rows("a", T0 + minutes(10)) == []


def test_the_latest_of_several_limits_counts(table):
    table.record("a", "five_hour", T0 + minutes(10), now=T0)
    table.record("a", "seven_day", T0 + minutes(90), now=T0)
    assert table.status("a", None, T0).until == T0 + minutes(90)
    assert table.status_rows("a", T0) == [
        {"limit": "five_hour", "until": "2026-11-22T20:10:00.000Z"},
        {"limit": "seven_day", "until": "2026-11-22T21:30:00.000Z"},
    ]


@pytest.mark.parametrize(
    ("first", "second", "until", "news"),
    [
        ((300, False), (90, True), 90, True),  # a message outranks an assumption
        ((90, True), (300, False), 90, False),
        ((90, True), (91, True), 91, False),  # the same reset, to the minute and to the second
        ((90, True), (89, True), 90, False),
        ((90, True), (91.5, True), 91.5, False),
        ((90, True), (390, True), 390, True),
        ((300, False), (300, False), 300, False),
    ],
)
def test_a_better_reset_time_replaces_a_worse_one(table, first, second, until, news):
    assert table.record("a", "five_hour", T0 + minutes(first[0]), now=T0, known=first[1])
    later = T0 + minutes(1)
    assert table.record("a", "five_hour", T0 + minutes(second[0]), now=later, known=second[1]) is news
    assert table.status("a", None, later).until == T0 + minutes(until)
    assert [entry.since for entry in table.limits_in_force("a", later)] == [T0]


def test_a_new_window_is_first_seen_anew(table):
    table.record("a", "opus", T0 + minutes(10), now=T0)
    later = T0 + minutes(20)
    assert table.record("a", "opus", T0 + minutes(60), now=later)
    assert table.limits_in_force("a", later)[0].since == later


def test_a_new_window_is_news_however_short(table):
    table.record("a", "five_hour", T0 + minutes(10), now=T0)
    assert table.record("a", "five_hour", T0 + minutes(11), now=T0 + minutes(10))


def test_it_outlives_a_restart(store, table):
    table.record("a", "five_hour", T0 + minutes(10), now=T0)
    table.ban("b", "its links", T0 + minutes(5), now=T0)
    again = Exhaustion(store)
    assert again.status_rows("a", T0) == table.status_rows("a", T0)
    assert again.ban_of("b", T0).reason == "its links"
    assert again.ban_of("b", T0 + minutes(5)) is None


@pytest.mark.parametrize("known", [True, False])
def test_the_origin_of_a_reset_and_its_first_sight_outlive_a_restart(store, table, known):
    table.record("a", "five_hour", T0 + minutes(10), now=T0, known=known)
    assert Exhaustion(store).limits_in_force("a", T0) == table.limits_in_force("a", T0)


@pytest.mark.parametrize(
    "data",
    [
        {"limits": []},
        {"limits": {"a": 3}},
        {"limits": {"a": {"opus": {"until": "soon"}}}},
        {"bans": {"a": None}},
        {"x": 1},
    ],
)
def test_an_invalid_row_is_ignored(store, data):
    store.save("exhaustion", data)
    assert Exhaustion(store).status_rows("a", T0) == []


def test_a_cleared_account_has_neither_limits_nor_a_ban(store, table):
    table.record("a", "five_hour", T0 + minutes(10), now=T0)
    table.ban("a", "its links", T0 + minutes(5), now=T0)
    table.clear("a", now=T0)
    for found in (table, Exhaustion(store)):
        assert (found.status_rows("a", T0), found.ban_of("a", T0)) == ([], None)


def test_clearing_one_account_leaves_the_others(store, table):
    table.record("b", "five_hour", T0 + minutes(10), now=T0)
    table.ban("c", "its links", T0 + minutes(5), now=T0)
    table.clear("a", now=T0)
    again = Exhaustion(store)
    assert again.status("b", None, T0).exhausted
    assert again.ban_of("c", T0) is not None


@pytest.mark.parametrize("limited", [None, 3, 60])
def test_a_banned_account_is_usable_at_the_end_of_ban_and_limit(table, limited):
    table.ban("a", "its links", T0 + minutes(10), now=T0)
    if limited is not None:
        table.record("a", "five_hour", T0 + minutes(limited), now=T0)
    assert table.next_reset(["a"], None, T0) == (T0 + minutes(max(10, limited or 0)), "a")


def test_the_next_reset_counts_a_models_limit_for_its_own_trigger_only(table):
    table.record("a", "opus", T0 + minutes(10), now=T0)
    assert table.next_reset(["a"], "opus", T0) == (T0 + minutes(10), "a")
    assert table.next_reset(["a"], "sonnet", T0) is None


def test_each_of_several_limits_is_recognised(table):
    table.record("a", "five_hour", T0 + minutes(90), now=T0)
    table.record("a", "seven_day", T0 + minutes(900), now=T0)
    assert table.matches("a", "five_hour", T0 + minutes(90))
    assert table.matches("a", "seven_day", T0 + minutes(900))


def test_the_next_reset_is_that_of_the_account_usable_first(table):
    table.record("a", "five_hour", T0 + minutes(10), now=T0)
    table.record("a", "seven_day", T0 + minutes(500), now=T0)
    table.record("b", "five_hour", T0 + minutes(60), now=T0)
    assert table.next_reset(["a", "b"], "five_hour", T0) == (T0 + minutes(60), "b")
    assert table.next_reset(["c"], "five_hour", T0) is None


@pytest.mark.parametrize(
    ("limit", "reset", "expected"),
    [
        ("five_hour", 90, True),
        ("five_hour", 91, True),
        ("five_hour", 91.5, True),
        ("five_hour", 88.5, True),
        ("five_hour", 92, False),
        ("five_hour", None, True),
        ("unknown", 90, True),
        ("unknown", None, False),
        ("seven_day", 90, False),
    ],
)
def test_a_recorded_limit_is_recognised_by_limit_and_reset(table, limit, reset, expected):
    table.record("a", "five_hour", T0 + minutes(90), now=T0)
    assert table.matches("a", limit, None if reset is None else T0 + minutes(reset)) is expected
    assert not table.matches("b", limit, T0 + minutes(90))


@pytest.mark.parametrize(
    ("reset", "request_at", "expected"),
    [
        (minutes(90), None, (minutes(90), True)),
        (minutes(90), minutes(0), (minutes(90), True)),
        (None, None, (minutes(300), False)),
        (minutes(-5), minutes(-10), (minutes(-5), True)),  # an old banner: it is over
        (minutes(-5), minutes(-5), (CLOCK_SKEW, False)),
        (minutes(-5), minutes(-1), (CLOCK_SKEW, False)),  # refused after its own reset: the clocks differ
        (minutes(-60), minutes(-1), (minutes(300), False)),  # the clock is wrong, and the reset says nothing
    ],
)
def test_the_end_of_an_exhaustion_by_what_the_message_says(reset, request_at, expected):
    resets_at = None if reset is None else T0 + reset
    begun = None if request_at is None else T0 + request_at
    until, known = reset_of(verdict("five_hour", resets_at), T0, begun, 18000)
    assert (until - T0, known) == expected


def test_the_document_holds_times_and_names_only(store, table):
    table.record("a", "five_hour", T0 + minutes(10), now=T0)
    with open(store.path("exhaustion")) as stream:
        assert json.load(stream)["data"]["limits"]["a"]["five_hour"] == {
            "until": "2026-11-22T20:10:00.000Z",
            "known": True,
            "since": "2026-11-22T20:00:00.000Z",
        }


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"limits": 3}, "exhaustion: the table of limits is invalid"),
        ({"limits": {"a": 3, "b": "good"}}, "exhaustion: the limits of account 'a' is invalid"),
        ({"limits": {"a": {"opus": 3}, "b": "good"}}, "exhaustion: the limit 'opus' of account 'a' is invalid"),
        ({"bans": 3}, "exhaustion: the table of bans is invalid"),
        ({"bans": {"a": 3, "b": "good"}}, "exhaustion: the ban of account 'a' is invalid"),
    ],
)
def test_an_invalid_part_is_named_and_the_rest_is_kept(store, table, caplog, part, text):
    """``good`` stands for the valid rows of b."""
    table.record("b", "opus", T0 + minutes(10), now=T0)
    table.record("b", "five_hour", T0 + minutes(20), now=T0)
    table.ban("b", "its links failed", T0 + minutes(30), now=T0)
    good = store.load("exhaustion", {})
    (key, rows), *_none = part.items()
    if isinstance(rows, dict):
        rows = {name: good[key]["b"] if row == "good" else row for name, row in rows.items()}
    store.save("exhaustion", {**good, key: rows})
    again = Exhaustion(store)
    assert text in caplog.text
    assert "exhaustion.json has an invalid part: copied to" in caplog.text
    kept = isinstance(rows, dict)
    assert len(again.limits_in_force("b", T0)) == (2 if kept or key != "limits" else 0)
    assert (again.ban_of("b", T0) is not None) == (kept or key != "bans")
    assert (again.limits_in_force("a", T0), again.ban_of("a", T0)) == ([], None)


def test_an_empty_table_is_valid(store, caplog):
    store.save("exhaustion", {})
    assert Exhaustion(store).limits_in_force("a", T0) == []
    assert caplog.text == ""
