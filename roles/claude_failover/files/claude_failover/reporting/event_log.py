# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The durable log of events, ``events.jsonl``, for programs that read them on the host."""

from __future__ import annotations

import logging
import os
from typing import Any

from ..common import json_text
from ..storage.files import settle_folder
from ..storage.store import Store

log = logging.getLogger(__name__)

LOG, FORMER = "events", "events.1"
MAX_BYTES = 4 << 20  # of the log, before it becomes the former one
MAX_WAITING = 1000  # events that the disk refused
_SEARCHED = 1000  # newest events in which one that a kill may have met is looked for


class EventLog:
    """Appends events, each in one synced line. What the disk refuses is kept in memory and written later, in order."""

    def __init__(self, store: Store, *, max_bytes: int = MAX_BYTES) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._waiting: list[dict[str, Any]] = []
        self._dropped = 0

    def append(self, event: dict[str, Any]) -> None:
        """Add an event. Raises nothing."""
        self._waiting.append(event)
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[0]
            self._dropped += 1
        self.retry(was_refused=len(self._waiting) > 1)

    def holds(self, identity: str) -> bool:
        """Return whether one of the newest events has this id; False where the logs cannot be read."""
        try:
            return any(self._store.holds(name, identity, _SEARCHED) for name in (LOG, FORMER))
        except OSError:
            return False

    def retry(self, *, was_refused: bool = True) -> None:
        """Write what waits. Raises nothing; a failure is logged when it begins."""
        if not self._waiting:
            return
        try:
            while self._waiting:
                self._rotate(len(json_text.render(self._waiting[0])) + 1)
                self._store.append(LOG, self._waiting[0])
                del self._waiting[0]
        except OSError as error:
            if not was_refused:
                log.error("events: %s cannot be written, which is tried again: %s", self._store.log_path(LOG), error)
            return
        if was_refused:
            log.info("events: %s is written again, %d events were dropped", self._store.log_path(LOG), self._dropped)
        self._dropped = 0

    def _rotate(self, more: int) -> None:
        """Make the log the former one if it is too long for ``more`` bytes; a failure is logged only."""
        path = self._store.log_path(LOG)
        try:
            if os.lstat(path).st_size + more <= self._max_bytes:
                return
            os.replace(path, self._store.log_path(FORMER))
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("events: %s stays in use, although it is too long: %s", path, error)
            return
        settle_folder(self._store.folder)
