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


def _row(name: str, pattern: str, limit: str | None, seen: str, source: str) -> Wording:
    return Wording(name, re.compile(pattern, re.IGNORECASE), limit, seen, source)


#: A character of a limit's name: no punctuation except the dot in "Opus 5.5" and the brackets in "(1M context)".
_NAME_PART = r"(?:[^·|.,:;!?()\"`]|(?<=\d)\.(?=\d)|\(\d+[km] context\))"
_WAIT_NOTICE = r"usage limit reached(?: again)? · (?:set to continue|continuing|(?:limit )?resets)\b"

#: The row of the CLI's own wait, which names no limit.
WAITING_NOTICE = "waiting-notice"

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
        "limit-reached",
        r"limit reached(?= · (?:your |the |it )?(?:limit )?(?:will )?resets?\b)",
        "unknown",
        "2.0 (2025-10), reported",
        "the named limit's wording without its name",
    ),
    _row(
        "credits-ran-out",
        r"(?:api error: )?usage credits ran out before the response was finished\b",
        "spend",
        "2.1.332, found in the CLI's code",
        "the stream ended for want of credits",
    ),
    _row(
        "spend-limit-reached",
        r"spend limit reached(?= · resets\b)",
        "spend",
        "2.1.332, found in the CLI's code",
        "the server's own words in a 429 of a subscription",
    ),
    _row(
        "credit-cap-reached",
        r"your organization's usage credit cap is reached for this period\b",
        "spend",
        "2.1.332, found in the CLI's code",
        "the organization's cap; `/usage-credits` prints it, too, as the output of a command",
    ),
    _row(
        WAITING_NOTICE,
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
        r"\[?usage limit (?:reached (?:— grace window|· (?:wrapping up|brief included wrap-up))|approaching)",
        None,
        "2.1.330, 2.1.332, found in the CLI's code",
        "a note to the model, which may still answer",
    ),
    _row("retrying", r".*\bretrying in \d", None, "2.1.330", "captures: the request is sent again"),
    _row(
        "api-error",
        r"(?:please run /login · )?api error\b(?!: usage credits ran out)",
        None,
        "2.1.160 to 2.1.330",
        "captures: 529, 500, 401",
    ),
    _row(
        "login",
        r"(?:login (?:expired|reached its time limit)|not logged in|invalid api key|could not refresh your login"
        r"|oauth token)",
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

#: Non-blocking rows that hold whatever a record's ``quotaLimits`` says.
NEVER_THE_ACCOUNT = ("server-throttle", "fast-mode")
#: Non-blocking rows that can stand below the banner of a limit that is in force.
BESIDE_A_LIMIT = ("gauge", "grace-window", "workflow-paused")

#: Messages about a limit that need not be an account's. They are no limit, and logged.
UNDECIDED = (
    _row(
        "undecided-api-limit",
        r"(?:api error\b.{0,150}?)?you have reached your specified (?:\w+ )?api usage limits\b",
        None,
        "2025 (anthropics/claude-code#1047)",
        "a limit that an organization has set for its API keys",
    ),
    _row(
        "undecided-long-context",
        r"(?:api error: )?(?:usage credits|extra usage is) required for 1m context\b",
        None,
        "2.1.280 to 2.1.332 (anthropics/claude-code#48721)",
        "a matter of entitlement; the standard context can be used",
    ),
    _row(
        "undecided-model-credits",
        r".{0,200}?\bclaude stopped here because .{1,60} requires usage credits\b",
        None,
        "2.1.332, found in the CLI's code",
        "other models can be used, and a confirmation is open",
    ),
    _row(
        "undecided-gateway",
        r"api error\b.{0,60}? spend limit (?:reached|unavailable)\b",
        None,
        "documented for 2.1.2xx; 2.1.332, found in the CLI's code",
        "a gateway's own cap, not a subscription's",
    ),
)

#: Notices and offers that the CLI prints below a banner; they do not change its meaning.
NOTICES = (
    _row(
        WAITING_NOTICE,
        _WAIT_NOTICE,
        None,
        "2.1.234 to 2.1.330",
        "captures",
    ),
    _row(
        "wait-ended",
        r"automatic continue (?:cancelled|stopped|was turned off)\b",
        None,
        "2.1.239 (turned off, reported), 2.1.330",
        "captures",
    ),
    _row(
        "goal-paused",
        r"goal paused · usage (?:limit reached|is paused for your organization)\b",
        None,
        "2.1.2xx (reported) to 2.1.332",
        "captures: `/goal` waits; the banner is above it",
    ),
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

#: What the CLI says of something else, below a banner too.
ASIDES = (
    _row(
        "remote-control-dropped",
        r"remote control disconnected \W signed-in claude\.ai account or organization changed\b",
        None,
        "2.1.260 to 2.1.332",
        "found in the CLI's code: after a flip; it goes on for up to 250 characters",
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
#: The CLI's own retry of a request that a limit refused; the reset is in brackets. Only with those can the name be any
#: or cut off: a server throttle has none.
RETRYING_LIMIT = _row(
    "retrying-limit",
    r"(?:(?P<name>5-hour|five-hour|session|weekly|usage(?: credit)?|(?:opus|sonnet|fable|haiku|mythos)[\w. -]{0,20}) "
    r"limit reached · retrying in \d[\dhdms ]*(?: \((?P<reset>[^()]{3,40})\))?"
    r"|(?P<other>[^·…]{3,40} limit reached|[^·…]{2,40}…) · retrying in \d[\dhdms ]* \((?P<until>[^()]{3,40})\)) ·",
    None,
    "2.1.260 to 2.1.332",
    "captures with CLAUDE_CODE_RETRY_WATCHDOG=1",
)
#: The CLI's menu at a limit; its option to wait names the reset.
LIMIT_MENU = _row("limit-menu", r".*", "unknown", "2.1.197 to 2.1.332", "captures")
RESET_FOOTER = _row(
    "limit-has-reset", r"(?:⚠ )?your usage limit has reset\b", None, "2.1.234 to 2.1.330", "found in the CLI's code"
)

#: Text that mentions a limit although no row matches: logged as an unknown wording, never a limit.
POSSIBLE_LIMIT = re.compile(
    r"\b(?:limits?|quota|usage|allowance|credits?)\b.{0,60}\b(?:reached|hit|exceeded|exhausted|used up|spent|out of|"
    r"paused|blocked|resets?)\b|\b(?:reached|hit|exceeded|exhausted|used up|out of)\b.{0,60}"
    r"\b(?:limits?|quota|usage|allowance|credits?)\b|"
    r"\bno (?:more|remaining)\b.{0,40}\b(?:quota|usage|allowance|credits?)\b",
    re.IGNORECASE,
)
