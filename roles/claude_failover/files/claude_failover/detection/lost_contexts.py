# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find sessions whose model lost the conversation to a refused compaction.

Up to 2.1.150 Claude Code takes the text of the refusal for the summary, says ``Compacted``, and goes on with nothing
else in the model's context. The transcript still holds all of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ..claude.local_commands import compaction_summary
from ..common.log_fields import log_fields
from ..sessions.tracked_session import TrackedSession
from .classifier import Classifier

log = logging.getLogger(__name__)


class LostContexts:
    """Looks at the summaries in the transcripts of sessions.

    ``on_lost`` is called with a session, and what to tell of it; with None once it has another summary, or is in
    another conversation.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.on_lost: Callable[[str, str | None], None] = lambda _session, _why: None
        self._lost: dict[str, str] = {}  # by session: the conversation

    def restore(self, lost: Mapping[str, str]) -> None:
        """Go on with what was told before a restart: the lost conversation of each session."""
        self._lost.update(lost)

    def conversation_of(self, session: str) -> str | None:
        """Return the lost conversation of a session, None if none is known."""
        return self._lost.get(session)

    def on_records(self, tracked: TrackedSession, uuid: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Look at records of a session's conversation, in their order."""
        known = self._lost.get(tracked.name)
        lost = known == uuid
        for record in records:
            summary = compaction_summary(record)
            if summary is not None:
                lost = self._classifier.is_refusal(summary)
        if lost == (known == uuid) and (lost or known is None):
            return
        why = None
        fields = log_fields(session=tracked.name, event="context_lost")
        if lost:
            self._lost[tracked.name] = uuid
            why = (
                "Claude Code took the refusal of a compaction for the summary, so the model knows nothing of what was "
                f"before in conversation {uuid}; its transcript still holds it: have the session read it, and update "
                "Claude Code to 2.1.197 or newer"
            )
            log.warning("session %s: %s", tracked.name, why, extra=fields)
        else:
            del self._lost[tracked.name]
            log.info("session %s: its model has another summary or conversation now", tracked.name, extra=fields)
        tracked.lost_context = why
        self.on_lost(tracked.name, why)
