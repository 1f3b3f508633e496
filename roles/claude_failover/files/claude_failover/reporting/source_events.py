# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events for ``notify`` about sources that do not work."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from typing import Any

from ..common import clock
from ..common.health import Blindness, SourceHealth


class SourceEvents:
    """Sends an event when a source goes blind, and when that is over.

    What is over before `start` is not told: a daemon that starts with its host waits for tmux.
    """

    def __init__(self, health: SourceHealth, send: Callable[[dict[str, Any]], None]) -> None:
        self._health = health
        self._send = send
        self._started = False
        health.subscribe(self._on_changed)

    def start(self) -> None:
        """Tell the sources that are blind now, and each change from now on."""
        self._started = True
        for item in self._health.blind():
            self._send(source_event(item, True))

    def _on_changed(self, item: Blindness, begins: bool) -> None:
        if self._started:
            self._send(source_event(item, begins))


def source_event(item: Blindness, begins: bool) -> dict[str, Any]:
    """Return the event that a source does not work, or that it works again."""
    summary = f"the daemon is blind for {item.source}" if begins else f"the daemon is no longer blind for {item.source}"
    return {
        "id": secrets.token_hex(8),
        "time": clock.iso(clock.now()),
        "event": "source_blind",
        "severity": "warning" if begins else "info",
        "state": "begins" if begins else "over",
        "summary": f"{summary}: {item.reason}" if begins else summary,
        "host": socket.gethostname(),
        "session": None,
        "account": None,
        "details": {"source": item.source, "since": clock.iso(item.since), "reason": item.reason},
    }
