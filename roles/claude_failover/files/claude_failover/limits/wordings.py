# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wordings of usage limits, and of what only looks like one: data, each row with where it was seen.

All patterns run on text that `normalise` has made plain: one line, straight quotes, `·` for every middle dot.
The rows are tried in order; a non-blocking row that fits wins over every blocking one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern

_QUOTES = {
    ord("\u2018"): "'",
    ord("\u2019"): "'",
    ord("\u02bc"): "'",
    ord("\u201c"): '"',
    ord("\u201d"): '"',
    ord("\u2219"): "·",
    ord("\u2022"): "·",
    ord("\u22c5"): "·",
    ord("\u00a0"): " ",
    ord("\u202f"): " ",
}


@dataclass(frozen=True)
class Wording:
    """One row. ``limit`` is a value of `Verdict.limit`; None: read from the pattern's group ``what``."""

    name: str
    pattern: Pattern[str]
    limit: str | None
    seen: str
    source: str


@dataclass(frozen=True)
class NamedLimit:
    """How a message's own name of the limit maps to a value of `Verdict.limit`; the first that is found decides."""

    pattern: Pattern[str]
    limit: str
    seen: str


def _row(name: str, pattern: str, limit: str | None, seen: str, source: str) -> Wording:
    return Wording(name, re.compile(pattern, re.IGNORECASE), limit, seen, source)


#: A piece of a limit's name: no punctuation, but the dot in "Opus 5.5" and the brackets in "(1M context)".
_NAME = r"(?:[^·|.,:;!?()\"`]|(?<=\d)\.(?=\d)|\(\d+[km] context\))"

BLOCKING = (
    _row(
        "hit-your-limit",
        r"you(?:'ve| have)? (?:hit|reached) your (?P<what>(?:" + _NAME + r"{0,60}? )?(?:limit|budget)\b"
        r"(?: for [\w ]{1,40})?)",
        None,
        "2.1.4 to 2.1.330; without 've in 2026-08; model names with a dot or a context, not seen",
        "anthropics/claude-code#19472, #52575, #68864; captures; Opus 5.5 in the header of 2.1.330",
    ),
    _row(
        "out-of-credits",
        r"you're out of (?:usage credits|extra usage)\b",
        "spend",
        "2.1.84 to 2.1.330",
        "anthropics/claude-code#29741; the program's own prefix list, 2.1.283",
    ),
    _row(
        "org-out-of-usage",
        r"your org(?:anization)? is out of (?:extra )?usage ·",
        "spend",
        "2.1.283, 2.1.330; of extra usage: not seen",
        "the program's own prefix list, 2.1.283",
    ),
    _row(
        "seat-without-usage",
        r"your seat type doesn't include (?:usage|extra usage)\b",
        "spend",
        "2.1.283, 2.1.330",
        "the program's own prefix list, 2.1.283",
    ),
    _row(
        "allocation-disabled",
        r"your usage allocation has been disabled\b",
        "spend",
        "2.1.283, 2.1.330",
        "the program's own prefix list, 2.1.283",
    ),
    _row(
        "group-limit-zero",
        r"your group's usage limit is set to \$0",
        "spend",
        "2.1.283, 2.1.330",
        "the program's own prefix list, 2.1.283",
    ),
    _row(
        "model-needs-credits",
        r"(?P<what>(?:fable|haiku|mythos|opus|sonnet)(?: [^·]{1,40}?)?) requires usage credits\.",
        None,
        "2.1.283 (Fable 5), 2.1.330 (any of these models)",
        "the program's own prefix lists",
    ),
    _row(
        "service-disabled",
        r"this service is disabled for your org\b",
        "unknown",
        "2.1.283, 2.1.330",
        "the program's own prefix list, 2.1.283",
    ),
    _row(
        "org-paused",
        r"usage is paused for your organization\.",
        "spend",
        "2.1.330, read in the program",
        "the message of its daily cap",
    ),
    _row(
        "claude-limit-reached",
        r"claude (?:ai )?usage limit reached(?=\||\.| ·|$)",
        "unknown",
        "1.0.31 to 2.0 (2025-06 to 2025-10)",
        "anthropics/claude-code#2490, #6119, #8638",
    ),
    _row(
        "named-limit-reached",
        r"(?P<what>(?:(?:claude )?(?:opus|sonnet|fable|haiku|mythos)(?: \d[\d.]*)? (?:weekly )?"
        r"|(?:5-hour|five-hour|session|weekly) )(?:usage )?)limit reached(?=\.| ·|$)",
        None,
        "1.0.89 to 2.0 (2025-08 to 2025-12); a model's weekly limit in 2.0",
        "anthropics/claude-code#6392",
    ),
    _row(
        "waiting-notice",
        r"usage limit reached(?: again)? · (?:set to continue|continuing|(?:limit )?resets)\b",
        "unknown",
        "2.1.234 to 2.1.330",
        "the CLI's own wait for the reset; its documentation, captures",
    ),
)

