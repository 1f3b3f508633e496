# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open causes: what has begun, was told, and is not over. Durable, so that a restart of the daemon tells none again."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from ..common import clock
from ..common.text import natural_key
from ..storage.store import Store
from .event_kinds import KINDS, SEVERITIES, EventKind

log = logging.getLogger(__name__)

DOCUMENT = "told-causes"
MAX_CAUSES = 500  # of all kinds; beyond it only what is about no session is told

CauseKey = tuple[str, ...]


@dataclasses.dataclass
class OpenCause:
    """A cause that was told as begun.

    ``event`` is the document that was told, ``since`` when the cause began, ``seen`` whether it was seen since the
    daemon was started.
    """

    event: dict[str, Any]
    since: str
    seen: bool = True

    @property
    def kind(self) -> EventKind:
        """The row of its event in the table."""
        return KINDS[self.event["event"]]

    def to_status(self) -> dict[str, Any]:
        """Return its row in ``open_events``."""
        row = {key: self.event[key] for key in ("event", "severity")}
        return {**row, "since": self.since, **{key: self.event[key] for key in ("session", "account", "summary")}}


def cause_key(event: Mapping[str, Any]) -> CauseKey:
    """Return by what an event's cause is known: its name, and the fields that its kind names."""
    details = event["details"]
    fields = (event[name] if name in event else details.get(name) for name in KINDS[event["event"]].key)
    return (event["event"], *("" if value is None else str(value) for value in fields))


class CauseBook:
    """The open causes by key."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._causes: dict[CauseKey, OpenCause] = {}
        self._is_full = False
        for row in store.load(DOCUMENT, []):
            cause = store.read_part(DOCUMENT, "a cause that was told", _cause, row)
            if cause is not None:
                self._causes[cause_key(cause.event)] = cause

    def __contains__(self, key: object) -> bool:
        return key in self._causes

    def get(self, key: CauseKey) -> OpenCause | None:
        """Return an open cause, or None if it is not open."""
        return self._causes.get(key)

    def causes(self) -> list[OpenCause]:
        """Return the open causes, oldest first."""
        return list(self._causes.values())

    def begin(self, event: dict[str, Any]) -> bool:
        """Open the cause of an event; return True if it is to be told: it is new, or has reached another stage."""
        key = cause_key(event)
        known = self._causes.get(key)
        if known is None:
            if len(self._causes) >= MAX_CAUSES and event["session"] is not None:
                if not self._is_full:
                    log.error(
                        "events: found %d open causes; no more is told of sessions until some are over", MAX_CAUSES
                    )
                self._is_full = True
                return False
            self._causes[key] = OpenCause(event, event["time"])
            self._keep()
            return True
        known.seen = True
        is_further = any(known.event["details"].get(name) != event["details"].get(name) for name in known.kind.stage)
        if is_further or known.event["summary"] != event["summary"]:
            known.event = event
            self._keep()
        return is_further

    def end(self, key: CauseKey) -> OpenCause | None:
        """Close a cause; return it, or None if it is not open."""
        cause = self._causes.pop(key, None)
        if cause is not None:
            self._is_full = False
            self._keep()
        return cause

    def open_rows(self) -> list[dict[str, Any]]:
        """Return ``open_events`` of the status: the worst first, then the oldest."""
        rows = [cause.to_status() for cause in self._causes.values()]
        return sorted(
            rows,
            key=lambda row: (-SEVERITIES.index(row["severity"]), row["since"], natural_key(row["session"] or "")),
        )

    def rename_session(self, old: str, new: str) -> None:
        """Give a session another name."""
        self._rename("session", {old: new})

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        self._rename("account", names)

    def _rename(self, field: str, names: Mapping[str, str]) -> None:
        found = [cause for cause in self._causes.values() if cause.event[field] in names]
        for cause in found:
            cause.event = {**cause.event, field: names[cause.event[field]]}
        if found:
            self._causes = {cause_key(cause.event): cause for cause in self._causes.values()}
            self._keep()

    def _keep(self) -> None:
        def rows() -> list[dict[str, Any]]:
            return [{"event": cause.event, "since": cause.since} for cause in self._causes.values()]

        self._store.keep(DOCUMENT, rows, "the table of what was told")


def _cause(row: Any) -> OpenCause:
    """Return the cause of a stored row. Raises KeyError, TypeError, ValueError."""
    event, since = row["event"], row["since"]
    texts = [event[name] for name in ("id", "time", "event", "severity", "state", "summary", "host")]
    optional = [event[name] for name in ("session", "account")]
    if not all(isinstance(value, str) for value in [since, *texts]) or not isinstance(event["details"], dict):
        raise TypeError("found no event")
    if not all(value is None or isinstance(value, str) for value in optional):
        raise TypeError("found a name that is no text")
    if event["event"] not in KINDS or event["severity"] not in SEVERITIES:
        raise ValueError(f"found the event {event['event']!r}, which this release does not know")
    clock.parse_iso(since)  # raises ValueError
    return OpenCause(event, since, seen=False)
