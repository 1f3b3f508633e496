# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what doctor says of logins to MCP servers."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
from switch_world import World

from claude_failover.config.model import SessionConfig
from claude_failover.doctor.mcp_logins import check_mcp_logins

TOKEN = "PLANTED-token"
REMOTE = {"type": "http", "url": "https://example.invalid/mcp", "headers": {"X": TOKEN}}
IN = {"serverName": "x", "accessToken": TOKEN, "refreshToken": TOKEN, "discoveryState": {"a": {}}}


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ab")
    log_in(made, "a", srv=IN)
    log_in(made, "b")
    return made


def log_in(world, account, **servers):
    document = {
        "claudeAiOauth": {"accessToken": TOKEN},
        "mcpOAuth": {f"{name}|0123456789abcdef": entry for name, entry in servers.items()},
    }
    write(world, account, ".credentials.json", document)


def write(world, account, name, document):
    pathlib.Path(world.home(account), name).write_text(json.dumps(document), encoding="utf-8")


def looked(world):
    rows = list(check_mcp_logins(world.config))
    assert TOKEN not in str(rows)
    return [(row.level, row.found, row.mend) for row in rows]


def lacking(world):
    """Return the accounts that lack a login, with the servers."""
    return [
        (found.split()[2], found.partition(": ")[2])
        for level, found, _mend in looked(world)
        if level == "warning" and "is not logged in to MCP servers" in found
    ]


def test_a_server_that_one_account_is_not_logged_in_to(world):
    write(world, "a", ".claude.json", {"mcpServers": {"srv": REMOTE}})
    ((level, found, mend),) = looked(world)
    assert (level, found) == (
        "warning",
        "the account b is not logged in to MCP servers to which another account is: srv",
    )
    assert mend.startswith(f"env CLAUDE_CONFIG_DIR={world.home('b')} claude mcp login srv; as the sessions' user")
    log_in(world, "b", srv=IN)
    assert [level for level, _found, _mend in looked(world)] == ["ok"]


def test_a_server_that_nobody_is_logged_in_to_is_none_to_tell_of(world):
    write(world, "a", ".claude.json", {"mcpServers": {"srv": REMOTE, "other": REMOTE}})
    log_in(world, "a", other={"serverName": "other", "accessToken": "", "discoveryState": {}})
    assert [level for level, _found, _mend in looked(world)] == ["ok"]


def test_a_login_to_a_server_that_is_configured_no_more_is_none_to_tell_of(world):
    write(world, "a", ".claude.json", {"mcpServers": {"srv": {"type": "stdio", "command": "x"}}})
    assert lacking(world) == []


@pytest.mark.parametrize(
    ("entry", "lacks"),
    [
        (IN, False),
        ({"accessToken": TOKEN}, False),
        ({"accessToken": TOKEN, "expiresAt": 32503680000000}, False),
        ({"accessToken": TOKEN, "expiresAt": 1}, True),
        ({"accessToken": TOKEN, "refreshToken": TOKEN, "expiresAt": 1}, False),
        ({"accessToken": "", "refreshToken": ""}, True),
        ({"accessToken": "", "expiresAt": 0, "discoveryState": {"refreshToken": TOKEN}}, True),
        (TOKEN, True),
        ([TOKEN], True),
    ],
)
def test_what_a_login_is(world, entry, lacks):
    write(world, "a", ".claude.json", {"mcpServers": {"srv": REMOTE}})
    log_in(world, "b", srv=entry)
    assert lacking(world) == ([("b", "srv")] if lacks else [])


def test_the_address_of_a_server_may_have_changed(world):
    """The hash is that of address and headers; a login goes by the name."""
    write(world, "a", ".claude.json", {"mcpServers": {"srv": REMOTE}})
    write(world, "b", ".credentials.json", {"mcpOAuth": {"srv|other": IN}})
    assert lacking(world) == []


@pytest.mark.parametrize(
    "state",
    [
        {"projects": {"/srv": {"mcpServers": {"srv": REMOTE}}}},
        {"projects": {"/srv": {"enabledMcpjsonServers": ["srv"]}}},
    ],
)
@pytest.mark.parametrize("account", ["a", "b"])
def test_a_server_of_a_project(world, state, account):
    write(world, account, ".claude.json", state)
    assert lacking(world) == [("b", "srv")]


def test_a_server_that_the_settings_approve(world):
    write(world, "b", "settings.json", {"enabledMcpjsonServers": ["srv"]})
    assert lacking(world) == [("b", "srv")]


@pytest.mark.parametrize(
    ("approvals", "lacks"),
    [
        ({}, False),
        ({"enableAllProjectMcpServers": True}, True),
        ({"enabledMcpjsonServers": ["srv"]}, True),
        ({"enableAllProjectMcpServers": True, "disabledMcpjsonServers": ["srv"]}, False),
    ],
)
@pytest.mark.parametrize("where", ["above", "in it"])
def test_a_server_in_the_project_of_a_session(world, tmp_path, approvals, lacks, where):
    folder = tmp_path / "project" / "below"
    (folder / ".claude").mkdir(parents=True)
    (folder / ".claude" / "settings.local.json").write_text(json.dumps(approvals), encoding="utf-8")
    place = folder.parent if where == "above" else folder
    (place / ".mcp.json").write_text(json.dumps({"mcpServers": {"srv": REMOTE}}), encoding="utf-8")
    world.configure(sessions=(SessionConfig("main", str(folder)),))
    assert lacking(world) == ([("b", "srv")] if lacks else [])


def test_a_file_of_a_project_that_is_a_fifo_is_not_waited_for(world, tmp_path):
    os.mkfifo(tmp_path / ".mcp.json")
    world.configure(sessions=(SessionConfig("main", str(tmp_path)),))
    assert lacking(world) == []


def test_a_server_of_a_plugin_that_is_on(world):
    log_in(world, "a", **{"plugin:tools:srv": IN, "plugin:off:srv": IN, "plugin:gone:srv": IN})
    write(world, "a", "settings.json", {"enabledPlugins": {"tools@market": True, "off@market": False}})
    assert lacking(world) == [("b", "plugin:tools:srv")]


@pytest.mark.parametrize("text", [f'{{"mcpOAuth": {{"x": "{TOKEN}', "[" * 100000, f'"{TOKEN}"', "\xff"])
def test_credentials_that_cannot_be_read_are_told_without_their_text(world, text, caplog):
    write(world, "a", ".claude.json", {"mcpServers": {"srv": REMOTE}})
    with open(world.credentials("b"), "wb") as stream:
        stream.write(text.encode("latin-1"))
    ((level, found, _mend),) = looked(world)
    assert level == "warning"
    assert found.startswith("to which MCP servers the account b") or lacking(world) == [("b", "srv")]
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_credentials_that_are_no_file_are_told_and_not_waited_for(world, make):
    os.unlink(world.credentials("b"))
    make(world.credentials("b"))
    ((level, found, mend),) = looked(world)
    assert (level, mend) == ("warning", "claude-failover login b")
    assert world.credentials("b") in found


def test_one_account_has_nothing_to_be_compared_with(tmp_path):
    world = World(tmp_path, "a")
    log_in(world, "a", srv=IN)
    assert looked(world) == []
