# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classify one message of the CLI."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from re import Pattern

from ..claude.local_commands import COMPACTION_ERROR
from ..common.ansi import plain_lines
from . import wordings
from .matching import first_match, is_whole_banner, limit_named, normalise
from .resets import Reset, find_reset
from .verdict import Verdict, not_limited, snippet_of
from .wordings import Wording

#: Characters; longer than any message of the CLI about a limit.
MESSAGE_MAX = 400
#: Rules of a text that is no limit, and told: in an unknown wording, and (the beginning of the rule) not decided.
UNKNOWN_WORDING = "unknown-wording"
UNDECIDED = "undecided-"


def limited_by(
    row: Wording, text: str, *, now: datetime, tz: tzinfo, limit: str | None = None, reset: Reset | None = None
) -> Verdict:
    """Return the verdict for a message that matches a blocking row; a given ``limit`` and ``reset`` take precedence."""
    named = limit_named(row, text)
    # The record of a spend limit can name the usage window instead; then the message is right.
    limit = named if limit is None or named == "spend" else limit
    if reset is None or reset.at is None:
        reset = find_reset(text, now=now, tz=tz, spend=limit == "spend")
    detail = f"{row.source}; seen on {row.seen}" + (f"; {reset.note}" if reset.note else "")
    return Verdict(True, limit, reset.at, row.name, snippet_of(text), detail)


def limited_by_operator(pattern: Pattern[str], text: str, *, now: datetime, tz: tzinfo) -> Verdict:
    """Return the verdict for a message that matches a pattern of the operator's."""
    reset = find_reset(text, now=now, tz=tz)
    detail = f"the operator's pattern {pattern.pattern!r}" + (f"; {reset.note}" if reset.note else "")
    return Verdict(True, "unknown", reset.at, "extra-pattern", snippet_of(text), detail)


def blocking_row(text: str, *, trusted: bool) -> Wording | None:
    """Return the blocking row that a normalised text matches.

    ``trusted``: the CLI wrote the text, so its beginning suffices; otherwise the text must be a whole banner.
    """
    if len(text) > MESSAGE_MAX or first_match(wordings.NON_BLOCKING, text):
        return None
    row = first_match(wordings.BLOCKING, text)
    if row is None:
        return None
    return row if trusted or is_whole_banner(row, text) else None


def unknown_wording(text: str) -> Verdict | None:
    """Return the verdict for a normalised text that mentions a limit although no row matches; None for other text."""
    if len(text) <= MESSAGE_MAX and wordings.POSSIBLE_LIMIT.search(text):
        return not_limited(UNKNOWN_WORDING, text, "mentions a limit in an unknown wording")
    return None


def non_blocking(text: str) -> Verdict | None:
    """Return the verdict for a normalised text that matches a non-blocking row; None for other text."""
    row = first_match(wordings.NON_BLOCKING, text)
    if row is None:
        return None
    return not_limited(row.name, text, f"not a usage limit: {row.source}; seen on {row.seen}")


def without_compaction(text: str) -> str:
    """Return a normalised text without the words around the error of a refused `/compact`."""
    found = COMPACTION_ERROR.match(text)
    return text[found.end() :] if found else text


def undecided(text: str) -> Verdict | None:
    """Return the verdict for a normalised text that may be a limit of an account or of something else; else None."""
    row = first_match(wordings.UNDECIDED, text)
    if row is None:
        return None
    return not_limited(row.name, text, f"not decided, so no usage limit: {row.source}; seen on {row.seen}")


def contradicts_quota(message: str) -> bool:
    """Return whether the CLI says of a refusal that it is not the account's usage limit, whatever its data says."""
    row = first_match(wordings.NON_BLOCKING, normalise(message))
    return row is not None and row.name in wordings.NEVER_THE_ACCOUNT


def classify_text(
    message: str, *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = (), prefix: bool = False
) -> Verdict:
    """Classify one message written by the CLI itself (not by the model, a tool or a user). Raises nothing.

    Args:
        message: the text, possibly with escapes.
        now: when the message was seen (aware).
        tz: the host's time zone.
        extra_patterns: the operator's own, compiled.
        prefix: the CLI's own prefix test suffices, whatever limit the message names.
    """
    text = without_compaction(normalise(" ".join(plain_lines([message[: 20 * MESSAGE_MAX]]))))
    doubt = undecided(text)
    if doubt is None:
        verdict = non_blocking(text)
        if verdict is not None:
            return verdict
        row = blocking_row(text, trusted=True)
        if row is None and prefix and wordings.BLOCKING_PREFIX.pattern.match(text):
            row = wordings.BLOCKING_PREFIX
        if row is not None:
            return limited_by(row, text, now=now, tz=tz)
    for pattern in extra_patterns:
        if pattern.search(text):
            return limited_by_operator(pattern, text, now=now, tz=tz)
    return doubt or unknown_wording(text) or not_limited("no-limit", text, "no wording of a usage limit")
