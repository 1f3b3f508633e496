# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the control socket comes back, whatever was done to its path."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import request

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


@pytest.mark.parametrize("how", ["removed", "moved away", "a dead socket in its place"])
def test_a_socket_that_is_lost_is_made_anew(world: World, how: str) -> None:
    async def scenario() -> None:
        await world.kept.check()
        if how == "moved away":
            os.rename(world.path, world.path + ".away")
        else:
            os.unlink(world.path)
        if how == "a dead socket in its place":
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(world.path)
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
