# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tmux server that is lost without a word is noticed, told, and found again: real servers, real signals."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from claude_failover.common.health import SourceHealth
from claude_failover.tmux import control
from claude_failover.tmux.connection import Connection
from claude_failover.tmux.control import ControlClient
from claude_failover.tmux.server_socket import ServerSocket

from .conftest import Driver, Server, wait_for


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> SourceHealth:
    monkeypatch.setattr(control, "CHECK_INTERVAL", 0.1)
    return SourceHealth()


def until_blind(driver: Driver, health: SourceHealth, *words: str) -> None:
    async def blind() -> bool:
        return health.is_blind("tmux")

    driver.until(blind, "the source to be blind")
    (row,) = health.rows()
    for word in words:
        assert word in row["reason"]


def until_working(driver: Driver, health: SourceHealth) -> None:
    async def working() -> bool:
        return not health.is_blind("tmux")

    driver.until(working, "the source to work")


def test_a_server_that_is_missing_is_told_until_it_runs(folder: str, driver: Driver) -> None:
    health = SourceHealth()
    server = Server(folder, "set-option -g exit-empty off\nnew-session -d -s mine -- sleep 1000\n")
    tmux = driver.client(server.socket, connect=False, health=health)
    until_blind(driver, health, server.socket, "No such file")
    server.start()
    try:
        until_working(driver, health)
        assert [pane.session for pane in driver.run(tmux.panes())] == ["mine"]
    finally:
        driver.run(tmux.stop())
        server.kill()


def test_a_stopped_server_is_noticed_though_nothing_is_asked_of_it(
    server: Server, driver: Driver, health: SourceHealth
) -> None:
    tmux = driver.client(server.socket, timeout=0.3, health=health)
    server.signal(signal.SIGSTOP)
    until_blind(driver, health, "did not")
    server.signal(signal.SIGCONT)
    until_working(driver, health)
    assert driver.run(tmux.panes()) == []


def test_a_server_that_answers_is_not_asked(
    server: Server, driver: Driver, health: SourceHealth, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmux = driver.client(server.socket, health=health)
    connection = tmux._control._connection
    assert connection is not None
    before = connection.answered_at
    assert driver.run(tmux.panes()) == []
    assert connection.answered_at > before

    asked: list[str] = []
    checks: list[None] = []
    run, check = Connection.run, ServerSocket.check

    async def run_and_tell(connection: Connection, commands: Any, timeout: float) -> Any:
        asked.extend(command[0] for command in commands)
        return await run(connection, commands, timeout)

    monkeypatch.setattr(Connection, "run", run_and_tell)
    monkeypatch.setattr(ServerSocket, "check", lambda socket: checks.append(None) or check(socket))

    async def is_checked() -> bool:
        return len(checks) >= 3

    async def is_asked() -> bool:
        return asked == ["display-message"]

    connection.answered_at = float("inf")  # as where answers come all the time
    driver.until(is_checked, "three checks")
    assert asked == []
    connection.answered_at = float("-inf")
    driver.until(is_asked, "the question, once nothing has been answered for long")


def test_a_stopped_client_costs_no_answer_and_a_killed_one_is_replaced(
    server: Server, driver: Driver, health: SourceHealth
) -> None:
    """tmux 3.3a: a control-mode client hands its pipes to the server, which reads and writes them itself."""
    tmux = driver.client(server.socket, timeout=1.0, health=health)
    (client,) = driver.run(tmux.command("list-clients", "-F", "#{client_pid}"))
    os.kill(int(client), signal.SIGSTOP)
    assert driver.run(tmux.panes()) == []
    os.kill(int(client), signal.SIGKILL)
    until_blind(driver, health)
    until_working(driver, health)
    assert driver.run(tmux.command("list-clients", "-F", "#{client_pid}")) != [client]


def test_a_bug_while_it_connects_does_not_end_the_attempts(
    server: Server, driver: Driver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, bugs = ControlClient._on_connected, [KeyError("a bug")]

    def broken(self, connection, lines):  # type: ignore[no-untyped-def]
        if bugs:
            raise bugs.pop()
        real(self, connection, lines)

    monkeypatch.setattr(ControlClient, "_on_connected", broken)
    health = SourceHealth()
    tmux = driver.client(server.socket, health=health)
    assert driver.run(tmux.panes()) == []
    assert not health.is_blind("tmux")
    assert "a bug; the connection is made again" in caplog.text


def test_a_removed_socket_is_made_again(server: Server, driver: Driver, health: SourceHealth) -> None:
    tmux = driver.client(server.socket, health=health)
    os.unlink(server.socket)

    async def listens() -> bool:
        return server.listens()

    driver.until(listens, "the socket to be made again")
    pid = tmux.server_pid
    assert driver.run(tmux.panes()) == []
    assert (tmux.connected, tmux.server_pid) == (True, pid)


def test_another_server_on_the_socket_is_connected_to(
    server: Server, driver: Driver, health: SourceHealth, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmux = driver.client(server.socket, health=health)
    folder = os.path.join(server.folder, "b")
    os.mkdir(folder)
    other = Server(folder, "set-option -g exit-empty off\nnew-session -d -s mine -- sleep 1000\n")
    other.start()
    try:
        assert other.process is not None
        pid = other.process.pid
        os.rename(other.socket, server.socket)

        async def moved() -> bool:
            return tmux.connected and tmux.server_pid == pid

        driver.until(moved, "the connection to the other server")
        assert [pane.session for pane in driver.run(tmux.panes())] == ["mine"]
        wait_for(lambda: not health.rows(), "the source to work")
    finally:
        driver.run(tmux.stop())
        other.kill()
