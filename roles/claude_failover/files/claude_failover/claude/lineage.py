# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the conversation that goes on from another one, by what Claude Code writes into the transcripts.

When a conversation moves to the background (the left arrow, ``/background``), a copy with an id of its own goes on, and
the old transcript says so in its last record: ``{"type": "continued-in", "continuedInSessionId": …}`` (2.1.260 to
2.1.332, not 2.1.197). The copy's transcript is written at its first turn and has the old one's messages under their
old ``uuid`` (2.1.197 too). After ``/fork``, which copies and goes on in the old one as well, the old transcript has a
message that the copy lacks (2.1.332).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .background_jobs import BackgroundJob
from .transcript import CHUNK, UUID, NotATranscriptError, locate, open_below, paths_of, read_conversation
from .versions import numbers, version_in

_TELLS = (2, 1, 260)  # the first version that was seen to write continued-in
_MOST_MOVES = 100  # of one conversation that are followed


@dataclass(frozen=True)
class Descent:
    """The newest conversation that descends from another.

    ``uuid``: its id; the other's own where nothing goes on from it. ``job``: the running background job that holds it.
    ``rivals``: the jobs whose conversations all go on from ``uuid``, where there are several: none is the newest.
    """

    uuid: str
    job: BackgroundJob | None = None
    rivals: tuple[BackgroundJob, ...] = ()


def newest_descendant(projects: str, uuid: str, jobs: Sequence[BackgroundJob]) -> Descent:
    """Return the newest conversation that descends from ``uuid``, of those with a transcript or a running job."""
    running = {job.uuid: job for job in jobs if job.running}
    seen = {uuid}
    while uuid not in running and len(seen) <= _MOST_MOVES:
        records = read_conversation(projects, uuid, _hold_end)
        following = continued_in(records)
        if following is None:
            last = _last_message(records)
            others = [job for job in jobs if job.uuid not in seen]
            found = [job for job in others if last is not None and _goes_on_from(projects, job.uuid, last)]
            if len(found) > 1:
                return Descent(uuid, rivals=tuple(found))
            following = found[0].uuid if found else None
        # A copy without a transcript and without a process holds nothing that this one lacks.
        if following is None or following in seen or not (following in running or paths_of(projects, following)):
            break
        uuid = following
        seen.add(uuid)
    return Descent(uuid, running.get(uuid))


def can_go_on_from(projects: str, uuid: str, copy: str) -> bool:
    """Return whether the conversation ``copy`` can turn out to go on from ``uuid``: it has no message of its own yet.

    2.1.197 writes the first ones after the turn's end. A version that writes ``continued-in`` has told by then.
    """
    records = read_conversation(projects, uuid, _hold_end)
    version = next((found for found in map(_version, reversed(records)) if found is not None), None)
    if version is not None and version >= _TELLS:
        return False
    message = _last_message(read_conversation(projects, copy, _hold_end))
    return message is None or message == _last_message(records)


def _version(record: Mapping[str, Any]) -> tuple[int, int, int] | None:
    return numbers(version_in(record.get("version")) or "")


def continued_in(records: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the id of the conversation that ``records`` say they are continued in; None after a later message here."""
    for record in reversed(records):
        if record.get("type") == "continued-in":
            named = record.get("continuedInSessionId")
            return named.lower() if isinstance(named, str) and UUID.fullmatch(named.lower()) else None
        if _is_turn(record):
            return None
    return None


def _hold_end(records: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the last records of a conversation hold all that is asked of them here."""
    return (
        _last_message(records) is not None
        and any(map(_is_turn, records))
        and any(_version(record) is not None for record in records)
    )


def _is_turn(record: Mapping[str, Any]) -> bool:
    """Return whether a record shows that its conversation went on: a prompt, or an answer of the model."""
    if record.get("isSidechain") or record.get("isMeta"):
        return False
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if record.get("type") == "user":
        return not (isinstance(content, str) and content.startswith("<"))  # a command that the CLI answers by itself
    return record.get("type") == "assistant" and not record.get("isApiErrorMessage")


def _last_message(records: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the ``uuid`` of the last message, those included that the CLI adds by itself."""
    for record in reversed(records):
        if record.get("type") in ("user", "assistant") and not record.get("isSidechain"):
            found = record.get("uuid")
            return found if isinstance(found, str) and found else None
    return None


def _goes_on_from(projects: str, uuid: str, message: str) -> bool:
    """Return whether a conversation has this message of another one, and a later one of its own."""
    # Quotes in a tool's output are escaped, so only a record's own key fits. This search costs a twentieth of parsing.
    needle = b'"uuid":"' + message.encode() + b'"'
    if not any(_contains(projects, path, needle) for path in paths_of(projects, uuid)):
        return False
    return _last_message(read_conversation(projects, uuid, _hold_end)) not in (message, None)


def _contains(projects: str, path: str, needle: bytes) -> bool:
    try:
        descriptor = open_below(projects, *locate(projects, path))
    except (OSError, NotATranscriptError):
        return False
    try:
        kept = b""
        while data := os.read(descriptor, CHUNK):
            if needle in kept + data:
                return True
            kept = data[-len(needle) :]
        return False
    except OSError:
        return False
    finally:
        os.close(descriptor)
