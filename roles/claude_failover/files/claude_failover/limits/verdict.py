# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recognition says: the same shape for all three sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..common import clock

#: A snippet never holds more than this many characters (a contract of the status and history records).
SNIPPET_MAX = 500


@dataclass(frozen=True)
class Verdict:
    """Whether an account is out of usage now.

    ``limit`` is ``five_hour``, ``seven_day``, ``opus``, ``sonnet``, ``model`` (another model's own limit), ``spend``
    or ``unknown``; None if not limited. ``resets_at`` is aware and in UTC, None if nothing (believable) says it; it
    can lie in the past, when what was read is old. ``rule`` names the row of a table, or the step, that decided.
    """

    limited: bool
    limit: str | None
    resets_at: datetime | None
    rule: str
    snippet: str
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as the command line and the history show it."""
        return {
            "limited": self.limited,
            "limit": self.limit,
            "resets_at": clock.optional_iso(self.resets_at),
            "rule": self.rule,
            "snippet": self.snippet,
            "detail": self.detail,
        }


def snippet_of(text: str) -> str:
    """Return the text on one line, printable, and short enough to keep."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(kept.split())[:SNIPPET_MAX]


def not_limited(rule: str, text: str, detail: str) -> Verdict:
    """Return the verdict that there is no usage limit, and why."""
    return Verdict(False, None, None, rule, snippet_of(text), detail)
