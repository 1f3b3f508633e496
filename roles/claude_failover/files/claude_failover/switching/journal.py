# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch is doing, written down before it is done, so that the next start can finish or undo it.

One document holds the switch under way and the records that are not yet in the log: those whose sessions are
still being carried over. A record gets into the log exactly once: it is taken out of the journal only after
it was appended, and is not appended when the log already has its id.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from ..common import clock
from ..limits.evidence import Evidence, evidence_from_json, evidence_to_json
from ..storage.pending_writes import PendingWrites
from ..storage.store import Store, list_of
from .record import Record, is_record

log = logging.getLogger(__name__)

DOCUMENT = "switch-journal"
LOG = "switches"

# More records than this cannot have come after one that a crash left in the journal.
_LOOKED_BACK = 1000


@dataclass(frozen=True)
class JournalEntry:
    """The switch under way: its ids, where it goes, and the step that was begun last."""

    id: str
    time: str
    reason: str
    origin: str
    target: str
    step: str
    detail: str = ""
    trigger: Evidence | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as it is kept durably."""
        values = dict(vars(self))
        values["trigger"] = evidence_to_json(self.trigger) if self.trigger is not None else None
        return values


class Journal:
    """The durable document, and the log of finished switches."""

    def __init__(self, store: Store) -> None:
        self._store = store
        document = store.load(DOCUMENT, {})
        unfinished = "the switch under way (nothing is finished or undone by it)"
        self.entry = store.part(DOCUMENT, unfinished, _entry, document.get("under_way"))
        rows = store.part(DOCUMENT, "the list of open records", list_of, document.get("open", [])) or []
        found = [store.part(DOCUMENT, "an open record", _record, row) for row in rows]
        self._open: list[Record] = [row for row in found if row is not None]
        self._pending = PendingWrites()

    # -- the switch under way ----------------------------------------------------------------------------------

    def step(self, entry: JournalEntry) -> None:
        """Write down the step that is about to be done. Raises OSError: then it must not be done."""
        self._save(entry, self._open)

    def end(self, record: Record) -> None:
        """The switch is over; its record is open until `close`. One write, so that no crash sees neither.

        What cannot be written stays in memory, and goes out with the next write: the switch itself is done, and
        the journal on the disk still lets the next start come to the same end.
        """
        self.entry = None
        self._open = [row for row in self._open if row["id"] != record["id"]] + [record]
        self._pending.attempt(DOCUMENT, lambda: self._save(self.entry, self._open))

    # -- records -----------------------------------------------------------------------------------------------

    def open_records(self) -> list[Record]:
        """Return the records that are not in the log yet, oldest first."""
        return list(self._open)

    def update(self, record: Record) -> None:
        """Replace an open record by what it has become. Raises OSError."""
        self._save(self.entry, [record if row["id"] == record["id"] else row for row in self._open])

    def close(self, record: Record) -> None:
        """Append the record to the log, exactly once, and take it out of the journal. Raises OSError."""
        if all(row["id"] != record["id"] for row in self.logged(_LOOKED_BACK)):
            self._store.append(LOG, record)
        self._save(self.entry, [row for row in self._open if row["id"] != record["id"]])

    def logged(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records of the log, newest first. Raises OSError."""
        return self._store.newest(LOG, limit, is_record)

    def history(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records, newest first, the open ones as they stand. Raises OSError."""
        logged = self.logged(limit)
        known = {row["id"] for row in logged}
        both = [row for row in reversed(self._open) if row["id"] not in known] + logged
        return sorted(both, key=lambda row: str(row["time"]), reverse=True)[:limit]

    def _save(self, entry: JournalEntry | None, rows: list[Record]) -> None:
        self._store.save(DOCUMENT, {"under_way": entry.to_json() if entry is not None else None, "open": rows})
        self.entry, self._open = entry, rows
        self._pending.discard(DOCUMENT)


def _entry(value: Any) -> JournalEntry | None:
    if value is None:
        return None
    clock.parse_iso(value["time"])  # a switch that began at no moment cannot be finished or undone
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
