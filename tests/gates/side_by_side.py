# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs nox sessions side by side, each a process, as far as the cores of the machine bear.

    side_by_side.py [--also SESSION]… [--serial] [SESSION…]

Without sessions: those of ``nox`` itself. A line is printed as a stage begins, and its whole output, in one piece, as
it ends. A stage that fails stops no other. Stages of one name (unit-3.9 and unit-3.13) are one in the results. The
table of report.py ends the run, with the checks in the order in which the stages are named, and before it the times of
the stages. ``--serial`` runs one stage after the other, and one test at a time in each. The exit code is 1 if a check
failed, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import loads
import report

LANES = report.CACHE / "lanes"
ENGINE = report.ROOT / "molecule" / "docker-engine.sh"
ENGINE_PID = report.CACHE / "dockerd" / "pid"
GRACE = 60  # seconds for a stage to end its programs and containers after Ctrl-C


@dataclass
class Lane:
    """One session, and its process once it runs."""

    session: str
    process: subprocess.Popen[bytes] | None = None
    began: float = 0
    ended: float = 0
    checks: list[report.Check] = field(default_factory=list)

    @property
    def stage(self) -> str:
        """The name under which its checks are reported."""
        return self.session.split("-")[0]

    @property
    def output(self) -> Path:
        """All that it printed."""
        return LANES / f"{self.session}.log"

    @property
    def records(self) -> Path:
        """The checks that it leaves."""
        return LANES / f"{self.session}.json"


def sessions_of(nox: str, names: Sequence[str]) -> list[str]:
    """Return nox's sessions of these names, or its own choice; a name may stand for several, one for each Python."""
    command = [nox, "--list", "--json", *(["-s", *names] if names else [])]
    listed = subprocess.run(command, cwd=report.ROOT, check=True, capture_output=True, text=True).stdout
    return [entry["session"] for entry in json.loads(listed)]


def say(text: str) -> None:
    """Print a line of the run's own."""
    print(f"gates > {text}", file=sys.stderr, flush=True)


