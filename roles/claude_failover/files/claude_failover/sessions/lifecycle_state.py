# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable state of the lifecycle: sessions that were stopped by hand, and those that are not started again."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ..storage.store import Store, as_optional_text

DOCUMENT = "lifecycle"

STOPPED, RESTARTING, STARTED, ENDED = "stopped", "restarting", "started", "ended"
_STATES = (STOPPED, RESTARTING, STARTED, ENDED)


@dataclass(frozen=True)
class LifecycleEntry:
    """The state of one session.

    ``stopped``: by hand, until it is restarted by hand. ``restarting``: by hand, whatever ``restart`` says.
    ``started``: once, where ``restart`` is not ``always``. ``ended``: by itself, with ``reason`` and whether it
    ``failed``, and with the ``last_words`` of its program. ``pid`` and ``started`` (clock ticks since boot) name the
    process that a stop ends, with or without ``force``.
    """

    state: str
    reason: str | None = None
    failed: bool = False
    force: bool = False
    pid: int | None = None
    started: int | None = None
    last_words: str | None = None


class LifecycleState:
    """The durable document, by session name; a session that nothing is known of is not in it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: dict[str, LifecycleEntry] = {}
        for name, values in store.load(DOCUMENT, {}).items():
            entry = store.read_part(DOCUMENT, f"the entry of session {name!r}", _entry, values)
            if entry is not None:
                self._entries[name] = entry

    def get(self, name: str) -> LifecycleEntry | None:
        """Return the state of the session, or None."""
        return self._entries.get(name)

    def is_stopped(self, name: str) -> bool:
        """Return whether the session was stopped by hand."""
        entry = self._entries.get(name)
        return entry is not None and entry.state == STOPPED

    def require(self, name: str, entry: LifecycleEntry) -> None:
        """Store a state that must be on the disk before what it says is done. Raises OSError; nothing has changed."""
        before = dict(self._entries)
        self._entries[name] = entry
        try:
            self._store.unsaved.write(DOCUMENT, self._save)
        except OSError:
            self._entries = before
            raise

    def record(self, name: str, entry: LifecycleEntry | None) -> None:
        """Record what has happened already, None for nothing; what the disk refuses is stored later."""
        if self._entries.get(name) == entry:
            return
        self._entries.pop(name, None)
        if entry is not None:
            self._entries[name] = entry
        self._keep()

    def rename(self, old: str, new: str) -> None:
        """Give a session another name, of which nothing is known yet."""
        if old in self._entries and new not in self._entries:
            self._entries[new] = self._entries.pop(old)
            self._keep()  # once: a kill between two writes would lose it

    def forget_others(self, names: Collection[str]) -> None:
        """Forget the sessions that have none of these names."""
        for name in [name for name in self._entries if name not in names]:
            self.record(name, None)

    def _keep(self) -> None:
        self._store.keep(DOCUMENT, self._document, "the state of the lifecycle")

    def _save(self) -> None:
        self._store.save(DOCUMENT, self._document())

    def _document(self) -> dict[str, Any]:
        return {name: dataclasses.asdict(entry) for name, entry in self._entries.items()}


# Up to 0.3.0 a reason held both.
_REASON_AND_WORDS = re.compile(r"(exited with status -?\d+|ended by signal [^:]+|ended): (.*)", re.DOTALL)
_FIELDS = {field.name for field in dataclasses.fields(LifecycleEntry)}


def _entry(values: Any) -> LifecycleEntry:
    """Return an entry from a stored object. Raises AttributeError, TypeError, ValueError."""
    entry = LifecycleEntry(**{key: value for key, value in values.items() if key in _FIELDS})
    if entry.state not in _STATES:
        raise ValueError(f"found the state {entry.state!r}, expected one of {', '.join(_STATES)}")
    as_optional_text(entry.reason)
    as_optional_text(entry.last_words)
    if not isinstance(entry.failed, bool) or not isinstance(entry.force, bool):
        raise TypeError("found a flag that is neither true nor false")
    numbers = [number for number in (entry.pid, entry.started) if number is not None]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise TypeError("found a process that is no number, expected its pid and its start")
    both = _REASON_AND_WORDS.fullmatch(entry.reason or "")
    if both is not None and entry.last_words is None:
        return dataclasses.replace(entry, reason=both.group(1), last_words=both.group(2))
    return entry
