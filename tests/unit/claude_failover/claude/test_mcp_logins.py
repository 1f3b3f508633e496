# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the reader of logins to MCP servers, on files as Claude Code writes them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from claude_failover.claude import mcp_logins
from claude_failover.claude.mcp_logins import read_mcp_logins
from claude_failover.common import json_text

FOUND = {"authorizationServerUrl": "http://127.0.0.1:8765", "oauthMetadataFound": True}
#: What `claude mcp list` and `claude mcp login srv` write for a server that wants a login (2.1.197 and 2.1.332).
ASKED = {
    "2.1.197": {"accessToken": "", "discoveryState": FOUND, "clientId": "made-up", "redirectUri": "http://localhost"},
    "2.1.332": {"accessToken": "", "discoveryState": {**FOUND, "tokenlessRejectedAt": 1795709019703}},
}
LOGGED_IN = {"accessToken": "made-up", "refreshToken": "made-up-too", "clientId": "made-up", "expiresAt": 1795712620693}


def logins(folder, **servers):
    document = {"mcpOAuth": {f"{name}|c52143f84584caf9": entry for name, entry in servers.items()}}
    (folder / ".credentials.json").write_text(json.dumps(document), encoding="utf-8")
    return read_mcp_logins(str(folder))


@pytest.mark.parametrize("version", ASKED)
def test_a_server_that_asked_for_a_login_is_none_that_has_one(tmp_path, version):
    assert logins(tmp_path, srv=ASKED[version]) == frozenset()
    assert logins(tmp_path, srv={**ASKED[version], **LOGGED_IN}) == {"srv"}


def test_a_name_may_have_the_separator_in_it(tmp_path):
    assert logins(tmp_path, **{"a|b": LOGGED_IN, "c": LOGGED_IN}) == {"a|b", "c"}


@pytest.mark.parametrize("text", ["{}", "[]", '"x"', '{"mcpOAuth": []}', '{"mcpOAuth": {"srv|1": "x"}}'])
def test_what_has_another_form_is_no_login(tmp_path, text):
    (tmp_path / ".credentials.json").write_text(text, encoding="utf-8")
    assert read_mcp_logins(str(tmp_path)) == frozenset()


def test_a_home_without_the_file_has_no_login(tmp_path):
    assert read_mcp_logins(str(tmp_path)) == frozenset()


def test_a_file_without_end_is_not_read_whole(tmp_path):
    (tmp_path / ".credentials.json").write_text('{"a": "' + "x" * (2 << 20) + '"}', encoding="utf-8")
    assert read_mcp_logins(str(tmp_path)) is None


def test_no_token_leaves_the_parser(tmp_path, monkeypatch):
    left = []

    def parse(raw):
        left.append(json_text.parse_outline(raw))
        return left[-1]

    monkeypatch.setattr(mcp_logins, "json_text", SimpleNamespace(parse_outline=parse))
    assert logins(tmp_path, srv={**LOGGED_IN, "more": ["made-up"], "deep": {"token": "made-up"}}) == {"srv"}
    assert left and "made-up" not in str(left)
    assert left[0]["mcpOAuth"]["srv|c52143f84584caf9"]["refreshToken"] is True
