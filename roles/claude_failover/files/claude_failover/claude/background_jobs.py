# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations that Claude Code keeps in the background: its agents view, ``claude --bg``, ``/background``.

Each is a job with a short id, in the home that was active when it began (2.1.197 to 2.1.332): ``jobs/<id>/state.json``
has its ``sessionId``, its ``cwd`` and its options (``respawnFlags``), and outlives the process; the session file of its
process has ``kind`` = bg. A spare process, which waits for the next job, has no ``state.json``. Beside
the session files lie keys (``<pid>.….key``), and ``daemon/`` holds others: neither is opened.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..common import json_text, processes
from ..common.text import text_or_none, whole_number
from ..storage.regular_file import read_regular
from .session_files import SessionFile, read_session_file
from .transcript import UUID

MOST_FILES = 2000  # of one folder that are looked at
_MAX_BYTES = 1 << 20  # of a job's state; the text of its last answer is in it
_JOB = re.compile(r"[0-9a-z]{4,32}")
_SESSION_FILE = re.compile(r"\d+\.json")


@dataclass(frozen=True)
class BackgroundJob:
    """One conversation in the background. ``home`` is the account home that it is listed in.

    ``settings`` is the file of its ``--settings``, which it keeps from the session that it began in; ``pid`` its
    process, None when none runs; ``status`` that process's own word (idle, busy, waiting).
    """

    id: str
    uuid: str
    cwd: str | None
    home: str
    settings: str | None = None
    pid: int | None = None
    status: str | None = None

    @property
    def running(self) -> bool:
        """True while a process of Claude Code holds the conversation."""
        return self.pid is not None


def background_jobs(homes: Iterable[str]) -> list[BackgroundJob]:
    """Return the jobs of all homes, those without a process included; folders that homes share count once."""
    places = list(homes)
    found = {job.uuid: job for home in _distinct(places, "jobs") for job in _jobs(home)}
    if not found:
        return []
    files = {file.uuid: file for file in _processes(places) if file.background}
    return [
        dataclasses.replace(job, pid=files[uuid].pid, status=files[uuid].status) if uuid in files else job
        for uuid, job in found.items()
    ]


def running_jobs(homes: Iterable[str]) -> list[BackgroundJob]:
    """Return the jobs whose process runs; of a home that lists many others none is read while none runs."""
    places = list(homes)
    if not any(file.background for file in _processes(places)):
        return []
    return [job for job in background_jobs(places) if job.running]


def holder_of(homes: Iterable[str], uuid: str) -> int | None:
    """Return the pid of a running process of Claude Code that has the conversation, by the session files; or None.

    It need not be a background job, nor one whose state can be read.
    """
    return next((file.pid for file in _processes(list(homes)) if file.uuid == uuid), None)


def _distinct(homes: list[str], name: str) -> list[str]:
    """Return the homes, the first last, and of those that share the folder of that name the first."""
    return list({os.path.realpath(os.path.join(home, name)): home for home in reversed(homes)}.values())


def _names(folder: str, pattern: re.Pattern[str]) -> list[str]:
    """Return the names in a folder that fit the pattern; none where it cannot be read."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MOST_FILES:
                    break
                if pattern.fullmatch(entry.name):
                    names.append(entry.name)
    except OSError:
        return []
    return sorted(names)


def _jobs(home: str) -> Iterator[BackgroundJob]:
    for name in _names(os.path.join(home, "jobs"), _JOB):
        data = _object(os.path.join(home, "jobs", name, "state.json"))
        uuid, options = str(data.get("sessionId", "")).lower(), data.get("respawnFlags")
        if UUID.fullmatch(uuid):
            settings = _after(options, "--settings") if isinstance(options, list) else None
            yield BackgroundJob(name, uuid, text_or_none(data.get("cwd")), home, settings)


def _after(words: list[Any], option: str) -> str | None:
    found = words[words.index(option) + 1 :][:1] if option in words else []
    return text_or_none(found[0]) if found else None


def _processes(homes: list[str]) -> Iterator[SessionFile]:
    """Yield the session files, of all homes, of the running processes that have a conversation."""
    for home in _distinct(homes, "sessions"):
        for name in _names(os.path.join(home, "sessions"), _SESSION_FILE):
            pid = whole_number(name.partition(".")[0])
            process = processes.read(pid) if pid is not None else None
            if process is not None and process.alive:
                file = read_session_file(os.path.join(home, "sessions", name), process)
                if file is not None and not file.spare:
                    yield file


def _object(path: str) -> dict[str, Any]:
    """Return the JSON object of a file; an empty one where there is none, or none that can be read."""
    try:
        data = json_text.parse(read_regular(path, _MAX_BYTES))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
