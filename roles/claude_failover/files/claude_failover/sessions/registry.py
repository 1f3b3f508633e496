# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation of each session: its UUID and the source that reported it.

Only a conversation with a known UUID can be resumed, so the registry is durable. A UUID is accepted only from a source
that is tied to the session; of two contradicting candidates neither is.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..claude.transcript import UUID
from ..common import clock
from ..common.log_fields import log_fields
from ..common.processes import is_alive
from ..storage.store import Store, as_optional_text

log = logging.getLogger(__name__)

DOCUMENT = "registry"

# A hook runs inside the session and sees /clear and /resume, so it ranks above the UUID of the start; then comes the
# session file of the process, last a line on the screen.
SOURCE_RANK = {"hook": 4, "assigned": 3, "process": 2, "pane": 1}

# Printed by Claude Code at its exit (2.1.330), and its launch options in a shell's command line.
_UUID_OPTION = re.compile(rf"--(?:resume|session-id)[= ]({UUID.pattern})(?![0-9a-z-])", re.IGNORECASE)


@dataclass(frozen=True)
class RegistryEntry:
    """The conversation of one session.

    ``source`` is ``assigned``, ``hook``, ``process`` or ``pane``. ``pid`` and ``started`` (clock ticks since boot)
    identify the process that it was reported of, None if unknown; ``transcript`` is the path that a hook reported.
    ``former_names``: those that the session had since its process was started.
    """

    uuid: str
    source: str
    cwd: str | None = None
    transcript: str | None = None
    command: tuple[str, ...] = ()
    pid: int | None = None
    started: int | None = None
    updated_at: str = ""
    former_names: tuple[str, ...] = ()


class SessionRegistry:
    """The conversations of all sessions by session name, kept in the document ``registry``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: dict[str, RegistryEntry] = {}
        self._pending = store.unsaved
        for name, values in store.load(DOCUMENT, {}).items():
            entry = store.read_part(DOCUMENT, f"the entry of session {name!r}", _entry, values)
            if entry is not None:
                self._entries[name] = entry

    def get(self, name: str) -> RegistryEntry | None:
        """Return the conversation of the session, or None if it is unknown."""
        return self._entries.get(name)

    def propose(self, name: str, entry: RegistryEntry) -> bool:
        """Record an entry unless a source of higher rank holds another; return whether anything changed.

        A source holds its rank only while the process that it was reported of is alive. An entry is stored within some
        10 ms, with others; one that cannot be (full disk) is logged, kept in memory and retried with the next proposal.
        `flush` stores it now, and raises instead.
        """
        current = self._entries.get(name)
        # Only a start names the command.
        former = current.former_names if current is not None and not entry.command else ()
        if current is not None and current.uuid == entry.uuid:
            entry = _merge(current, entry)
        elif current is not None and SOURCE_RANK[entry.source] < SOURCE_RANK[current.source] and _is_live(current):
            return False
        entry = dataclasses.replace(entry, updated_at=clock.iso(clock.now()), former_names=former)
        if current is not None and dataclasses.replace(current, updated_at=entry.updated_at) == entry:
            self._pending.retry()
            return False
        if current is not None and current.uuid != entry.uuid:
            log.info(
                "session %s: conversation %s (%s) replaces %s (%s)",
                name,
                entry.uuid,
                entry.source,
                current.uuid,
                current.source,
                extra=log_fields(session=name),
            )
        self._entries[name] = entry
        self._keep()
        return True

    def follow(self, name: str, entry: RegistryEntry) -> None:
        """Record the conversation that the session's own went on as; its process must have ended."""
        current = self._entries.get(name)
        if current is not None and current.uuid != entry.uuid:
            self._entries.pop(name)
            self.propose(name, entry)

    def rename(self, old: str, new: str) -> None:
        """Give a session another name, which has no conversation yet."""
        entry = self._entries.pop(old)
        self._entries[new] = dataclasses.replace(entry, former_names=(*entry.former_names, old))
        self._keep()

    def flush(self) -> None:
        """Store entries that are not stored yet, and those whose write failed before. Raises OSError."""
        self._store.flush()
        self._pending.flush(DOCUMENT)

    def _keep(self) -> None:
        self._store.keep_soon(DOCUMENT, self._document, "the registry of conversations")

    def _document(self) -> dict[str, Any]:
        return {name: vars(entry) for name, entry in self._entries.items()}


_FIELDS = {field.name for field in dataclasses.fields(RegistryEntry)}


def _entry(values: Any) -> RegistryEntry:
    """Return an entry from a stored object. Raises AttributeError, TypeError, ValueError."""
    entry = RegistryEntry(**{key: value for key, value in values.items() if key in _FIELDS})
    if not UUID.fullmatch(entry.uuid):
        raise ValueError(f"found the uuid {entry.uuid!r}, expected a UUID")
    if entry.source not in SOURCE_RANK:
        raise ValueError(f"found the source {entry.source!r}, expected one of {', '.join(SOURCE_RANK)}")
    for value in (entry.cwd, entry.transcript):
        as_optional_text(value)
    texts = (*entry.command, *entry.former_names, entry.updated_at)
    if not all(isinstance(text, str) for text in texts) or isinstance(entry.command, str):
        raise TypeError("found a command, a name or a time that is no text")
    numbers = [number for number in (entry.pid, entry.started) if number is not None]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise TypeError("found a process that is no number, expected its pid and its start")
    return dataclasses.replace(entry, command=tuple(entry.command), former_names=tuple(entry.former_names))


def _merge(current: RegistryEntry, new: RegistryEntry) -> RegistryEntry:
    """Merge two reports of one conversation: the higher rank wins per field, the newer one names the process."""
    better, worse = (current, new) if SOURCE_RANK[current.source] > SOURCE_RANK[new.source] else (new, current)
    process = new if new.pid is not None else current
    return RegistryEntry(
        uuid=better.uuid,
        source=better.source,
        cwd=better.cwd or worse.cwd,
        transcript=better.transcript or worse.transcript,
        command=tuple(new.command or current.command),
        pid=process.pid,
        started=process.started,
    )


def _is_live(entry: RegistryEntry) -> bool:
    return entry.pid is None or is_alive(entry.pid, entry.started)


def uuid_in_pane(lines: Iterable[str]) -> str | None:
    """Return the conversation's UUID found in a pane's lines; None if there is none, or more than one."""
    found = {match.group(1).lower() for line in lines for match in _UUID_OPTION.finditer(line)}
    return found.pop() if len(found) == 1 else None
