# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what keeps a session from starting, and that its end is noticed."""

from __future__ import annotations

import os

import pytest

from claude_failover.config.model import SessionConfig
from claude_failover.sessions.start_obstacles import StartObstacles
from claude_failover.sessions.tracked_session import TrackedSession


@pytest.fixture
def folder(tmp_path):
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    (tmp_path / "work").mkdir()
    return tmp_path


def down(folder):
    spec = SessionConfig("main", str(folder / "work"), env={"PATH": str(folder / "bin")})
    return [TrackedSession("main", spec)]


def test_a_session_that_can_start_has_no_obstacle(folder):
    obstacles = StartObstacles()
    assert obstacles.mended(down(folder), None) == []
    assert obstacles.names == frozenset()


@pytest.mark.parametrize("missing", ["bin/claude", "work"])
def test_what_was_missing_and_is_there_is_mended(folder, missing):
    obstacles = StartObstacles()
    os.rename(folder / missing, folder / "away")
    assert obstacles.mended(down(folder), None) == []
    assert obstacles.names == {"main"}
    os.rename(folder / "away", folder / missing)
    assert obstacles.mended(down(folder), None) == ["main"]
    assert obstacles.names == frozenset()


def test_a_folder_that_the_user_may_not_enter_is_one_until_the_user_may(folder, monkeypatch):
    obstacles, work, access = StartObstacles(), str(folder / "work"), os.access
    with monkeypatch.context() as closed:
        closed.setattr(os, "access", lambda path, mode, **more: path != work and access(path, mode, **more))
        assert obstacles.mended(down(folder), None) == []
        assert obstacles.names == {"main"}
    assert obstacles.mended(down(folder), None) == ["main"]
