# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the control socket comes back, whatever was done to its path."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import request

from claude_failover.common import entry_notices
from claude_failover.common.health import SourceHealth
from claude_failover.control import kept_server as module
from claude_failover.control.kept_server import KeptControlServer
from claude_failover.control.server import ControlServer, Operation

LISTENER = """
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("ready", flush=True)
sys.stdin.read()
"""


class World:
    """A kept server with the operations ``ping`` and ``slow``."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "run", "control.sock")
        os.mkdir(os.path.dirname(self.path))
        self.health = SourceHealth()
        operations = {"ping": Operation(self._ping, {}), "slow": Operation(self._slow, {})}
        self.kept = KeptControlServer(
            lambda: ControlServer(self.path, operations, group=None, owner_uid=os.geteuid()), self.path, self.health
        )

    async def _ping(self, _options: dict[str, Any]) -> str:
        return "pong"

    async def _slow(self, _options: dict[str, Any]) -> str:
        await asyncio.sleep(1.0)
        return "done"

    async def ask(self, operation: str = "ping") -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, lambda: request(operation, socket_path=self.path))

    def reason(self) -> str:
        (row,) = self.health.rows()
        assert row["source"] == "control_socket"
        return row["reason"]

    def run(self, scenario: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            await self.kept.start()
            try:
                await scenario()
            finally:
                await self.kept.stop()

        asyncio.run(whole())
        assert not os.path.lexists(self.path)


@pytest.fixture
def world(short_folder: str) -> World:
    return World(short_folder)


def replace(world: World, how: str) -> None:
    """Make the socket one that cannot be reached."""
    if how == "moved away":
        os.rename(world.path, world.path + ".away")
    else:
        os.unlink(world.path)
    if how == "a dead socket in its place":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(world.path)


@pytest.mark.parametrize("how", ["removed", "moved away", "a dead socket in its place"])
def test_a_socket_that_is_lost_is_made_anew(world: World, how: str) -> None:
    async def scenario() -> None:
        await world.kept.check()
        replace(world, how)
        await world.kept.check()
        assert await world.ask() == "pong"
        assert world.health.rows() == []
        assert os.stat(world.path).st_mode & 0o777 == 0o600

    world.run(scenario)


def test_a_socket_that_is_as_it_was_is_not_connected_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection to itself would wake the daemon three times."""
    probed: list[str] = []
    probe = module.listener_pid
    monkeypatch.setattr(module, "listener_pid", lambda path: probed.append(path) or probe(path))

    async def scenario() -> None:
        for _check in range(3):
            await world.kept.check()
        assert (probed, world.health.rows()) == ([], [])
        os.rename(world.path, world.path + ".away")
        await world.kept.check()
        assert probed[0] == world.path
        assert await world.ask() == "pong"

    world.run(scenario)


