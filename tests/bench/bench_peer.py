# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching idle sessions: the daemon against claudekeeper of PyPI, which captures every pane at each look.

Both watch the same sessions of one tmux server, in turns; what hooked and blind are says `many_sessions`, and to
claudekeeper it is all one. It is told to look once a second, the shortest that it can, so that it sees a limit about as
soon. Per cent of one core: of the watcher with all that it starts, and of the tmux server meanwhile, both medians.
``median_percent`` with its quartiles is the sum at one look a second, and ``ratio`` that to the daemon's: on a busy
machine claudekeeper looks less often (``looks_a_second``). claudekeeper is fetched by pip and runs in a network
namespace of its own; where one of that cannot be had, nothing is measured.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import measurement
from many_sessions import KINDS, HostOfMany, children

TITLE = "watching idle sessions: the daemon against claudekeeper"
PEER = "claudekeeper==0.3.1"
CACHE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), ".cache", "bench")
SETTLE = 3.0  # seconds from the start of claudekeeper to the first figure
#: The same of the daemon, from its start or the last hook: without hooks it reads each pane first.
DAEMON_SETTLE = {"hooked": 10.0, "blind": 75.0}
#: claudekeeper with a byte in a file for each of its looks: a busy machine lets it look less often than it is told to.
PROGRAM = """
import sys
from claudekeeper import cli, tmux
look, file = tmux.list_panes, open(sys.argv.pop(1), "ab", buffering=0)
tmux.list_panes = lambda *arguments: (file.write(b"."), look(*arguments))[1]
sys.exit(cli.main(["daemon"]))
"""


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


class Cost(NamedTuple):
    """Per cent of a core, and how often all panes were looked at."""

    watcher: float
    server: float
    looks: float

    @property
    def at_a_look_a_second(self) -> float:
        """The sum, at one look a second where the watcher looks."""
        return (self.watcher + self.server) / (self.looks or 1.0)


def cost(watchers: list[int], server: int, seconds: float, looks: Callable[[], int]) -> Cost:
    """Return what the processes and the tmux server use from now on."""

    def used() -> tuple[float, float, float, int]:
        watched = sum(map(measurement.processor_seconds, watchers))
        return time.monotonic(), watched, measurement.processor_seconds(server), looks()

    before = used()
    time.sleep(seconds)
    span, watcher, of_server, looked = (after - earlier for after, earlier in zip(used(), before))
    return Cost(100 * watcher / span, 100 * of_server / span, looked / span)


def by_daemon(host: HostOfMany, kind: str, seconds: float) -> Cost:
    """Measure the daemon once its first checks are over."""
    host.start()
    assert host.daemon is not None and host.tmux_server is not None
    if kind == "hooked":
        host.send_hooks()
    time.sleep(DAEMON_SETTLE[kind])
    pid = host.daemon.pid
    found = cost([pid, *children(pid)], host.tmux_server.pid, seconds, lambda: 0)
    host.stop()
    return found


def by_peer(host: HostOfMany, folder: str, seconds: float) -> Cost:
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
    looks = host.path("looks")
    command = [*cut_off(), sys.executable, "-c", PROGRAM, looks]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        assert host.tmux_server is not None
        time.sleep(SETTLE)
        found = cost([process.pid], host.tmux_server.pid, seconds, lambda: os.path.getsize(looks))
        assert process.poll() is None, "claudekeeper ended by itself"
    finally:
        process.terminate()
        process.wait()
    return found


def rows_of(kind: str, count: int, folder: str, seconds: float, rounds: int) -> list[measurement.Row]:
    """Return a row for each watcher of so many sessions of a kind."""
    found: dict[str, list[Cost]] = {"daemon": [], PEER: []}
    with HostOfMany(count, kind) as host:
        for _round in range(rounds):
            found["daemon"].append(by_daemon(host, kind, seconds))
            found[PEER].append(by_peer(host, folder, seconds))
    sums = {name: [cost.at_a_look_a_second for cost in costs] for name, costs in found.items()}
    rows: list[measurement.Row] = []
    for name, costs in found.items():
        watcher, server, looks = (measurement.rounded(statistics.median(taken)) for taken in zip(*costs))
        rows.append(
            {
                "kind": kind,
                "sessions": count,
                "watcher": name,
                "watcher_percent": watcher,
                "tmux_percent": server,
                "looks_a_second": looks or None,
                **measurement.summary(sums[name], "percent"),
                "ratio": measurement.ratio(sums[name], sums["daemon"]),
            }
        )
    return rows


def measure(
    sessions: tuple[int, ...] = (100,), kinds: tuple[str, ...] = KINDS, seconds: float = 30.0, rounds: int = 3
) -> list[measurement.Row]:
    """Return a row for each kind and number of sessions, and each watcher."""
    folder = fetched()
    cut_off()
    rows: list[measurement.Row] = []
    for kind in kinds:
        for count in sessions:
            rows += rows_of(kind, count, folder, seconds, rounds)
    return rows


if __name__ == "__main__":
    measurement.main(TITLE, measure)
