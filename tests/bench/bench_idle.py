# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cost of the daemon while no session does anything, against one ``capture-pane`` a pane and second.

The host is as the role installs it (`many_sessions`, which also says what hooked and blind are); the stand-ins of
Claude Code are idle, behind full screens. With ``threshold`` the sessions are hooked, they have told the use of their
account, and ``failover.proactive_threshold`` is set; of the first number of sessions only.
Per cent of one core: of the daemon with its tmux client, of the tmux server, of both, and of one process a pane and
second (``capture_percent``), by sweeps in the same run. ``ratio`` is that to both. ``wakeups_per_second`` of both
processes is a count that no load of the machine changes.
``cold_page_us`` is what the first use of a page costs on this machine after ten seconds of rest: some hundredths of a
microsecond on hardware, several on a virtual machine whose kernel or host takes memory from what rests. There each wake
costs as many times more, and only ``wakeups_per_second`` and runs side by side tell of the daemon.
Growth is that of ``percent``. A row is one sample, of ``seconds``.
"""

from __future__ import annotations

import mmap
import os
import resource
import subprocess
import time

import measurement
from many_sessions import KINDS, HostOfMany, children

TITLE = "sessions that do nothing: the daemon against one capture-pane a pane and second"
THRESHOLD = "threshold"
SWEEPS = 3  # of the other way
REST = 10.0  # seconds, of the pages whose use is timed
PAGES = 5000


def wakeups(pid: int) -> int:
    """Return how often the threads of a process have waited for something."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8", errors="replace") as stream:
            total += next(int(line.split()[1]) for line in stream if line.startswith("voluntary_ctxt"))
    return total


class RestingPages:
    """Memory that was used, and rests."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, PAGES * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._places = range(0, PAGES * mmap.PAGESIZE, mmap.PAGESIZE)
        for place in self._places:
            self._memory[place] = 1

    def first_use_us(self) -> float:
        """Return the processor time of a page's use now, less that of the next one, in microseconds."""
        first, again = self._use(), self._use()
        return 1e6 * (first - again) / PAGES

    def _use(self) -> float:
        begun = time.thread_time()
        for place in self._places:
            self._memory[place]
        return time.thread_time() - begun


def capture_percent(host: HostOfMany) -> float:
    """Return the CPU, as per cent of a core, of one ``capture-pane`` process a pane and second."""
    assert host.tmux_server is not None
    panes, server = [pane for pane, _pid in host.panes()], host.tmux_server.pid
    took = []
    for _sweep in range(SWEEPS):
        usage, begun = resource.getrusage(resource.RUSAGE_CHILDREN), measurement.processor_seconds(server)
        for pane in panes:
            subprocess.run(
                ["tmux", "-N", "-S", host.tmux_socket, "capture-pane", "-p", "-t", pane],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        clients = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
        took.append(clients + measurement.processor_seconds(server) - begun)
    return 100 * sorted(took)[SWEEPS // 2]


def measure_one(kind: str, count: int, seconds: float, settle: float) -> measurement.Row:
    """Return the figures of one kind and number of sessions."""
    with HostOfMany(count, "blind" if kind == "blind" else "hooked") as host:
        if kind == THRESHOLD:
            host.config["failover"] = {"proactive_threshold": 90}
        host.start()
        if kind != "blind":
            host.send_hooks()
        if kind == THRESHOLD:
            host.send_figures()
        time.sleep(settle - REST)
        pages = RestingPages()
        time.sleep(REST)
        cold = pages.first_use_us()
        assert host.daemon is not None and host.tmux_server is not None
        daemon, server = host.daemon.pid, host.tmux_server.pid
        own = [daemon, *children(daemon)]

        def totals() -> tuple[float, float, float, int]:
            used = sum(map(measurement.processor_seconds, own))
            return time.monotonic(), used, measurement.processor_seconds(server), wakeups(daemon) + wakeups(server)

        before = totals()
        time.sleep(seconds)
        after = totals()
        span = after[0] - before[0]
        ours, theirs = 100 * (after[1] - before[1]) / span, 100 * (after[2] - before[2]) / span
        memory = measurement.memory_mib(daemon)["rss_mib"]
        host.stop()
        other = capture_percent(host)
        return {
            "kind": kind,
            "sessions": count,
            "seconds": round(span, 1),
            "daemon_percent": round(ours, 4),
            "server_percent": round(theirs, 4),
            "percent": round(ours + theirs, 4),
            "capture_percent": round(other, 2),
            "ratio": round(other / (ours + theirs), 1),
            "wakeups_per_second": round((after[3] - before[3]) / span, 2),
            "cold_page_us": round(cold, 2),
            "memory_mib": memory,
        }


def measure(
    sessions: tuple[int, ...] = (100, 1000),
    kinds: tuple[str, ...] = (*KINDS, THRESHOLD),
    seconds: float = 60.0,
    settle: float = 75.0,
) -> list[measurement.Row]:
    """Return a row for each kind and number of sessions, and the growth of each kind.

    Each pane has been read ``settle`` seconds after the start or the last hook.
    """
    rows: list[measurement.Row] = []
    growth: list[measurement.Row] = []
    for kind in kinds:
        counts = sessions[:1] if kind == THRESHOLD else sessions
        found = [measure_one(kind, count, seconds, settle) for count in counts]
        rows += found
        if len(set(counts)) > 1:
            power = measurement.exponent(counts, [float(row["percent"] or 0) for row in found])
            growth.append({"growth of": f"{kind} sessions", "exponent": power})
    return rows + growth


if __name__ == "__main__":
    measurement.main(TITLE, measure)
