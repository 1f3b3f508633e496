# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests a limit refuses, with ``failover.proactive_threshold`` and without.

Real Claude Code sessions work on two accounts whose windows the stub of the API counts. Counted are the requests that
it refused, those of them that another account had room for (with the threshold there may be none), and the switches.
Needs what the end-to-end tests need (see tests/e2e/harness).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "support"))
import import_path  # noqa: E402,F401  # pylint: disable=unused-import  # makes the daemon importable from a checkout

sys.path.insert(0, os.path.join(TESTS, "e2e"))

import measurement  # noqa: E402  the path has to be set first
from harness import cli  # noqa: E402  the path has to be set first
from harness.metered import begin_metered  # noqa: E402  the path has to be set first
from harness.namespace import Namespace  # noqa: E402  the path has to be set first
from harness.world import World  # noqa: E402  the path has to be set first

LONG = 24 * 3600  # seconds of a window that does not end in a run
TITLE = "requests that a limit refuses, with failover.proactive_threshold and without"


@dataclass(frozen=True)
class Scenario:
    """Two accounts and their load.

    ``steps``: per cent of the window that an answer uses; ``window``: how many turns last as long as a window, None: it
    ends after the run; ``long``: sessions in long turns, each of ``requests`` requests; ``at_once``: turns under way at
    one time.
    """

    steps: Mapping[str, float]
    window: float | None = None
    long: int = 0
    requests: int = 12
    at_once: int = 4


SCENARIOS: Mapping[str, Scenario] = {
    "windows fill at different speeds": Scenario({"A": 3, "B": 0.8}),
    "three sessions in long turns": Scenario({"A": 1.5, "B": 0.3}, long=3),
    # Ten turns fill a window, so that a hundred need windows that end.
    "figures jump by 10 % a turn": Scenario({"A": 10, "B": 10}, window=12, at_once=2),
}


def prompts_of(scenario: Scenario, sessions: int, turns: int) -> dict[str, list[str]]:
    """Return the prompts of each session: as many in all as there are turns, the long turns spread among them."""
    names = [f"s{number}" for number in range(sessions)]
    found: dict[str, list[str]] = {name: [] for name in names}
    for number in range(turns):
        name = names[number % sessions]
        is_long = names.index(name) < scenario.long and len(found[name]) % 4 == 0
        what = f"[[steps {scenario.requests - 1} 1]]" if is_long else "[[slow 1]]"
        found[name].append(f"turn {number} {what}")
    return found


def seconds_of(namespace: Namespace, scenario: Scenario, sessions: int) -> int:
    """Return the seconds of the scenario's windows, by the time that turns take on this machine."""
    if scenario.window is None:
        return LONG
    row = work_through(namespace, Scenario({"A": 0.01}, at_once=scenario.at_once), LONG, None, sessions, 2 * sessions)
    return max(5, round(scenario.window * row["seconds"] / row["turns"]))


def work_through(
    namespace: Namespace, scenario: Scenario, seconds: int, threshold: float | None, sessions: int, turns: int
) -> dict[str, Any]:
    """Work through so many turns in a new world; returns the counts."""
    world = World(namespace, cli.program(cli.NEW), accounts="".join(scenario.steps))
    try:
        world.start_stub()
        world.start_tmux()
        more = {} if threshold is None else {"proactive_threshold": threshold}
        work = begin_metered(world, sessions, dict(scenario.steps), seconds, cooldown=0, **more)
        began = time.monotonic()
        prompts = prompts_of(scenario, sessions, turns)
        # No faster than the window was measured for: both accounts would be full.
        apart = seconds / scenario.window if scenario.window else 0.0
        work.run(prompts, at_once=scenario.at_once, apart=apart, timeout=30 * turns)
        return {
            "threshold": threshold,
            "sessions": sessions,
            "window_seconds": seconds,
            "turns": work.answered,
            "requests": len(work.records),
            "refused": len(work.refused),
            "refused_with_room": len(work.refused_with_room),
            "switches": len(work.daemon.switches()),
            "reasons": ", ".join(sorted({row["reason"] for row in work.daemon.switches()})),
            "seconds": round(time.monotonic() - began, 1),
        }
    finally:
        world.close()


def measure(
    sessions: int = 10,
    turns: int = 100,
    scenarios: Sequence[str] = tuple(SCENARIOS),
    thresholds: Sequence[float] = (0.0, 100.0),
) -> list[measurement.Row]:
    """Return a row for each scenario and threshold (0: off)."""
    if os.geteuid() != 0 or shutil.which("npm") is None:
        raise measurement.Skip("it lacks root or npm; expected what tests/e2e needs: sudo make bench BENCH=proactive")
    folder = tempfile.mkdtemp(prefix="cf-ns-", dir="/tmp")
    os.chmod(folder, 0o755)
    namespace = Namespace(folder)
    try:
        rows: list[measurement.Row] = []
        for name in scenarios:
            seconds = seconds_of(namespace, SCENARIOS[name], sessions)
            for threshold in thresholds:
                row = work_through(namespace, SCENARIOS[name], seconds, threshold or None, sessions, turns)
                rows.append({"scenario": name, **row})
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        return rows
    finally:
        namespace.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    measurement.main(TITLE, measure)
