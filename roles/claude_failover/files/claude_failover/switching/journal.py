# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write-ahead journal of the switch in progress, so that the next start can finish or undo it; log of past switches.

One document holds the switch in progress and the open records, whose sessions are still being resumed. A record is
logged exactly once: it leaves the journal only after it was appended to the log and told, and is not appended when the
log already has its id.

What the disk refuses is kept in memory, so that a full or read-only one stops no switch: the link itself needs no room.
On a full one the journal has room held for it; where that is refused too, after a crash the link as it is found counts.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..common import clock
from ..limits.evidence import Evidence, evidence_from_json, evidence_to_json
from ..storage.store import Store, as_list
from .record import Record, is_record

log = logging.getLogger(__name__)

DOCUMENT = "switch-journal"
LOG = "switches"
_WHAT = "the journal of switches"

# The log cannot have got more records than this after one that a crash left in the journal.
_SEARCHED_RECORDS = 1000

# Seconds and records by which a record may be logged later than one of a switch that began after it: as long as its
# sessions are resumed and it is open. A greater difference of their times is a clock that was set back.
_LONGEST_OPEN = 150.0
_OVERLAPPING = 100


@dataclass(frozen=True)
class JournalEntry:
    """The switch in progress: its id, accounts and trigger, and the step that was begun last."""

    id: str
    time: str
    reason: str
    origin: str
    target: str
    step: str
    detail: str = ""
    trigger: Evidence | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry as it is stored."""
        values = dict(vars(self))
        values["trigger"] = evidence_to_json(self.trigger) if self.trigger is not None else None
        return values


class Journal:
    """The journal document, and the log of finished switches."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.reserve(DOCUMENT)
        document = store.load(DOCUMENT, {})
        label = "the switch in progress (it is neither finished nor undone)"
        self.entry = store.read_part(DOCUMENT, label, _entry, document.get("under_way"))
        rows = store.read_part(DOCUMENT, "the list of open records", as_list, document.get("open", [])) or []
        found = [store.read_part(DOCUMENT, "an open record", _record, row) for row in rows]
        self._open: list[Record] = [row for row in found if row is not None]

    # -- the switch in progress --------------------------------------------------------------------------------

    def begin_step(self, entry: JournalEntry) -> None:
        """Store the step that is about to run."""
        self.entry = entry
        self._keep()

    def add_record(self, record: Record) -> None:
        """Add a record, open until `close`, and end the switch in progress: one write, so a crash loses neither."""
        self.entry = None
        self._open = [row for row in self._open if row["id"] != record["id"]] + [record]
        self._keep()

    def retry_writes(self) -> None:
        """Store every document that the disk refused; what it still refuses stays in memory."""
        self._store.unsaved.retry()

    # -- records -----------------------------------------------------------------------------------------------

    def open_records(self) -> list[Record]:
        """Return the records that are not in the log yet, oldest first."""
        return list(self._open)

    def update(self, record: Record) -> None:
        """Store a changed open record, with others within some 10 ms."""
        self._open = [record if row["id"] == record["id"] else row for row in self._open]
        self._store.keep_soon(DOCUMENT, self._document, _WHAT)

    def close(self, record: Record) -> None:
        """Append a record to the log, exactly once, and remove it. Raises OSError; then it stays open."""
        self.append(record)
        self.remove(record)

    def append(self, record: Record) -> None:
        """Append a record to the log, exactly once; it stays open. Raises OSError if it cannot be appended."""
        if not self._store.holds(LOG, record["id"], _SEARCHED_RECORDS):
            self._store.append(LOG, record)

    def remove(self, record: Record) -> None:
        """Remove a record from the journal, once it was told what the log has of it."""
        self._open = [row for row in self._open if row["id"] != record["id"]]
        self._keep()

    def logged(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records of the log, newest first. Raises OSError."""
        return self._store.newest_records(LOG, limit, is_record)

    def closed(self, limit: int) -> Iterator[Record]:
        """Yield those of up to ``limit`` records of the log that are not open, newest first. Raises OSError."""
        is_open = {row["id"] for row in self._open}
        rows = itertools.islice(self._store.records_from_end(LOG, is_record), limit)
        return (row for row in rows if row["id"] not in is_open)

    def last(self, outcome: str, limit: int) -> Record | None:
        """Return the record of that outcome whose switch began last, of those open and ``limit`` of the log; or None.

        Raises OSError.
        """
        rows = itertools.islice(self._store.records_from_end(LOG, is_record), limit)
        logged = list(itertools.islice((row for row in rows if row["outcome"] == outcome), 1 + _OVERLAPPING))
        return next((row for row in self._with_open(logged) if row["outcome"] == outcome), None)

    def history(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records, open ones included; the switch that began last is first. Raises OSError."""
        return self._with_open(self.logged(limit + _OVERLAPPING))[:limit]

    def _with_open(self, logged: list[Record]) -> list[Record]:
        """Return records of the log and the open ones; the switch that began last is first."""
        known = {row["id"] for row in logged}
        return _by_begin([row for row in reversed(self._open) if row["id"] not in known] + logged)

    def _keep(self) -> None:
        self._store.keep(DOCUMENT, self._document, _WHAT)

    def _document(self) -> dict[str, Any]:
        return {"under_way": self.entry.to_json() if self.entry is not None else None, "open": self._open}


def _by_begin(rows: list[Record]) -> list[Record]:
    """Return records that are newest first by their end in the order of the beginnings of their switches."""
    ordered: list[tuple[float, Record]] = []
    for row in reversed(rows):
        began, place = clock.parse_iso(row["time"]).timestamp(), len(ordered)
        while place and 0 < ordered[place - 1][0] - began <= _LONGEST_OPEN:
            place -= 1
        ordered.insert(place, (began, row))
    return [row for _began, row in reversed(ordered)]


def _entry(value: Any) -> JournalEntry | None:
    if value is None:
        return None
    clock.parse_iso(value["time"])  # raises ValueError: without a start time the switch cannot be finished or undone
    trigger = value["trigger"]
    return JournalEntry(
        **{key: str(value[key]) for key in ("id", "time", "reason", "origin", "target", "step", "detail")},
        trigger=evidence_from_json(trigger) if trigger is not None else None,
    )


def _record(value: Any) -> Record:
    if not is_record(value):
        raise ValueError("found no record of a switch")
    found: Record = value
    return found
