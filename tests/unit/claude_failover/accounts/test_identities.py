# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the record of who each account is."""

from __future__ import annotations

import json
import logging
import os
import stat
from datetime import datetime, timedelta, timezone

import pytest

from claude_failover.accounts.identities import Identities
from claude_failover.claude.credentials import read_login
from claude_failover.claude.identity import Identity, identity_status, read_identity
from claude_failover.config.model import Account, Config
from claude_failover.storage.store import Store

TOKENS = {"claudeAiOauth": {"accessToken": "made-up-access", "refreshToken": "made-up-refresh"}}


class World:
    """Homes of the accounts a, b and c below a folder, and a state folder."""

    def __init__(self, folder):
        self.folder = folder
        accounts = tuple(Account(name, str(folder / name)) for name in "abc")
        self.config = Config(str(folder / "config.yml"), accounts, active_link=str(folder / "link"))
        for home in self.config.homes:
            os.mkdir(home)
        self.changes = []

    def login(self, name, who=None, **changed):
        """Log an account in, as ``who`` says in its file."""
        (self.folder / name / ".credentials.json").write_text(json.dumps(TOKENS))
        found = {
            "accountUuid": f"ACCOUNT-{who or name}",
            "emailAddress": f"{who or name}@example.invalid",
            "organizationUuid": "ORG-1",
            "organizationName": "Acme",
            "organizationType": "claude_team",
            **changed,
        }
        (self.folder / name / ".claude.json").write_text(json.dumps({"oauthAccount": found, "numStartups": 3}))

    def start(self, flipped=False):
        """Return the table of a daemon that starts now."""
        identities = Identities(Store(str(self.folder / "state")), lambda *change: self.changes.append(change))
        identities.observe(self.config, flipped)
        return identities


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_homes_that_are_logged_in_are_recorded_at_the_first_start(world, caplog):
    caplog.set_level(logging.INFO)
    world.login("a")
    identities = world.start()
    found = Identity("account-a", "a@example.invalid", "Acme", "org-1", "claude_team")
    assert identities.get("a") == found
    assert identities.get("b") is None
    assert found.to_status() == {"address": "a@example.invalid", "organisation": "Acme", "plan": "claude_team"}
    assert "account a: who it is was recorded" in caplog.text
    path = world.folder / "state" / "identities.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text() + caplog.text
    assert "made-up" not in text and "example.invalid" not in caplog.text
    assert Identities(Store(str(world.folder / "state"))).get("a") == found


def test_a_home_without_a_login_names_nobody(world):
    world.login("a")
    os.unlink(world.folder / "a" / ".credentials.json")
    assert world.start().get("a") is None


def test_another_identity_is_told_once_and_never_taken(world, caplog):
    world.login("a")
    world.start()
    world.login("a", who="stranger")
    identities = world.start()
    identities.observe(world.config, False)
    assert identities.get("a").account_uuid == "account-a"
    assert [(name, why is None) for name, why in world.changes] == [("a", False)]
    assert "run `claude-failover login a`" in world.changes[0][1]
    assert caplog.text.count("another login than the recorded one") == 1
    assert "example.invalid" not in caplog.text + world.changes[0][1]
    world.login("a")
    identities.observe(world.config, False)
    assert world.changes[1:] == [("a", None)]


def test_another_accounts_name_that_a_running_session_wrote_is_no_change(world):
    """2.1.330 and 2.1.332 write the old account's oauthAccount into the new home after a hot flip."""
    world.login("a")
    world.login("b")
    world.start()
    world.login("b", who="a")
    identities = world.start()
    assert world.changes == []
    assert identities.get("b").account_uuid == "account-b"


def test_two_homes_that_name_one_login_are_not_recorded(world, caplog):
    world.login("a")
    world.login("b", who="a")
    world.login("c")
    identities = world.start()
    assert [identities.get(name) is None for name in "abc"] == [True, True, False]
    assert "run `claude-failover login a`" in caplog.text
    assert "run `claude-failover login b`" in caplog.text


def test_after_a_flip_no_home_is_believed_who_it_is(world, caplog):
    """Both names can be in the wrong home by then."""
    world.login("a", who="b")
    world.login("b", who="a")
    identities = world.start(flipped=True)
    identities.observe(world.config, True)
    assert [identities.get(name) for name in "ab"] == [None, None]
    assert caplog.text.count("run `claude-failover login a`") == 1
    assert not (world.folder / "state" / "identities.json").exists()


def test_after_a_flip_what_was_recorded_before_stays(world):
    world.login("a")
    world.start()
    world.login("b")
    identities = world.start(flipped=True)
    assert identities.get("a").account_uuid == "account-a"
    assert identities.get("b") is None


def test_a_login_of_another_process_is_seen(world):
    identities = world.start()
    Identities(Store(str(world.folder / "state"))).record("b", Identity("account-b", "b@example.invalid"))
    assert identities.get("b") == Identity("account-b", "b@example.invalid")
    world.login("a")
    identities.observe(world.config, False)
    assert Identities(Store(str(world.folder / "state"))).get("b") == Identity("account-b", "b@example.invalid")


