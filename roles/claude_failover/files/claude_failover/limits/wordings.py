# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wordings of usage limits and of messages that resemble one: a table, each row with its versions and source.

Patterns run on text normalised by `matching.normalise`: one line, straight quotes, `·` for every middle dot. The first
matching row wins; a match in `NON_BLOCKING` overrides any in `BLOCKING`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern


@dataclass(frozen=True)
class Wording:
    """A row of the table.

    ``limit``: a value of `Verdict.limit`; None if the pattern's group ``name`` names it (see `LIMIT_NAMES`). ``seen``:
    the versions; ``source``: an issue, a capture, or the CLI's code.
    """

    name: str
    pattern: Pattern[str]
    limit: str | None
    seen: str
    source: str


@dataclass(frozen=True)
class LimitName:
    """Maps a limit's name in a message to a value of `Verdict.limit`; the first match wins."""

    pattern: Pattern[str]
    limit: str
    seen: str


def _row(name: str, pattern: str, limit: str | None, seen: str, source: str) -> Wording:
    return Wording(name, re.compile(pattern, re.IGNORECASE), limit, seen, source)


#: A character of a limit's name: no punctuation except the dot in "Opus 5.5" and the brackets in "(1M context)".
_NAME_PART = r"(?:[^·|.,:;!?()\"`]|(?<=\d)\.(?=\d)|\(\d+[km] context\))"
_WAIT_NOTICE = r"usage limit reached(?: again)? · (?:set to continue|continuing|(?:limit )?resets)\b"

BLOCKING = (
    _row(
        "hit-your-limit",
        r"you(?:'ve| have)? (?:hit|reached) your (?P<name>(?:" + _NAME_PART + r"{0,60}? )?(?:limit|budget)\b"
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
        "anthropics/claude-code#29741; the CLI's prefix list, 2.1.283",
    ),
    _row(
        "org-out-of-usage",
        r"your org(?:anization)? is out of (?:extra )?usage ·",
        "spend",
        "2.1.283, 2.1.330; of extra usage: not seen",
        "the CLI's prefix list, 2.1.283",
    ),
    _row(
        "seat-without-usage",
        r"your seat type doesn't include (?:usage|extra usage)\b",
        "spend",
        "2.1.283, 2.1.330",
        "the CLI's prefix list, 2.1.283",
    ),
    _row(
        "allocation-disabled",
        r"your usage allocation has been disabled\b",
        "spend",
        "2.1.283, 2.1.330",
        "the CLI's prefix list, 2.1.283",
    ),
    _row(
        "group-limit-zero",
        r"your group's usage limit is set to \$0",
        "spend",
        "2.1.283, 2.1.330",
        "the CLI's prefix list, 2.1.283",
    ),
    _row(
        "model-needs-credits",
        r"(?P<name>(?:fable|haiku|mythos|opus|sonnet)(?: [^·]{1,40}?)?) requires usage credits\.",
        None,
        "2.1.283 (Fable 5), 2.1.330 (any of these models)",
        "the CLI's prefix lists",
    ),
    _row(
        "service-disabled",
        r"this service is disabled for your org\b",
        "unknown",
        "2.1.283, 2.1.330",
        "the CLI's prefix list, 2.1.283",
    ),
    _row(
        "org-paused",
        r"usage is paused for your organization\.",
        "spend",
        "2.1.330, found in the CLI's code",
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
        r"(?P<name>(?:(?:claude )?(?:opus|sonnet|fable|haiku|mythos)(?: \d[\d.]*)? (?:weekly )?"
        r"|(?:5-hour|five-hour|session|weekly) )(?:usage )?)limit reached(?=\.| ·|$)",
        None,
        "1.0.89 to 2.0 (2025-08 to 2025-12); a model's weekly limit in 2.0",
        "anthropics/claude-code#6392",
    ),
    _row(
        "waiting-notice",
        _WAIT_NOTICE,
        "unknown",
        "2.1.234 to 2.1.330",
        "the CLI's own wait for the reset; its documentation, captures",
    ),
)

