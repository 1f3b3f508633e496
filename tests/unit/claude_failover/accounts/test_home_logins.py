# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is found of the logins without a daemon."""

from __future__ import annotations

import json
import os

import pytest
from switch_world import World

from claude_failover.accounts.home_logins import (
    AccountLogin,
    account_logins,
    recorded_identities,
    shared_login_text,
    shared_logins,
)
from claude_failover.accounts.identities import Identities
from claude_failover.claude.credentials import HomeLogin
from claude_failover.claude.identity import Identity
from claude_failover.switching.flip_log import Flip

OK = HomeLogin("ok")


def name_in_home(world, name, who):
    with open(os.path.join(world.home(name), ".claude.json"), "w") as stream:
        json.dump({"oauthAccount": {"accountUuid": who, "emailAddress": f"{who}@example.invalid"}}, stream)


def names(world):
    found = account_logins(world.config)
    return [item.identity.account_uuid if item.identity else None for item in found]


def test_the_record_counts_and_without_one_what_the_home_says(tmp_path):
    world = World(tmp_path, "abc")
    Identities(world.store).record("a", Identity("ann"))
    for name in "ab":
        name_in_home(world, name, "bob")  # a running session wrote it into a's, after a flip
    assert names(world) == ["ann", "bob", None]
    assert shared_logins(account_logins(world.config)) == []
    Identities(world.store).record("a", Identity("bob"))
    assert shared_logins(account_logins(world.config)) == [("a", "b")]
    os.unlink(world.credentials("b"))
    assert names(world) == ["bob", None, None]
    assert shared_logins(account_logins(world.config)) == []


def test_a_file_that_homes_share_says_of_none_who_it_is(tmp_path):
    world = World(tmp_path, "abc")
    for name in "ac":
        name_in_home(world, name, name)
    os.symlink(os.path.join(world.home("a"), ".claude.json"), os.path.join(world.home("b"), ".claude.json"))
    assert names(world) == [None, None, "c"]


def test_after_a_flip_only_the_record_says_who_an_account_is(tmp_path):
    world = World(tmp_path, "ab")
    for name in "ab":
        name_in_home(world, name, "ann")
    assert names(world) == ["ann", "ann"]
    world.switcher.flip_log.record_initial("a")
    assert names(world) == ["ann", "ann"]
    world.switcher.flip_log.add(Flip(world.now, "a", "b", "limit"))
    assert names(world) == [None, None]


def test_nothing_is_written(tmp_path):
    world = World(tmp_path)
    before = sorted(os.listdir(world.config.state_dir))
    account_logins(world.config)
    assert sorted(os.listdir(world.config.state_dir)) == before
    assert recorded_identities(str(tmp_path / "nowhere")) == {}
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("identities", "shared"),
    [
        ([Identity("u"), Identity("v"), Identity("u")], [("a", "c")]),
        ([Identity("u", organization_uuid="o"), Identity("u", organization_uuid="p"), None], []),
        ([Identity("u", organization_uuid="o"), Identity("u"), Identity("v", organization_uuid="o")], [("a", "b")]),
        ([Identity("u"), Identity("u"), Identity("u")], [("a", "b", "c")]),
        ([None, None, None], []),
    ],
)
def test_one_login_is_one_account_in_one_organization(identities, shared):
    logins = [AccountLogin(name, OK, identity) for name, identity in zip("abc", identities)]
    assert shared_logins(logins) == shared


@pytest.mark.parametrize("state", ["missing", "expired", "unknown"])
def test_a_home_that_is_not_logged_in_shares_none(state):
    logins = [AccountLogin("a", OK, Identity("u")), AccountLogin("b", HomeLogin(state), Identity("u"))]
    assert shared_logins(logins) == []


def test_the_text_says_what_mends_it_and_no_address():
    text = shared_login_text(("a", "b"))
    assert text.startswith("a, b: found one login in 2 homes; expected one of its own in each: they share every limit")
    assert "`claude-failover login b` or `claude-failover login a`" in text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("[]", {}),
        ('{"data": []}', {}),
        ('{"data": {"a": 5, "b": {"account_uuid": "U"}, "c": {}}}', {"b": Identity("u")}),
    ],
)
def test_an_invalid_record_is_left_out(tmp_path, text, found):
    (tmp_path / "identities.json").write_text(text)
    assert recorded_identities(str(tmp_path)) == found
    assert os.listdir(tmp_path) == ["identities.json"]