def test_what_the_disk_refuses_is_kept_and_stored_later(world, monkeypatch):
    store = Store(str(world.folder / "state"))
    identities = Identities(store)

    def full(*_arguments, **_more):
        raise OSError(28, "full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "save", full)
        identities.record("a", Identity("account-a"))
        assert identities.get("a") == Identity("account-a")
        assert "identities" in store.unsaved.problems
    store.unsaved.retry()
    assert Identities(Store(store.folder)).get("a") == Identity("account-a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"oauthAccount": 5}',
        '{"oauthAccount": {"accountUuid": ""}}',
        '{"oauthAccount": {"accountUuid": ["x"], "emailAddress": "a@example.invalid"}}',
    ],
)
def test_a_file_that_names_nobody(tmp_path, text):
    (tmp_path / ".claude.json").write_text(text)
    assert read_identity(str(tmp_path)) is None
    assert read_identity(str(tmp_path / "nowhere")) is None


def test_values_are_printable_and_bounded(tmp_path):
    account = {"accountUuid": "U", "emailAddress": "a\x1b[2Jb", "organizationName": "x" * 5000, "organizationUuid": 7}
    (tmp_path / ".claude.json").write_text(json.dumps({"oauthAccount": account}))
    found = read_identity(str(tmp_path))
    assert found is not None
    assert "\x1b" not in (found.address or "")
    assert len(found.organization or "") <= 300
    assert found.organization_uuid is None


@pytest.mark.parametrize("row", [None, 5, [], {}, {"account_uuid": 3}, {"account_uuid": ""}])
def test_an_invalid_row_is_set_aside_and_the_others_count(world, row):
    store = Store(str(world.folder / "state"))
    store.save("identities", {"a": row, "b": {"account_uuid": "u"}})
    identities = Identities(Store(store.folder))
    assert (identities.get("a"), identities.get("b")) == (None, Identity("u"))
    assert list((world.folder / "state").glob("identities.*set-aside*"))


def test_another_accounts_name_is_told_once_however_often_the_homes_are_looked_at(world, caplog):
    caplog.set_level(logging.INFO)
    world.login("a")
    world.login("b")
    identities = world.start()
    world.login("b", who="a")
    for _time in range(3):
        identities.observe(world.config, flipped=True)
    assert caplog.text.count("account b: its home names the login of a; the record is kept") == 1


def test_one_account_in_another_organization_is_another_login(world):
    world.login("a")
    identities = world.start()
    world.login("a", organizationUuid="ORG-2")
    identities.observe(world.config, flipped=False)
    assert [(name, why is None) for name, why in world.changes] == [("a", False)]


def test_a_file_that_homes_share_names_nobody(world):
    world.login("a")
    world.login("b")
    os.unlink(world.folder / "b" / ".claude.json")
    os.symlink(world.folder / "a" / ".claude.json", world.folder / "b" / ".claude.json")
    world.login("c")
    identities = world.start()
    assert [identities.get(name) is None for name in "abc"] == [True, True, False]


END = datetime(2026, 12, 20, 7, 30, 1, 123000, tzinfo=timezone.utc)


def digests(ends_at=END, **more):
    status = identity_status(Identity(**{"account_uuid": "u-1", "organization_uuid": "o-1", **more}), ends_at)
    return status["identity_digest"], status["login_digest"]


def test_one_account_has_one_digest_on_every_host_whatever_else_is_known_of_it():
    assert digests()[0] == digests(address="me@example.invalid", plan="max", entry={"accountUuid": "u-1"})[0]
    assert len({digests()[0], digests(account_uuid="u-2")[0], digests(organization_uuid="o-2")[0]}) == 3


def test_two_logins_of_one_account_differ_by_a_millisecond_and_a_copied_one_does_not():
    login = digests()[1]
    assert login == digests(address="me@example.invalid")[1]
    assert login not in (digests(END + timedelta(milliseconds=1))[1], digests(account_uuid="u-2")[1], digests()[0])


def test_no_digest_shows_who_it_is_and_none_is_made_of_nothing():
    shown = "".join(digests(address="me@example.invalid"))
    assert not any(part in shown for part in ("me", "example", "u-1", "o-1", str(int(END.timestamp()))))
    assert [len(digest) for digest in digests()] == [16, 16]
    assert digests(None)[1] is None
    nobody = identity_status(None, END)
    assert (nobody["identity_digest"], nobody["login_digest"]) == (None, None)


def test_the_end_of_a_login_that_a_file_tells_keeps_its_milliseconds(tmp_path):
    seen = set()
    for end in range(1798761600000, 1798761600000 + 1000, 7):
        login = '{"claudeAiOauth":{"accessToken":"x","refreshToken":"y","refreshTokenExpiresAt":%d}}' % end
        (tmp_path / ".credentials.json").write_text(login, encoding="utf-8")
        seen.add(digests(read_login(str(tmp_path)).ends_at)[1])
    assert len(seen) == len(range(0, 1000, 7))
