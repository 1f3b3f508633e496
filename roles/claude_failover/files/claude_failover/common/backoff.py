# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exponential back-off for what fails again and again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Backoff:
    """How long to wait before the next try.

    The first failure waits ``first`` seconds, each further one twice as long, up to ``most``. What ran longer than
    ``most`` counts as having worked, and the next failure is a first one again.
    """

    first: float
    most: float
    failures: int = 0

    def failed(self, ran: float) -> float:
        """Note a failure after a run of ``ran`` seconds; returns the seconds to wait."""
        if ran > self.most:
            self.failures = 0
        # The exponent is bounded: 2.0 ** 1024 is an OverflowError after some days of failures.
        delay = min(self.most, self.first * 2.0 ** min(self.failures, 64))
        self.failures += 1
        return delay
