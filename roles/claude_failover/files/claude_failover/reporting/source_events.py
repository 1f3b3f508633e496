# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the sources that do not work, by events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..common.health import Blindness, SourceHealth
from .events import source_event


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
