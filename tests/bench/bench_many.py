# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds until all of many sessions that are limited in the same moment work again.

Seconds go from the first refusal to the first, the middle and the last turn that begins under the other account. Each
sample is a daemon of its own; of it the fsyncs from the refusal to the record of the switch, and its processor time,
with that of tmux. The figures are medians of the samples, ``last_low_s`` and ``last_high_s`` the quartiles of
``last_s``; of ``switches`` the most are told, of the sessions that ``continued`` the least. ``light`` sessions cost
next to nothing (tests/support/light_sessions.py), so daemon and tmux are measured; ``stand-in`` ones are the fake
Claude: an interpreter each, and one for each hook and status line.
With ``--against`` the daemon of another checkout takes turns with this one.

Needs the packages of the tests (tests/unit/requirements.txt), and tmux.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "support")]
import import_path  # noqa: E402  makes the daemon importable
import light_sessions  # noqa: E402  the path has to be set first
import measurement  # noqa: E402  the path has to be set first

try:
    from integration.daemon.conftest import wait_for
    from integration.failover.conftest import World
except ImportError as error:
    raise SystemExit(f"{error}; expected the packages of tests/unit/requirements.txt: make bench") from None

TITLE = "seconds until many sessions that are limited at once work again under the next account"
BOUND = 300.0  # seconds for a condition


class Sample(NamedTuple):
    """One failover of all sessions."""

    switches: int
    continued: int
    first_s: float
    middle_s: float
    last_s: float
    fsyncs: float
    daemon_cpu_s: float
    tmux_cpu_s: float


FIGURES = Sample._fields[2:]


class ManyWorld(World):
    """A host with ``count`` sessions, whose daemon counts its writes, and is that of a checkout."""

    kind = ""

    def __init__(self, folder: str, count: int, python_path: str) -> None:
        super().__init__(folder, python_path)
        self.count = count
        del self.config["lifecycle"]  # the intervals that the daemon has by itself
        for number in range(count):
            self.session(f"s{number}", command=["claude"])

    def begin(self) -> None:
        """Start tmux, the daemon and the sessions."""
        self.start_tmux()
        self.launch()
        self.add_sessions()
        wait_for(lambda: self.idle() == self.count, f"{self.count} idle sessions", BOUND)

    def program(self) -> list[str]:
        return [sys.executable, os.path.join(TESTS, "support", "counting_daemon.py"), self.path("calls.txt")]

    def add_sessions(self) -> None:
        """Do what the sessions need beside their panes."""

    def fill(self) -> None:
        """Let each session begin a turn that is not answered."""
        raise NotImplementedError

    def refuse(self) -> None:
        """Let each of these turns meet the limit."""
        raise NotImplementedError

    def times(self) -> list[tuple[float, float]]:
        """Return when each session was refused, and when its next turn began."""
        raise NotImplementedError

    def idle(self) -> int:
        """Return how many sessions are idle."""
        result = self.command("status", "--json")
        rows = json.loads(result.stdout)["sessions"] if result.returncode == 0 else []
        return sum(row["state"] == "idle" for row in rows)

    def fsyncs(self) -> int:
        """Return how many fsyncs the daemon has made."""
        with open(self.path("calls.txt"), encoding="utf-8") as stream:
            return sum(line.startswith("fsync ") for line in stream)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of all sessions in the records of the switches that are told."""
        return [row for record in self.switches() for row in record["sessions"]]

    def close(self) -> None:
        if self.tmux_server is not None and self.tmux_server.poll() is None:
            # The sessions get a SIGHUP of it, which they would not if it were killed.
            subprocess.run(["tmux", "-N", "-S", self.tmux_socket, "kill-server"], check=False, timeout=BOUND)
        super().close()

    def run(self) -> Sample:
        """Limit all sessions at once; return the figures."""
        self.begin()
        self.fill()
        assert self.daemon is not None and self.tmux_server is not None
        pids = [self.daemon.pid, self.tmux_server.pid]
        used = [measurement.processor_seconds(pid) for pid in pids]
        fsyncs = self.fsyncs()
        self.refuse()
        wait_for(lambda: len(self.rows()) == self.count, "the record of the switch", BOUND)
        spent = [measurement.processor_seconds(pid) - before for pid, before in zip(pids, used)]
        fsyncs = self.fsyncs() - fsyncs
        times = self.times()
        first = min(refused for refused, _began in times)
        began = sorted(began - first for _refused, began in times)
        return Sample(
            switches=sum(record["outcome"] == "switched" for record in self.switches()),
            continued=sum(row["result"] == "continued" for row in self.rows()),
            first_s=began[0],
            middle_s=statistics.median(began),
            last_s=began[-1],
            fsyncs=fsyncs,
            daemon_cpu_s=spent[0],
            tmux_cpu_s=spent[1],
        )


class LightWorld(ManyWorld):
    """A host whose sessions are light ones."""

    kind = "light"

    def __init__(self, folder: str, count: int, python_path: str) -> None:
        super().__init__(folder, count, python_path)
        light_sessions.install(self.path("bin/claude"), self.path("light"))
        self.engine: subprocess.Popen[str] | None = None

    def add_sessions(self) -> None:
        program = os.path.join(TESTS, "support", "light_sessions.py")
        arguments = [self.path("light"), self.control_socket, self.tmux_socket, self.path("user/.claude")]
        self.engine = subprocess.Popen(
            [sys.executable, program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        wait_for(lambda: self.ask("wait") == self.count, f"{self.count} sessions", BOUND)

    def ask(self, line: str) -> Any:
        """Return the answer of the light sessions to a command."""
        assert self.engine is not None and self.engine.stdin is not None and self.engine.stdout is not None
        self.engine.stdin.write(line + "\n")
        self.engine.stdin.flush()
        return json.loads(self.engine.stdout.readline())

    def fill(self) -> None:
        self.ask("prompt a long job")
        wait_for(lambda: self.idle() == 0, "all to be at work", BOUND)

    def refuse(self) -> None:
        self.ask("refuse")

    def times(self) -> list[tuple[float, float]]:
        return [(row["refused"], row["began"]) for row in self.ask("times")]

    def close(self) -> None:
        if self.engine is not None:
            self.engine.kill()
            self.engine.wait()
        super().close()


class StandInWorld(ManyWorld):
    """A host whose sessions are the fake Claude."""

    kind = "stand-in"

    def fill(self) -> None:
        self.set_world(one={"mode": "hold"})
        for number in range(self.count):
            self.prompt(f"s{number}", f"job {number}")
        wait_for(lambda: len(self.requests()) >= self.count, "all to be at work", BOUND)

    def refuse(self) -> None:
        self.limit("one")

    def times(self) -> list[tuple[float, float]]:
        refused = {row["session"]: row["ended"] for row in self.requests() if row.get("mode") == "limit"}
        began = {row["session"]: row["began"] for row in reversed(self.requests()) if row.get("tag") == "two"}
        return [(refused[uuid], began[uuid]) for uuid in refused]


def one(kind: type[ManyWorld], count: int, python_path: str) -> Sample:
    """Return the figures of one failover of ``count`` sessions."""
    folder = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
    world = kind(folder, count, python_path)
    try:
        return world.run()
    finally:
        world.close()
        shutil.rmtree(folder, ignore_errors=True)  # a process that ends may still write there


def path_of(checkout: str, folder: str) -> str:
    """Return the import path of another checkout's daemon; ``folder`` gets the link that it needs."""
    namespace = os.path.join(folder, "ansible_collections", "secuaas")
    os.makedirs(namespace)
    os.symlink(os.path.abspath(checkout), os.path.join(namespace, "claude"))
    return os.pathsep.join([os.path.join(os.path.abspath(checkout), "roles", "claude_failover", "files"), folder])


