# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that work on many turns while the stub counts the windows of their accounts (``meter`` of its world)."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .daemon import Daemon
from .driven import Driven
from .wait import until
from .world import World

PAUSE = 0.4  # seconds after an answer until the next prompt is typed: by then the turn's hooks have ended
TYPING = 5.0  # seconds after which a prompt that did not go out is entered again
SUGGESTION = "[SUGGESTION MODE"  # begins the prompt of a request for suggestions


@dataclass
class _Worker:
    """One session; ``state`` is ``free``, ``typed`` or ``asked``, since the monotonic time ``since``."""

    session: Driven
    state: str = "free"
    since: float = 0.0
    text: str = ""
    prompts: list[str] = field(default_factory=list)


class Workload:
    """Gives every session its prompts, one after the other, and several sessions at once."""

    def __init__(self, daemon: Daemon, names: Sequence[str]) -> None:
        """The daemon runs; wait until every session has its prompt box."""
        self.world: World = daemon.world
        self.daemon = daemon
        uuids = {row["name"]: row["uuid"] for row in daemon.status()["sessions"]}
        self.workers = [_Worker(Driven(self.world, name, identity=uuids[name])) for name in names]
        for worker in self.workers:
            worker.session.wait_ready(timeout=120)
        self._read = 0
        self.records: list[dict[str, Any]] = []

    def run(self, prompts: dict[str, list[str]], *, at_once: int, apart: float = 0.0, timeout: float = 600) -> None:
        """Work through the prompts of every session, by its name; ``apart``: seconds between two prompts at least."""
        self._last = float("-inf")
        for worker in self.workers:
            worker.prompts = list(prompts[worker.session.name])
        turns = itertools.cycle(self.workers)

        def over() -> bool:
            self._take_in()
            for worker in self.workers:
                if worker.state == "typed" and time.monotonic() - worker.since > TYPING:
                    worker.session.keys("Enter")
                    worker.since = time.monotonic()
            busy = sum(worker.state != "free" for worker in self.workers)
            for _each in self.workers:
                worker = next(turns)
                if busy < at_once and time.monotonic() - self._last >= apart and self._is_due(worker):
                    self._type(worker)
                    busy += 1
                    break
            return busy == 0 and not any(worker.prompts for worker in self.workers)

        until(over, "every turn to be answered", timeout=timeout, show=self._seen)

    def _is_due(self, worker: _Worker) -> bool:
        return worker.state == "free" and bool(worker.prompts) and time.monotonic() - worker.since >= PAUSE

    def _type(self, worker: _Worker) -> None:
        worker.text = worker.prompts.pop(0)
        worker.session.text(worker.text)
        until(lambda: worker.text[:40] in (worker.session.box() or ""), f"{worker.text!r} typed", show=self._seen)
        worker.session.keys("Enter")
        worker.state, worker.since = "typed", time.monotonic()
        self._last = worker.since

    def _take_in(self) -> None:
        """Take in what the stub has logged since."""
        with open(os.path.join(self.world.stub_folder, "requests.jsonl"), "rb") as stream:
            stream.seek(self._read)
            raw = stream.read()
        raw = raw[: raw.rfind(b"\n") + 1]
        self._read += len(raw)
        by_session = {worker.session.id: worker for worker in self.workers}
        for record in map(json.loads, raw.splitlines()):
            worker = by_session.get(record.get("session"))
            if record.get("kind") != "turn" or worker is None:
                continue
            if record.get("phase") == "began":
                worker.state = "asked"
                continue
            self.records.append(record)
            if record.get("final"):
                worker.state, worker.since = "free", time.monotonic()

    @property
    def answered(self) -> int:
        """How many turns were answered; 2.1.81 asks for suggestions as well, with all tools."""
        answers = [record for record in self.records if record.get("final")]
        return sum(not str(record.get("prompt")).startswith(SUGGESTION) for record in answers)

    @property
    def refused(self) -> list[dict[str, Any]]:
        """The requests that were refused for a limit."""
        return [record for record in self.records if record.get("mode") == "limit"]

    @property
    def refused_with_room(self) -> list[dict[str, Any]]:
        """Those of them for which another account had room."""
        return [record for record in self.refused if record["with_room"]]

    def _seen(self) -> str:
        states = [(worker.session.name, worker.state, worker.text, len(worker.prompts)) for worker in self.workers]
        waiting = [worker.session.screen() for worker in self.workers if worker.state != "free"]
        return "\n".join([str(states), *waiting[:3], self.daemon.log()[-4000:]])


def begin_metered(world: World, sessions: int, steps: dict[str, float], seconds: float, **failover: Any) -> Workload:
    """Start the daemon with so many sessions; ``steps``: per cent of the window that an answer uses, by account."""
    for tag, step in steps.items():
        world.set(tag, "ok", meter={"five_hour": {"step": step / 100, "seconds": seconds}})
    names = [f"s{number}" for number in range(sessions)]
    daemon = Daemon(world, [{"name": name} for name in names], **failover)
    return Workload(daemon.start(), names)
