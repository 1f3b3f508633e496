# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os

import pytest

from claude_failover.claude import login_settings
from claude_failover.claude.login_settings import LoginSettings, given_settings, managed_settings
from claude_failover.config.login_origin import foreign_login_settings, listed

TOKEN = "sk-ant-oat01-must-not-be-seen-anywhere"


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, []),
        ({"env": {}}, []),
        ({"env": {"EDITOR": "vi", "ANTHROPIC_MODEL": "opus"}}, []),
        ({"env": {"CLAUDE_CODE_OAUTH_TOKEN": TOKEN}}, ["env.CLAUDE_CODE_OAUTH_TOKEN"]),
        ({"env": {"CLAUDE_CODE_OAUTH_TOKEN": ""}}, []),
        ({"env": {"CLAUDE_CODE_USE_BEDROCK": 0}}, []),
        (
            {"env": {"CLAUDE_CODE_USE_VERTEX": 1, "ANTHROPIC_BASE_URL": "http://x"}},
            ["env.ANTHROPIC_BASE_URL", "env.CLAUDE_CODE_USE_VERTEX"],
        ),
        ({"env": {"ANTHROPIC_CUSTOM_HEADERS": f"Authorization: Bearer {TOKEN}"}}, ["env.ANTHROPIC_CUSTOM_HEADERS"]),
        ({"env": {"ANTHROPIC_CUSTOM_HEADERS": "X-Team: a"}}, []),
        ({"apiKeyHelper": "/bin/key"}, ["apiKeyHelper"]),
        ({"apiKeyHelper": ""}, []),
        ({"env": ["CLAUDE_CODE_OAUTH_TOKEN"]}, []),
        ([], []),
        (None, []),
    ],
)
def test_the_settings_that_make_the_login_another(settings, found):
    assert foreign_login_settings(settings) == found


def test_a_file_is_read_again_when_it_changes(tmp_path):
    path, files = str(tmp_path / "settings.json"), LoginSettings()
    assert files.found_in([path]) == []
    (tmp_path / "settings.json").write_text(json.dumps({"apiKeyHelper": TOKEN}))
    assert files.found_in([path]) == [f"apiKeyHelper in {path}"]
    assert files.found_in([path]) == [f"apiKeyHelper in {path}"]
    (tmp_path / "settings.json").write_text("{}")
    assert files.found_in([path]) == []
    os.remove(path)
    assert files.found_in([path]) == []


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', "\0", "{" * 2000])
def test_a_file_that_is_no_settings_has_nothing(tmp_path, text):
    (tmp_path / "settings.json").write_text(text)
    assert LoginSettings().found_in([str(tmp_path / "settings.json")]) == []


def test_neither_a_fifo_nor_a_folder_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    assert LoginSettings().found_in([str(tmp_path / "fifo"), str(tmp_path / "folder"), "/a\0b"]) == []


def test_no_value_is_kept(tmp_path):
    path, files = str(tmp_path / "settings.json"), LoginSettings()
    (tmp_path / "settings.json").write_text(json.dumps({"env": {"ANTHROPIC_AUTH_TOKEN": TOKEN}, "apiKeyHelper": TOKEN}))
    assert TOKEN not in str(files.found_in([path])) + str(files._seen)


def test_the_administrators_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(login_settings, "MANAGED_FILE", str(tmp_path / "managed-settings.json"))
    monkeypatch.setattr(login_settings, "MANAGED_FOLDER", str(tmp_path / "managed-settings.d"))
    assert managed_settings() == [str(tmp_path / "managed-settings.json")]
    (tmp_path / "managed-settings.d").mkdir()
    for name in ("b.json", "a.json", "README"):
        (tmp_path / "managed-settings.d" / name).touch()
    assert [os.path.basename(path) for path in managed_settings()] == ["managed-settings.json", "a.json", "b.json"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["claude"], (None, [])),
        (["claude", "--settings", "/x/s.json"], ("/x/s.json", [])),
        (["claude", "--settings=s.json", "--model", "opus"], ("/srv/s.json", [])),
        (["claude", "--settings", '{"apiKeyHelper": "x"}'], (None, ["apiKeyHelper"])),
        (["claude", "--settings", "{"], (None, [])),
        (["claude", "--settings"], (None, [])),
        (["claude", "--", "--settings", "/x/s.json"], (None, [])),
        ([], (None, [])),
    ],
)
def test_the_settings_that_a_process_was_given(arguments, found):
    assert given_settings(arguments, "/srv") == found


@pytest.mark.parametrize(
    ("names", "text"), [(["A"], "A"), (["A", "B"], "A and B"), (["A", "B", "A", "C"], "A, B and C")]
)
def test_names_in_a_sentence(names, text):
    assert listed(names) == text
