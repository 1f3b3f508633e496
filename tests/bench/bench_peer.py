# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching idle sessions: the daemon against claudekeeper of PyPI, which captures every pane at each look.

Both watch the same sessions of one tmux server, one after the other, in turns; claudekeeper looks once a second, the
shortest that it can, so that it sees a limit about as soon. Per cent of one core: of the watcher with all that it
starts, and of the tmux server meanwhile. ``ratio`` is the sum to the daemon's. It is processor time, so what else
runs here matters little. claudekeeper is fetched by pip, is only read from, and runs in a network namespace of its
own; where one of that cannot be had, nothing is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import measurement
from many_sessions import HostOfMany, children

TITLE = "watching idle sessions: the daemon against claudekeeper"
PEER = "claudekeeper==0.3.1"
CACHE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), ".cache", "bench")
SETTLE = 3.0  # seconds from the start of a watcher to the first figure


def fetched() -> str:
    """Return the folder that holds the peer, fetched once."""
    folder = os.path.join(CACHE, PEER.replace("==", "-"))
    if not os.path.isdir(os.path.join(folder, "claudekeeper")):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, PEER]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0:
            said = (done.stderr.strip() or "nothing").splitlines()[-1]
            raise measurement.Skip(f"{PEER} cannot be fetched by pip, which says: {said}")
    return folder


def cut_off() -> list[str]:
    """Return the beginning of a command that runs a program in a network namespace of its own."""
    for options in (["--net"], ["--map-root-user", "--net"]):
        try:
            if subprocess.run(["unshare", *options, "true"], capture_output=True, check=False).returncode == 0:
                return ["unshare", *options]
        except FileNotFoundError:
            break
    raise measurement.Skip("no network namespace can be made; expected root, or unshare(1) for ordinary users")


def percent(pids: Callable[[], list[int]], server: int, seconds: float) -> tuple[float, float]:
    """Return the processor time of the processes, and of the tmux server, in per cent of a core."""
    time.sleep(SETTLE)
    watchers = pids()

    def used() -> tuple[float, float, float]:
        return (
            time.monotonic(),
            sum(map(measurement.processor_seconds, watchers)),
            measurement.processor_seconds(server),
        )

    before = used()
    time.sleep(seconds)
    after = used()
    span = after[0] - before[0]
    return 100 * (after[1] - before[1]) / span, 100 * (after[2] - before[2]) / span


def by_daemon(host: HostOfMany, seconds: float) -> tuple[float, float]:
    """Measure the daemon, which has heard a hook of every session, once its first checks are over."""
    host.start()
    assert host.daemon is not None and host.tmux_server is not None
    host.send_hooks()
    time.sleep(10)
    pid = host.daemon.pid
    found = percent(lambda: [pid, *children(pid)], host.tmux_server.pid, seconds)
    host.stop()
    return found


def by_peer(host: HostOfMany, folder: str, seconds: float) -> tuple[float, float]:
    """Measure claudekeeper in a folder of its own."""
    home = host.path("claudekeeper")
    os.makedirs(home, exist_ok=True)
    with open(os.path.join(home, "config.json"), "w", encoding="utf-8") as stream:
        # The sessions' programs are sleeps; claudekeeper knows Claude Code by the name of the program.
        json.dump({"watch_enabled": True, "poll": 1, "match_command": ["sleep"]}, stream)
    environment = {
        **host.environment,
        "PYTHONPATH": folder,
        "CLAUDEKEEPER_HOME": home,
        "CLAUDEKEEPER_TMUX_SOCKET_PATH": host.tmux_socket,
    }
    # unshare becomes the program, so the process is claudekeeper's.
    command = [*cut_off(), sys.executable, "-m", "claudekeeper", "daemon"]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        assert host.tmux_server is not None
        found = percent(lambda: [process.pid], host.tmux_server.pid, seconds)
        assert process.poll() is None, "claudekeeper ended by itself"
    finally:
        process.terminate()
        process.wait()
    return found


def measure(sessions: tuple[int, ...] = (100,), seconds: float = 20.0, rounds: int = 2) -> list[measurement.Row]:
    """Return a row for each number of sessions and watcher."""
    folder = fetched()
    cut_off()
    rows: list[measurement.Row] = []
    for count in sessions:
        found: dict[str, list[tuple[float, float]]] = {"daemon": [], PEER: []}
        with HostOfMany(count) as host:
            for _round in range(rounds):
                found["daemon"].append(by_daemon(host, seconds))
                found[PEER].append(by_peer(host, folder, seconds))
        sums = {name: [sum(pair) for pair in pairs] for name, pairs in found.items()}
        for name, pairs in found.items():
            watcher, server = (measurement.quartiles(taken)[1] for taken in zip(*pairs))
            rows.append(
                {
                    "sessions": count,
                    "watcher": name,
                    "watcher_percent": measurement.rounded(watcher),
                    "tmux_percent": measurement.rounded(server),
                    "samples": len(pairs),
                    "ratio": measurement.ratio(sums[name], sums["daemon"]),
                }
            )
    return rows


if __name__ == "__main__":
    measurement.main(TITLE, measure)
