# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings files of the daemon's sessions."""

from __future__ import annotations

import json

import pytest

from claude_failover.claude.settings import with_own_settings


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
