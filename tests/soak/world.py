# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of a soak: stand-in sessions, the daemon in its lives, and what is measured of it."""

from __future__ import annotations

import dataclasses
import glob
import json
import os
import signal
import threading
import time
from datetime import datetime, timezone
from typing import Any, NamedTuple
from uuid import uuid4

from integration.failover.conftest import World

from claude_failover.rehearsal.scratch import end_processes
from claude_failover.storage.state_folder import make_state_folder
from claude_failover.tasks.queue import FINISHED_MAX, TaskDocuments, TaskQueue
from claude_failover.tasks.task import DONE, Assignment

#: Each account reaches a limit of its own name: a refusal that bears the limit and the reset of another account is in
#: doubt, and real accounts reset at different hours.
LIMITS = {"one": "five_hour", "two": "seven_day", "three": "seven_day_opus", "four": "seven_day_sonnet"}
_LOOK = 0.005  # seconds between two looks at the active link


class Sample(NamedTuple):
    """The daemon at one moment: resident memory in KiB, open descriptors, threads."""

    memory: int
    descriptors: int
    threads: int


def least(samples: list[Sample]) -> Sample:
    """Return the floor of each figure: what is used only for a while does not count."""
    return Sample(*(min(figures) for figures in zip(*samples)))


class Flip(NamedTuple):
    """One move of the active link, as it was seen from outside."""

    at: float
    origin: str
    target: str


class LinkWatch:
    """Notes every move of the active link, without asking the daemon."""

    def __init__(self, link: str) -> None:
        self._link = link
        self.flips: list[Flip] = []
        self.account = self._read()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _read(self) -> str:
        return os.path.basename(os.readlink(self._link)).rpartition("-")[2]

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            found = self._read()
            if found != self.account:
                self.flips.append(Flip(time.time(), self.account, found))
                self.account = found

    def end(self) -> None:
        """End the watch."""
        self._ended.set()
        self._thread.join()


class SoakWorld(World):
    """A host with many sessions: those of people, which get no tasks, and those of the pool."""

    def __init__(self, folder: str, python_path: str, people: int, pool: int) -> None:
        super().__init__(folder, python_path, accounts=tuple(LIMITS))
        self.environment["TZ"] = "UTC"
        if "PYTHONPYCACHEPREFIX" in os.environ:  # else every stand-in and every hook compiles what it imports
            self.environment["PYTHONPYCACHEPREFIX"] = os.environ["PYTHONPYCACHEPREFIX"]
        self.config["lifecycle"]["check_interval"] = 5
        self.people = [f"person-{number}" for number in range(people)]
        self.pool = [f"worker-{number}" for number in range(pool)]
        found_first = {"PATH": self.environment["PATH"]}  # a Claude Code of the user's own is not touched
        for name in self.people:
            self.session(name, command=["claude"], env=found_first, dedicated=True)
        for name in self.pool:
            self.session(name, command=["claude"], env=found_first)

    def fill_queue(self) -> None:
        """Leave as many finished tasks as are kept, as on a host that has lived: until then they take more memory."""
        make_state_folder(self.config["state_dir"])
        queue, now = TaskQueue(TaskDocuments(self.config["state_dir"])), datetime.now(timezone.utc)
        for number in range(FINISHED_MAX):
            session = self.pool[number % len(self.pool)]
            task = queue.add(f"earlier {number}", now, wanted=None, cwd=None, request_id=f"earlier-{number}")
            queue.put(
                dataclasses.replace(
                    task,
                    state=DONE,
                    session=session,
                    assignment=Assignment(session, f"%{number}", 1, 1, 1, str(uuid4()), now),
                    sent_at=now,
                    accepted_at=now,
                    finished_at=now,
                )
            )

    def sample(self) -> Sample | None:
        """Return the figures of the daemon; None while none runs."""
        daemon = self.daemon
        if daemon is None:
            return None
        try:
            with open(f"/proc/{daemon.pid}/status", encoding="utf-8") as stream:
                lines = dict(line.split(":", 1) for line in stream)
            descriptors = len(os.listdir(f"/proc/{daemon.pid}/fd"))
            return Sample(int(lines["VmRSS"].split()[0]), descriptors, int(lines["Threads"]))
        except (OSError, KeyError):
            return None

    def end_daemon(self, number: int = signal.SIGTERM) -> int:
        """End the daemon by a signal; returns its exit code."""
        daemon = self.daemon
        assert daemon is not None
        daemon.send_signal(number)
        code = daemon.wait(120)
        self.daemon = None
        return code

    def transcript(self, uuid: str) -> list[str]:
        """Return the prompts in the transcripts of a conversation, oldest first."""
        rows: list[dict[str, Any]] = []
        for path in glob.glob(self.path(f"root/.claude-projects-shared/*/{uuid}.jsonl")):
            with open(path, encoding="utf-8") as stream:
                rows += [json.loads(line) for line in stream]
        return [
            row["message"]["content"]
            for row in rows
            if row["type"] == "user" and isinstance(row["message"]["content"], str)
        ]

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a log in the state folder; none where it is missing."""
        try:
            with open(self.path(f"state/{name}"), encoding="utf-8") as stream:
                return [json.loads(line) for line in stream]
        except FileNotFoundError:
            return []

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each document in the state folder, those of a folder in it together."""
        found: dict[str, int] = {}
        for folder, _folders, names in os.walk(self.path("state")):
            for name in names:
                path = os.path.join(folder, name)
                top = os.path.relpath(path, self.path("state")).split(os.sep, maxsplit=1)[0]
                try:
                    found[top] = found.get(top, 0) + os.stat(path).st_size
                except FileNotFoundError:
                    pass  # a temporary file
        return found

    def close(self) -> None:
        """End everything; returns when no process of the soak is left."""
        super().close()
        end_processes(self.environment["HOME"])
