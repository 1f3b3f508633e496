# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os

import pytest

from claude_failover.accounts import active_link
from claude_failover.accounts.active_link import ActiveLink, describe_active, point_active, read_active
from claude_failover.claude.credentials import login_state
from claude_failover.common.errors import Refused
from claude_failover.config.model import Account

OAUTH = {"scopes": ["user:inference"], "accessToken": "made-up", "refreshToken": "made-up", "expiresAt": 1}
BLANKED = {**OAUTH, "accessToken": "", "refreshToken": "", "expiresAt": 0}
MCP = {"srv|1": {"serverName": "srv", "accessToken": "", "discoveryState": {}}}
MCP_IN = {"srv|1": {"serverName": "srv", "accessToken": "made-up", "refreshToken": "made-up"}}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"claudeAiOauth": OAUTH}, "ok"),
        ({"claudeAiOauth": BLANKED}, "expired"),
        ({"claudeAiOauth": {**OAUTH, "refreshToken": ""}}, "expired"),
        ({}, "missing"),
        # The logins of MCP servers stand in the same file, before or after the account's own.
        ({"claudeAiOauth": OAUTH, "mcpOAuth": MCP}, "ok"),
        ({"mcpOAuth": MCP, "claudeAiOauth": OAUTH}, "ok"),
        ({"claudeAiOauth": BLANKED, "mcpOAuth": MCP_IN}, "expired"),
        ({"mcpOAuth": MCP_IN}, "missing"),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_the_login_is_the_accounts_own(tmp_path, document, expected, indent):
    (tmp_path / ".credentials.json").write_text(json.dumps(document, indent=indent))
    assert login_state(str(tmp_path)) == expected


def test_a_home_without_credentials_is_not_logged_in(tmp_path):
    assert login_state(str(tmp_path)) == "missing"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_credentials_that_are_no_file_are_not_known_and_not_waited_for(tmp_path, make):
    make(tmp_path / ".credentials.json")
    assert login_state(str(tmp_path)) == "unknown"


def test_an_unreadable_link_is_described_and_raises_nothing(tmp_path):
    (tmp_path / "file").touch()
    path, accounts = str(tmp_path / "file" / ".claude"), [Account("a", "/h/a")]
    link = read_active(path, accounts)
    assert (link.kind, link.account) == ("unreadable", None)
    assert f"{path} cannot be read: Not a directory. Expected" in describe_active(path, link, accounts)


@pytest.mark.parametrize(
    ("link", "text"),
    [
        (
            ActiveLink("unreadable", text="Permission denied"),
            (
                "active_link /h/.claude cannot be read: Permission denied. Expected a link to one of /h/a, /h/b, in a "
                "folder that this user may enter. Put that folder back, or give the user rights on it"
            ),
        ),
        (
            ActiveLink("not_a_link"),
            (
                "active_link /h/.claude is not a symlink, and was left as it is: it may hold a login and settings. "
                "Expected a link to one of /h/a, /h/b. If it is an account's home, move it to a path of its own, name "
                "that path under accounts, and start again"
            ),
        ),
        (
            ActiveLink("foreign", text="/h/x"),
            (
                "active_link /h/.claude leads to '/h/x', which is the home of no configured account, and was left as "
                "it is. Expected a link to one of /h/a, /h/b. Add that account to the configuration, or point the "
                "link at one of them, as the sessions' user and never as root: ln -sfn /h/a /h/.claude"
            ),
        ),
    ],
)
def test_a_link_to_no_account_is_described_with_what_to_do(link, text):
    assert describe_active("/h/.claude", link, [Account("a", "/h/a"), Account("b", "/h/b")]) == text


def test_the_link_is_read_as_what_it_is(tmp_path):
    accounts = [Account(name, str(tmp_path / name)) for name in "ab"]
    for account in accounts:
        os.mkdir(account.home)
    path = tmp_path / ".claude"
    assert read_active(str(path), accounts) == ActiveLink("missing", None, "")
    path.symlink_to("b")
    assert read_active(str(path), accounts) == ActiveLink("account", accounts[1], "b")
    assert read_active(str(path), accounts[:1]) == ActiveLink("foreign", None, "b")
    path.unlink()
    path.mkdir()
    assert read_active(str(path), accounts) == ActiveLink("not_a_link", None, "")


def test_a_link_as_the_daemon_makes_it_is_read_without_a_look_at_the_homes(tmp_path, monkeypatch):
    accounts = [Account(name, str(tmp_path / name)) for name in "ab"]
    link = str(tmp_path / "link")
    point_active(link, accounts[1])
    monkeypatch.setattr(os.path, "realpath", None)
    assert read_active(link, accounts).account is accounts[1]


def test_a_folder_in_place_of_the_link_is_left_and_named(tmp_path):
    path = tmp_path / ".claude"
    path.mkdir()
    with pytest.raises(Refused) as error:
        point_active(str(path), Account("a", "/h/a"))
    assert f"active_link {path} is not a symlink, and was left as it is" in str(error.value)
    assert "Expected a link to one of /h/a." in str(error.value)
    assert path.is_dir() and not path.is_symlink()


def test_the_link_is_replaced_at_once_and_durably(tmp_path, monkeypatch):
    path, synced = tmp_path / ".claude", []
    monkeypatch.setattr(active_link, "settle_folder", synced.append)
    for home in ("/h/a", "/h/b"):
        point_active(str(path), Account("x", home))
        assert os.readlink(path) == home
    assert [name.name for name in tmp_path.iterdir()] == [".claude"]
    assert synced == [str(tmp_path)] * 2


def test_a_link_that_cannot_be_replaced_is_left_without_a_trace(tmp_path, monkeypatch):
    path = tmp_path / ".claude"
    point_active(str(path), Account("a", "/h/a"))

    def full(*_arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        point_active(str(path), Account("b", "/h/b"))
    assert [name.name for name in tmp_path.iterdir()] == [".claude"]
    assert os.readlink(path) == "/h/a"