def test_a_folder_that_is_gone_is_told_until_it_is_back(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    folder = os.path.dirname(world.path)

    async def scenario() -> None:
        shutil.rmtree(folder)
        for _try in range(3):
            await world.kept.check()
        assert folder in world.reason()
        os.mkdir(folder)
        await world.kept.check()
        assert await world.ask() == "pong"
        assert world.health.rows() == []

    world.run(scenario)
    assert [record.getMessage().split(":")[0] for record in caplog.records].count("blind") == 1
    assert len(caplog.records) == 2


def test_what_others_put_in_its_place_is_left_alone_and_told(world: World) -> None:
    async def scenario() -> None:
        os.unlink(world.path)
        with open(world.path, "w", encoding="ascii") as stream:  # noqa: ASYNC230 - a file of a few bytes
            stream.write("mine")
        await world.kept.check()
        assert "not a socket" in world.reason()
        with open(world.path, encoding="ascii") as stream:  # noqa: ASYNC230 - a file of a few bytes
            assert stream.read() == "mine"
        os.unlink(world.path)
        await world.kept.check()
        assert await world.ask() == "pong"

    world.run(scenario)


def test_a_socket_that_another_process_listens_on_is_told(world: World) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", LISTENER, world.path + ".other"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    other.stdout.readline()

    async def scenario() -> None:
        os.rename(world.path + ".other", world.path)
        await world.kept.check()
        assert "another process listens there" in world.reason()
        other.communicate()
        await world.kept.check()
        assert await world.ask() == "pong"
        assert world.health.rows() == []

    world.run(scenario)


def test_a_request_that_is_under_way_is_answered_though_the_socket_is_gone(world: World) -> None:
    async def scenario() -> None:
        asked = asyncio.ensure_future(world.ask("slow"))
        await asyncio.sleep(0.3)
        for _time in range(module.MOST_RETIRED):
            os.unlink(world.path)
            await world.kept.check()
        assert await world.ask() == "pong"
        assert await asked == "done"

    world.run(scenario)


def test_the_socket_is_told_to_work_while_a_former_one_still_answers(world: World) -> None:
    async def scenario() -> None:
        asked = asyncio.ensure_future(world.ask("slow"))
        await asyncio.sleep(0.3)  # for the request to be under way
        for _time in range(module.MOST_RETIRED):
            os.unlink(world.path)
            await world.kept.check()
        os.unlink(world.path)
        check = asyncio.ensure_future(world.kept.check())
        for _step in range(1000):
            if world.kept._is_own():
                break
            await asyncio.sleep(0.001)
        assert await world.ask() == "pong"
        assert (check.done(), asked.done(), world.health.rows()) == (False, False, [])
        await check
        await asked

    world.run(scenario)


def test_servers_without_a_socket_are_bounded(world: World) -> None:
    async def scenario() -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _time in range(20):
            os.unlink(world.path)
            await world.kept.check()
        await asyncio.sleep(0.2)  # for the connections of the checks to end
        assert len(os.listdir("/proc/self/fd")) <= before + 3 * module.MOST_RETIRED
        assert await world.ask() == "pong"

    world.run(scenario)


def test_it_is_checked_all_the_time_also_after_a_bug(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_INTERVAL", 0.02)
    monkeypatch.setattr(module, "RETRY_INTERVAL", 0.02)
    real, bugs = KeptControlServer._is_own, [KeyError("a bug")]

    def broken(self: KeptControlServer) -> bool:
        if bugs:
            raise bugs.pop()
        return real(self)

    monkeypatch.setattr(KeptControlServer, "_is_own", broken)

    async def scenario() -> None:
        task = asyncio.ensure_future(world.kept.run())
        os.unlink(world.path)
        for _step in range(200):
            await asyncio.sleep(0.02)
            if not bugs and os.path.exists(world.path) and not world.health.rows():  # noqa: ASYNC240 - a scratch folder
                break
        assert await world.ask() == "pong"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    world.run(scenario)


class Watched:
    """The kept server while `KeptControlServer.run` runs and no check is due, with the results of its checks."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, retry: float = 0.05) -> None:
        monkeypatch.setattr(module, "CHECK_INTERVAL", 1000.0)
        monkeypatch.setattr(module, "RETRY_INTERVAL", retry)
        self.world = world
        self.checks: list[bool] = []
        self.made = 0
        check, start = KeptControlServer.check, KeptControlServer.start

        async def counted_check(kept: KeptControlServer) -> bool:
            self.checks.append(await check(kept))
            return self.checks[-1]

        async def counted_start(kept: KeptControlServer) -> None:
            self.made += 1
            await start(kept)

        monkeypatch.setattr(KeptControlServer, "check", counted_check)
        monkeypatch.setattr(KeptControlServer, "start", counted_start)

    async def until(self, condition: Callable[[], bool]) -> None:
        for _step in range(1000):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"made {self.made}, checks {self.checks}, health {self.world.health.rows()}")

    async def until_mended(self, made: int) -> None:
        await self.until(lambda: self.made == made and self.world.kept._is_own())
        assert await self.world.ask() == "pong"

    async def during(self, scenario: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(self.world.kept.run())
        try:
            await self.until(lambda: bool(self.checks))
            await scenario()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def run(self, scenario: Callable[[], Awaitable[None]]) -> None:
        self.world.run(lambda: self.during(scenario))


@pytest.mark.parametrize("how", ["removed", "moved away", "a dead socket in its place"])
def test_a_socket_that_is_lost_is_made_anew_although_no_check_is_due(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    watched = Watched(world, monkeypatch)

    async def scenario() -> None:
        for made in (2, 3):
            replace(world, how)
            await watched.until_mended(made)
            if how == "moved away":
                os.unlink(world.path + ".away")
        reached = len(watched.checks)
        await asyncio.sleep(0.3)  # for a check after each of its own changes, without end
        assert len(watched.checks) <= reached + 2

    watched.run(scenario)


@pytest.mark.parametrize("how", ["removed", "moved away"])
def test_a_folder_that_is_made_again_has_the_socket_although_no_check_is_due(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    watched, folder = Watched(world, monkeypatch), os.path.dirname(world.path)

    async def scenario() -> None:
        for step in range(2):
            if how == "removed":
                shutil.rmtree(folder)
            else:
                os.rename(folder, f"{folder}.{step}")
            await watched.until(lambda: world.health.rows() != [])
            os.mkdir(folder)
            await watched.until(lambda: world.health.rows() == [] and world.kept._is_own())
            assert await world.ask() == "pong"

    watched.run(scenario)


def test_one_that_is_removed_all_the_time_is_not_made_all_the_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each one is told in the log and by an event."""
    watched = Watched(world, monkeypatch, retry=0.5)

    async def scenario() -> None:
        for _step in range(100):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(world.path)
            await asyncio.sleep(0.01)
        assert 2 <= watched.made <= 10

    watched.run(scenario)


def test_a_try_that_changes_the_entry_makes_no_other_one_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(world, monkeypatch, retry=0.2)

    async def made_and_failed(kept: KeptControlServer) -> None:
        watched.made += 1
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(world.path)
        os.unlink(world.path)
        raise PermissionError(13, "Permission denied", world.path)

    async def scenario() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(KeptControlServer, "start", made_and_failed)
            os.unlink(world.path)
            await watched.until(lambda: world.health.rows() != [])
            await asyncio.sleep(1.0)
            assert 3 <= watched.made <= 12
        await watched.until(lambda: world.health.rows() == [])
        assert await world.ask() == "pong"

    watched.run(scenario)


def test_without_notices_it_is_looked_at_as_often_as_it_is_tried(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused:
        def __init__(self) -> None:
            raise OSError(24, "none is left")

    monkeypatch.setattr(entry_notices, "Inotify", Refused)
    watched = Watched(world, monkeypatch)

    async def scenario() -> None:
        await watched.until(lambda: len(watched.checks) >= 3)
        os.unlink(world.path)
        await watched.until_mended(2)

    watched.run(scenario)


def test_the_end_of_the_checks_keeps_no_descriptor(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(world, monkeypatch)
    reached: list[int] = []

    async def scenario() -> None:
        reached.append(len(os.listdir("/proc/self/fd")))

    async def whole() -> None:
        await world.kept.start()
        before = len(os.listdir("/proc/self/fd"))
        await watched.during(scenario)
        assert reached == [before + 1]
        assert len(os.listdir("/proc/self/fd")) == before
        await world.kept.stop()

    asyncio.run(whole())
