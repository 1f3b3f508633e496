# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Match normalised text against the wordings table. Pure."""

from __future__ import annotations

import re

from . import wordings
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
_GLYPHS = re.compile(r"^(?:[⎿●⏺⚠✗✘×■│┃|]\s*)+")


def is_local_command(prompt: str) -> bool:
    """Return whether a prompt is a command that the CLI answers without asking a model."""
    words = prompt.split()
    return bool(words) and words[0].startswith("/") and words[0][1:].lower() in wordings.LOCAL_COMMANDS


def normalise(text: str) -> str:
    """Return the text on one line, with straight quotes, `·` for every middle dot, and no leading glyph."""
    one_line = " ".join(text.translate(_CHARACTERS).split())
    return _GLYPHS.sub("", one_line)


def first_match(rows: tuple[Wording, ...], text: str) -> Wording | None:
    """Return the first row that matches at the start of a normalised text."""
    return next((row for row in rows if row.pattern.match(text)), None)


def limit_named(row: Wording, text: str) -> str:
    """Return the limit named by a text that matches ``row``, a value of `Verdict.limit`."""
    if row.limit is not None:
        return row.limit
    match = row.pattern.match(text)
    name = match.group("name").strip() if match else ""
    return next((known.limit for known in wordings.LIMIT_NAMES if known.pattern.search(name)), "unknown")


def may_follow_banner(text: str) -> bool:
    """Return whether a normalised text is a notice or an offer that the CLI prints below a banner."""
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
    clauses = wordings.CLAUSE_SEPARATOR.split(text[match.end() :])
    return all(
        any(known.match(clause.strip()) for known in wordings.TRAILING_CLAUSES) for clause in clauses if clause.strip()
    )
