# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exponential back-off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Backoff:
    """Delay before the next attempt: ``initial`` seconds, doubled with each failure in a row, up to ``maximum``.

    An attempt that ran longer than ``maximum`` counts as a success: its failure is the first of a new row.
    """

    initial: float
    maximum: float
    failures: int = 0

    def failed(self, ran: float) -> float:
        """Record a failure after ``ran`` seconds; return the seconds to wait."""
        if ran > self.maximum:
            self.failures = 0
        # 2.0 ** 1024 is an OverflowError.
        delay = min(self.maximum, self.initial * 2.0 ** min(self.failures, 64))
        self.failures += 1
        return delay
