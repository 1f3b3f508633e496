# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompt delivery on a real tmux server, to a program that draws a prompt box."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest

from claude_failover.claude.prompt_delivery import Delivery, Timing, deliver
from claude_failover.tmux.client import Tmux

from ..tmux.conftest import Driver, Server

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prompt_program.py")
QUICK = Timing(ready=2.0, seen=1.0, leave=1.0, turn=5.0, backoff=(0.05, 0.2))
LONG = "\n".join(f"line {i}: it's $HOME; #{{pid}} é" for i in range(60))


class Pane:
    """A session that runs the prompt program."""

    def __init__(self, driver: Driver, tmux: Tmux, folder: str, name: str, *words: str) -> None:
        self.driver, self.tmux = driver, tmux
        self.path = os.path.join(folder, f"{name}.jsonl")
        command = [sys.executable, PROGRAM, self.path, *words]
        self.id = driver.run(tmux.new_session(name, "/", command, {}, width=80, height=30)).pane_id

    def received(self) -> list[str]:
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    async def deliver(self, text: str, attempts: int = 5) -> Delivery:
        before = len(self.received())

        async def began() -> bool:
            return len(self.received()) > before

        return await deliver(self.tmux, self.id, text, began=began, attempts=attempts, timing=QUICK)

    def shown(self) -> str:
        return "\n".join(self.driver.run(self.tmux.screen(self.id)))


TEXTS = ["continue", "x" * 200, "two\nlines", LONG, "word " * 400, "?", "it's; $HOME #{pid} é"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_prompt_is_delivered_complete_and_once(server: Server, driver: Driver, text: str) -> None:
    pane = Pane(driver, driver.client(server.socket), server.folder, "s")
    found = driver.run(pane.deliver(text))
    assert (found.result, found.attempts) == ("delivered", 1), (found, pane.shown())
    assert pane.received() == [text]


@pytest.mark.parametrize(
    ("words", "result", "received"),
    [
        (["menu"], "delivered", ["continue"]),
        (["ghost=Resend your message"], "delivered", ["continue"]),
        (["late=0.5"], "delivered", ["continue"]),
        (["deaf=2"], "delivered", ["continue"]),
        (["menu", "deaf=1"], "delivered", ["continue"]),
        (["draft=my own words"], "draft", []),
        (["menu", "draft=my own words"], "draft", []),
        (["permission"], "dialog", []),
    ],
)
def test_delivery_result(server: Server, driver: Driver, words: list[str], result: str, received: list[str]) -> None:
    pane = Pane(driver, driver.client(server.socket), server.folder, "s", *words)
    found = driver.run(pane.deliver("continue"))
    assert found.result == result, (found, pane.shown())
    assert pane.received() == received
    if result == "draft":
        assert "my own words" in pane.shown()


def test_a_pane_in_copy_mode(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    pane = Pane(driver, tmux, server.folder, "s")
    driver.run(tmux.command("copy-mode", "-t", pane.id))
    assert driver.run(pane.deliver("continue")).result == "delivered"


def test_killed_session_and_killed_program(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    pane = Pane(driver, tmux, server.folder, "s")
    driver.run(tmux.command("kill-session", "-t", "=s"))
    assert driver.run(pane.deliver("continue")).result == "pane_gone"
    pane = Pane(driver, tmux, server.folder, "short")
    os.kill(driver.run(tmux.pane(pane.id)).pid, 9)

    async def dead() -> bool:
        return (await tmux.pane(pane.id)).dead

    driver.until(dead, "the program to end")
    assert driver.run(pane.deliver("continue")).result == "pane_gone"


def test_concurrent_deliveries(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    panes = [Pane(driver, tmux, server.folder, f"s{i}", *(["menu"] if i % 3 == 0 else [])) for i in range(10)]

    async def all_of_them() -> list[Delivery]:
        return list(await asyncio.gather(*(pane.deliver(f"prompt for {i}") for i, pane in enumerate(panes))))

    found = driver.run(all_of_them())
    assert [item.result for item in found] == ["delivered"] * 10, found
    assert [pane.received() for pane in panes] == [[f"prompt for {i}"] for i in range(10)]
