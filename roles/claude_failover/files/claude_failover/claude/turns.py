# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns of a conversation, and the transcript records that they are read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..common import clock


@dataclass(frozen=True)
class TurnEvent:
    """A step in a session's conversation.

    ``kind`` is ``prompt`` (a turn began), ``stop`` (it was answered), ``failure`` (it was not), ``start`` or ``end``.
    """

    session: str
    uuid: str | None
    kind: str
    at: datetime
    prompt: str | None = None
    turn: str | None = None
    error: str | None = None


def record_time(record: Mapping[str, Any]) -> datetime | None:
    """Return when a transcript's record was written, or None when it does not say."""
    try:
        return clock.parse_iso(str(record.get("timestamp")))
    except ValueError:
        return None


def is_of_the_conversation(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is a message of the session's own conversation, and not a sub-agent's or a notice."""
    return record.get("type") in ("user", "assistant") and not record.get("isSidechain") and not record.get("isMeta")


def turn_of(records: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the id of the turn that the last user's record among ``records`` belongs to, where it has one."""
    turn = None
    for record in records:
        if record.get("type") == "user" and is_of_the_conversation(record):
            turn = record.get("promptId")
    return turn if isinstance(turn, str) else None


def refused_request_time(records: Iterable[Mapping[str, Any]]) -> datetime | None:
    """Return when the request that the last record answers was begun: the time of the last user's record
    (a prompt, or a tool's result) among ``records``."""
    moment = None
    for record in records:
        if record.get("type") == "user" and is_of_the_conversation(record):
            moment = record_time(record) or moment
    return moment
