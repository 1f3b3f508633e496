# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells systemd how the daemon is: READY, STATUS, RELOADING, STOPPING and WATCHDOG (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time

# A notification socket holds max_dgram_qlen (10 by default) datagrams that systemd has not read. What a start depends
# on waits for room this long, in seconds; seen with systemd 257 on a busy machine, which missed READY=1 and gave up.
PATIENCE = 5.0
DEPENDED_ON = frozenset({"READY", "RELOADING", "STOPPING"})


class SystemdNotifier:
    """Sends states to the socket that systemd names, and does nothing where there is none."""

    def __init__(self, address: str | None = None) -> None:
        """``address`` is the notification socket; by default what NOTIFY_SOCKET says."""
        address = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    def send(self, **states: str | int) -> None:
        """Send assignments, such as ``READY=1, STATUS="3 sessions"``.

        Where systemd is slow, READY, RELOADING and STOPPING wait for it, within a bound; anything else is lost.
        """
        if not self._address:
            return
        text = "\n".join(f"{name}={str(value).replace(chr(10), ' ')}" for name, value in states.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            connection.settimeout(PATIENCE if DEPENDED_ON & states.keys() else 0)
            try:
                connection.sendto(text.encode(), self._address)
            except OSError:
                pass  # systemd is away or slow; the daemon does not depend on being heard

    def reloading(self) -> None:
        """Announce a reload; systemd wants the moment on its monotonic clock."""
        self.send(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)


def watchdog_interval() -> float | None:
    """Return how often (seconds) the watchdog wants to be fed: half its bound; None when it is off.

    WATCHDOG_PID keeps a child from taking the setting of its parent for its own.
    """
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 2e6