#: What the CLI itself tests for, whatever follows: only for text that the CLI, not the model, is known to have written.
BLOCKING_PREFIX = _row(
    "blocking-prefix",
    r"you've (?:hit|reached) your (?P<what>[^·|.\n]{0,60})",
    None,
    "2.1.283, 2.1.330",
    "the program's own prefix list, 2.1.283",
)

NON_BLOCKING = (
    _row(
        "server-throttle",
        r".*\(not your usage\s+limit\)",
        None,
        "2.1.150 to 2.1.330",
        "anthropics/claude-code#63014, #64905, #65902",
    ),
    _row(
        "gauge",
        r"(?:you've used\b|you're close to\b|over \d+% of your\b|approaching\b|used \d+%)",
        None,
        "2.0 to 2.1.330",
        "the program's own warning prefixes, 2.1.283",
    ),
    _row(
        "paying-otherwise",
        r"(?:you're )?now using\b",
        None,
        "2.1.283, 2.1.330",
        "the program's own transition prefixes, 2.1.283",
    ),
    _row(
        "model-changed",
        r"[^·]{0,60}\b(?:limit|usage credits|extra usage)\b.{0,100}?"
        r"\b(?:now using|switch(?:ed|ing) to|continuing (?:with|on) (?:usage credits|extra usage))\b",
        None,
        "1.0 to 2.0; after a reset clause in 2.0",
        "the session works on: on Sonnet, on extra usage",
    ),
    _row(
        "limit-has-reset",
        r"your (?:claude\.ai )?usage limit has reset\b",
        None,
        "2.1.234 to 2.1.330",
        "the CLI's own wait for the reset is over",
    ),
    _row(
        "workflow-paused",
        r".*\bworkflow paused\b",
        None,
        "2.1.330, read in the program",
        "sub-agents wait; the session's own turn goes on",
    ),
    _row(
        "grace-window",
        r"\[?usage limit (?:reached — grace window|approaching)",
        None,
        "2.1.330, read in the program",
        "a note to the model, which may still answer",
    ),
    _row("retrying", r".*\bretrying in \d", None, "2.1.330", "captures: the request is sent again"),
    _row("api-error", r"(?:please run /login · )?api error\b", None, "2.1.160 to 2.1.330", "captures: 529, 500, 401"),
    _row(
        "login",
        r"(?:login expired|not logged in|invalid api key|could not refresh your login|oauth token)",
        None,
        "2.1.330",
        "captures: a dead login is a state of its own",
    ),
    _row(
        "api-credit",
        r"credit balance is too low",
        None,
        "2.1.330",
        "captures: an API key's credit, not a subscription's usage",
    ),
    _row(
        "fast-mode",
        r"(?:fast mode disabled\b|(?:you(?:'ve| have)? (?:hit|reached) your )?fast(?: mode)? limit\b)",
        None,
        "2.1.330, read in the program; fast limit: reported, not seen",
        "the session works on, slower",
    ),
)

