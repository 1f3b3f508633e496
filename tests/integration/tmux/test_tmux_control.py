# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control-mode client against real tmux servers: connecting, losing, waiting, never hanging."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from claude_failover.tmux.client import TmuxError, TmuxGone, TmuxNotFound, TmuxTimeout
from claude_failover.tmux.quoting import HOLDER

from .conftest import Driver, Server, role_configuration, wait_for

PARENT = """
import asyncio, sys
from claude_failover.tmux.client import Tmux
async def main():
    tmux = Tmux("tmux", sys.argv[1])
    await tmux.start()
    await tmux.connected_event.wait()
    print(*await tmux.command("list-clients", "-F", "#{client_pid}"), flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""

# Replies to the first command, then imitates a pane that shows the end of its own capture.
FORGED = """#!/bin/sh
printf '%%session-changed $0 _claude_failover\\n'
IFS= read -r line
printf '%%begin 1 1 1\\n3.3a 1\\n%%end 1 1 1\\n'
IFS= read -r line
printf '%%begin 1 2 1\\nshown\\n%%end 1 2 1\\nrest\\n%%end 1 2 1\\n'
exec sleep 1000
"""


# Is never attached; keeps its input.
UNATTACHED = """#!/bin/sh
cat >"$0.input"
"""


def gone(pid: int) -> bool:
    return not os.path.exists(f"/proc/{pid}")


def test_the_role_configuration(server: Server, driver: Driver) -> None:
    """The holder session keeps the server alive and is not listed; dead panes remain."""
    tmux = driver.client(server.socket)
    assert driver.run(tmux.panes()) == []
    assert tmux.server_pid == server.process.pid if server.process else False
    listed = driver.run(tmux.command("list-sessions", "-F", "#{session_name}"))
    assert listed == [HOLDER]
    assert driver.run(tmux.command("show-options", "-gwv", "remain-on-exit")) == ["on"]
    assert driver.run(tmux.command("show-options", "-sv", "exit-empty")) == ["off"]
    flags = driver.run(tmux.command("list-clients", "-F", "#{client_control_mode} #{client_flags}"))
    assert len(flags) == 1
    assert {"no-output", "ignore-size"} <= set(flags[0].split()[1].split(","))


def test_every_option_of_the_configuration_is_known(server: Server, driver: Driver) -> None:
    """tmux reports a configuration error only to the first terminal that attaches."""
    tmux = driver.client(server.socket)
    options = [line for line in role_configuration().splitlines() if line.startswith("set-option ")]
    assert len(options) >= 5
    for line in options:
        driver.run(tmux.command(*shlex.split(line)))


def test_a_plain_server_gets_a_holder_and_keeps_its_sizes(plain_server: Server, driver: Driver) -> None:
    tmux = driver.client(plain_server.socket)
    assert set(driver.run(tmux.command("list-sessions", "-F", "#{session_name}"))) == {HOLDER, "mine"}
    (pane,) = driver.run(tmux.panes())
    assert (pane.session, pane.width, pane.height) == ("mine", 90, 30)
    # A second client shares the holder.
    driver.client(plain_server.socket)
    assert len(driver.run(tmux.command("list-sessions"))) == 2


def test_no_server_is_ever_started(folder: str, driver: Driver) -> None:
    socket = os.path.join(folder, "none")
    tmux = driver.client(socket, connect=False)
    with pytest.raises(TmuxGone, match=socket):
        driver.run(tmux.panes())
    # Nor after several more attempts.
    driver.run(asyncio.sleep(0.5))
    assert not tmux.connected
    assert not os.path.exists(socket)
    with pytest.raises(TmuxGone, match="No such file"):
        driver.run(tmux.panes())


def test_a_missing_binary_is_named_in_the_error(folder: str, driver: Driver) -> None:
    tmux = driver.client(os.path.join(folder, "none"), binary="/nonexistent/tmux", connect=False)

    async def named() -> bool:
        with pytest.raises(TmuxGone) as caught:
            await tmux.panes()
        return "/nonexistent/tmux" in str(caught.value)

    driver.until(named, "the error to name the binary")


def test_reconnect_after_a_server_restart(server: Server, driver: Driver) -> None:
    seen: list[str] = []
    tmux = driver.client(server.socket, on_notification=lambda name, rest: seen.append(name))
    first = tmux.server_pid
    server.kill()

    async def lost() -> bool:
        return not tmux.connected

    driver.until(lost, "the loss to be noticed")
    with pytest.raises(TmuxGone):
        driver.run(tmux.panes())
    server.start()
    driver.connected(tmux)
    assert driver.run(tmux.panes()) == []
    assert tmux.server_pid not in (None, first)
    assert [name for name in seen if name in ("connected", "disconnected")] == [
        "connected",
        "disconnected",
        "connected",
    ]


def test_a_command_whose_server_dies_fails_at_once(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket, timeout=60)

    async def ask() -> float:
        server.signal(signal.SIGSTOP)
        pending = asyncio.ensure_future(tmux.panes())
        await asyncio.sleep(0.1)
        assert not pending.done()
        server.signal(signal.SIGKILL)
        started = time.monotonic()
        with pytest.raises(TmuxGone):
            await pending
        return time.monotonic() - started

    assert driver.run(ask()) < 30


def test_a_hanging_server_does_not_serialise_timeouts(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket, timeout=0.5)

    async def ask() -> list[object]:
        server.signal(signal.SIGSTOP)
        started = time.monotonic()
        found: list[object] = list(await asyncio.gather(*(tmux.panes() for _call in range(10)), return_exceptions=True))
        assert time.monotonic() - started < 5, "the callers waited one after the other"
        return found

    found = driver.run(ask())
    assert all(isinstance(item, TmuxGone) for item in found), found
    # One command was pending, the others had not been sent.
    assert len([item for item in found if isinstance(item, TmuxTimeout)]) == 1
    server.signal(signal.SIGCONT)
    driver.connected(tmux)
    assert driver.run(tmux.panes()) == []


def test_a_detached_client_reconnects(server: Server, driver: Driver) -> None:
    seen: list[str] = []
    tmux = driver.client(server.socket, on_notification=lambda name, rest: seen.append(name))
    assert server.ask("detach-client", "-s", HOLDER).returncode == 0

    async def back() -> bool:
        return seen.count("connected") == 2

    driver.until(back, "the client to come back")
    assert driver.run(tmux.panes()) == []


def test_a_killed_holder_session_is_recreated(server: Server, driver: Driver) -> None:
    seen: list[str] = []
    tmux = driver.client(server.socket, on_notification=lambda name, rest: seen.append(name))
    assert server.ask("kill-session", "-t", f"={HOLDER}").returncode == 0

    async def back() -> bool:
        return seen.count("connected") == 2

    driver.until(back, "the client to come back")
    assert driver.run(tmux.command("list-sessions", "-F", "#{session_name}")) == [HOLDER]


def test_a_forged_reply_ends_the_connection(folder: str, driver: Driver) -> None:
    binary = os.path.join(folder, "forged")
    with open(binary, "w", encoding="ascii") as stream:
        stream.write(FORGED)
    os.chmod(binary, 0o700)
    seen: list[tuple[str, str]] = []
    tmux = driver.client(os.path.join(folder, "s"), binary=binary, on_notification=lambda *item: seen.append(item))
    driver.run(tmux.command("capture-pane", "-p"))

    async def dropped() -> bool:
        return any(name == "disconnected" and "text of a pane" in rest for name, rest in seen)

    driver.until(dropped, "the connection to be dropped")


def test_nothing_is_sent_before_the_client_is_attached(folder: str, driver: Driver) -> None:
    """tmux 3.3a can run earlier input without a session."""
    binary = os.path.join(folder, "unattached")
    with open(binary, "w", encoding="ascii") as stream:
        stream.write(UNATTACHED)
    os.chmod(binary, 0o700)
    tmux = driver.client(os.path.join(folder, "s"), binary=binary, timeout=0.3, connect=False)

    async def given_up() -> bool:
        with pytest.raises(TmuxGone) as error:
            await tmux.command("list-sessions")
        return "did not attach the client within 0.3 s" in str(error.value)

    driver.until(given_up, "the attempt to be given up")
    with open(binary + ".input", encoding="ascii") as stream:
        assert stream.read() == ""


def test_replies_match_their_commands(server: Server, driver: Driver) -> None:
    """With concurrent callers, a failed and a cancelled command, and a hook that prints in between."""
    tmux = driver.client(server.socket)
    driver.run(tmux.command("set-hook", "-g", "after-new-session", "display-message -p HOOKED"))

    async def ask() -> None:
        given_up = asyncio.ensure_future(tmux.command("display-message", "-p", "given up"))
        await asyncio.sleep(0)
        given_up.cancel()
        names = [f"answer {i}" for i in range(50)]
        answers = await asyncio.gather(*(tmux.command("display-message", "-p", name) for name in names))
        assert answers == [[name] for name in names]
        for _try in range(3):
            with pytest.raises(TmuxNotFound, match="can't find session"):
                await tmux.command("kill-session", "-t", "=none")
            with pytest.raises(TmuxError, match="unknown command"):
                await tmux.command("no-such-command")
            assert await tmux.command("display-message", "-p", "still right") == ["still right"]
        pane = await tmux.new_session("hooked", "/", ["sleep", "1000"], {})
        assert pane.session == "hooked"
        assert await tmux.command("display-message", "-p", "") == [""]

    driver.run(ask())


def test_a_huge_reply(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    # The program keeps running: tmux 3.3a can lose the last output of a program that exits.
    pane = driver.run(tmux.new_session("big", "/", ["sh", "-c", "seq 1 18000; exec sleep 1000"], {}))

    async def shown() -> bool:
        return "18000" in await tmux.screen(pane.pane_id)

    driver.until(shown, "the last line")
    lines = driver.run(tmux.capture(pane.pane_id, lines=20000))
    assert [line for line in lines if line.isdigit()] == [str(i) for i in range(1, 18001)]


def test_a_killed_parent_leaves_no_client_behind(server: Server, python_path: str) -> None:
    """An orphaned client would make kill-server hang."""
    for _try in range(3):
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, server.socket],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": python_path},
            text=True,
        )
        try:
            assert parent.stdout is not None
            client = int(parent.stdout.readline())
        finally:
            parent.kill()
            parent.wait()
            if parent.stdout is not None:
                parent.stdout.close()
        wait_for(lambda: gone(client), "the client to end with its parent")  # noqa: B023  used within the loop's turn
    assert server.ask("kill-server").returncode == 0
    assert server.process is not None
    server.process.wait(timeout=10)


def test_stop_ends_the_client_and_keeps_the_sessions(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    driver.run(tmux.new_session("stays", "/", ["sleep", "1000"], {}))
    (client,) = driver.run(tmux.command("list-clients", "-F", "#{client_pid}"))
    driver.run(tmux.stop())
    assert gone(int(client))
    with pytest.raises(TmuxGone, match="stopped"):
        driver.run(tmux.panes())
    assert server.ask("has-session", "-t", "=stays").returncode == 0
