# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transcript says of a task's turn. Pure.

Seen on Claude Code 2.1.330: a pasted text of more than about 800 characters stands between ``<pasted_content …>``
marks; a turn that was interrupted ends with a user's record "[Request interrupted by user…]".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..claude.turns import is_conversation_record, record_time

_MARKS = re.compile(r"</?pasted_content\b[^>]*>")
_INTERRUPTED = "[Request interrupted by user"
_SURE = 40  # characters from which on a text that is a part of a prompt is no coincidence
_CUT = 1000  # characters, white space left out, that a prompt over the control socket's bound keeps at least


def is_prompt_of(found: str, text: str) -> bool:
    """Tell whether the prompt ``found``, as Claude Code gives it, is ``text`` as it was sent.

    White space does not count, nor the marks around a pasted text.
    """
    wanted, seen = _squeezed(text), _squeezed(_MARKS.sub("", found))
    if seen == wanted or (len(wanted) >= _SURE and wanted in seen):
        return True
    return len(seen) >= _CUT and wanted.startswith(seen)


def find(records: Sequence[Mapping[str, Any]], text: str, since: datetime) -> int | None:
    """Return the index of the record that holds the prompt ``text``, written at ``since`` or later; None for none."""
    for index, record in enumerate(records):
        if record.get("type") != "user" or not is_conversation_record(record):
            continue
        at = record_time(record)
        if at is not None and at >= since and is_prompt_of(_text(record), text):
            return index
    return None


def outcome(records: Sequence[Mapping[str, Any]], text: str, since: datetime) -> tuple[str, str]:
    """Return what became of the turn that the prompt began, and a text that explains it.

    ``answered``, ``error`` (the API's, with its words: a usage limit is one, too), ``interrupted`` (by a person), or
    ``open`` (no end is to be seen).
    """
    begin = find(records, text, since)
    error = ""
    for record in records[0 if begin is None else begin + 1 :]:
        at = record_time(record)
        if not is_conversation_record(record) or (begin is None and (at is None or at < since)):
            continue
        said = _text(record)
        if record.get("type") == "user":
            if said.startswith(_INTERRUPTED):
                return "interrupted", said[:200]
            error = ""  # it goes on: a tool's result, or the prompt after a failover
        elif record.get("isApiErrorMessage"):
            error = said[:200] or "an error without words"
        elif _ends(record):
            return "answered", ""
        else:
            error = ""
    return ("error", error) if error else ("open", "")


def _ends(record: Mapping[str, Any]) -> bool:
    message = record.get("message")
    return isinstance(message, dict) and message.get("stop_reason") in ("end_turn", "stop_sequence")


def _text(record: Mapping[str, Any]) -> str:
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    parts = [item.get("text") for item in content if isinstance(item, dict)] if isinstance(content, list) else []
    return "\n".join(part for part in parts if isinstance(part, str))


def _squeezed(text: str) -> str:
    return "".join(text.split())