class Run:
    """The lanes of one run."""

    def __init__(self, nox: str, sessions: Sequence[str], *, serial: bool) -> None:
        self.nox = nox
        self.serial = serial
        self.cores = os.cpu_count() or 1
        self.lanes = [Lane(session) for session in sessions]

    def run(self) -> None:
        """Run all lanes; an interrupt ends those that run, and is raised again."""
        shutil.rmtree(LANES, ignore_errors=True)
        LANES.mkdir(parents=True)
        for stage in {lane.stage for lane in self.lanes}:
            (report.RESULTS / stage).unlink(missing_ok=True)
        engine_found = ENGINE_PID.exists()
        waiting, running = list(self.lanes), list[Lane]()
        try:
            while waiting or running:
                while lane := self._next(waiting, running):
                    waiting.remove(lane)
                    self._begin(lane)
                    running.append(lane)
                for lane in [lane for lane in running if lane.process and lane.process.poll() is not None]:
                    running.remove(lane)
                    self._end(lane, waiting, running)
                time.sleep(0.1)
        except BaseException:
            self._interrupt(running)
            raise
        finally:
            if not engine_found:
                subprocess.run([ENGINE, "stop"], check=False)

    def _next(self, waiting: Sequence[Lane], running: Sequence[Lane]) -> Lane | None:
        """Return the lane to begin now, or none."""
        if self.serial:
            return waiting[0] if waiting and not running else None
        chosen = loads.next_stage([lane.stage for lane in waiting], [lane.stage for lane in running], self.cores)
        return None if chosen is None else waiting[chosen]

    def _begin(self, lane: Lane) -> None:
        """Start the process of a lane, in a group of its own: an interrupt reaches it from here only."""
        alone = self.serial or "MOLECULE_JOBS" in os.environ
        environment = {
            **os.environ,
            **({} if alone else {"MOLECULE_JOBS": "2"}),
            **({"SERIAL": "1"} if self.serial else {}),
            "GATES_RECORDS": str(lane.records),
            "GATES_RUN": f"{os.getpid()} {report.BEGAN}",
        }
        say(f"{lane.session} begins")
        lane.began = time.monotonic()
        with open(lane.output, "wb") as output:
            lane.process = subprocess.Popen(
                [self.nox, "-s", lane.session],
                cwd=report.ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _end(self, lane: Lane, waiting: Sequence[Lane], running: Sequence[Lane]) -> None:
        """Take over the checks of a lane that has ended, and show all that it printed."""
        assert lane.process is not None
        lane.ended = time.monotonic()
        lane.checks = checks_of(lane, lane.process.returncode)
        for line in lane.output.read_text(encoding="utf-8", errors="replace").splitlines():
            print(line, file=sys.stderr)
        others = ", ".join(other.session for other in running) or "nothing"
        verdict = report.verdict_of(lane.checks)
        took = f"{lane.ended - lane.began:.0f} s"
        say(f"{lane.session} {verdict} in {took}; {others} running, {len(waiting)} to come")

    def _interrupt(self, running: Sequence[Lane]) -> None:
        """End the lanes that run as Ctrl-C would, those that do not listen by force."""
        if running:
            say(f"interrupted; ending {', '.join(lane.session for lane in running)}")
        for lane in running:
            _signal(lane, signal.SIGINT)
        deadline = time.monotonic() + GRACE
        for lane in running:
            assert lane.process is not None
            try:
                lane.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(lane, signal.SIGKILL)

    def print_times(self) -> None:
        """Print when each stage began, and for how long it ran."""
        wide = max(len(lane.session) for lane in self.lanes)
        print(f"\n{'lane':<{wide}} {'began at':>8} {'seconds':>8} {'cpu':>8}")
        for lane in sorted(self.lanes, key=lambda lane: lane.began):
            cpu = sum(check.cpu for check in lane.checks)
            print(
                f"{lane.session:<{wide}} {lane.began - report.BEGAN:>8.0f} {lane.ended - lane.began:>8.0f} {cpu:>8.0f}"
            )
        total = sum(lane.ended - lane.began for lane in self.lanes)
        print(
            f"all lanes together {total:.0f} s, on {self.cores} cores, {'in a row' if self.serial else 'side by side'}"
        )


def _signal(lane: Lane, number: signal.Signals) -> None:
    """Signal a lane's process group."""
    assert lane.process is not None
    try:
        os.killpg(lane.process.pid, number)
    except ProcessLookupError:
        pass


def checks_of(lane: Lane, code: int) -> list[report.Check]:
    """Return the checks that a lane left; where they do not explain its exit code, one more that failed."""
    try:
        checks = [report.Check(**entry) for entry in json.loads(lane.records.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        checks = []
    if not checks or (code != 0 and report.verdict_of(checks) != "failed"):
        note = f"nox -s {lane.session} exited {code} after {len(checks)} checks"
        checks.append(report.Check(lane.stage, lane.session, "FAILED", failed=1, note=note))
    return checks


def main() -> int:
    """Run the sessions that the command line names."""
    parser = argparse.ArgumentParser(description="Run nox sessions side by side.")
    parser.add_argument("--also", action="append", default=[], metavar="SESSION", help="one more than nox's own choice")
    parser.add_argument("--serial", action="store_true", help="one after the other, one test at a time")
    parser.add_argument("sessions", nargs="*", metavar="SESSION", help="instead of nox's own choice")
    arguments = parser.parse_args()
    nox = os.path.join(os.path.dirname(sys.executable), "nox")
    sessions = sessions_of(nox, arguments.sessions)
    if arguments.also:
        sessions += [session for session in sessions_of(nox, arguments.also) if session not in sessions]
    run = Run(nox, sessions, serial=arguments.serial)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell that began it in the background ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        run.run()
    except KeyboardInterrupt:
        return 130
    for lane in run.lanes:
        report.CHECKS.extend(lane.checks)
    report.write_results({lane.stage for lane in run.lanes})
    run.print_times()
    return 1 if report.verdict_of(report.CHECKS) == "failed" else 0


if __name__ == "__main__":
    sys.exit(main())
