# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of the daemon, and of the processes that it has started, with no session and with many.

``median_mib``, with its quartiles, is what is resident of the daemon; ``pss_mib`` the same with what several processes
share counted in parts, ``children_pss_mib`` that of its tmux client, both medians. They are read ``settle`` seconds
after READY, when each session was looked at, of a new daemon on a new host each; the numbers of sessions take turns.
``kib_a_session`` is what a session adds to no sessions; ``ratio`` is to no sessions.
"""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

import measurement
from many_sessions import HostOfMany, children

TITLE = "memory of the daemon"


class Memory(NamedTuple):
    """MiB of one daemon: what is resident, its share, and that of the processes that it has started."""

    resident: float
    share: float
    children: float


def memory(count: int, settle: float) -> Memory:
    """Return the memory of a new daemon with so many sessions."""
    with HostOfMany(count) as host:
        host.start()
        assert host.daemon is not None
        time.sleep(settle)
        found = measurement.memory_mib(host.daemon.pid)
        below = sum(measurement.memory_mib(pid)["pss_mib"] for pid in children(host.daemon.pid))
        host.stop()
    return Memory(found["rss_mib"], found["pss_mib"], below)


def measure(sessions: tuple[int, ...] = (0, 100, 1000), settle: float = 15.0, rounds: int = 3) -> list[measurement.Row]:
    """Return a row for each number of sessions, and the growth."""
    found: dict[int, list[Memory]] = {count: [] for count in sessions}
    for _round in range(rounds):
        for count, taken in found.items():
            taken.append(memory(count, settle))
    resident = {count: [each.resident for each in taken] for count, taken in found.items()}
    medians = {count: statistics.median(samples) for count, samples in resident.items()}
    least = sessions[0]
    rows: list[measurement.Row] = []
    for count, taken in found.items():
        more = 1024 * (medians[count] - medians[least])
        rows.append(
            {
                "sessions": count,
                **measurement.summary(resident[count], "mib"),
                "pss_mib": measurement.rounded(statistics.median(each.share for each in taken)),
                "children_pss_mib": measurement.rounded(statistics.median(each.children for each in taken)),
                "kib_a_session": measurement.rounded(more / (count - least)) if count > least else None,
                "ratio": measurement.ratio(resident[count], resident[least]),
            }
        )
    if sum(count > 0 for count in sessions) > 1:
        power = measurement.exponent(sessions, list(medians.values()))
        rows.append({"growth of": "resident memory by sessions", "exponent": power})
    return rows


if __name__ == "__main__":
    measurement.main(TITLE, measure)
