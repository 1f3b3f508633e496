# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of the newest turn of each session, read from the end of its transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple

from ..claude.local_commands import COMPACTION_MARK, compaction_error
from ..claude.transcript import TAIL, Enough, NotATranscriptError, TranscriptTail, last_records, locate, paths_of
from ..claude.turns import (
    conversation_of,
    ends_turn,
    holds_turn,
    is_interruption,
    is_reply,
    last_turn_id,
    record_time,
    refused_request_time,
)
from ..common import clock
from ..limits.evidence import Evidence
from ..sessions.registry import SessionRegistry
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession
from .classifier import Classifier
from .lost_contexts import LostContexts

#: Of a transcript: the shared folder, the folder in it, and the name.
Location = tuple[str, str, str]


class _Found(NamedTuple):
    """The last records of a transcript, and where it lies."""

    location: Location
    records: list[dict[str, Any]]


class NewestTurns:
    """Reads the newest turn of a session, as often as it is asked.

    Args:
        sessions: the sessions.
        registry: their conversations.
        classifier: judges the records.
        projects: returns the folder of the transcripts.
        lost_contexts: is shown what is read.
    """

    def __init__(
        self,
        sessions: SessionTable,
        registry: SessionRegistry,
        classifier: Classifier,
        projects: Callable[[], str],
        lost_contexts: LostContexts,
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._classifier = classifier
        self._projects = projects
        self._lost_contexts = lost_contexts

    def of(self, tracked: TrackedSession) -> Evidence | None:
        """Return the result of a session's newest turn, read from the end of its transcript.

        The verdict is limited if the turn was refused, and not limited if it was answered or is not answered yet.
        None if no transcript can be read, or its end has no time.
        """
        uuid = self._sessions.conversation(tracked.name)
        found = self._newest(tracked, lambda records: holds_turn(records) and tracked.can_tell_version(records))
        if found is None or uuid is None:
            return None
        self._lost_contexts.on_records(tracked, uuid, self._summaries(found.location))
        return self._evidence(tracked, found.records)

    def refusal_of(self, tracked: TrackedSession) -> Evidence | None:
        """Return the newest refusal in a session's transcript, whatever follows it; None without one."""
        search = _RefusalSearch(self._classifier)
        found = self._newest(tracked, search.is_over)
        records = search.up_to_refusal(found.records) if found is not None else ()
        return self._evidence(tracked, records) if records else None

    def _newest(self, tracked: TrackedSession, enough: Enough | None = None) -> _Found | None:
        """Return the last records of a session's transcript, as `last_records` does; None if none can be read."""
        entry = self._registry.get(tracked.name)
        if entry is None:
            return None
        projects = self._projects()
        for path in ([entry.transcript] if entry.transcript else []) + paths_of(projects, entry.uuid):
            try:
                location = projects, *locate(projects, path)
                return _Found(location, last_records(*location, enough))
            except (OSError, NotATranscriptError):
                continue
        return None

    @staticmethod
    def _summaries(location: Location) -> list[dict[str, Any]]:
        """Return the records of compactions at the end of a transcript; only their lines are parsed."""
        try:
            return list(TranscriptTail(*location, start=-TAIL, wanted=COMPACTION_MARK).read())
        except (OSError, NotATranscriptError):
            return []

    def _evidence(self, tracked: TrackedSession, records: Sequence[Mapping[str, Any]]) -> Evidence | None:
        tracked.record_version(records)
        own = conversation_of(records)
        verdict = self._classifier.classify_transcript(records)
        at = record_time(own[-1]) if own else None
        if at is None and own and verdict.limited and own[-1].get("timestamp"):
            at = clock.now()  # a time in the future is unknown; a limit is told all the same
        if at is None:
            return None
        return tracked.evidence(
            "transcript",
            verdict,
            at,
            uuid=self._sessions.conversation(tracked.name),
            request_at=refused_request_time(records),
            turn=last_turn_id(records),
            ended=_is_error(own[-1]) or ends_turn(own[-1]),
            interrupted=is_interruption(own[-1]),
        )

    def of_session(self, name: str) -> Evidence | None:
        """Return the result of the newest turn of the session of that name, as `of` does."""
        tracked = self._sessions.get(name)
        return self.of(tracked) if tracked is not None else None


class _RefusalSearch:
    """Search for the newest refusal among the last records of a transcript, of which more and more are read.

    Each record is judged once: where there is no refusal, that is the most of the work.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._last: Mapping[str, Any] | None = None  # of the transcript that is read
        self._judged = 0  # records from the end; the last one of them is the refusal, if it is found
        self._is_found = False

    def is_over(self, records: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether the records hold the refusal and what it answers."""
        if records and records[-1] is not self._last:
            self._last, self._judged, self._is_found = records[-1], 0, False
        while self._judged < len(records) and not self._is_found:
            self._judged += 1
            record = records[-self._judged]
            self._is_found = is_reply(record) and self._classifier.classify_transcript([record]).limited
        return self._is_found and holds_turn(self.up_to_refusal(records))

    def up_to_refusal(self, records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Return the records up to the refusal, none where it was not found."""
        return records[: len(records) - self._judged + 1] if self._is_found else ()


def _is_error(record: Mapping[str, Any]) -> bool:
    """Return True for an error of the API, in answer to a prompt or to `/compact`."""
    return bool(record.get("isApiErrorMessage")) or compaction_error(record) is not None
