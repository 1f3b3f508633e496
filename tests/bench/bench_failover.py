# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failover of the real Claude Code CLI: from the refused request to the first answer under the next account.

One session goes through ``failovers`` accounts, each of which refuses it once; the times are the stub's own.
``methods`` are those by which it went on. The second table is where the time goes, by the stub, the transcript and
what the daemon keeps. With ``before``, a checkout, its daemon takes turns with this one's, each in a world of its own.
A session that is lost fails the bench. Needs what the end-to-end tests need (see tests/e2e/harness), root among it.
"""

from __future__ import annotations

import json
import os
import shutil
import string
import sys
import tempfile
import threading
import time
from typing import Any

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "support"))
import import_path  # noqa: E402,F401  # pylint: disable=unused-import  # makes the daemon importable from a checkout

sys.path.insert(0, os.path.join(TESTS, "e2e"))

import measurement  # noqa: E402  the path has to be set first
from harness import cli  # noqa: E402  the path has to be set first
from harness.daemon import ROOT  # noqa: E402  the path has to be set first
from harness.driven import RESUME, begin, turns_of  # noqa: E402  the path has to be set first
from harness.namespace import Namespace  # noqa: E402  the path has to be set first
from harness.wait import until  # noqa: E402  the path has to be set first
from harness.world import World  # noqa: E402  the path has to be set first

from claude_failover.common import clock  # noqa: E402  the path has to be set first

TITLE = "failover of the real Claude Code: refused request to the next account's answer"
PROGRAMS = {"tmux": "tmux", "ip": "iproute2", "unshare": "util-linux", "openssl": "openssl", "npm": "npm"}
#: What ends each phase of a failover; the first begins with the end of the refused request, at the stub.
PHASES = (
    "Claude Code writes the refusal",
    "the daemon begins the switch",
    "the link is flipped",
    "the prompt is in the box, Enter is pressed",
    "the request arrives at the stub",
    "it is answered",
)


class EnterKeys:
    """The times of the daemon's Enter keys: it keeps that of the newest one, and only until the turn is answered."""

    def __init__(self, world: World) -> None:
        self._path = world.path("state", "prompts.json")
        self._times: set[float] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        seen = None
        while not self._ended.wait(0.005):
            try:
                status = os.stat(self._path)
                if (status.st_ino, status.st_mtime_ns) != seen:
                    seen = status.st_ino, status.st_mtime_ns
                    self._times |= {moment(row["last"]) for row in document(self._path).values() if row["last"]}
            except FileNotFoundError:
                continue

    def newest(self, before: float) -> float:
        """Return the time of the newest one before that moment."""
        return max(time for time in self._times if time <= before)

    def close(self) -> None:
        """End the watch."""
        self._ended.set()
        self._thread.join()


def moment(text: str) -> float:
    """Return a time of the daemon's or of a transcript as the stub writes it."""
    return clock.parse_iso(text).timestamp()


def document(path: str) -> dict[str, Any]:
    """Return a document of the daemon's."""
    with open(path, encoding="utf-8") as stream:
        found: dict[str, Any] = json.load(stream)["data"]
    return found


class Failovers:
    """One build's daemon with one session, in a world of its own."""

    def __init__(self, name: str, checkout: str, count: int) -> None:
        self.name, self._checkout = name, checkout
        self._accounts = (string.ascii_uppercase + string.ascii_lowercase)[: count + 1]
        self._folder = tempfile.mkdtemp(prefix="cf-ns-", dir="/tmp")
        os.chmod(self._folder, 0o755)
        self._namespace = Namespace(self._folder)
        self.world = World(self._namespace, cli.program(cli.NEW), accounts=self._accounts)
        self.moments: list[list[float]] = []

    def start(self) -> None:
        """Start everything, and have a first turn answered."""
        self.world.start_stub()
        self.world.start_tmux()
        self.daemon, self.main = begin(self.world, checkout=self._checkout, cooldown=0)
        self._enter_keys = EnterKeys(self.world)

    def fail_over(self) -> None:
        """Refuse one request; keep the moments of its end, and of the end of each phase."""
        number = len(self.moments)
        origin, target = self._accounts[number : number + 2]
        job = f"the job of {origin}"
        # Resets apart from each other: a refusal right after a flip with the old account's reset counts as its.
        self.world.set(origin, "limit", resets_at=int(time.time()) + 3600 + 600 * number)
        self.main.prompt(job)
        answered = self.main.answered(RESUME, target, timeout=60)
        refused = turns_of(self.world, self.main.id, job, origin, "limit")[0]
        until(lambda: self.daemon.row("main")["state"] == "idle", "the session to be idle")
        record = until(lambda: self.daemon.switches()[number:], "the record of the switch")[0]
        errors = [row for row in self.world.records(self.main.id) if row.get("isApiErrorMessage")]
        began, ended = float(str(answered["began"])), float(str(answered["ended"]))
        self.moments.append(
            [
                float(str(refused["ended"])),
                moment(errors[-1]["timestamp"]),
                moment(record["time"]),
                moment(document(self.world.path("state", "flips.json"))["flips"][-1]["at"]),
                self._enter_keys.newest(began),
                began,
                ended,
            ]
        )

    def rows(self) -> tuple[measurement.Row, list[measurement.Row]]:
        """Return the row of the whole, and one for each phase."""
        records = self.daemon.switches()
        whole = self.seconds()
        methods = sorted({row["method"] for record in records for row in record["sessions"]})
        first: measurement.Row = {
            "build": self.name,
            "claude": cli.version_number(cli.NEW),
            **measurement.summary(whole, "s"),
            "most_s": measurement.rounded(max(whole)),
            "switches": len(records),
            "methods": ", ".join(methods),
        }
        phases: list[measurement.Row] = []
        for number, phase in enumerate(PHASES):
            taken = [moments[number + 1] - moments[number] for moments in self.moments]
            share = measurement.ratio(taken, whole)
            phases.append({"build": self.name, "until": phase, **measurement.summary(taken), "ratio": share})
        return first, phases

    def seconds(self) -> list[float]:
        """Return the time of each failover."""
        return [moments[-1] - moments[0] for moments in self.moments]

    def close(self) -> None:
        """End everything."""
        if hasattr(self, "_enter_keys"):
            self._enter_keys.close()
        self.world.close()
        self._namespace.close()
        shutil.rmtree(self._folder)


def measure(failovers: int = 20, before: str = "") -> list[measurement.Row]:
    """Return the row of each build, and one for each of its phases; with ``before``, a checkout, two take turns."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if os.geteuid() != 0 or missing:
        lacking = f"packages {' '.join(missing)}" if missing else "rights of root"
        raise measurement.Skip(f"it lacks the {lacking}; expected them: sudo make bench BENCH=failover")
    builds = {**({"before": os.path.abspath(before)} if before else {}), "now": ROOT}
    worlds: list[Failovers] = []
    try:
        for name, checkout in builds.items():
            worlds.append(Failovers(name, checkout, failovers))
            worlds[-1].start()
        for _failover in range(failovers):
            for each in worlds:
                each.fail_over()
        base = worlds[0].seconds()
        rows = [each.rows() for each in worlds]
        whole = [
            {**first, "ratio": measurement.ratio(each.seconds(), base)} for each, (first, _phases) in zip(worlds, rows)
        ]
        return [*whole, *(phase for _first, phases in rows for phase in phases)]
    finally:
        for each in worlds:
            each.close()


if __name__ == "__main__":
    measurement.main(TITLE, measure)
