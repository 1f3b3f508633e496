# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts of what happened: switches, what became of their sessions, prompts, unknown wordings and events.

What the records of switches tell outlives a restart, as it is counted anew from ``switches.jsonl``; the other counts
begin at 0 with the daemon, which Prometheus reads as the reset of a counter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ..switching.record import OUTCOMES, REASONS
from .exposition import Histogram

#: What a session's resumption can come to; the details that follow a colon are left out.
RESULTS = ("continued", "sent", "moved on", "draft", "dialog", "busy", "bound", "gone", "failed", "under way")
OTHER = "other"  # of a record that a newer release has written
METHODS = ("hot", "restart")

# A hot prompt takes about a second, a restart up to a minute.
RESUME_BOUNDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
_LONGEST = 86400.0  # seconds of a resumption; no longer one is a resumption's


class Tallies:
    """The counts.

    Attributes:
        switches: the number of switches by reason and outcome.
        results: the number of sessions of switches by what became of them, one of `RESULTS` or `OTHER`.
        resume_seconds: how long the sessions took that got a prompt or a restart.
        prompts: the number of Enter keys that the daemon has pressed.
        unknown_wordings: the number of texts that resemble a limit in an unknown wording.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]] = ()) -> None:
        self.switches = Counter({(reason, outcome): 0 for reason in REASONS for outcome in OUTCOMES})
        self.results = Counter(dict.fromkeys(RESULTS, 0))
        self.resume_seconds = Histogram(RESUME_BOUNDS)
        self.prompts = 0
        self.unknown_wordings = 0
        for record in records:
            self.add_record(record)

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Count a switch and its sessions."""
        self.switches[str(record.get("reason")), str(record.get("outcome"))] += 1
        for row in record.get("sessions") or ():
            self._add_session(row)

    def add_prompt(self) -> None:
        """Count an Enter key of the daemon."""
        self.prompts += 1

    def add_unknown_wording(self) -> None:
        """Count a text that resembles a limit in an unknown wording."""
        self.unknown_wordings += 1

    def _add_session(self, row: Mapping[str, Any]) -> None:
        result = str(row.get("result")).partition(":")[0]
        self.results[result if result in RESULTS else OTHER] += 1
        seconds = row.get("seconds")
        if row.get("method") in METHODS and isinstance(seconds, (int, float)) and 0 <= seconds <= _LONGEST:
            self.resume_seconds.observe(seconds)
