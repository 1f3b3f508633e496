# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a task's prompt and the outcome of its turn in a transcript. Pure.

Seen on Claude Code 2.1.330: a pasted text of more than about 800 characters stands between ``<pasted_content …>``
marks; an interrupted turn ends with a user record "[Request interrupted by user…]".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..claude.local_commands import compaction_error
from ..claude.turns import (
    conversation_of,
    ends_turn,
    holds_turn,
    is_conversation_record,
    is_interruption,
    is_prompt_of,
    record_time,
    text_of,
)

_OUT_OF_ORDER = timedelta(minutes=1)  # that a record may be written later than one with a later time


def reaches_back_to(records: Sequence[Mapping[str, Any]], since: datetime) -> bool:
    """Return whether the last records of a transcript hold all of that moment or later, and the newest turn.

    Records are taken to be written in the order of their times, but for a minute.
    """
    times = (at for at in map(record_time, records) if at is not None)
    first = next(times, None)
    return first is not None and first < since - _OUT_OF_ORDER and holds_turn(records)


def find_prompt(records: Sequence[Mapping[str, Any]], text: str, since: datetime) -> int | None:
    """Return the index of the first record at ``since`` or later that holds the prompt ``text``; None for none."""
    for index, record in enumerate(records):
        if record.get("type") != "user" or not is_conversation_record(record):
            continue
        at = record_time(record)
        if at is not None and at >= since and is_prompt_of(text_of(record), text):
            return index
    return None


def since_moment(records: Sequence[Mapping[str, Any]], since: datetime) -> list[Mapping[str, Any]]:
    """Return the records of that moment or later."""
    return [record for record in records if (record_time(record) or since) >= since and record.get("timestamp")]


def outcome(records: Sequence[Mapping[str, Any]], text: str, since: datetime) -> tuple[str, str]:
    """Return the outcome of the turn that the prompt began, and an explanation.

    ``answered``, ``error`` (with the API's message; a usage limit is one, too), ``interrupted`` (by a person), or
    ``open`` (no end seen).
    """
    begin = find_prompt(records, text, since)
    error = ""
    for record in conversation_of(records[0 if begin is None else begin + 1 :]):
        at = record_time(record)
        if begin is None and (at is None or at < since):
            continue
        content = text_of(record)
        refused = compaction_error(record)
        if refused is not None:
            error = refused[:200]
        elif record.get("type") == "user":
            if is_interruption(record):
                return "interrupted", content[:200]
            error = ""  # the turn continues: a tool result, or the prompt after a failover
        elif record.get("isApiErrorMessage"):
            error = content[:200] or "an error without a message"
        elif ends_turn(record):
            return "answered", ""
        else:
            error = ""
    return ("error", error) if error else ("open", "")
