# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time until the daemon is READY, with no session and with many to adopt, and until it has started many.

Seconds from exec to READY, beside those in which an interpreter imports the daemon and ends; all take turns. Each
session runs before, and is known at READY. ``processes`` are those below the daemon; ``ratio`` is to no session.
Where the sessions are ``to_start``, none runs before, and the seconds go from exec until the program of each does; the
programs cost next to nothing (tests/support/light_sessions.py). ``ratio`` is to READY without a session here too.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

import measurement
from many_sessions import HostOfMany, children

TITLE = "start of the daemon with sessions to adopt, and to start"


def start(host: HostOfMany) -> tuple[float, int]:
    """Start the daemon and stop it; return the seconds until it is READY, and the number of processes below it."""
    seconds = measurement.timed(host.start)
    assert host.daemon is not None
    below = len(children(host.daemon.pid))
    known, expected = sum(row["pid"] is not None for row in host.status()["sessions"]), len(host.panes())
    assert known == expected, f"{known} of {expected} sessions are known at READY\n{host.daemon_log()}"
    host.stop()
    return seconds, below


def start_sessions(count: int) -> float:
    """Return the seconds from exec of the daemon until the program of each of its sessions runs, none of which did."""
    with HostOfMany(0) as host:
        host.add_light_sessions(count)

        def start_all() -> None:
            host.start()
            host.wait_for_light_programs(count)

        seconds = measurement.timed(start_all)
        up = sum(row["state"] != "down" for row in host.status()["sessions"])
        assert up == count, f"{up} of {count} sessions are up\n{host.daemon_log()}"
        host.stop()
        return seconds


def importing(environment: dict[str, str]) -> float:
    """Return the seconds that an interpreter takes to import the daemon, and to end."""
    command = [sys.executable, "-c", "import claude_failover.daemon"]
    return measurement.timed(lambda: subprocess.run(command, env=environment, check=True))


def measure(
    sessions: tuple[int, ...] = (0, 100, 500), to_start: tuple[int, ...] = (10, 50), rounds: int = 5
) -> list[measurement.Row]:
    """Return a row for each number of sessions, to adopt and to start, and the growth of either."""
    ready: dict[int, list[float]] = {count: [] for count in sessions}
    started: dict[int, list[float]] = {count: [] for count in to_start}
    imports: list[float] = []
    below: dict[int, int] = {}
    with contextlib.ExitStack() as stack:
        hosts = {count: stack.enter_context(HostOfMany(count)) for count in sessions}
        for number in range(-1, rounds):
            for count, host in hosts.items():
                seconds, below[count] = start(host)
                if number >= 0:  # the first one makes the state, and warms the caches
                    ready[count].append(seconds)
            imports.append(importing(host.environment))
            if number >= 0:
                for count, taken in started.items():
                    taken.append(start_sessions(count))
    base = ready[sessions[0]]
    rows: list[measurement.Row] = [{"case": "import of the daemon alone", **measurement.summary(imports[1:], "s")}]
    for count, samples in ready.items():
        compared = measurement.ratio(samples, base)
        rows.append(
            {"sessions": count, **measurement.summary(samples, "s"), "processes": below[count], "ratio": compared}
        )
    for count, samples in started.items():
        rows.append({"to_start": count, **measurement.summary(samples, "s"), "ratio": measurement.ratio(samples, base)})
    for what, found in {"READY by sessions": ready, "all up by sessions to start": started}.items():
        if sum(count > 0 for count in found) > 1:
            medians = [measurement.quartiles(samples)[1] for samples in found.values()]
            rows.append({"growth of": what, "exponent": measurement.exponent(list(found), medians)})
    return rows


if __name__ == "__main__":
    measurement.main(TITLE, measure)
