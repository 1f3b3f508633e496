# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a failover takes with the real Claude Code CLI: from the refused request to the first answer after it.

    sudo python tests/bench/bench_failover.py [FAILOVERS]

One session goes through FAILOVERS (default 20) accounts, each of which refuses it once; the times are the stub's
own. Prints the median and the spread, how many sessions were lost (none may), and by which method each went on.
Needs what the end-to-end tests need (see tests/e2e/harness).
"""

from __future__ import annotations

import os
import shutil
import statistics
import string
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "support"))
import import_path  # noqa: E402,F401  # pylint: disable=unused-import  # makes the daemon importable from a checkout

sys.path.insert(0, os.path.join(TESTS, "e2e"))

from harness import cli  # noqa: E402  the path has to be set first
from harness.daemon import Daemon  # noqa: E402  the path has to be set first
from harness.namespace import Namespace  # noqa: E402  the path has to be set first
from harness.wait import until  # noqa: E402  the path has to be set first
from harness.world import World  # noqa: E402  the path has to be set first
from test_failover import RESUME, Driven, begin, turns_of  # noqa: E402  the path has to be set first


def measure(world: World, daemon: Daemon, main: Driven, accounts: str) -> list[float]:
    """Return the seconds of each failover."""
    seconds = []
    for number, (origin, target) in enumerate(zip(accounts, accounts[1:])):
        job = f"the job of {origin}"
        # Resets apart from each other: a refusal right after a flip with the old account's reset counts as its.
        world.set(origin, "limit", resets_at=int(time.time()) + 3600 + 600 * number)
        main.prompt(job)
        answered = main.answered(RESUME, target, timeout=60)
        refused = turns_of(world, main.id, job, origin, "limit")[0]
        seconds.append(float(str(answered["ended"])) - float(str(refused["ended"])))
        until(lambda: daemon.row("main")["state"] == "idle", "the session to be idle")
    return seconds


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
        daemon, sessions = begin(world, "main", cooldown=0)
        seconds = measure(world, daemon, sessions["main"], accounts)
        until(lambda: len(daemon.switches()) >= count, "the records")
        records = daemon.switches()
        methods = sorted({row["method"] for record in records for row in record["sessions"]})
    finally:
        world.close()
        namespace.close()
        shutil.rmtree(folder)
    ordered = sorted(seconds)
    print(f"{len(seconds)} of {count} failovers went on; methods: {', '.join(methods)}; switches: {len(records)}")
    print(
        f"seconds from the refusal to the answer: median {statistics.median(ordered):.2f}, "
        f"least {ordered[0]:.2f}, most {ordered[-1]:.2f}, "
        f"90th percentile {ordered[int(len(ordered) * 0.9) - 1]:.2f}"
    )


if __name__ == "__main__":
    main()
