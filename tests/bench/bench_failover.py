# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a failover takes with the real Claude Code CLI: from the refused request to the first answer after it.

    sudo python tests/bench/bench_failover.py [FAILOVERS]

One session goes through FAILOVERS (default 20) accounts, each of which refuses it once; the times are the stub's
own. Prints the median and the spread, where the time goes (`PHASES`, by the stub, the transcript and what the daemon
keeps), how many sessions were lost (none may), and by which method each went on.
Needs what the end-to-end tests need (see tests/e2e/harness).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
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

from harness import cli  # noqa: E402  the path has to be set first
from harness.daemon import Daemon  # noqa: E402  the path has to be set first
from harness.driven import RESUME, Driven, begin, turns_of  # noqa: E402  the path has to be set first
from harness.namespace import Namespace  # noqa: E402  the path has to be set first
from harness.wait import until  # noqa: E402  the path has to be set first
from harness.world import World  # noqa: E402  the path has to be set first

from claude_failover.common import clock  # noqa: E402  the path has to be set first

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


def measure(world: World, daemon: Daemon, main: Driven, accounts: str, enter_keys: EnterKeys) -> list[list[float]]:
    """Return the moments of each failover: the end of the refused request, and the end of each phase."""
    failovers = []
    for number, (origin, target) in enumerate(zip(accounts, accounts[1:])):
        job = f"the job of {origin}"
        # Resets apart from each other: a refusal right after a flip with the old account's reset counts as its.
        world.set(origin, "limit", resets_at=int(time.time()) + 3600 + 600 * number)
        main.prompt(job)
        answered = main.answered(RESUME, target, timeout=60)
        refused = turns_of(world, main.id, job, origin, "limit")[0]
        until(lambda: daemon.row("main")["state"] == "idle", "the session to be idle")
        record = until(lambda: daemon.switches()[len(failovers) :], "the record of the switch")[0]
        errors = [row for row in world.records(main.id) if row.get("isApiErrorMessage")]
        began, ended = float(str(answered["began"])), float(str(answered["ended"]))
        failovers.append(
            [
                float(str(refused["ended"])),
                moment(errors[-1]["timestamp"]),
                moment(record["time"]),
                moment(document(world.path("state", "flips.json"))["flips"][-1]["at"]),
                enter_keys.newest(began),
                began,
                ended,
            ]
        )
    return failovers


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    accounts = (string.ascii_uppercase + string.ascii_lowercase)[: count + 1]
    folder = tempfile.mkdtemp(prefix="cf-ns-", dir="/tmp")
    os.chmod(folder, 0o755)
    namespace = Namespace(folder)
    world = World(namespace, cli.program(cli.NEW), accounts=accounts)
    try:
        world.start_stub()
        world.start_tmux()
        daemon, main_session = begin(world, cooldown=0)
        enter_keys = EnterKeys(world)
        failovers = measure(world, daemon, main_session, accounts, enter_keys)
        enter_keys.close()
        records = daemon.switches()
        methods = sorted({row["method"] for record in records for row in record["sessions"]})
    finally:
        world.close()
        namespace.close()
        shutil.rmtree(folder)
    ordered = sorted(moments[-1] - moments[0] for moments in failovers)
    print(f"{len(ordered)} of {count} failovers went on; methods: {', '.join(methods)}; switches: {len(records)}")
    print(
        f"seconds from the refusal to the answer: median {statistics.median(ordered):.2f}, "
        f"least {ordered[0]:.2f}, most {ordered[-1]:.2f}, "
        f"90th percentile {ordered[int(len(ordered) * 0.9) - 1]:.2f}"
    )
    print("of them, as medians:")
    for number, phase in enumerate(PHASES):
        median = statistics.median(moments[number + 1] - moments[number] for moments in failovers)
        print(f"  {median:6.3f}  until {phase}")


if __name__ == "__main__":
    main()
