# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings files of the daemon's sessions."""

from __future__ import annotations

import json
import os

import pytest

from claude_failover.claude.settings import MAX_BYTES, session_defaults, with_own_settings
from claude_failover.common.errors import UsageError
from claude_failover.config.model import SessionConfig


@pytest.mark.parametrize("place", ["settings", "settings/main.json"])
def test_an_obstacle_at_the_settings_path_is_set_aside_and_logged(tmp_path, caplog, place):
    folder = tmp_path / "settings"
    if place == "settings":
        folder.write_text("mine")
    else:
        (tmp_path / place).mkdir(parents=True)
    command, _environment = with_own_settings(("claude", "-x"), "/", {"hooks": {}}, str(folder), "main")
    assert command == ["claude", "--settings", str(folder / "main.json"), "-x"]
    assert json.loads((folder / "main.json").read_text()) == {"hooks": {}}
    assert f"{tmp_path / place} is " in caplog.text
    assert len(list(tmp_path.glob("**/*.set-aside"))) == 1


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/etc/passwd", path)])
def test_a_fifo_or_link_at_the_settings_path_is_set_aside_too(tmp_path, make):
    make(tmp_path / "main.json")
    with_own_settings(("claude",), "/", {"hooks": {}}, str(tmp_path), "main")
    assert json.loads((tmp_path / "main.json").read_text()) == {"hooks": {}}
    assert len(list(tmp_path.glob("*.set-aside"))) == 1


def test_a_lone_surrogate_in_the_operators_settings_is_replaced(tmp_path):
    given = '{"env": {"A": "\\ud800"}}'
    with_own_settings(("claude", "--settings", given), "/", {"hooks": {}}, str(tmp_path), "main")
    assert json.loads((tmp_path / "main.json").read_text())["env"] == {"A": "\ufffd"}


@pytest.mark.parametrize(
    "content",
    ["[" * 200_000, '{"a": NaN}', "9" * 5000, '{"hooks": {}, "hooks": {}}', "\ufeff", "x" * (MAX_BYTES + 1)],
    ids=["deep", "nan", "digits", "twice", "mark", "long"],
)
def test_settings_that_cannot_be_read_are_wrong_use(tmp_path, content):
    (tmp_path / "given.json").write_text(content)
    with pytest.raises(UsageError, match=r"given\.json cannot be read"):
        with_own_settings(("claude", "--settings", "given.json"), str(tmp_path), {"hooks": {}}, str(tmp_path), "main")


@pytest.mark.parametrize(
    ("agent_view", "given", "expected"),
    [
        (False, None, True),
        (False, "{}", True),
        (False, '{"disableAgentView": false}', False),
        (True, None, None),
        (True, '{"disableAgentView": true}', True),
    ],
)
def test_the_agents_view_is_off_unless_the_operator_says_otherwise(tmp_path, agent_view, given, expected):
    spec = SessionConfig("main", "/", ("claude", *(("--settings", given) if given else ())), agent_view=agent_view)
    with_own_settings(spec.command, spec.cwd, {"hooks": {}}, str(tmp_path), spec.name, session_defaults(spec))
    written = json.loads((tmp_path / "main.json").read_text())
    assert written.pop("disableAgentView", None) is expected
    assert written == {"hooks": {}}


def test_remote_control_begins_at_the_start_where_it_is_configured(tmp_path):
    spec = SessionConfig("main", "/", remote_control=True)
    with_own_settings(spec.command, spec.cwd, {}, str(tmp_path), spec.name, session_defaults(spec))
    assert json.loads((tmp_path / "main.json").read_text())["remoteControlAtStartup"] is True
    assert "remoteControlAtStartup" not in session_defaults(SessionConfig("main", "/"))
