# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time until the daemon is READY, with no session and with many to adopt.

Seconds from exec to READY, beside those in which an interpreter imports the daemon and ends; all take turns. Each
session runs before, and is known at READY. ``processes`` are those below the daemon; ``ratio`` is to no session.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

import measurement
from many_sessions import HostOfMany, children

TITLE = "start of the daemon with sessions to adopt"


def start(host: HostOfMany) -> tuple[float, int]:
    """Start the daemon and stop it; return the seconds until it is READY, and the number of processes below it."""
    seconds = measurement.timed(host.start)
    assert host.daemon is not None
    below = len(children(host.daemon.pid))
    known, expected = sum(row["pid"] is not None for row in host.status()["sessions"]), len(host.panes())
    assert known == expected, f"{known} of {expected} sessions are known at READY\n{host.daemon_log()}"
    host.stop()
    return seconds, below


def importing(environment: dict[str, str]) -> float:
    """Return the seconds that an interpreter takes to import the daemon, and to end."""
    command = [sys.executable, "-c", "import claude_failover.daemon"]
    return measurement.timed(lambda: subprocess.run(command, env=environment, check=True))


def measure(sessions: tuple[int, ...] = (0, 100, 500), rounds: int = 5) -> list[measurement.Row]:
    """Return a row for each number of sessions, and the growth."""
    ready: dict[int, list[float]] = {count: [] for count in sessions}
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
    rows: list[measurement.Row] = [{"case": "import of the daemon alone", **measurement.summary(imports[1:], "s")}]
    for count, samples in ready.items():
        compared = measurement.ratio(samples, ready[sessions[0]])
        rows.append(
            {"sessions": count, **measurement.summary(samples, "s"), "processes": below[count], "ratio": compared}
        )
    if sum(count > 0 for count in sessions) > 1:
        medians = [measurement.quartiles(samples)[1] for samples in ready.values()]
        rows.append({"growth of": "READY by sessions", "exponent": measurement.exponent(sessions, medians)})
    return rows


if __name__ == "__main__":
    measurement.main(TITLE, measure)
