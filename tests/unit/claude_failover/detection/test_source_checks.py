# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the checks of sources that would fail without a word."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from claude_failover.claude.settings import own_settings
from claude_failover.common import processes
from claude_failover.common.health import SourceHealth
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, DetectionConfig
from claude_failover.detection import source_checks as module
from claude_failover.detection.source_checks import SourceChecks


class World:
    """Two accounts, the launcher, and the checks."""

    def __init__(self, folder, **detection):
        self.folder = folder
        self.launcher = os.path.join(folder, "claude-failover")
        with open(self.launcher, "w", encoding="ascii"):
            os.chmod(self.launcher, 0o755)
        for name in ("a", "b"):
            os.makedirs(os.path.join(folder, name, "sessions"))
        os.symlink(os.path.join(folder, "a"), os.path.join(folder, "link"))
        config = Config(
            path=os.path.join(folder, "config.yml"),
            accounts=tuple(Account(name, os.path.join(folder, name)) for name in ("a", "b")),
            active_link=os.path.join(folder, "link"),
            state_dir=os.path.join(folder, "state"),
            detection=DetectionConfig(**detection),
        )
        holder = ConfigHolder(config)
        self.health = SourceHealth()
        self.without_hooks = []
        self.settings = own_settings(self.launcher, "/run/control.sock")
        self.checks = SourceChecks(
            holder, self.health, settings=lambda: self.settings, without_hooks=lambda: self.without_hooks
        )

    def blind(self):
        self.checks.check()
        return {row["source"]: row["reason"] for row in self.health.rows()}


@pytest.fixture
def world(tmp_path):
    return World(str(tmp_path))


def test_nothing_is_wrong(world):
    assert world.blind() == {}


def test_a_launcher_that_is_gone_is_told_with_everything_else(world):
    os.unlink(world.launcher)
    world.without_hooks = ["my/main"]
    reason = world.blind()["hooks"]
    assert world.launcher in reason
    assert "my/main" in reason
    world.without_hooks = []
    world.settings = own_settings("claude-failover", "/run/control.sock")
    assert world.blind() == {}, "a program of the sessions' PATH"


def test_a_session_that_sends_no_hook_is_told(world):
    world.without_hooks = ["my/main"]
    assert "my/main" in world.blind()["hooks"]
    world.without_hooks = []
    assert world.blind() == {}


def test_hooks_that_are_switched_off_are_not_missed(tmp_path):
    world = World(str(tmp_path), hooks=False)
    os.unlink(world.launcher)
    world.without_hooks = ["my/main"]
    assert world.blind() == {}


def test_session_files_that_cannot_be_listed_are_told(world):
    folder = os.path.join(world.folder, "b", "sessions")
    os.rmdir(folder)
    assert world.blind() == {}, "no session has run yet"
    with open(folder, "w", encoding="ascii"):
        pass
    assert folder in world.blind()["session_files"]


def test_an_active_link_that_cannot_be_read_is_told(world, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "readlink", refuse)
        patch.setattr(os.path, "lexists", lambda _path: False)
        assert "Permission denied" in world.blind()["active_link"]
    assert world.blind() == {}


def test_processes_that_cannot_be_read_are_told_and_not_taken_for_dead(world, monkeypatch):
    real = os.open

    def refuse(path, *arguments, **options):
        if str(path).startswith("/proc/"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return real(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(OSError, match="Too many open files"):
            processes.is_alive(os.getpid())
        world.checks.check()
    assert "Too many open files" in world.health.rows()[0]["reason"]
    assert world.blind() == {}


def test_a_bug_in_one_check_ends_no_other(world, monkeypatch, caplog):
    monkeypatch.setattr(module, "CHECK_INTERVAL", 0.001)
    world.settings = {"hooks": 5}
    os.rmdir(os.path.join(world.folder, "b", "sessions"))

    async def scenario():
        task = asyncio.ensure_future(world.checks.run())
        await asyncio.sleep(0.1)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
    assert world.health.is_blind("hooks")
    assert caplog.text.count("hooks: a bug; it is tried again") == 1
