# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One message of the CLI in, a verdict out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from re import Pattern

from ..common.ansi import plain_lines
from . import wordings
from .resets import Reset, find_reset
from .verdict import Verdict, not_limited, snippet_of
from .wordings import Wording

#: Longer than any message of the CLI about a limit; what is longer was written by somebody else.
MESSAGE_MAX = 400


def limited_by(
    row: Wording, text: str, *, now: datetime, tz: tzinfo, limit: str | None = None, reset: Reset | None = None
) -> Verdict:
    """Return the verdict for a message that fits a blocking row; structured values win over what the text says."""
    named = wordings.limit_named(row, text)
    # A limit of money names its window's claim in the record, but what was hit is what the message names.
    limit = named if limit is None or named == "spend" else limit
    if reset is None or reset.at is None:
        reset = find_reset(text, now=now, tz=tz, spend=limit == "spend")
    detail = f"{row.source}; seen on {row.seen}" + (f"; {reset.note}" if reset.note else "")
    return Verdict(True, limit, reset.at, row.name, snippet_of(text), detail)


def limited_by_operator(pattern: Pattern[str], text: str, *, now: datetime, tz: tzinfo) -> Verdict:
    """Return the verdict for a message that fits one of the operator's own patterns."""
    reset = find_reset(text, now=now, tz=tz)
    detail = f"the operator's pattern {pattern.pattern!r}" + (f"; {reset.note}" if reset.note else "")
    return Verdict(True, "unknown", reset.at, "extra-pattern", snippet_of(text), detail)


def row_of(text: str, *, trusted: bool) -> Wording | None:
    """Return the blocking row that a normalised text fits.

    ``trusted``: the CLI itself wrote it, so that its opening suffices; else it must hold the banner and nothing else.
    """
    if len(text) > MESSAGE_MAX or wordings.first(wordings.NON_BLOCKING, text):
        return None
    row = wordings.first(wordings.BLOCKING, text)
    if row is None:
        return None
    return row if trusted or wordings.nothing_else(row, text) else None


def classify_text(
    message: str, *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = (), prefix: bool = False
) -> Verdict:
    """Judge one message that the CLI itself wrote (not the model, not a tool, not a user).

    ``now`` is aware: when the message was seen. ``tz`` is the host's zone. ``prefix``: what the CLI itself takes for a
    usage limit by its first words is one, whatever it names. Raises nothing for any text.
    """
    text = wordings.normalise(" ".join(plain_lines([message[: 20 * MESSAGE_MAX]])))
    harmless = wordings.first(wordings.NON_BLOCKING, text)
    if harmless is not None:
        return not_limited(harmless.name, text, f"not a usage limit: {harmless.source}; seen on {harmless.seen}")
    row = row_of(text, trusted=True)
    if row is None and prefix and wordings.BLOCKING_PREFIX.pattern.match(text):
        row = wordings.BLOCKING_PREFIX
    if row is not None:
        return limited_by(row, text, now=now, tz=tz)
    for pattern in extra_patterns:
        if pattern.search(text):
            return limited_by_operator(pattern, text, now=now, tz=tz)
    if len(text) <= MESSAGE_MAX and wordings.SMELL.search(text):
        return not_limited("unknown-wording", text, "speaks of a limit in words that no rule knows")
    return not_limited("no-limit", text, "no wording of a usage limit")
