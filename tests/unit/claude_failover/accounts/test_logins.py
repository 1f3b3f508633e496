# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import pytest
from switch_world import Harness, World

from claude_failover.accounts.logins import DOCUMENT, Logins
from claude_failover.common import clock
from claude_failover.common.errors import Refused

DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def account(world):
    return world.config.account("a")


def test_a_rejected_login_is_expired_also_after_a_restart(world, account):
    assert world.logins.state(account) == "ok"
    assert world.logins.record_rejection(account)
    assert not world.logins.record_rejection(account)
    for logins in (world.logins, Logins(world.store)):
        assert logins.state(account) == "expired"
        assert logins.state(world.config.account("b")) == "ok"


def test_changed_credentials_are_used_again_and_that_is_logged(world, account, caplog):
    caplog.set_level("INFO", logger="claude_failover.accounts.logins")
    world.logins.record_rejection(account)
    world.log_in("a", "another-token")
    assert world.logins.state(account) == "ok"
    assert "account a: its credentials have changed since the server rejected them, and are used again" in caplog.text
    assert Logins(world.store).state(account) == "ok"
    assert world.store.load(DOCUMENT, {}) == {}


def test_rejected_credentials_that_are_gone_are_missing(world, account):
    os.unlink(world.credentials("a"))
    assert world.logins.record_rejection(account)
    assert world.logins.state(account) == "missing"


def test_credentials_touched_by_the_daemon_stay_rejected(world, account):
    world.logins.record_rejection(account)
    os.utime(world.credentials("a"), (1, 1))
    world.logins.update_stamp(account)
    for logins in (world.logins, Logins(world.store)):
        assert logins.state(account) == "expired"


def test_the_stamp_of_a_login_that_was_not_rejected_is_not_recorded(world, account):
    world.logins.update_stamp(account)
    assert world.store.load(DOCUMENT, {}) == {}
    assert world.logins.record_rejection(account)


@pytest.mark.parametrize("change", ["size", "time", "file"])
def test_each_of_size_time_and_file_is_a_change_of_the_credentials(world, account, change):
    path = world.credentials("a")
    with open(path, "rb") as stream:
        data = stream.read()
    os.utime(path, (1, 1))
    world.logins.record_rejection(account)
    if change == "file":
        os.rename(path, path + ".old")
    with open(path, "wb") as stream:
        stream.write(data + b" " * (change == "size"))
    os.utime(path, (2, 2) if change == "time" else (1, 1))
    assert world.logins.state(account) == "ok"


def test_an_invalid_login_is_ignored_and_named(world, account, caplog):
    world.store.save(DOCUMENT, {"a": 3, "b": [1]})
    logins = Logins(world.store)
    assert "logins: the login of 'a' is invalid" in caplog.text
    assert logins.state(account) == "ok"


def test_a_login_past_its_day_is_no_target_of_a_switch_until_it_is_made_anew(world):
    world.log_in("b", ends_at=clock.wall() - DAY)
    harness = Harness(world)
    for options in ({}, {"account": "b"}, {"account": "b", "force": True}):
        with pytest.raises(Refused, match=r"its login is dead .* run `claude-failover login b`"):
            asyncio.run(harness.failover.switch(**options))
    assert world.active == "a"
    assert world.switcher.availability.usable_from(None) is None
    world.log_in("b", "another-token", ends_at=clock.wall() + 27 * DAY)
    assert asyncio.run(harness.failover.switch())["to_account"] == "b"


def test_the_status_tells_until_when_a_login_holds(world, account):
    status = Harness(world).failover.account_status
    assert (status(account)["login"], status(account)["login_expires_at"]) == ("ok", None)
    end = clock.wall().replace(microsecond=0) + 5 * DAY
    world.log_in("a", ends_at=end)
    assert (status(account)["login"], status(account)["login_expires_at"]) == ("ok", clock.iso(end))
    world.log_in("a", ends_at=end - 6 * DAY)
    assert (status(account)["login"], status(account)["login_expires_at"]) == ("expired", clock.iso(end - 6 * DAY))
