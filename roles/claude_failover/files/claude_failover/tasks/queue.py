# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The durable queue of tasks: one document per task, in order of arrival, written with every change."""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

from ..common.errors import Refused
from ..storage.files import set_aside
from ..storage.pending_writes import PendingWrites
from ..storage.store import Store
from .task import FINISHED, STATES, Task

log = logging.getLogger(__name__)

FOLDER = "tasks"  # below state_dir
FINISHED_MAX = 200  # finished tasks that are kept
UNFINISHED_MAX = 1000  # unfinished tasks that the queue holds
# The release before these keys takes a task with an unknown one for foreign: a rollback would set it aside.
_BESIDE = ("request_id",)
_DOCUMENT = re.compile(r"([0-9]{12,}-[0-9a-f]{8})\.json")


class TaskDocumentsProtocol(Protocol):
    """The part of `TaskDocuments` that the queue uses: named documents, each replaced atomically and durably."""

    def names(self) -> list[str]:
        """Return the names of all documents."""

    def load(self, name: str) -> dict[str, Any]:
        """Return a document."""

    def save(self, name: str, data: dict[str, Any]) -> None:
        """Replace a document."""

    def remove(self, name: str) -> None:
        """Remove a document."""

    def set_aside(self, name: str, reason: str) -> None:
        """Keep a document that cannot be used under another name."""


class TaskDocuments:
    """The task documents, in their own folder below ``state_dir``."""

    def __init__(self, state_dir: str) -> None:
        """Raises OSError when the folder cannot be made."""
        self._store = Store(os.path.join(state_dir, FOLDER))

    def names(self) -> list[str]:
        """Return the names of all documents. Raises OSError."""
        found = [_DOCUMENT.fullmatch(name) for name in os.listdir(self._store.folder)]
        return sorted(match.group(1) for match in found if match)

    def load(self, name: str) -> dict[str, Any]:
        """Return one document, an empty one if it was unusable and has been set aside. Raises OSError."""
        envelope = self._store.load_envelope(name, {})
        found: dict[str, Any] = envelope["data"]
        return {**{key: envelope[key] for key in _BESIDE if key in envelope}, **found} if found else found

    def save(self, name: str, data: dict[str, Any]) -> None:
        """Write one document durably. Raises OSError."""
        beside = {key: data[key] for key in _BESIDE if key in data}
        self._store.save(name, {key: value for key, value in data.items() if key not in beside}, **beside)

    def remove(self, name: str) -> None:
        """Remove one document. Raises OSError."""
        os.unlink(self._store.path(name))

    def set_aside(self, name: str, reason: str) -> None:
        """Rename an unusable document, and log the reason. Raises OSError."""
        set_aside(self._store.path(name), reason)


class TaskQueue:
    """All known tasks, oldest first."""

    def __init__(self, documents: TaskDocumentsProtocol, unsaved: PendingWrites | None = None) -> None:
        """Load all documents; ``unsaved`` gets those that are newer in memory. Raises OSError if one cannot be read."""
        self._documents = documents
        self._tasks: dict[str, Task] = {}
        self._pending = PendingWrites() if unsaved is None else unsaved
        for name in sorted(documents.names(), key=lambda name: (len(name), name)):
            data = documents.load(name)
            if not data:
                continue
            try:
                task = Task.from_json(data)
                if _name(task) != name:
                    raise ValueError(f"found number and id of {_name(task)}")
            except ValueError as error:
                documents.set_aside(name, f"is no task of this daemon ({error})")
                continue
            self._tasks[task.id] = task
        self._next = max((task.number for task in self._tasks.values()), default=0) + 1

    def __iter__(self) -> Iterator[Task]:
        return iter(list(self._tasks.values()))

    def get(self, identity: str) -> Task | None:
        """Return the task of that id, or None."""
        return self._tasks.get(identity)

    def in_state(self, *states: str) -> list[Task]:
        """Return the tasks in one of these states, oldest first."""
        return [task for task in self._tasks.values() if task.state in states]

    def counts(self) -> dict[str, int]:
        """Return the number of tasks in each state."""
        found = dict.fromkeys(STATES, 0)
        for task in self._tasks.values():
            found[task.state] += 1
        return found

    def of_request(self, request_id: str) -> Task | None:
        """Return the task that a client asked for under that name, or None."""
        return next((task for task in self._tasks.values() if task.request_id == request_id), None)

    def add(
        self,
        prompt: str,
        created_at: datetime,
        *,
        wanted: str | None,
        cwd: str | None,
        request_id: str | None = None,
    ) -> Task:
        """Append a task durably. Raises Refused when the queue is full, OSError."""
        unfinished = sum(not task.finished for task in self._tasks.values())
        if unfinished >= UNFINISHED_MAX:
            raise Refused(
                f"the queue is full: found {unfinished} unfinished tasks, expected fewer than {UNFINISHED_MAX}; "
                "wait for some to be done, or cancel some (claude-failover queue --cancel ID)"
            )
        identity = secrets.token_hex(4)
        while identity in self._tasks:
            identity = secrets.token_hex(4)
        task = Task(identity, self._next, prompt, created_at, wanted=wanted, cwd=cwd, request_id=request_id)
        self._next += 1
        self.put(task)
        return task

    def put(self, task: Task) -> None:
        """Store a task, then replace it in memory. Raises OSError; then nothing has changed."""
        self._documents.save(_name(task), task.to_json())
        self._tasks[task.id] = task
        self._pending.discard(_key(task.id))
        if task.finished:
            self._prune()

    def record_transition(self, task: Task) -> None:
        """Record a transition that has already happened; `flush` retries a failed write."""
        self._tasks[task.id] = task
        what = f"task {task.id} as {task.state}"
        self._pending.attempt(_key(task.id), lambda: self.put(self._tasks[task.id]), what)

    @property
    def has_unsaved(self) -> bool:
        """True while a task is newer in memory than on the disk."""
        return any(key.startswith(_key("")) for key in self._pending.problems)

    def flush(self) -> None:
        """Retry failed writes. Raises OSError."""
        self._pending.flush(_key(""))

    def _prune(self) -> None:
        finished = [task for task in self._tasks.values() if task.state in FINISHED]
        finished.sort(key=lambda task: (task.finished_at or task.created_at, task.number))
        for task in finished[: max(0, len(finished) - FINISHED_MAX)]:
            try:
                self._documents.remove(_name(task))
            except FileNotFoundError:
                pass  # already removed by somebody else
            except OSError as error:
                log.warning("task %s: its document cannot be removed: %s", task.id, error)
                continue
            del self._tasks[task.id]
            self._pending.discard(_key(task.id))


def _key(identity: str) -> str:
    return f"task {identity}"


def _name(task: Task) -> str:
    return f"{task.number:012d}-{task.id}"
