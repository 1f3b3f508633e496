# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test who the accounts of an adopted machine are, at the first start of the daemon."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _adopt_run
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import AdoptionRequest
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    FILE,
    required_shared,
    shared_symlink,
)
from switch_world import TOKEN, Harness, World, account_entry

from claude_failover.accounts.home_logins import account_logins
from claude_failover.accounts.identities import Identities
from claude_failover.switching.flip_log import Flip

STATE = ".claude.json"
LOGIN = ".credentials.json"
LOGGED_IN = {"claudeAiOauth": {"accessToken": TOKEN, "refreshToken": TOKEN}}


class Machine:
    """A user's folder in which the accounts a and b are logged in; a is the one without any variable."""

    def __init__(self, folder):
        self.folder = folder
        self.write(".claude/" + LOGIN, LOGGED_IN)
        self.write(STATE, {"oauthAccount": account_entry("a")})
        self.write(".claude-b/" + LOGIN, LOGGED_IN)
        self.write(".claude-b/" + STATE, {"oauthAccount": account_entry("b")})
        for name in (".claude/" + LOGIN, ".claude-b/" + LOGIN):
            self.age(name, 60)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))

    def age(self, name, seconds):
        """Make a file older than it is."""
        path = self.folder / name
        moment = path.stat().st_mtime - seconds
        os.utime(path, (moment, moment))

    def adopt(self, date="2026-11-26", *, shares=True):
        """Adopt the machine; return its world, as the first start of the daemon finds it."""
        folder = str(self.folder)
        links = [*required_shared(folder), *([shared_symlink(folder, STATE, FILE)] if shares else [])]
        homes = tuple(f"{folder}/.claude-{name}" for name in "ab")
        request = AdoptionRequest(homes, f"{folder}/.claude", tuple(links), date)
        assert _adopt_run.adopt(request, check_mode=False)["failures"] == []
        return World(self.folder)

    def original(self, name):
        (found,) = self.folder.glob(f"{name}.before-adoption-*")
        return found


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def recorded(world):
    """Return who the accounts are recorded as, after a start of the daemon."""
    Harness(world).failover.observe_identities()
    identities = Identities(world.store)
    return [identity and identity.account_uuid for identity in map(identities.get, "ab")]


def seen(world):
    """Return who the accounts are without a daemon."""
    return [item.identity and item.identity.account_uuid for item in account_logins(world.config)]


def test_after_an_adoption_each_account_is_recorded_from_its_original(machine):
    world = machine.adopt()
    assert seen(world) == ["account-a", "account-b"]
    assert recorded(world) == ["account-a", "account-b"]
    assert Identities(world.store).get("b").entry == account_entry("b")


def test_a_shared_file_names_the_active_account_after_a_flip_then(machine):
    world = machine.adopt()
    recorded(world)
    world.start()
    world.flip_by_hand("b")
    asyncio.run(world.switcher.recover())
    assert world.named == "b"


@pytest.mark.parametrize(
    ("file", "name", "expected"),
    [(".claude.json", "a", [None, "account-b"]), (".claude-b/.claude.json", "b", ["account-a", None])],
)
def test_a_login_after_the_adoption_is_nobody_s(machine, file, name, expected):
    world = machine.adopt()
    original = machine.original(file)
    moment = original.stat().st_mtime_ns + 1
    os.utime(world.credentials(name), ns=(moment, moment))
    assert (seen(world), recorded(world)) == (expected, expected)
    os.utime(world.credentials(name), ns=(moment - 1, moment - 1))
    assert recorded(world) == ["account-a", "account-b"]


def link(original):
    original.rename(original.parent / "elsewhere")
    original.symlink_to(original.parent / "elsewhere")


def make_fifo(original):
    original.unlink()
    os.mkfifo(original)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda original: original.unlink(),
        link,
        make_fifo,
        lambda original: original.write_text("{"),
        lambda original: original.write_text("[]"),
        lambda original: original.write_text('{"oauthAccount": {"emailAddress": "b@example.invalid"}}'),
    ],
    ids=["gone", "link", "fifo", "torn", "list", "nobody"],
)
def test_an_original_that_is_no_file_that_names_somebody_tells_nothing(machine, spoil):
    world = machine.adopt()
    spoil(machine.original(".claude-b/.claude.json"))
    assert (seen(world), recorded(world)) == (["account-a", None], ["account-a", None])


