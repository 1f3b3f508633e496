# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send READY, STATUS, RELOADING, STOPPING and WATCHDOG to systemd (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time

from ..common.text import one_line, whole_number

# The notification socket queues max_dgram_qlen (10 by default) datagrams. States that systemd depends on wait for room:
# with systemd 257 on a busy machine a lost READY=1 made the start fail.
QUEUE_TIMEOUT = 5.0  # seconds
ESSENTIAL = frozenset({"READY", "RELOADING", "STOPPING"})


class SystemdNotifier:
    """Sends states to systemd's notification socket; does nothing if there is none."""

    def __init__(self, address: str | None = None) -> None:
        """``address`` is the notification socket, by default that of NOTIFY_SOCKET."""
        address = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    def send(self, **states: str | int) -> None:
        """Send assignments, such as ``READY=1, STATUS="3 sessions"``.

        If the queue is full, READY, RELOADING and STOPPING wait up to `QUEUE_TIMEOUT`; other states are dropped.
        """
        if not self._address:
            return
        text = "\n".join(f"{name}={one_line(str(value))}" for name, value in states.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
                connection.settimeout(QUEUE_TIMEOUT if ESSENTIAL & states.keys() else 0)
                connection.sendto(text.encode(), self._address)
        except OSError:
            pass  # the daemon works without systemd

    def reloading(self) -> None:
        """Announce a reload, with the time on the monotonic clock that systemd requires."""
        self.send(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)


def watchdog_interval() -> float | None:
    """Return the seconds that may pass between two WATCHDOG=1: half the watchdog's timeout; None if it is off.

    WATCHDOG_PID tells the daemon's own setting from one inherited from a parent.
    """
    microseconds = whole_number(os.environ.get("WATCHDOG_USEC", ""))
    if microseconds is None or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return microseconds / 2e6
