# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at every pane: one control-mode client of tmux against one tmux process a pane.

``processes`` and ``commands`` are those of one look; ``ratio`` is one process a pane to this way. A gated search
leaves out the panes whose window had no output lately, which here are all.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import import_path  # noqa: F401  # pylint: disable=unused-import  # makes the daemon importable from a checkout
import measurement

from claude_failover.tmux.client import Tmux

TITLE = "one look at every pane: one client against one process a pane"
ANCHOR = "You've hit your"
APART = "one process a pane"
SCREEN = 'for i in $(seq 40); do echo "line $i of a full screen"; done; exec sleep 1000'


async def look(socket: str, panes: int, rounds: int) -> list[measurement.Row]:
    """Make the sessions, and look at them in each way, in turns."""
    tmux = Tmux("tmux", socket)
    await tmux.start()
    await asyncio.wait_for(tmux.connected_event.wait(), 20)
    for number in range(panes):
        await tmux.new_session(f"s{number}", "/", ["sh", "-c", SCREEN], {})
    names = [pane.pane_id for pane in await tmux.panes()]

    async def apart() -> None:
        for name in names:
            # As a watcher of one file does; blocking the loop is part of what is measured.
            command = ["tmux", "-N", "-S", socket, "capture-pane", "-p", "-t", name]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: ASYNC221

    async def capture_each() -> None:
        for name in names:
            await tmux.screen(name)

    async def search() -> None:
        await tmux.search(ANCHOR)

    async def gated_search() -> None:
        await tmux.search(ANCHOR, since=int(time.time()) + 60)

    ways: dict[str, tuple[int, int, Callable[[], Awaitable[None]]]] = {
        APART: (panes, panes, apart),
        "one client, capture each": (0, panes, capture_each),
        "one client, search": (0, 1, search),
        "one client, gated search": (0, 1, gated_search),
    }
    samples: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(-1, rounds):
        for way, (_processes, _commands, call) in ways.items():
            begun = time.perf_counter()
            await call()
            if number >= 0:
                samples[way].append(time.perf_counter() - begun)
    await tmux.stop()
    return [
        {
            "panes": panes,
            "way": way,
            "processes": ways[way][0],
            "commands": ways[way][1],
            **measurement.summary(taken),
            "ratio": measurement.ratio(samples[APART], taken),
        }
        for way, taken in samples.items()
    ]


def measure(panes: int = 100, rounds: int = 5) -> list[measurement.Row]:
    """Measure on a server of its own, which is ended afterwards."""
    if shutil.which("tmux") is None:
        raise measurement.Skip("there is no tmux; expected one: apt-get install tmux")
    folder = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
    socket = os.path.join(folder, "s")
    configuration = os.path.join(folder, "tmux.conf")
    with open(configuration, "w", encoding="utf-8") as stream:
        stream.write("set-option -g exit-empty off\n")
    server = subprocess.Popen(["tmux", "-D", "-f", configuration, "-S", socket])
    try:
        return asyncio.run(look(socket, panes, rounds))
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(folder)


if __name__ == "__main__":
    measurement.main(TITLE, measure)
