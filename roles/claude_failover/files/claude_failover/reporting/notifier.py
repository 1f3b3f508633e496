# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``notify.command`` for every event, which it gets as JSON on standard input."""

from __future__ import annotations

from typing import Any

from ..common import json_text
from ..config.holder import ConfigHolder
from .program_runs import ProgramRun, ProgramRuns

TIMEOUT = 10.0  # seconds that one run may take


class Notifier(ProgramRuns):
    """Runs the command in the background."""

    def __init__(self, config: ConfigHolder, *, timeout: float = TIMEOUT) -> None:
        super().__init__(timeout)
        self._config = config

    def send(self, event: dict[str, Any]) -> None:
        """Queue an event for the command; returns at once. Needs a running event loop."""
        command = self._config.current.notify.command
        if command is not None:
            self.add(ProgramRun(command, json_text.render(event).encode() + b"\n"))
