# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hints at the name that a mistyped one may stand for (pure)."""

from __future__ import annotations

from collections.abc import Iterable

_SIMILAR = 0.6  # of difflib: 1.0 is the same word
_MOST = 2000  # names that are compared


def close_name(word: object, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that ``word`` may be a misspelling of, without regard to case; None if none is."""
    import difflib

    folded = {name.casefold(): name for name, _number in zip(names, range(_MOST))}
    close = difflib.get_close_matches(str(word)[:200].casefold(), list(folded), 1, _SIMILAR)
    return folded[close[0]] if close else None


def did_you_mean(word: object, names: Iterable[str]) -> str:
    """Return the end of a message, ``; did you mean …?``; empty text if none of ``names`` is close to ``word``."""
    close = close_name(word, names)
    return "" if close is None else f"; did you mean {close}?"