#: The CLI's own prefix test. Only for text that the CLI, not the model, is known to have written.
BLOCKING_PREFIX = _row(
    "blocking-prefix",
    r"you've (?:hit|reached) your (?P<name>[^·|.\n]{0,60})",
    None,
    "2.1.283, 2.1.330",
    "the CLI's prefix list, 2.1.283",
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
        "the CLI's warning prefixes, 2.1.283",
    ),
    _row(
        "paying-otherwise",
        r"(?:you're )?now using\b",
        None,
        "2.1.283, 2.1.330",
        "the CLI's transition prefixes, 2.1.283",
    ),
    _row(
        "model-changed",
        r"[^·]{0,60}\b(?:limit|usage credits|extra usage)\b.{0,100}?"
        r"\b(?:now using|switch(?:ed|ing) to|continuing (?:with|on) (?:usage credits|extra usage))\b",
        None,
        "1.0 to 2.0; after a reset clause in 2.0",
        "the session continues: on Sonnet, on extra usage",
    ),
    _row(
        "limit-has-reset",
        r"your (?:claude\.ai )?usage limit has reset\b",
        None,
        "2.1.234 to 2.1.330",
        "the CLI's wait for the reset is over",
    ),
    _row(
        "workflow-paused",
        r".*\bworkflow paused\b",
        None,
        "2.1.330, found in the CLI's code",
        "sub-agents wait; the session's own turn goes on",
    ),
    _row(
        "grace-window",
        r"\[?usage limit (?:reached — grace window|approaching)",
        None,
        "2.1.330, found in the CLI's code",
        "a note to the model, which may still answer",
    ),
    _row("retrying", r".*\bretrying in \d", None, "2.1.330", "captures: the request is sent again"),
    _row("api-error", r"(?:please run /login · )?api error\b", None, "2.1.160 to 2.1.330", "captures: 529, 500, 401"),
    _row(
        "login",
        r"(?:login expired|not logged in|invalid api key|could not refresh your login|oauth token)",
        None,
        "2.1.330",
        "captures: an expired login is a state of its own",
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
        "2.1.330, found in the CLI's code; fast limit: reported, not seen",
        "the session continues, slower",
    ),
)

#: Notices and offers that the CLI prints below a banner; they do not change its meaning.
NOTICES = (
    _row(
        "waiting-notice",
        _WAIT_NOTICE,
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

#: The CLI's footer while it waits for the reset, and after it. Elsewhere the same words can be prose.
WAITING_FOOTER = _row(
    "waiting-footer",
    r"(?:⚠ )?usage limit reached · (?:(?:limit resets|continuing|resets)\b|[lcr][a-z ]{0,11}…)",
    "unknown",
    "2.1.234 to 2.1.330; cut off by the pane: not seen",
    "captures",
)
RESET_FOOTER = _row(
    "limit-has-reset", r"(?:⚠ )?your usage limit has reset\b", None, "2.1.234 to 2.1.330", "found in the CLI's code"
)

#: A reset time, or words in place of one.
_RESET_TIME = (
    r"(?:(?:at|on|in|and|today|tomorrow|shortly|noon|midnight|utc|gmt|"
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

#: Text that mentions a limit although no row matches: logged as an unknown wording, never a limit.
POSSIBLE_LIMIT = re.compile(
    r"\b(?:limits?|quota|usage|allowance|credits?)\b.{0,60}\b(?:reached|hit|exceeded|exhausted|used up|spent|out of|"
    r"paused|blocked|resets?)\b|\b(?:reached|hit|exceeded|exhausted|used up|out of)\b.{0,60}"
    r"\b(?:limits?|quota|usage|allowance|credits?)\b|"
    r"\bno (?:more|remaining)\b.{0,40}\b(?:quota|usage|allowance|credits?)\b",
    re.IGNORECASE,
)

#: Commands that the CLI answers without asking a model; they do not start a turn. At a limit the CLI itself enters
#: `/rate-limit-options` (2.1.84, 2.1.197, captures).
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
