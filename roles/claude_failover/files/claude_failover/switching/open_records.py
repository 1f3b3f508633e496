# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the records of switches open until their sessions are resumed, then log them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..common import clock
from ..common.log_fields import LEVELS, log_fields
from .journal import Journal
from .record import Record, log_line, session_row, severity_of

log = logging.getLogger(__name__)

#: Seconds after a switch in which further sessions that hit the same limit are added to its record.
STRAGGLERS = 2.0

#: Seconds that a record is kept open for the answers to turns that have begun in its sessions.
ANSWERS = 30.0

#: Seconds after which a record is closed although sessions are still being resumed.
RECORD_BOUND = 120.0

#: Returns a row for each session that is being resumed for the record of an id.
UnfinishedRows = Callable[[str], Sequence[Mapping[str, Any]]]


class OpenRecords:
    """The open records of the journal.

    Args:
        journal: the journal.
        on_closed: called once with each finished record, and after a kill that met the call again.
        answered: returns when the named session's newest answered request was begun, None when that is unknown.
    """

    def __init__(
        self,
        journal: Journal,
        on_closed: Callable[[Record], None],
        answered: Callable[[str], datetime | None] = lambda _session: None,
    ) -> None:
        self._journal = journal
        self._on_closed = on_closed
        self._answered = answered
        self._opened_at: dict[str, float] = {}  # by record id: time.monotonic()
        self._sent_at: dict[str, float] = {}  # the same, of the last results of sessions
        self._told: set[str] = set()  # ids of records that were told before they could be stored

    def restore(self) -> None:
        """Restore the records that the daemon's last run left open."""
        for row in self._journal.open_records():
            self._opened_at.setdefault(row["id"], time.monotonic())

    def on_opened(self, record: Record) -> None:
        """Start the time limits of a record that a switch has added to the journal."""
        self._opened_at[record["id"]] = time.monotonic()

    def add(self, record: Record) -> None:
        """Add a record of no switch to the journal."""
        self._journal.add_record(record)
        self.on_opened(record)

    def newest_id(self) -> str | None:
        """Return the id of the record that sessions resumed now belong to, None when none is open."""
        ids = [row["id"] for row in self._journal.open_records() if row["id"] in self._opened_at]
        return ids[-1] if ids else None

    def add_sessions(self, record_id: str | None, results: Sequence[Mapping[str, Any]]) -> None:
        """Add the results of sessions to an open record; a closed one stays as it is."""
        record = next((row for row in self._journal.open_records() if row["id"] == record_id), None)
        if record is None:
            return
        for result in results:
            others = [row for row in record["sessions"] if row["name"] != result.get("name")]
            if result.get("result") == "moved on" and len(others) < len(record["sessions"]):
                continue  # the result of the resumption says more than a later check
            record["sessions"] = [*others, session_row(result)]
        self._sent_at[record["id"]] = time.monotonic()
        self._journal.update(record)

    def replace_result(self, session: str, result: str) -> None:
        """Replace the result of a session in the open records that it is in."""
        for record in self._journal.open_records():
            rows = [row for row in record["sessions"] if row["name"] == session]
            for row in rows:
                row["result"] = result
            if rows:
                self._journal.update(record)

    def close_delays(self) -> list[float]:
        """Return the seconds until each record's `STRAGGLERS` time is over; negative when it is."""
        return [at + STRAGGLERS - time.monotonic() for at in self._opened_at.values()]

    def close_due(self, resuming: bool, unfinished: UnfinishedRows, limited: Container[str] = ()) -> None:
        """Log the records whose sessions are all finished, or have taken too long.

        Args:
            resuming: whether sessions are being resumed, or are about to be: those are in the newest record.
            unfinished: see `UnfinishedRows`.
            limited: the sessions that are limited: of those that were refused again no answer is awaited.
        """
        newest = self.newest_id()
        for record in self._journal.open_records():
            rows = unfinished(record["id"])
            at = self._opened_at.setdefault(record["id"], time.monotonic())
            age = time.monotonic() - at
            awaited = (
                self._record_answers(record, limited)
                and time.monotonic() - self._sent_at.get(record["id"], at) < ANSWERS
            )
            is_over = not rows and not awaited and not (resuming and record["id"] == newest)
            if age >= RECORD_BOUND or (age >= STRAGGLERS and is_over):
                known = {row["name"] for row in record["sessions"]}
                record["sessions"] += [session_row(row) for row in rows if row["name"] not in known]
                self.close(record)

    def _record_answers(self, record: Record, limited: Container[str]) -> bool:
        """Record which sessions were answered since the switch began; return whether answers are still awaited."""
        sent = [row for row in record["sessions"] if row.get("result") == "sent"]
        since = clock.from_wall(clock.parse_iso(record["time"])) if sent else None
        answered = [row for row in sent if since is not None and _is_later(self._answered(row["name"]), since)]
        for row in answered:
            row["result"] = "continued"
        if answered:
            self._journal.update(record)
        return any(row["result"] == "sent" and row["name"] not in limited for row in sent)

    def close(self, record: Record) -> None:
        """Log a record, tell it, and only then take it out of the journal: after a kill in between the next start does.

        One that cannot be stored is told once too, stays open and is tried again.
        """
        name, told = record["id"], record["id"] in self._told
        try:
            self._journal.append(record)
        except OSError as error:
            if not told:
                log.error(
                    "the record of switch %s cannot be stored; it is tried again: %s",
                    name,
                    error,
                    extra=log_fields(switch_id=name),
                )
                self._tell(record)
            self._told.add(name)
            self._opened_at[name] = time.monotonic()
            return
        try:
            if not told:
                self._tell(record)
        finally:
            self._journal.remove(record)
            self._told.discard(name)
            self._opened_at.pop(name, None)
            self._sent_at.pop(name, None)

    def _tell(self, record: Record) -> None:
        fields = log_fields(
            session=record["trigger_session"],
            account=record["to_account"],
            limit=record["limit"],
            switch_id=record["id"],
            event="switch",
        )
        log.log(LEVELS[severity_of(record)], "switch %s", log_line(record), extra=fields)
        self._on_closed(record)


def _is_later(moment: datetime | None, since: datetime) -> bool:
    return moment is not None and moment > since
