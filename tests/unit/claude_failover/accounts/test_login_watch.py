# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is told of logins that end."""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import datetime, timedelta, timezone

import pytest
from switch_world import T0, World

from claude_failover.accounts.login_watch import DOCUMENT, LoginWatch
from claude_failover.common import clock
from claude_failover.reporting.events import login_event

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
YEARS = T0 - datetime(1970, 1, 1, tzinfo=timezone.utc)


class WatchedWorld:
    """Accounts a and b; ``wall`` is the time by the wall clock."""

    def __init__(self, folder, monkeypatch):
        self.world = World(folder)
        self.wall = T0
        monkeypatch.setattr(clock, "wall", lambda: self.wall)
        self.told = []
        self.start()

    def start(self):
        self.world.start()
        self.changes = []
        self.watch = LoginWatch(
            self.world.config_holder,
            self.world.store,
            self.world.logins,
            lambda: self.changes.append(self.wall),
            self.told.append,
        )

    def check(self, after=0 * DAY):
        """Check after a while; returns the account and days of each warning."""
        self.wall += after
        self.told.clear()
        self.watch.check()
        return [(item.account, item.days) for item in self.told]


@pytest.fixture
def watched(tmp_path, monkeypatch):
    return WatchedWorld(tmp_path, monkeypatch)


def test_a_login_that_ends_is_told_once_7_3_and_1_days_before_and_at_its_end(watched, caplog):
    watched.world.log_in("b", ends_at=T0 + 9 * DAY)
    assert watched.check() == []
    assert watched.check(2 * DAY - HOUR) == []
    assert watched.check(HOUR) == [("b", 7)]
    assert watched.check(4 * DAY - HOUR) == []
    assert watched.check(HOUR) == [("b", 3)]
    assert "account b: its login ends within 3 days, on 2026-12-01T20:00:00.000Z" in caplog.text
    assert watched.check(2 * DAY) == [("b", 1)]
    assert watched.check(HOUR) == []
    assert watched.check(DAY) == [("b", 0)]
    assert "its login ended on 2026-12-01T20:00:00.000Z, and the account is no target of a switch: run " in caplog.text
    assert watched.check(DAY) == []
    watched.world.log_in("b", "another-token", ends_at=watched.wall + 27 * DAY)
    assert watched.check() == [("b", None)]
    assert watched.check() == []


def test_a_restart_tells_nothing_twice(watched):
    watched.world.log_in("b", ends_at=T0 + 2 * DAY)
    assert watched.check() == [("b", 3)]
    watched.start()
    assert watched.check() == []
    assert watched.check(DAY) == [("b", 1)]
    watched.world.log_in("b", ends_at=watched.wall + 27 * DAY)
    watched.start()
    assert watched.check() == [("b", None)]
    assert watched.world.store.load(DOCUMENT, {}) == {}


def test_a_new_login_that_ends_soon_too_is_told_at_its_own_days(watched):
    watched.world.log_in("b", ends_at=T0 + HOUR)
    assert watched.check() == [("b", 1)]
    watched.world.log_in("b", ends_at=T0 + 6 * DAY)
    assert watched.check() == []
    assert watched.check(4 * DAY) == [("b", 3)]


@pytest.mark.parametrize(("left", "days", "behind"), [(2 * DAY, 3, YEARS), (2 * DAY, 3, 6 * DAY), (-DAY, 0, YEARS)])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_is_far_behind_makes_no_login_anew(watched, left, days, behind, restarted):
    """It is 1970 until the clock is set, as after a boot without a clock that runs on."""
    watched.world.log_in("b", ends_at=T0 + left)
    assert watched.check() == [("b", days)]
    stored = watched.world.store.load_envelope(DOCUMENT, {})
    for wall in (T0 - behind, T0 + HOUR):
        watched.wall = wall
        if restarted:
            watched.start()
        assert watched.check() == []
    assert watched.world.store.load_envelope(DOCUMENT, {}) == stored
    watched.world.log_in("b", "another-token", ends_at=T0 + 29 * DAY)
    assert watched.check() == [("b", None)]
    assert watched.told[0].renewed


def test_a_clock_that_was_far_ahead_made_no_login_anew(watched, caplog):
    caplog.set_level("INFO")
    watched.world.log_in("b", ends_at=T0 + 20 * DAY)
    assert watched.check(1000 * DAY) == [("b", 0)]
    assert watched.check(-1000 * DAY) == [("b", None)]
    assert not watched.told[0].renewed
    assert login_event(watched.told[0])["summary"] == "account b: its login can be used again"
    assert "made anew" not in caplog.text
    assert watched.check(13 * DAY) == [("b", 7)]


def test_a_clock_that_is_set_back_by_some_days_repeats_no_warning(watched):
    watched.world.log_in("b", ends_at=T0 + DAY)
    assert watched.check() == [("b", 1)]
    assert watched.check(-4 * DAY) == []
    assert watched.check(2 * DAY) == []
    assert watched.check(2 * DAY) == []


