# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of limits, in messages and in records, as values of `Verdict.limit`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern


@dataclass(frozen=True)
class LimitName:
    """Maps a limit's name in a message to a value of `Verdict.limit`; the first match wins."""

    pattern: Pattern[str]
    limit: str
    seen: str


LIMIT_NAMES = (
    LimitName(re.compile(r"\bopus\b", re.IGNORECASE), "opus", "2.1.330"),
    LimitName(re.compile(r"\bsonnet\b", re.IGNORECASE), "sonnet", "2.1.330"),
    LimitName(
        re.compile(r"\b(?:spend|budget|credits?|monthly|individual usage|extra usage)\b", re.IGNORECASE),
        "spend",
        "2.1.215, 2.1.330; extra usage is what 2.1.84 calls usage credits",
    ),
    LimitName(re.compile(r"\b(?:fable|haiku|mythos)\b", re.IGNORECASE), "model", "Fable 2.1.198, 2.1.330"),
    LimitName(
        re.compile(r"\b(?:5[- ]hour|five[- ]hour|session)\b", re.IGNORECASE),
        "five_hour",
        "5-hour 2.1.330, session 2.1.197",
    ),
    LimitName(re.compile(r"\b(?:weekly|7[- ]day|seven[- ]day)\b", re.IGNORECASE), "seven_day", "2.1.330"),
    # Any other name in the form of a model's: future models.
    LimitName(
        re.compile(
            r"^(?:claude )?(?!(?:claude|usage|limit|plan|account|hourly|daily|team|org\w*|pro|max|free|rate|"
            r"request)\b)[A-Za-z]+(?: [\d.]+)?(?: limit|$)",
            re.IGNORECASE,
        ),
        "model",
        "Fable 2.1.198, 2.1.330",
    ),
)

#: ``rateLimitType`` of a transcript record, as a value of `Verdict.limit`.
RATE_LIMIT_TYPES = {
    "five_hour": "five_hour",
    "seven_day": "seven_day",
    "seven_day_opus": "opus",
    "seven_day_sonnet": "sonnet",
    "seven_day_overage_included": "model",
    "overage": "spend",
}  # seen on 2.1.330
