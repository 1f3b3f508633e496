# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records that are not in the log yet: their sessions are still being carried over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .journal import Journal
from .record import Record, log_line, session_row

log = logging.getLogger(__name__)

#: Seconds after a switch in which further sessions that hit the same limit still belong to its record.
STRAGGLERS = 2.0

#: Seconds after which a record is closed although a carry-over still goes on.
RECORD_BOUND = 120.0


class OpenRecords:
    """Keeps every record open for as long as it has something to gain, and then puts it into the log.

    ``on_closed`` is told of each one that is in the log.
    """

    def __init__(self, journal: Journal, on_closed: Callable[[Record], None]) -> None:
        self._journal = journal
        self._on_closed = on_closed
        self._opened: dict[str, float] = {}  # by id: time.monotonic() of its opening

    def resume(self) -> None:
        """Take over the records that the last run of the daemon has left open."""
        for row in self._journal.open_records():
            self._opened.setdefault(row["id"], time.monotonic())

    def on_opened(self, record: Record) -> None:
        """Take note of a record that is in the journal, where a switch has put it."""
        self._opened[record["id"]] = time.monotonic()

    def enter(self, record: Record) -> None:
        """Open a record that no switch has put into the journal."""
        self._journal.end(record)
        self.on_opened(record)

    def newest(self) -> str | None:
        """Return the id of the record that sessions carried over now belong to, None when none is open."""
        ids = [row["id"] for row in self._journal.open_records() if row["id"] in self._opened]
        return ids[-1] if ids else None

    def add_sessions(self, record_id: str | None, results: Sequence[Mapping[str, Any]]) -> None:
        """Add to an open record what became of sessions; to one that is closed nothing is added. Raises OSError."""
        record = next((row for row in self._journal.open_records() if row["id"] == record_id), None)
        if record is None:
            return
        for result in results:
            others = [row for row in record["sessions"] if row["name"] != result.get("name")]
            if result.get("result") == "moved on" and len(others) < len(record["sessions"]):
                continue  # what carried the session over says more than a later look
            record["sessions"] = [*others, session_row(result)]
        self._journal.update(record)

    def closings(self) -> list[float]:
        """Return in how many seconds each record's time for stragglers is over; below zero when it is."""
        return [at + STRAGGLERS - time.monotonic() for at in self._opened.values()]

    def close_due(self, at_work: bool, unfinished: Sequence[Mapping[str, Any]]) -> None:
        """Put those records into the log whose sessions are all seen to, or have taken too long.

        Args:
            at_work: whether sessions are being carried over, or are about to be.
            unfinished: a row for each session that is being carried over just now.
        """
        for record in self._journal.open_records():
            at = self._opened.setdefault(record["id"], time.monotonic())
            age = time.monotonic() - at
            if age >= RECORD_BOUND or (age >= STRAGGLERS and not at_work):
                known = {row["name"] for row in record["sessions"]}
                record["sessions"] += [session_row(row) for row in unfinished if row["name"] not in known]
                self.close(record)

    def close(self, record: Record) -> None:
        """Put a record into the log. One that cannot be stored stays open, and is tried again."""
        try:
            self._journal.close(record)
        except OSError as error:
            log.error("the record of switch %s cannot be stored; it is tried again: %s", record["id"], error)
            self._opened[record["id"]] = time.monotonic()
            return
        self._opened.pop(record["id"], None)
        level = logging.INFO if record["outcome"] == "switched" else logging.WARNING
        log.log(level, "switch %s", log_line(record))
        self._on_closed(record)