def row_of(kind: type[ManyWorld], count: int, samples: Sequence[Sample]) -> measurement.Row:
    """Return the row of one kind and number of sessions."""
    medians = Sample(*(measurement.rounded(statistics.median(values)) for values in zip(*samples)))
    low, _median, high = measurement.quartiles([sample.last_s for sample in samples])
    spread = len(samples) > 1
    return {
        "kind": kind.kind,
        "sessions": count,
        "samples": len(samples),
        **medians._asdict(),
        "switches": max(sample.switches for sample in samples),
        "continued": min(sample.continued for sample in samples),
        "last_low_s": measurement.rounded(low) if spread else None,
        "last_high_s": measurement.rounded(high) if spread else None,
    }


def measure(
    counts: Sequence[int] = (10, 50, 200), stand_ins: Sequence[int] = (10, 50), rounds: int = 3, against: str = ""
) -> list[measurement.Row]:
    """Return a row for each number of light sessions and of stand-ins, and the growth with the light ones."""
    if shutil.which("tmux") is None:
        raise measurement.Skip("there is no tmux; expected one: apt-get install tmux")
    own = os.pathsep.join(import_path.IMPORT_PATH)
    light: list[measurement.Row] = []
    rows: list[measurement.Row] = []
    with tempfile.TemporaryDirectory(prefix="cf-", dir="/tmp") as folder:
        builds = {**({"other": path_of(against, folder)} if against else {}), "this": own}
        for kind, count in [*((LightWorld, each) for each in counts), *((StandInWorld, each) for each in stand_ins)]:
            samples: dict[str, list[Sample]] = {name: [] for name in builds}
            for _round in range(rounds):
                for name, python_path in builds.items():
                    samples[name].append(one(kind, count, python_path))
            found = {name: row_of(kind, count, taken) for name, taken in samples.items()}
            rows += [{**({"daemon": name} if against else {}), **row} for name, row in found.items()]
            light += [found["this"]] if kind is LightWorld else []
            if against:
                ratios = {key: _over(found["this"][key], found["other"][key]) for key in FIGURES}
                rows.append({"ratio": f"{kind.kind}, {count} sessions, this to other", **ratios})
    if len({row["sessions"] for row in light}) > 1:
        sizes = [float(row["sessions"] or 0) for row in light]
        found_of = {name: [float(row[name] or 0) for row in light] for name in FIGURES}
        growth = {f"{name}_exponent": measurement.exponent(sizes, values) for name, values in found_of.items()}
        rows.append({"growth": "of light sessions", **growth})
    return rows


def _over(value: measurement.Value, base: measurement.Value) -> float | None:
    return measurement.rounded(float(value) / float(base)) if value and base else None


if __name__ == "__main__":
    measurement.main(TITLE, measure)
