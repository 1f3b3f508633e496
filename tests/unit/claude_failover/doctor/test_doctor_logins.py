# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what doctor says of the accounts' logins."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta

import pytest
from switch_world import World

from claude_failover.accounts.identities import Identities
from claude_failover.claude.identity import Identity
from claude_failover.common import clock
from claude_failover.doctor.logins import check_logins

LOGIN = {"accessToken": "planted", "refreshToken": "planted"}


def log_in(world, name, days=None, **token):
    login = {**LOGIN, **token}
    if days is not None:
        login["refreshTokenExpiresAt"] = int((clock.wall() + timedelta(days=days)).timestamp() * 1000)
    with open(world.credentials(name), "w") as stream:
        json.dump({"claudeAiOauth": login}, stream)


def looked(world):
    return [(item.level, item.found, item.mend) for item in check_logins(world.config)]


def test_a_login_is_said_with_who_it_is_and_until_when(tmp_path):
    world = World(tmp_path, "ab")
    log_in(world, "a", days=20)
    log_in(world, "b")
    Identities(world.store).record("a", Identity("ann", "ann@example.invalid", "Example", plan="max"))
    (level, first, _mend), (_level, second, _none) = looked(world)
    assert (level, "is logged in as ann@example.invalid, Example, max, until 20" in first) == ("ok", True)
    assert "the account b is logged in, until when is not known: Claude Code before 2.1.260" in second


@pytest.mark.parametrize(("days", "within"), [(6.5, "7 days"), (2.5, "3 days"), (0.5, "1 day")])
def test_a_login_that_is_about_to_end_is_a_warning(tmp_path, days, within):
    world = World(tmp_path, "a")
    log_in(world, "a", days=days)
    ((level, found, mend),) = looked(world)
    assert (level, mend) == ("warning", "claude-failover login a")
    assert f"the login of the account a ends within {within}, on 20" in found


@pytest.mark.parametrize(
    ("days", "token", "words"),
    [
        (-1, {}, "has a login that ended on 20"),
        (None, {"accessToken": "", "refreshToken": ""}, "its tokens are blanked"),
    ],
)
@pytest.mark.parametrize(("enabled", "level"), [(True, "error"), (False, "warning")])
def test_an_ended_login_is_an_error_but_of_an_account_that_is_held_out(tmp_path, days, token, words, enabled, level):
    world = World(tmp_path, "ab")
    log_in(world, "a", days=days, **token)
    log_in(world, "b", days=20)
    first, second = world.config.accounts
    world.configure(accounts=(replace(first, enabled=enabled), second))
    found = looked(world)[0]
    assert (found[0], words in found[1], found[2]) == (level, True, "claude-failover login a")


def test_two_homes_with_one_login_are_an_error(tmp_path):
    world = World(tmp_path, "abc")
    for name in "abc":
        log_in(world, name, days=20)
    for name, who in zip("abc", ("ann", "bob", "ann")):
        Identities(world.store).record(name, Identity(who))
    assert [level for level, _found, _mend in looked(world)] == ["ok", "ok", "ok", "error"]
    _level, found, mend = looked(world)[-1]
    assert "the accounts a, c have one login" in found
    assert "`claude-failover login c` or `claude-failover login a`" in mend
    os.unlink(world.credentials("c"))
    assert [level for level, _found, _mend in looked(world)] == ["ok", "ok", "error"]


def test_an_account_that_a_shared_state_file_cannot_name_is_a_warning(tmp_path):
    world = World(tmp_path, "ab")
    world.share_state_file()
    assert [level for level, _found, _mend in looked(world)] == ["ok", "ok"]
    Identities(world.store).record("b", Identity("account-b", "b@example.invalid"))
    ((level, found, mend),) = [row for row in looked(world) if row[0] != "ok"]
    assert (level, mend) == ("warning", "claude-failover login b")
    assert "who the account b is is unknown until its next login" in found and "@" not in found
    os.unlink(world.credentials("b"))
    assert [level for level, _found, _mend in looked(world)] == ["ok", "error"]
