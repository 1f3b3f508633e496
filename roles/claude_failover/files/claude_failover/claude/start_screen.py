# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the question that a starting Claude Code stands at, before its prompt box. Pure.

Seen on 2.1.332: the pages of a first start (theme, security notes, login) begin with a picture and have no rule and no
key hint, so that `prompt_box.find_dialog` sees none of them; the question for trust is a dialog.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Optional

from ..common.ansi import plain_lines
from .prompt_box import find_dialog, find_prompt_box

_PAGES = (
    ("theme", re.compile(r"Choose the (?:text style|option) that looks best|Press Enter to continue")),
    ("login", re.compile(r"Select login method|Paste code here if prompted|Login successful")),
)
_LAST_ROWS = 24  # of the text on the screen


def find_start_question(rows: Sequence[str]) -> Optional[tuple[str, str]]:
    """Return the kind and the title of the question on a screen; None without one.

    The kinds are ``theme``, ``login``, ``trust``, ``bypass`` and ``other``. For a process that has shown no prompt box
    yet: the words of a page can be in any conversation.
    """
    if find_prompt_box(rows) is not None:
        return None
    dialog = find_dialog(rows)
    if dialog is not None and dialog.kind != "other":
        return (dialog.kind, dialog.title) if dialog.kind in ("trust", "login", "bypass") else None
    shown = [row.strip() for row in plain_lines(rows) if row.strip()][-_LAST_ROWS:]
    for row in reversed(shown):
        for kind, pattern in _PAGES:
            if pattern.match(row):
                return kind, row
    return (dialog.kind, dialog.title) if dialog is not None else None
