# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make untrusted text safe to print."""

from __future__ import annotations

# C0 without tab and newline, DEL, C1; lone surrogates (from undecodable bytes) cannot be encoded.
_UNPRINTABLE = dict.fromkeys([*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0)])
_UNPRINTABLE.update(dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))


def printable(text: str) -> str:
    """Return ``text`` without control characters (C0 but newline and tab, DEL, C1); lone surrogates become U+FFFD.

    Printed, they could move the cursor, set the terminal's title, or make the terminal send input.
    """
    return text.translate(_UNPRINTABLE)


def one_line(text: str) -> str:
    """Return ``text`` printable and on one line, each run of white space replaced by one blank."""
    return " ".join(printable(text).split())


def shorten(text: str, limit: int) -> str:
    """Return ``text`` cut to ``limit`` characters; a cut text ends with ``…``."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"
