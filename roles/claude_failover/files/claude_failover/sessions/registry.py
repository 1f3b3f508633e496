# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which conversation each session is in: its UUID, and how that is known.

A conversation that cannot be named cannot be resumed, so this is kept durably, and a UUID is only taken from
a source that ties it to the session; where two candidates stand against each other, none is taken.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..common import clock
from ..common.processes import is_alive
from ..storage.pending_writes import PendingWrites
from ..storage.store import Store

log = logging.getLogger(__name__)

DOCUMENT = "registry"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

# A hook speaks from inside the session and knows of /clear and of a resume, so it stands above what the
# session was started with; the process's own file is next; a line on the screen is the weakest.
RANK = {"hook": 4, "assigned": 3, "process": 2, "pane": 1}

# What Claude Code prints at its exit, and the launch options as a shell would show them (2.1.330).
_IN_PANE = re.compile(rf"--(?:resume|session-id)[= ]({UUID.pattern})(?![0-9a-z-])", re.IGNORECASE)


@dataclass(frozen=True)
class RegistryEntry:
    """One session's conversation.

    ``source`` is ``assigned``, ``hook``, ``process`` or ``pane``. ``pid`` and ``started`` (clock ticks since boot) are
    those of the process that vouches for it, where one does; ``transcript`` is the path that it named.
    """

    uuid: str
    source: str
    cwd: str | None = None
    transcript: str | None = None
    command: tuple[str, ...] = ()
    pid: int | None = None
    started: int | None = None
    updated_at: str = ""


class SessionRegistry:
    """The durable table of sessions and their conversations."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: dict[str, RegistryEntry] = {}
        self._pending = PendingWrites()
        known = {field.name for field in dataclasses.fields(RegistryEntry)}
        for name, values in store.load(DOCUMENT, {}).items():
            try:
                entry = RegistryEntry(**{key: value for key, value in values.items() if key in known})
                if UUID.fullmatch(entry.uuid) and entry.source in RANK:
                    self._entries[name] = dataclasses.replace(entry, command=tuple(entry.command))
                    continue
            except (AttributeError, TypeError):
                pass
            log.warning("registry: the entry of session %r makes no sense and is passed over: %r", name, values)

    def get(self, name: str) -> RegistryEntry | None:
        """Return what is known of the session, or None."""
        return self._entries.get(name)

    def offer(self, name: str, entry: RegistryEntry) -> bool:
        """Take what a source says of a session, unless a better one stands; returns whether it was taken.

        A better source keeps its word only as long as the process that vouched for it runs: after that, what
        was said belongs to a conversation that is over. What cannot be stored (a full disk) is told, kept in
        memory, and tried again with the next offer; `flush` is for whoever must know that it is stored.
        """
        held = self._entries.get(name)
        if held is not None and held.uuid == entry.uuid:
            entry = _joined(held, entry)
        elif held is not None and RANK[entry.source] < RANK[held.source] and _vouched_for(held):
            return False
        entry = dataclasses.replace(entry, updated_at=clock.iso(clock.now()))
        if held is not None and dataclasses.replace(held, updated_at=entry.updated_at) == entry:
            self._pending.retry()
            return False
        if held is not None and held.uuid != entry.uuid:
            log.info(
                "session %s: conversation %s (%s) follows %s (%s)",
                name,
                entry.uuid,
                entry.source,
                held.uuid,
                held.source,
            )
        self._entries[name] = entry
        self._pending.attempt(DOCUMENT, self._save)
        return True

    def flush(self) -> None:
        """Store what could not be stored when it was offered. Raises OSError."""
        self._pending.flush()

    def _save(self) -> None:
        self._store.save(DOCUMENT, {name: dataclasses.asdict(entry) for name, entry in self._entries.items()})


def _joined(held: RegistryEntry, seen: RegistryEntry) -> RegistryEntry:
    """Put together what two sources say of one conversation: the better one's word, and what only the other
    knows. The process is the one that was seen last."""
    better, worse = (held, seen) if RANK[held.source] > RANK[seen.source] else (seen, held)
    process = seen if seen.pid is not None else held
    return RegistryEntry(
        uuid=better.uuid,
        source=better.source,
        cwd=better.cwd or worse.cwd,
        transcript=better.transcript or worse.transcript,
        command=tuple(seen.command or held.command),
        pid=process.pid,
        started=process.started,
    )


def _vouched_for(entry: RegistryEntry) -> bool:
    return entry.pid is None or is_alive(entry.pid, entry.started)


def from_pane(lines: Iterable[str]) -> str | None:
    """Return the one UUID that a pane's lines name, or None when they name none, or more than one."""
    found = {match.group(1).lower() for line in lines for match in _IN_PANE.finditer(line)}
    return found.pop() if len(found) == 1 else None
