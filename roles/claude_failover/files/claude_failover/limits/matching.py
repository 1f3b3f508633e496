# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Match normalised text against the wordings table. Pure."""

from __future__ import annotations

import re

from . import clauses, wordings
from .limit_names import LIMIT_NAMES
from .wordings import Wording

#: Curly quotes, other middle dots and no-break spaces.
_CHARACTERS = {
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
#: A dash in place of the middle dot before a clause about the reset (reported on 2.1.29).
_DASH = re.compile(r" [-\u2013\u2014] (?=(?:your (?:[\w'-]+ ){1,3})?(?:will )?resets?\b)", re.IGNORECASE)
_GLYPHS = re.compile(r"^(?:[⎿●⏺⚠✗✘×■│┃|]\s*)+")


def normalise(text: str) -> str:
    """Return the text on one line, with straight quotes, `·` for every middle dot and for a dash before a reset, and no
    leading glyph."""
    one_line = " ".join(text.translate(_CHARACTERS).split())
    return _GLYPHS.sub("", _DASH.sub(" · ", one_line))


def first_match(rows: tuple[Wording, ...], text: str) -> Wording | None:
    """Return the first row that matches at the start of a normalised text."""
    return next((row for row in rows if row.pattern.match(text)), None)


def limit_named(row: Wording, text: str) -> str:
    """Return the limit named by a text that matches ``row``, a value of `Verdict.limit`."""
    if row.limit is not None:
        return row.limit
    match = row.pattern.match(text)
    return limit_called((match.group("name") or "").strip() if match else "")


def limit_called(name: str) -> str:
    """Return the limit that has this name in a message, a value of `Verdict.limit`."""
    return next((known.limit for known in LIMIT_NAMES if known.pattern.search(name)), "unknown")


def may_follow_banner(text: str) -> bool:
    """Return whether a normalised text is a notice, an offer or an aside that the CLI prints below a banner."""
    if len(text) < 400 and first_match(wordings.ASIDES, text) is not None:
        return True
    return (
        len(text) < 200
        and first_match(wordings.NON_BLOCKING, text) is None
        and first_match(wordings.NOTICES + wordings.OFFERS, text) is not None
    )


def is_whole_banner(row: Wording, text: str) -> bool:
    """Return whether the text consists of a banner that matches ``row`` and of known trailing clauses only."""
    match = row.pattern.match(text)
    if match is None:
        return False
    found = clauses.CLAUSE_SEPARATOR.split(text[match.end() :])
    return all(
        any(known.match(clause.strip()) for known in clauses.TRAILING_CLAUSES) for clause in found if clause.strip()
    )
