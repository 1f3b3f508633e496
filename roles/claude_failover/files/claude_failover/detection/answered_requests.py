# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The newest answered request of each session, as its transcript shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ..claude.transcript import read_conversation, sizes_of
from ..claude.turns import answered_request_time
from ..common import clock
from ..sessions.registry import SessionRegistry
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession


class AnsweredRequests:
    """Tells when the newest answered request was begun, of a session's running process only.

    Args:
        sessions: the sessions.
        registry: their conversations.
        projects: returns the folder of the transcripts.
    """

    def __init__(self, sessions: SessionTable, registry: SessionRegistry, projects: Callable[[], str]) -> None:
        self._sessions = sessions
        self._registry = registry
        self._projects = projects
        self._begun: dict[str, datetime] = {}  # by conversation, of those whose transcripts have grown
        # By session, of its transcript as it was read: conversation and state, and what was found there.
        self._read: dict[str, tuple[tuple[str, list[tuple[int, int]]], datetime | None]] = {}

    def on_answer(self, uuid: str, begun: datetime | None) -> None:
        """Note that a conversation's request was answered, at least in part; ``begun``: when it was begun."""
        if begun is not None:
            self._begun[uuid] = begun

    def newest(self, name: str) -> datetime | None:
        """Return when the session's newest answered request was begun, in steady time.

        None if nothing is known, or if it was begun before the session's process was started, which can have had
        another login.
        """
        entry, tracked = self._registry.get(name), self._sessions.get(name)
        if entry is None or tracked is None:
            return None
        begun = self._begun.get(entry.uuid) or self._in_transcript(name, entry.uuid)
        started = _start_of(tracked)
        return begun if begun is not None and started is not None and begun >= started else None

    def _in_transcript(self, name: str, uuid: str) -> datetime | None:
        """Return when the newest answered request in the transcript was begun; it is read when it has changed."""
        state = uuid, sizes_of(self._projects(), uuid)
        known = self._read.get(name)
        if known is None or known[0] != state:
            known = self._read[name] = (
                state,
                answered_request_time(read_conversation(self._projects(), uuid, _holds_any)),
            )
        return known[1]


def _holds_any(records: Iterable[Mapping[str, Any]]) -> bool:
    return answered_request_time(records) is not None


def _start_of(tracked: TrackedSession) -> datetime | None:
    return clock.of_ticks(tracked.claude.start) if tracked.claude is not None else None
