# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text from elsewhere, made safe to print."""

from __future__ import annotations

# C0 without tab and newline, DEL, C1; and the lone surrogates that undecodable bytes become, which no
# terminal's encoding can hold.
_UNPRINTABLE = dict.fromkeys([*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0)])
_UNPRINTABLE.update(dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))


def printable(text: str) -> str:
    """Return ``text`` without control characters (C0 but newline and tab, DEL, C1).

    What they could do to a terminal (move the cursor, recolour, set the title, answer as if typed) is gone; a
    lone surrogate, which cannot be encoded, becomes U+FFFD.
    """
    return text.translate(_UNPRINTABLE)


def one_line(text: str) -> str:
    """Return ``text`` printable and with every run of white space as one blank, for a table or a log."""
    return " ".join(printable(text).split())


def shorten(text: str, limit: int) -> str:
    """Return ``text`` with at most ``limit`` characters; what is left out at the end is shown by ``…``."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"
