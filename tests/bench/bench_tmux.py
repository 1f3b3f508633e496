# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one control-mode client costs against one tmux process per pane. Usage: bench_tmux.py [SESSIONS]

Prints, for one sweep over every pane: processes started, commands, milliseconds, and the ratio of the two ways.
The times are for the reader; nothing depends on them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import import_path  # noqa: F401  # pylint: disable=unused-import  # makes the daemon importable from a checkout

from claude_failover.tmux.client import Tmux

ANCHOR = "You've hit your"


async def measure(socket: str, count: int) -> None:
    """Make the sessions, and sweep them in each way."""
    tmux = Tmux("tmux", socket)
    await tmux.start()
    await asyncio.wait_for(tmux.connected_event.wait(), 20)
    text = 'for i in $(seq 40); do echo "line $i of a full screen"; done; exec sleep 1000'
    begun = time.perf_counter()
    for number in range(count):
        await tmux.new_session(f"s{number}", "/", ["sh", "-c", text], {})
    print(f"{count} sessions made by 1 client process: {1000 * (time.perf_counter() - begun):.0f} ms")
    panes = await tmux.panes()

    begun = time.perf_counter()
    for pane in panes:
        # What a simple daemon does; blocking the loop is part of what is measured.
        subprocess.run(  # noqa: ASYNC221
            ["tmux", "-N", "-S", socket, "capture-pane", "-p", "-t", pane.pane_id],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    apart = time.perf_counter() - begun
    print(f"one process a pane:        {count} processes, {count} commands, {1000 * apart:8.1f} ms")

    rows = [("one client, capture each", count), ("one client, search", 1), ("one client, gated search", 1)]
    for title, commands in rows:
        begun = time.perf_counter()
        if commands == count:
            for pane in panes:
                await tmux.screen(pane.pane_id)
        else:
            await tmux.search(ANCHOR, since=int(time.time()) + 60 if "gated" in title else None)
        took = time.perf_counter() - begun
        print(f"{title + ':':26} 0 processes, {commands} commands, {1000 * took:8.1f} ms, ratio {apart / took:.0f}")
    await tmux.stop()


def main() -> None:
    """Run against a private server that is ended afterwards."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    folder = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
    socket = os.path.join(folder, "s")
    configuration = os.path.join(folder, "tmux.conf")
    with open(configuration, "w", encoding="utf-8") as stream:
        stream.write("set-option -g exit-empty off\n")
    server = subprocess.Popen(["tmux", "-D", "-f", configuration, "-S", socket])
    try:
        asyncio.run(measure(socket, count))
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
