# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The word for a usage limit, or for a window, in what a person reads; JSON has its name. Pure."""

from __future__ import annotations

_WORDS = {
    "five_hour": "5-hour",
    "seven_day": "weekly",
    "opus": "Opus",
    "sonnet": "Sonnet",
    "seven_day_opus": "Opus",
    "seven_day_sonnet": "Sonnet",
}


def limit_word(name: object) -> str:
    """Return the word for the limit of that name, as Claude Code's own message has it; ``-`` for None."""
    return "-" if name is None else _WORDS.get(str(name), str(name))
