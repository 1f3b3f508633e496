# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clauses that may follow a banner on its line."""

from __future__ import annotations

import re

#: A reset time, or words in place of one.
_RESET_TIME = (
    r"(?:(?:at|on|in|and|today|tomorrow|shortly|noon|midnight|utc|gmt|(?:[ecmp]|ak)[sd]t|hst|"
    r"when (?:it|the limit|your limit) resets|"
    r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?|"
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?|"
    r"20\d{2}-\d{2}-\d{2}t\d{2}:\d{2}(?::\d{2})?(?:z|[+-]\d{2}:\d{2})?|"
    r"\d[\d:]*(?:am|pm|st|nd|rd|th|d|h|m|s)?|[ap]\.?m\b\.?|"
    r"(?:days?|hours?|hrs?|min(?:ute)?s?))(?:, ?| |$|(?= ?\()))+"
    r"(?:\([^)]{1,48}\))?"
)

#: Clauses that may follow a banner on its line. Where the model could have written the text, it counts as a banner only
#: if nothing else follows.
TRAILING_CLAUSES = tuple(
    re.compile(pattern + r"$", re.IGNORECASE)
    for pattern in (
        r"(?:(?:your |it )?(?:[\w'-]+ ){0,3}(?:will )?resets? )?" + _RESET_TIME,
        r"(?:automatically )?" + _RESET_TIME,
        r"automatically",
        r"out of (?:usage credits|extra usage)",
        r"progress saved",
        r"ask your admin (?:to raise it at|for a higher limit)\b.{0,80}",
        r"(?:raise it at|visit|or visit|manage it in|contact your admin)\b.{0,80}",
        r"(?:run )?/[a-z-]+\b.{0,100}",
        r"add funds to continue",
        r"add (?:more )?(?:usage credits|extra usage) at:? \S{1,80}",
        r"view your usage details",
        r"\d{10,13}",
        r"see usage in settings",
        r"an org owner or .{1,80}",
        r"switch to another model\b.{0,80}",
        r"for help, please contact support",
        r"(?:set to continue|continuing)(?: automatically)? " + _RESET_TIME,
        r"esc (?:or type )?to cancel",
        r"(?:usage|usage credits|extra usage|credits)",
        r"by your admin",
    )
)
#: Separators of these clauses: a middle dot, a full stop, an ellipsis, a bar, or the blank before a command.
CLAUSE_SEPARATOR = re.compile(
    r"\brun\s+(?=/(?:usage-credits|extra-usage|upgrade|model)\b)|"
    r"\s*·\s*|\s*\|\s*|\.\s+|\.$|…|\s+(?=/[a-z-]+\b)",
    re.IGNORECASE,
)