#: Notices and offers of the CLI that stand below a banner and change nothing about it.
NOTICES = (
    _row(
        "waiting-notice",
        r"usage limit reached(?: again)? · (?:set to continue|continuing|(?:limit )?resets)\b",
        None,
        "2.1.234 to 2.1.330",
        "captures",
    ),
    _row("wait-ended", r"automatic continue (?:cancelled|stopped)\b", None, "2.1.330", "captures"),
)
OFFERS = (
    _row(
        "offer",
        r"(?:run )?/(?:upgrade|usage-credits|extra-usage|rate-limit-options|model|login)\b",
        None,
        "1.0.89 to 2.1.330",
        "captures",
    ),
)

#: The CLI's footer while it waits for the reset, and after it. In the footer only: the same words are prose elsewhere.
WAITING_FOOTER = _row(
    "waiting-footer",
    r"(?:⚠ )?usage limit reached · (?:(?:limit resets|continuing|resets)\b|[lcr][a-z ]{0,11}…)",
    "unknown",
    "2.1.234 to 2.1.330; cut off by the pane: not seen",
    "captures",
)
RESET_FOOTER = _row(
    "limit-has-reset", r"(?:⚠ )?your usage limit has reset\b", None, "2.1.234 to 2.1.330", "read in the program"
)

#: A reset time, or the words in its place: nothing but what such a clause is made of.
_WHEN = (
    r"(?:(?:at|on|in|and|today|tomorrow|shortly|noon|midnight|utc|gmt|"
    r"when (?:it|the limit|your limit) resets|"
    r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?|"
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?|"
    r"20\d{2}-\d{2}-\d{2}t\d{2}:\d{2}(?::\d{2})?(?:z|[+-]\d{2}:\d{2})?|"
    r"\d[\d:]*(?:am|pm|st|nd|rd|th|d|h|m|s)?|[ap]\.?m\b\.?|"
    r"(?:days?|hours?|hrs?|min(?:ute)?s?))(?:, ?| |$|(?= ?\()))+"
    r"(?:\([^)]{1,48}\))?"
)

#: What may follow a banner in its own sentence. A text at a place where the model could have written it counts as
#: a banner only if nothing else follows.
TAILS = tuple(
    re.compile(pattern + r"$", re.IGNORECASE)
    for pattern in (
        r"(?:(?:your |it )?(?:[\w'-]+ ){0,3}(?:will )?resets? )?" + _WHEN,
        r"(?:automatically )?" + _WHEN,
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
        r"(?:set to continue|continuing)(?: automatically)? " + _WHEN,
        r"esc (?:or type )?to cancel",
        r"(?:usage|usage credits|extra usage|credits)",
        r"by your admin",
    )
)
#: What parts one such clause from the next: a dot of either height, a bar, or that a command follows.
_BETWEEN = re.compile(
    r"\brun\s+(?=/(?:usage-credits|extra-usage|upgrade|model)\b)|"
    r"\s*·\s*|\s*\|\s*|\.\s+|\.$|…|\s+(?=/[a-z-]+\b)",
    re.IGNORECASE,
)

