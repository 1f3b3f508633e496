# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what the daemon reads of an installation that was taken back."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _release_record
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout

from claude_failover.reporting import release_state
from claude_failover.reporting.release_state import read_undone, release_root

UNDONE = _release_record.Rollback("0.4.0-new", "0.3.0-old", "2026-11-26T20:00:00Z", "not ready", "undone")


def test_the_record_of_the_module_is_read_as_the_module_writes_it(tmp_path):
    layout = Layout(str(tmp_path), "/usr/bin/python3")
    assert read_undone(str(tmp_path)) is None
    _release_record.write_rollback(layout, UNDONE)
    assert read_undone(str(tmp_path)) == {
        "left": "0.4.0-new",
        "release": "0.3.0-old",
        "time": "2026-11-26T20:00:00Z",
    }
    _release_record.write_rollback(layout, UNDONE._replace(state="rolled_back"))
    assert read_undone(str(tmp_path)) is None, "a rollback by hand is no fault"
    _release_record.write_rollback(layout, None)
    assert read_undone(str(tmp_path)) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"state": "undone"}', '{"state": "undone", "left": null}', "\ud800"])
def test_what_is_no_such_record_is_none(tmp_path, text):
    (tmp_path / "rollback.json").write_bytes(text.encode(errors="surrogatepass"))
    assert read_undone(str(tmp_path)) is None


def test_without_a_release_there_is_none():
    assert release_root() is None  # of a checkout
    assert read_undone(None) is None


def test_the_folder_of_the_releases_is_found_from_the_code(tmp_path, monkeypatch):
    package = tmp_path / "opt" / "releases" / "0.4.0-new" / "lib" / "claude_failover" / "reporting"
    os.makedirs(package)
    (tmp_path / "opt" / "rollback.json").write_text(json.dumps(UNDONE._asdict()))
    monkeypatch.setattr(release_state, "__file__", str(package / "release_state.py"))
    assert release_root() == str(tmp_path / "opt")
    assert read_undone(release_root())["left"] == "0.4.0-new"
