# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real tmux servers on private sockets, and clients on an event loop of their own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Iterator
from typing import Callable, Optional, TypeVar

import pytest

from claude_failover.common.health import SourceHealth
from claude_failover.tmux.client import Tmux

T = TypeVar("T")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
TEMPLATE = os.path.join(ROOT, "roles", "claude_failover", "templates", "tmux.conf.j2")
PLAIN = "set-option -g exit-empty off\nset-option -g default-size 90x30\n"
DEADLINE = 20.0  # seconds; a bound for conditions that normally hold at once


def role_configuration() -> str:
    """Return the role's tmux.conf without the operator's additions."""
    with open(TEMPLATE, encoding="utf-8") as stream:
        text = stream.read()
    text = re.sub(r"\{#.*?#\}|\{% if .*?\{% endif %\}", "", text, flags=re.DOTALL)
    return text.replace("{{ ansible_managed | comment }}", "# managed")


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Poll a condition. Raises AssertionError at the deadline."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE} s: {what}"
        time.sleep(0.01)


class Server:
    """A tmux server in the foreground, as the systemd unit runs it."""

    def __init__(self, folder: str, configuration: str) -> None:
        self.folder = folder
        self.socket = os.path.join(folder, "s")
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.configure(configuration)

    def configure(self, text: str) -> None:
        with open(os.path.join(self.folder, "tmux.conf"), "w", encoding="utf-8") as stream:
            stream.write(text)

    def start(self) -> None:
        assert self.process is None
        self.process = subprocess.Popen(
            ["tmux", "-D", "-f", os.path.join(self.folder, "tmux.conf"), "-S", self.socket],
            env={"PATH": os.environ["PATH"], "HOME": self.folder, "LANG": "C.UTF-8"},
            cwd=self.folder,
        )
        wait_for(lambda: self.ask("list-sessions").returncode in (0, 1) and self.listens(), "the server to listen")

    def listens(self) -> bool:
        return "error connecting" not in self.ask("list-sessions").stderr

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command from outside, as an operator would."""
        return subprocess.run(
            ["tmux", "-N", "-S", self.socket, *arguments], capture_output=True, text=True, timeout=DEADLINE, check=False
        )

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End the server, whatever its state."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()  # tmux ends its sessions on SIGTERM
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


class Driver:
    """Runs coroutines on one event loop for synchronous tests."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.clients: list[Tmux] = []

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def client(
        self,
        socket: str,
        *,
        binary: str = "tmux",
        timeout: float = 10.0,
        connect: bool = True,
        on_notification: Optional[Callable[[str, str], None]] = None,
        health: Optional[SourceHealth] = None,
    ) -> Tmux:
        tmux = Tmux(
            binary, socket, on_notification=on_notification, timeout=timeout, backoff=(0.02, 0.1), health=health
        )
        self.clients.append(tmux)
        self.run(tmux.start())
        if connect:
            self.connected(tmux)
        return tmux

    def connected(self, tmux: Tmux) -> None:
        self.run(asyncio.wait_for(tmux.connected_event.wait(), DEADLINE))

    def until(self, condition: Callable[[], Awaitable[object]], what: str) -> None:
        """Poll an asynchronous condition. Raises AssertionError at the deadline."""

        async def poll() -> None:
            end = self.loop.time() + DEADLINE
            while not await condition():
                assert self.loop.time() < end, f"not within {DEADLINE} s: {what}"
                await asyncio.sleep(0.01)

        self.run(poll())

    def close(self) -> None:
        for tmux in self.clients:
            self.run(tmux.stop())
        self.run(self.loop.shutdown_asyncgens())
        self.loop.close()
        asyncio.set_event_loop(None)


@pytest.fixture
def folder(short_folder: str) -> str:
    """The folder of a server."""
    missing = [name for name in ("tmux", "setpriv") if shutil.which(name) is None]
    if missing:
        text = f"THE TMUX TESTS CANNOT RUN, there is no {' and no '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(text, pytrace=False)
        pytest.skip(text)
    return short_folder


@pytest.fixture
def server(folder: str) -> Iterator[Server]:
    """A server with the role's configuration."""
    made = Server(folder, role_configuration())
    made.start()
    yield made
    made.kill()


@pytest.fixture
def plain_server(folder: str) -> Iterator[Server]:
    """A server with an operator's configuration: no holder session, no remain-on-exit, one session of 90x30."""
    made = Server(folder, PLAIN + "new-session -d -s mine -- sleep 1000\n")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def driver() -> Iterator[Driver]:
    """A driver; its clients are stopped after the test."""
    made = Driver()
    yield made
    made.close()