NAMES = (
    NamedLimit(re.compile(r"\bopus\b", re.IGNORECASE), "opus", "2.1.330"),
    NamedLimit(re.compile(r"\bsonnet\b", re.IGNORECASE), "sonnet", "2.1.330"),
    NamedLimit(
        re.compile(r"\b(?:spend|budget|credits?|monthly|individual usage|extra usage)\b", re.IGNORECASE),
        "spend",
        "2.1.215, 2.1.330; extra usage is what 2.1.84 calls usage credits",
    ),
    NamedLimit(re.compile(r"\b(?:fable|haiku|mythos)\b", re.IGNORECASE), "model", "Fable 2.1.198, 2.1.330"),
    NamedLimit(
        re.compile(r"\b(?:5[- ]hour|five[- ]hour|session)\b", re.IGNORECASE),
        "five_hour",
        "5-hour 2.1.330, session 2.1.197",
    ),
    NamedLimit(re.compile(r"\b(?:weekly|7[- ]day|seven[- ]day)\b", re.IGNORECASE), "seven_day", "2.1.330"),
    # Any other name that starts like a model's: Fable, Haiku, Mythos and those to come.
    NamedLimit(
        re.compile(
            r"^(?:claude )?(?!(?:claude|usage|limit|plan|account|hourly|daily|team|org\w*|pro|max|free|rate|"
            r"request)\b)[A-Za-z]+(?: [\d.]+)?(?: limit|$)",
            re.IGNORECASE,
        ),
        "model",
        "Fable 2.1.198, 2.1.330",
    ),
)

#: ``rateLimitType`` of a transcript record.
CLAIMS = {
    "five_hour": "five_hour",
    "seven_day": "seven_day",
    "seven_day_opus": "opus",
    "seven_day_sonnet": "sonnet",
    "seven_day_overage_included": "model",
    "overage": "spend",
}  # seen on 2.1.330

#: A wording that no row knows, but that speaks of a limit: worth a line in the log, never a switch.
SMELL = re.compile(
    r"\b(?:limits?|quota|usage|allowance|credits?)\b.{0,60}\b(?:reached|hit|exceeded|exhausted|used up|spent|out of|"
    r"paused|blocked|resets?)\b|\b(?:reached|hit|exceeded|exhausted|used up|out of)\b.{0,60}"
    r"\b(?:limits?|quota|usage|allowance|credits?)\b|"
    r"\bno (?:more|remaining)\b.{0,40}\b(?:quota|usage|allowance|credits?)\b",
    re.IGNORECASE,
)

_GLYPHS = re.compile(r"^(?:[⎿●⏺⚠✗✘×■│┃|]\s*)+")


#: Commands that the CLI answers by itself, asking no model: after them the turn before is still the newest.
#: `/rate-limit-options` is entered by the CLI itself at a limit (2.1.84, 2.1.197, captures).
LOCAL_COMMANDS = (
    "rate-limit-options",
    "usage",
    "status",
    "cost",
    "stats",
    "context",
    "help",
    "doctor",
    "release-notes",
)


def is_local_command(prompt: str) -> bool:
    """Tell whether a prompt is one of those commands."""
    words = prompt.split()
    return bool(words) and words[0].startswith("/") and words[0][1:].lower() in LOCAL_COMMANDS


def normalise(text: str) -> str:
    """Return the text on one line, with straight quotes, one kind of middle dot, and no glyph before it."""
    one_line = " ".join(text.translate(_QUOTES).split())
    return _GLYPHS.sub("", one_line)


def first(rows: tuple[Wording, ...], text: str) -> Wording | None:
    """Return the first row whose pattern fits the start of a normalised text."""
    return next((row for row in rows if row.pattern.match(text)), None)


def limit_named(row: Wording, text: str) -> str:
    """Return which limit a text names that fits a row."""
    if row.limit is not None:
        return row.limit
    found = row.pattern.match(text)
    what = found.group("what").strip() if found else ""
    return next((name.limit for name in NAMES if name.pattern.search(what)), "unknown")


def is_companion(text: str) -> bool:
    """Tell whether a normalised text is a line that may stand below a banner."""
    return len(text) < 200 and first(NON_BLOCKING, text) is None and first(NOTICES + OFFERS, text) is not None


def nothing_else(row: Wording, text: str) -> bool:
    """Tell whether a text that fits a row holds the banner and what belongs to it, and no further words."""
    found = row.pattern.match(text)
    if found is None:
        return False
    rest = text[found.end() :]
    parts = _BETWEEN.split(rest)
    return all(any(tail.match(part.strip()) for tail in TAILS) for part in parts if part.strip())
