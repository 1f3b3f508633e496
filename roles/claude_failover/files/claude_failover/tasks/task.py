# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task: a prompt for a session of the pool, and its state. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..common import clock
from ..common.errors import Refused, UsageError
from ..common.text import printable, shorten, visible
from ..tmux.quoting import typable

QUEUED, SENT, ACCEPTED, DONE, FAILED, CANCELLED = "queued", "sent", "accepted", "done", "failed", "cancelled"
#: Every state, in the order in which a task goes through them.
STATES = (QUEUED, SENT, ACCEPTED, DONE, FAILED, CANCELLED)
FINISHED = frozenset({DONE, FAILED, CANCELLED})

PROMPT_MAX = 256 << 10  # bytes of UTF-8: even with every character escaped in JSON a request stays below 1 MiB
EXCERPT = 200  # characters of a prompt that rows show

ID = re.compile(r"[0-9a-f]{8}")
REQUEST_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True)
class Assignment:
    """The session, pane, process and conversation that a task is assigned to, and since when (aware datetime).

    Persisted before the first key.
    """

    session: str
    pane: str
    pane_pid: int
    pid: int
    started: int
    uuid: str
    at: datetime


@dataclass(frozen=True)
class Task:
    """One task. Times are aware datetimes, in steady time.

    ``number`` is its place in the queue. ``wanted`` and ``cwd`` are the required session and folder, None for any.
    ``session`` is the assigned one. ``assignment`` is set before the first key is typed, and cleared once the prompt is
    known to have been withdrawn. A queued task with an assignment was interrupted while it was typed; Enter is never
    pressed before the state ``sent`` is on the disk. A sent task without ``sent_at`` was found in the prompt box, and
    is being withdrawn. ``request_id`` is the client's own name of its request.
    """

    id: str
    number: int
    prompt: str
    created_at: datetime
    wanted: str | None = None
    cwd: str | None = None
    state: str = QUEUED
    session: str | None = None
    assignment: Assignment | None = None
    attempts: int = 0
    detail: str = ""
    sent_at: datetime | None = None
    accepted_at: datetime | None = None
    finished_at: datetime | None = None
    request_id: str | None = None

    @property
    def command(self) -> str | None:
        """The name of the command of Claude Code that its prompt is; None for any other prompt."""
        return self.prompt.split()[0][1:].lower() if self.prompt.startswith("/") else None

    @property
    def finished(self) -> bool:
        """True once its state is final."""
        return self.state in FINISHED

    def row(self) -> dict[str, Any]:
        """Return the row that ``queue --json`` and ``dispatch --json`` show."""
        return {
            "id": self.id,
            "state": self.state,
            "session": self.session,
            "wanted_session": self.wanted,
            "wanted_cwd": self.cwd,
            "prompt": shorten(printable(self.prompt), EXCERPT),
            "prompt_bytes": len(self.prompt.encode()),
            "attempts": self.attempts,
            "detail": self.detail,
            "request_id": self.request_id,
            "created_at": clock.wall_iso(self.created_at),
            "sent_at": clock.optional_wall_iso(self.sent_at),
            "accepted_at": clock.optional_wall_iso(self.accepted_at),
            "finished_at": clock.optional_wall_iso(self.finished_at),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the stored document."""
        values = {key: _stored(value) for key, value in vars(self).items()}
        values["handed"] = values.pop("assignment")  # the key in stored documents
        if self.request_id is None:
            del values["request_id"]  # a release that does not know the key can read the document
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Task:
        """Return the task of a document by `to_json`. Raises ValueError for anything else."""
        try:
            values = {key: value for key, value in data.items() if key != "handed"}
            if "assignment" in values:
                raise TypeError("an unexpected key 'assignment'")
            values["assignment"] = None if data["handed"] is None else _assignment(data["handed"])
            for key in ("created_at", "sent_at", "accepted_at", "finished_at"):
                values[key] = None if data[key] is None else _time(data[key])
            task = cls(**values)
        except (KeyError, TypeError) as error:
            raise ValueError(f"found no task: {error}") from None
        texts = (task.id, task.prompt, task.detail, task.state)
        optional = (task.wanted, task.cwd, task.session, task.request_id)
        numbers = (task.number, task.attempts)
        if not (_all(texts, str) and _all(numbers, int) and _all([text for text in optional if text is not None], str)):
            raise ValueError("found a task with values of other types")
        task.prompt.encode()  # UnicodeEncodeError is a ValueError: lone surrogates cannot be typed
        if not ID.fullmatch(task.id) or task.state not in STATES or task.created_at is None:
            raise ValueError("found a task without id, time or known state")
        if task.state in (SENT, ACCEPTED) and task.assignment is None:
            raise ValueError(f"found a task that is {task.state} to nobody")
        return task


def _all(values: Iterable[Any], kind: type) -> bool:
    return all(isinstance(value, kind) for value in values)


def _assignment(data: Mapping[str, Any]) -> Assignment:
    assignment = Assignment(**{**data, "at": _time(data["at"])})
    texts, numbers = (
        (assignment.session, assignment.pane, assignment.uuid),
        (assignment.pane_pid, assignment.pid, assignment.started),
    )
    if not (_all(texts, str) and _all(numbers, int)):
        raise ValueError("found a task that was assigned with values of other types")
    return assignment


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, Assignment):
        return {**vars(value), "at": clock.iso(value.at)}
    return value


def _time(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError(f"found {value!r}, expected a time")
    return clock.parse_iso(value)


def check_request_id(identity: str) -> None:
    """Check a client's name of its request. Raises UsageError."""
    if not REQUEST_ID.fullmatch(identity):
        found = f"{len(identity)} characters" if len(identity) > EXCERPT else repr(printable(identity))
        raise UsageError(f"request_id: found {found}, expected 1 to 128 printable ASCII characters without blanks")


def normalize_prompt(prompt: str) -> str:
    """Return a prompt without control characters except line breaks and tabs, and without leading and trailing ones.

    Raises UsageError for an empty prompt and for one that is not valid Unicode; Refused for one over `PROMPT_MAX`.
    """
    try:
        size = len(prompt.encode())
    except UnicodeEncodeError:
        raise UsageError("the prompt is no valid text: found bytes that are no UTF-8; expected UTF-8") from None
    if size > PROMPT_MAX:
        raise Refused(
            f"the prompt is too long: found {size} bytes, expected at most {PROMPT_MAX}; "
            "put the material into a file, and name the file in the prompt"
        )
    kept = typable(prompt).strip("\n")
    if not visible(kept):
        raise UsageError("the prompt is empty: expected some text")
    # Claude Code 2.1.330 takes Enter right after a backslash as a line break.
    return kept + " " if kept.endswith("\\") else kept


def check_command(prompt: str, command: bool) -> str:
    """Return a normalized prompt, which is one of Claude Code's commands only where a ``command`` is meant.

    Raises Refused for a command that is not meant, UsageError for a prompt that is none.
    """
    # Claude Code takes off more than white space (U+FEFF).
    shown = printable(prompt).lstrip()
    begins = shown.startswith("/")
    if begins and not command:
        raise Refused(
            f"the prompt begins with {shorten(shown.split()[0], 40)}, which Claude Code takes for a "
            "command of its own (/exit ends the session, /clear leaves the conversation); put another word first, or "
            "say that a command is meant (--command)"
        )
    if command and not begins:
        raise UsageError("the prompt is no command: expected one that begins with /, such as /compact")
    return prompt[prompt.index("/") :] if command else prompt
