# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that Claude Code holds back, because the account changed while they were on their way (2.1.332)."""

from __future__ import annotations

# Of each, Claude Code says that sending again helps: it then asks its owner's question, or goes on.
_TEXTS = (
    "This session belongs to another account, so nothing was sent",
    "Nothing was sent: this session's sign-in couldn't be confirmed. Try again",
)


def is_held_back(message: str | None) -> bool:
    """Return whether a failed turn's message says that its request was not sent, and may be sent again."""
    return message is not None and any(text in message for text in _TEXTS)
