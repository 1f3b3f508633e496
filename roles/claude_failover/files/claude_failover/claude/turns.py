# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns of a conversation, as read from hooks and transcript records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..common import clock
from ..common.text import visible
from .local_commands import compaction_error, without_local_commands

_MARKS = re.compile(r"</?pasted_content\b[^>]*>")
_INTERRUPTED = "[Request interrupted"
_DISTINCTIVE = 40  # characters of a text from which on finding it inside a prompt is no coincidence
_TRUNCATED_MIN = 1000  # characters without white space that a prompt truncated by the hook keeps at least

_MOST_OF_ID = 200  # characters; a longer one is none of Claude Code's, and is not kept


@dataclass(frozen=True)
class TurnEvent:
    """An event in a session's conversation.

    ``kind``: ``prompt`` (a turn started), ``stop`` (it was answered), ``failure`` (it was not), ``start`` or ``end``
    (of the session). ``turn`` is the turn's id, which `Evidence.turn` has, too. ``message`` is what the conversation
    shows of a failure. ``copied_from`` is the conversation that ``uuid`` goes on as a copy of, at the copy's start.
    """

    session: str
    uuid: str | None
    kind: str
    at: datetime
    prompt: str | None = None
    turn: str | None = None
    error: str | None = None
    message: str | None = None
    copied_from: str | None = None


def record_time(record: Mapping[str, Any]) -> datetime | None:
    """Return the steady time of a transcript record's timestamp; None without a valid one, or for one in the future."""
    try:
        return clock.from_wall(clock.parse_iso(str(record.get("timestamp"))))
    except ValueError:
        return None


def is_conversation_record(record: Mapping[str, Any]) -> bool:
    """Return whether a record is a message of the main conversation, not of a sub-agent and not a meta record."""
    return record.get("type") in ("user", "assistant") and not record.get("isSidechain") and not record.get("isMeta")


def text_of(record: Mapping[str, Any]) -> str:
    """Return the text of a record's message, its blocks joined by line breaks; "" without any."""
    message = record.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content
    texts = [item.get("text") for item in content if isinstance(item, Mapping)] if isinstance(content, list) else []
    return "\n".join(text for text in texts if isinstance(text, str))


def is_interruption(record: Mapping[str, Any]) -> bool:
    """Return whether a user's record is the one that Claude Code writes when Escape ends a turn."""
    return record.get("type") == "user" and text_of(record).startswith(_INTERRUPTED)


def is_request(record: Mapping[str, Any]) -> bool:
    """Return whether a record of the main conversation asks the model, also one that the CLI adds by itself."""
    return record.get("type") == "user" and not record.get("isSidechain") and compaction_error(record) is None


def is_reply(record: Mapping[str, Any]) -> bool:
    """Return whether a record is what a request came to: a message of the model, an error, a refused compaction."""
    if record.get("isSidechain"):
        return False
    return (record.get("type") == "assistant" and not record.get("isMeta")) or compaction_error(record) is not None


def conversation_of(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the messages of the main conversation, without the commands that the CLI answers by itself."""
    return [record for record in without_local_commands(records) if is_conversation_record(record) or is_reply(record)]


def holds_turn(records: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether the last records of a transcript hold the newest reply and the prompt or tool result before it.

    What comes before those tells nothing of the newest turn.
    """
    replied = False
    for record in reversed(without_local_commands(records)):
        if record.get("parent_tool_use_id") or record.get("isMeta"):
            continue
        if is_reply(record):
            replied = True
        elif replied and is_request(record):
            return True
    return False


def last_turn_id(records: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the id of the turn that the last answer or error among ``records`` belongs to, or None.

    Without one: of the last user record.
    """
    turn = _last_request(records).get("promptId")
    return turn if isinstance(turn, str) and len(turn) <= _MOST_OF_ID else None


def refused_request_time(records: Iterable[Mapping[str, Any]]) -> datetime | None:
    """Return the start time of the request that the last answer or error among ``records`` belongs to, or None.

    It is the timestamp of the last user record (a prompt, a tool result, or one that the CLI adds to continue by
    itself) before it. What the CLI writes after an error, as for its own commands, is no request.
    """
    return record_time(_last_request(records))


def _last_request(records: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the user record that the last answer or error follows, else the last one; an empty record for none."""
    newest: Mapping[str, Any] = {}
    answered: Mapping[str, Any] | None = None
    for record in without_local_commands(records):
        if is_reply(record):
            answered = newest
        elif is_request(record):
            newest = record
            if not record.get("isMeta"):
                answered = None
    return newest if answered is None else answered


def ends_turn(record: Mapping[str, Any]) -> bool:
    """Return whether a record of Claude answers a turn; an error of the API does not, whatever its stop reason."""
    message = record.get("message")
    return (
        not record.get("isApiErrorMessage")
        and isinstance(message, Mapping)
        and message.get("stop_reason") in ("end_turn", "stop_sequence")
    )


def is_answer(record: Mapping[str, Any]) -> bool:
    """Return whether a record is the model's own, of the main conversation; errors are written by Claude Code."""
    message = record.get("message")
    return (
        record.get("type") == "assistant"
        and is_conversation_record(record)
        and not record.get("isApiErrorMessage")
        and isinstance(message, dict)
        and message.get("model") != "<synthetic>"
    )


def answered_request_time(records: Iterable[Mapping[str, Any]]) -> datetime | None:
    """Return the start time of the newest request among ``records`` that was answered, at least in part, or None."""
    begun = found = None
    for record in records:
        if is_request(record):
            begun = record_time(record)
        elif begun is not None and is_answer(record):
            found = begun
    return found


def is_prompt_of(found: str, text: str) -> bool:
    """Return whether ``found``, a prompt as Claude Code reports it, is ``text`` as it was sent.

    White space, invisible characters and the marks around a pasted text are ignored.
    """
    sent, reported = visible(text), visible(_MARKS.sub("", found))
    if reported == sent or (len(sent) >= _DISTINCTIVE and sent in reported):
        return True
    return len(reported) >= _TRUNCATED_MIN and sent.startswith(reported)