def test_originals_that_name_two_logins_tell_nothing(machine):
    """A session without any variable, and one whose variable named the same folder, had each a file of its own."""
    machine.write(".claude/" + STATE, {"oauthAccount": account_entry("other")})
    assert recorded(machine.adopt()) == [None, "account-b"]


def test_a_home_that_was_made_of_two_tells_nothing(machine):
    """The login can be that of either."""
    machine.write(".claude-a/" + STATE, {"oauthAccount": account_entry("a")})
    assert recorded(machine.adopt()) == [None, "account-b"]


def test_a_home_that_an_earlier_run_of_the_role_has_made_is_no_second_one(machine):
    (machine.folder / ".claude-a" / "projects").mkdir(parents=True)
    assert recorded(machine.adopt()) == ["account-a", "account-b"]


def test_a_second_adoption_after_a_change_of_the_setting_has_two_originals(machine):
    machine.adopt("2026-11-25", shares=False)
    assert recorded(machine.adopt()) == ["account-a", "account-b"]


def test_one_login_in_both_homes_is_not_recorded(machine):
    machine.write(".claude-b/" + STATE, {"oauthAccount": account_entry("a")})
    world = machine.adopt()
    assert recorded(world) == [None, None]
    world.record_identity("a")
    assert recorded(world) == ["account-a", None]


def test_a_record_counts_more_than_an_original(machine):
    world = machine.adopt()
    world.record_identity("b", "other")
    changes = []
    world.switcher.availability.identities.on_change = lambda *change: changes.append(change)
    assert (seen(world), recorded(world), changes) == (["account-a", "account-other"],) * 2 + ([],)


def record_in_part(world, **accounts):
    """Record accounts as a release did that knew of no shared file: without the entry that is written there."""
    known = {name: {"account_uuid": f"account-{who}", "organization": "Acme"} for name, who in accounts.items()}
    world.store.save("identities", known)
    world.start()


@pytest.mark.parametrize("flipped", [False, True])
def test_a_record_in_part_is_completed_from_the_original(machine, flipped):
    world = machine.adopt()
    record_in_part(world, a="a", b="b")
    if flipped:
        world.switcher.flip_log.add(Flip(world.now, "a", "b", "limit"))
    assert recorded(world) == ["account-a", "account-b"]
    assert [Identities(world.store).get(name).entry for name in "ab"] == [account_entry("a"), account_entry("b")]
    world.start()
    asyncio.run(world.switcher.recover())
    for name in "ba":
        world.flip_by_hand(name)
        asyncio.run(world.switcher.observe())
        assert world.named == name


@pytest.mark.parametrize(
    "spoil",
    [
        lambda original: original.unlink(),
        make_fifo,
        lambda original: original.write_text("{"),
        lambda original: original.write_text(json.dumps({"oauthAccount": account_entry("other")})),
        lambda original: original.write_text(json.dumps({"oauthAccount": account_entry("a")})),
    ],
    ids=["gone", "fifo", "torn", "other", "another account's"],
)
def test_a_record_in_part_that_nothing_completes_is_told_and_no_wrong_name_is_written(machine, spoil, caplog):
    world = machine.adopt()
    record_in_part(world, a="a", b="b")
    spoil(machine.original(".claude-b/.claude.json"))
    assert recorded(world) == ["account-a", "account-b"]
    assert Identities(world.store).get("b").entry is None
    world.start()
    asyncio.run(world.switcher.recover())
    world.flip_by_hand("b")
    asyncio.run(world.switcher.observe())
    assert world.named == "a"
    assert "account b: who it is is not known until its next login" in caplog.text
    assert "run `claude-failover login b`" in caplog.text


def test_two_records_in_part_of_one_login_are_not_completed(machine):
    world = machine.adopt()
    record_in_part(world, a="b", b="b")
    recorded(world)
    assert [Identities(world.store).get(name).entry for name in "ab"] == [None, None]


def test_after_a_flip_the_originals_tell_nothing(machine):
    world = machine.adopt()
    world.switcher.flip_log.add(Flip(world.now, "a", "b", "limit"))
    assert (seen(world), recorded(world)) == ([None, None], [None, None])


def test_the_file_beside_a_link_of_another_name_is_not_that_of_its_home(machine):
    world = machine.adopt()
    other = os.path.join(world.folder, "other")
    os.symlink(world.home("a"), other)
    world.configure(active_link=other)
    assert seen(world) == [None, "account-b"]