def test_the_warnings_of_a_release_that_stores_no_ends_are_read(watched):
    watched.world.log_in("b", ends_at=T0 + 2 * DAY)
    watched.world.store.save(DOCUMENT, {"b": 3})
    watched.start()
    assert watched.check() == []
    assert watched.check(DAY) == [("b", 1)]
    assert watched.world.store.load(DOCUMENT, {}) == {"b": 1}
    watched.world.store.save(DOCUMENT, {"b": 1})
    watched.world.log_in("b", "another-token", ends_at=T0 + 29 * DAY)
    watched.start()
    assert watched.check() == [("b", None)]


@pytest.mark.parametrize("ends", [[1], "1", {"b": 1}, None])
def test_invalid_ends_are_ignored_and_named(watched, caplog, ends):
    watched.world.store.save(DOCUMENT, {"b": 3}, ends=ends)
    watched.start()
    assert "login-warnings: the table of ends is invalid" in caplog.text
    watched.world.log_in("b", ends_at=T0 + 2 * DAY)
    assert watched.check() == []


def test_a_login_without_a_date_is_told_as_unknown_in_the_log(watched, caplog):
    caplog.set_level("INFO")
    for _time in range(2):
        assert watched.check() == []
    assert caplog.text.count("account b: login=ok until=unknown: Claude Code before 2.1.260 writes no date") == 1
    watched.world.log_in("b", ends_at=T0 + 20 * DAY)
    watched.check()
    assert "account b: login=ok until=2026-12-12T20:00:00.000Z" in caplog.text


def test_a_login_that_was_emptied_or_refused_is_told(watched):
    watched.world.log_in("a", "")
    watched.world.logins.record_rejection(watched.world.config.account("b"))
    assert watched.check() == [("a", 0), ("b", 0)]
    assert "its login is dead, emptied or refused" in watched.told[0].why
    watched.world.log_in("a")
    assert watched.check() == [("a", None)]


def test_a_login_that_is_accepted_again_in_its_last_days_is_dead_no_more(watched):
    watched.world.log_in("b", ends_at=T0 + 6 * DAY)
    assert watched.check() == [("b", 7)]
    watched.world.logins.record_rejection(watched.world.config.account("b"))
    assert watched.check() == [("b", 0)]
    watched.world.log_in("b", "refreshed", ends_at=T0 + 6 * DAY)
    assert watched.check() == [("b", None), ("b", 7)]
    assert watched.check() == []
    assert watched.check(3 * DAY) == [("b", 3)]


def test_an_account_that_was_never_logged_in_is_no_warning(watched):
    for name in "ab":
        os.unlink(watched.world.credentials(name))
    assert watched.check() == []


def test_the_warning_of_an_account_that_is_configured_no_more_is_forgotten(watched):
    watched.world.log_in("b", ends_at=T0 + DAY)
    assert watched.check() == [("b", 1)]
    accounts = watched.world.config.accounts
    watched.world.configure(accounts=accounts[:1])
    assert watched.check() == []
    watched.world.configure(accounts=accounts)
    assert watched.check() == [("b", 1)]


def test_who_an_account_is_is_compared_whenever_a_file_changes(watched):
    for changed in (None, ".claude.json", None, ".credentials.json", None):
        if changed is not None:
            with open(f"{watched.world.home('b')}/{changed}", "a") as stream:
                stream.write(" ")
        watched.check()
    assert len(watched.changes) == 3


@pytest.mark.parametrize("row", [[1], "1", True, None])
def test_an_invalid_warning_is_ignored_and_named(watched, caplog, row):
    watched.world.store.save(DOCUMENT, {"a": row, "b": 3})
    watched.start()
    assert "login-warnings: the warning of 'a' is invalid" in caplog.text
    watched.world.log_in("b", ends_at=T0 + 2 * DAY)
    assert watched.check() == []


def test_no_address_and_no_token_is_in_what_is_told(watched, caplog):
    caplog.set_level("DEBUG")
    who = {"accountUuid": "U", "emailAddress": "ann@example.invalid"}
    with open(f"{watched.world.home('b')}/.claude.json", "w") as stream:
        json.dump({"oauthAccount": who}, stream)
    watched.world.log_in("b", ends_at=T0 + HOUR)
    watched.check()
    told = caplog.text + json.dumps([login_event(item) for item in watched.told])
    assert "account b" in told
    assert "example.invalid" not in told and "sk-ant" not in told


def test_the_event_of_a_warning(watched):
    watched.world.log_in("b", ends_at=T0 + 2 * DAY)
    watched.check()
    event = login_event(watched.told[0])
    assert {key: event[key] for key in ("event", "severity", "state", "account", "session", "details")} == {
        "event": "login_ends",
        "severity": "warning",
        "state": "begins",
        "account": "b",
        "session": None,
        "details": {"login_expires_at": "2026-11-24T20:00:00.000Z", "days": 3},
    }
    assert event["summary"] == f"account b: {watched.told[0].why}"
    assert login_event(dataclasses.replace(watched.told[0], days=1))["severity"] == "error"
    over = login_event(dataclasses.replace(watched.told[0], days=None, why=None))
    assert (over["severity"], over["state"], over["summary"]) == ("info", "over", "account b: its login was made anew")
