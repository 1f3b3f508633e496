# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdict: the classification of a text, the same for all sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..common import clock

#: Maximum length of a snippet, guaranteed to readers of status and history records.
SNIPPET_MAX = 500


@dataclass(frozen=True)
class Verdict:
    """A usage limit, or none.

    ``limit``: ``five_hour``, ``seven_day``, ``opus``, ``sonnet``, ``model`` (another model's own limit), ``spend`` or
    ``unknown``; None if not limited. ``resets_at``: aware, in UTC, None without a plausible reset time; in the past if
    the text is old. ``rule``: the table row or the step that decided.
    """

    limited: bool
    limit: str | None
    resets_at: datetime | None
    rule: str
    snippet: str
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, as printed by `classify` and kept in the history."""
        return {
            "limited": self.limited,
            "limit": self.limit,
            "resets_at": clock.optional_iso(self.resets_at),
            "rule": self.rule,
            "snippet": self.snippet,
            "detail": self.detail,
        }


def snippet_of(text: str) -> str:
    """Return the text on one line, printable, and cut to `SNIPPET_MAX`."""
    kept = "".join(c if c.isprintable() else " " for c in text[: 20 * SNIPPET_MAX])
    return " ".join(kept.split())[:SNIPPET_MAX]


def not_limited(rule: str, text: str, detail: str) -> Verdict:
    """Return a negative verdict with its reason."""
    return Verdict(False, None, None, rule, snippet_of(text), detail)
