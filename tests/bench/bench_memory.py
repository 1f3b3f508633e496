# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of the daemon, and of the processes that it has started, with no session and with many.

``rss_mib`` is what is resident of the daemon, ``pss_mib`` the same with what several processes share counted in
parts; ``children_pss_mib`` is that of its tmux client. They are read ``settle`` seconds after READY, when each
session was looked at. ``kib_a_session`` is what a session adds to no sessions; ``ratio`` is to no sessions.
"""

from __future__ import annotations

import time

import measurement
from many_sessions import HostOfMany, children

TITLE = "memory of the daemon"


def measure(sessions: tuple[int, ...] = (0, 100, 1000), settle: float = 15.0) -> list[measurement.Row]:
    """Return a row for each number of sessions, and the growth."""
    rows: list[measurement.Row] = []
    resident: list[float] = []
    for count in sessions:
        with HostOfMany(count) as host:
            host.start()
            assert host.daemon is not None
            time.sleep(settle)
            found = measurement.memory_mib(host.daemon.pid)
            below = sum(measurement.memory_mib(pid)["pss_mib"] for pid in children(host.daemon.pid))
            host.stop()
        resident.append(found["rss_mib"])
        more = 1024 * (resident[-1] - resident[0])
        rows.append(
            {
                "sessions": count,
                **found,
                "children_pss_mib": measurement.rounded(below),
                "kib_a_session": measurement.rounded(more / (count - sessions[0])) if count > sessions[0] else None,
                "ratio": measurement.rounded(resident[-1] / resident[0]),
            }
        )
    if sum(count > 0 for count in sessions) > 1:
        rows.append({"growth of": "resident memory by sessions", "exponent": measurement.exponent(sessions, resident)})
    return rows


if __name__ == "__main__":
    measurement.main(TITLE, measure)
