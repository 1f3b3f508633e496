# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign text: decoded and bounded where it comes in, harmless where it goes out.

`json_text` is the same for JSON.
"""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")
# Removed: C0 without tab and newline, DEL, C1; what is invisible or changes the order of what is seen (zero-width
# characters, bidirectional controls, tags); line separators become line breaks, lone surrogates U+FFFD.
_REMOVED = (
    *((0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F)),
    *((0x061C, 0x061C), (0x180E, 0x180E), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F)),
    *((0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xE0000, 0xE007F)),
)
_UNPRINTABLE: dict[int, str | None] = dict.fromkeys(code for first, last in _REMOVED for code in range(first, last + 1))
_UNPRINTABLE.update({0x2028: "\n", 0x2029: "\n"})
_UNPRINTABLE.update(dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))

_ESCAPED = (*_REMOVED, (0x09, 0x0A), (0x2028, 0x2029), (0xD800, 0xDFFF))
#: A character that a terminal interprets or hides; tab and newline, too.
SPECIAL = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _ESCAPED) + "]")


def text_or_none(value: object) -> str | None:
    """Return the value if it is a text, else None."""
    return value if isinstance(value, str) else None


def decoded(raw: bytes) -> str:
    """Return UTF-8 as text; what is none becomes U+FFFD."""
    return raw.decode("utf-8", "replace")


def encodable(text: str) -> str:
    """Return ``text`` with U+FFFD for every lone surrogate (half a pair, or a byte that is no UTF-8)."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def printable(text: str) -> str:
    """Return ``text`` without characters that a terminal interprets or hides, but newline and tab.

    Control characters (C0, DEL, C1) could move the cursor, set the terminal's title, or make the terminal send input;
    bidirectional controls show another text than there is. Lone surrogates become U+FFFD.
    """
    return text.translate(_UNPRINTABLE)


def one_line(text: str) -> str:
    """Return ``text`` printable and on one line, each run of white space replaced by one blank."""
    return " ".join(printable(text).split())


def visible(text: str) -> str:
    """Return the characters of ``text`` that take room on a screen: without white space and what is invisible."""
    return "".join(printable(text).split())


def escaped(text: str) -> str:
    """Return ``text`` on one line, with escapes (``\\x1b``, ``\\n``, ``\\u202e``) for what `printable` removes."""
    return SPECIAL.sub(lambda found: ascii(found.group())[1:-1], text)


def shorten(text: str, limit: int) -> str:
    """Return ``text`` cut to ``limit`` characters; a cut text ends with ``…``."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def natural_key(text: str) -> list[tuple[int, str]]:
    """Return a key that sorts as people count: ``s2`` before ``s10``, without regard to case."""
    pieces = re.findall("[0-9]+|[^0-9]+", text.casefold())
    numbers = (piece.lstrip("0") if piece.isascii() and piece.isdigit() else None for piece in pieces)
    return [(len(found) + 1, found) if found is not None else (0, piece) for piece, found in zip(pieces, numbers)]


def whole_number(text: str, most: int = 10**15) -> int | None:
    """Return the number that ``text`` writes in ASCII digits, at most ``most``; None if it is no such number.

    ``str.isdigit`` is true of texts that ``int`` refuses (``²``), and of more digits than it converts.
    """
    digits = text.lstrip("0") or text[:1]
    if not (text.isascii() and text.isdigit()):
        return None
    return most if len(digits) > len(str(most)) else min(int(digits), most)
