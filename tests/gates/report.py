# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs, durations, test counts and verdicts of the checks that the nox sessions run.

Each check prints a line as it begins and one with its verdict and duration as it ends. Its output goes to
``.cache/logs``, and the end of it to the terminal if the check failed (all of it, live, with VERBOSE=1).
``.cache/results/STAGE`` holds passed, failed or skipped. A table of all checks ends the run; ``cpu`` are the seconds of
processor time of a check's processes, without those of containers.

As one lane of side_by_side.py (``GATES_RECORDS`` names a file) a run leaves its checks in that file instead, and the
table and the results to the one who started it.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from xml.etree import ElementTree

import nox

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
LOGS = CACHE / "logs"
RESULTS = CACHE / "results"
VERBOSE = os.environ.get("VERBOSE") == "1"
BEGAN = time.monotonic()
INSTALL_ONLY = "--install-only" in sys.argv
#: The file for the checks of one lane of several.
RECORDS = os.environ.get("GATES_RECORDS", "")


@dataclass
class Check:
    """One line of the table; a check that stands for many tests has their counts."""

    stage: str
    name: str
    verdict: str
    seconds: float = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    cpu: float = 0


CHECKS: list[Check] = []


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep other stages out, those of other processes too, while something that all of them use is made."""
    folder = CACHE / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / name, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Installed(Exception):
    """Ends a session after its installation (``nox --install-only``)."""


class Stage:
    """Runs the checks of one session and records their verdicts.

    Used as a context manager: at its end the session fails if a check failed, and is skipped if one was skipped.
    """

    def __init__(self, session: nox.Session) -> None:
        self.session = session
        # unit-3.9 and unit-3.13 are one stage.
        self.name = session.name.split("-")[0]
        self.first = len(CHECKS)
        self._running: set[subprocess.Popen[str]] = set()
        self._printing = threading.Lock()

    def __enter__(self) -> Stage:
        if not RECORDS:
            (RESULTS / self.name).unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is _Installed:
            self.record(f"environment of {self.session.name}")
        elif error is not None:
            self.record("preparation", str(error) or type(error).__name__)
        if not RECORDS:
            write_results({self.name})
        if kind is not None and not issubclass(kind, (_Installed, PreparationError)):
            return False
        bad = [check for check in CHECKS[self.first :] if check.verdict != "passed"]
        failed = [check.name for check in bad if check.verdict == "FAILED"]
        if failed:
            self.session.error(f"{', '.join(failed)} failed")
        if bad:
            self.session.skip(bad[0].note)
        return True

    def install(self, *requirements: str) -> None:
        """Install requirements into the session's environment, which is made anew if they have changed."""
        stamp = Path(self.session.env_dir, ".requirements")
        wanted = "\n".join(requirements)
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            if stamp.exists():
                shutil.rmtree(self.session.env_dir)
                self.session.virtualenv.create()
            if requirements:
                self.session.install(*requirements, env={"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
            stamp.write_text(wanted, encoding="utf-8")
        if INSTALL_ONLY:
            raise _Installed

    def check(
        self,
        name: str,
        *command: str | os.PathLike[str],
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        limit: int = 600,
        progress: str | None = None,
        forbidden: str | None = None,
        junit: Path | None = None,
    ) -> bool:
        """Run one program and judge it by its exit code; ``limit`` in seconds.

        Lines of output that match ``progress`` are shown while the program runs. Output that matches ``forbidden``
        fails the check whatever the exit code. ``junit`` names the report from which the tests are counted.
        """
        log = LOGS / (re.sub(r"[^a-z0-9.]+", "-", f"{self.session.name} {name}".lower()) + ".log")
        self.session.log(f"{self.name}: {name} …")
        if junit is not None:
            junit.unlink(missing_ok=True)
        began = time.monotonic()
        code, cpu = self._run_logged(command, log, cwd=cwd, env=self.environment(env), limit=limit, progress=progress)
        seconds = time.monotonic() - began
        if forbidden and re.search(forbidden, log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
            code = code or 1
        passed, failed, skipped = (1, 0, 0) if code == 0 else (0, 1, 0)
        if junit is not None:
            try:
                passed, failed, skipped = _count(junit)
            except (OSError, ElementTree.ParseError, StopIteration) as error:
                self.session.warn(f"{name}: no usable test report: {error}")
                passed, failed, skipped = 0, 1, 0
            if code != 0 and failed == 0:
                failed = 1
        verdict = "passed" if code == 0 and failed == 0 else "FAILED"
        if verdict == "FAILED":
            self._show_end(log)
        self.session.log(f"{self.name}: {name}: {verdict} in {seconds:.1f} s")
        CHECKS.append(Check(self.name, name, verdict, seconds, passed, failed, skipped, cpu=cpu))
        return verdict == "passed"

    def record(self, name: str, problem: str = "") -> None:
        """Record a check that needed no program, failed if there is a problem."""
        if problem:
            self.session.warn(f"{self.name}: {name}: FAILED: {problem}")
            CHECKS.append(Check(self.name, name, "FAILED", failed=1, note=problem))
        else:
            self.session.log(f"{self.name}: {name}: passed")
            CHECKS.append(Check(self.name, name, "passed", passed=1))

    def skip(self, name: str, note: str) -> None:
        """Record a check that was left out."""
        self.session.warn(f"{self.name}: {name}: SKIPPED: {note}")
        CHECKS.append(Check(self.name, name, "SKIPPED", skipped=1, note=note))

    def require(self, *command: str | os.PathLike[str], cwd: Path = ROOT) -> str:
        """Run a short preparation and return its standard output.

        Raises PreparationError, which ends the session, if the program fails.
        """
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            output = (done.stderr or done.stdout).strip()[-2000:]
            raise PreparationError(f"{shlex.join(map(str, command))} exited {done.returncode}: {output}")
        return done.stdout

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a program: the session's tools first, UTF-8, none of the caller's settings."""
        dropped = ("ANSIBLE_", "MAKE", "PYTEST_", "PYTHONPATH")
        env = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        env["VIRTUAL_ENV"] = str(self.session.env_dir)
        env["PATH"] = os.pathsep.join([self.session.bin, env.get("PATH", os.defpath)])
        env["LC_ALL"] = "C.UTF-8"
        env["ANSIBLE_HOME"] = str(CACHE / "ansible")
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        env["ANSIBLE_NOCOLOR"] = env["NO_COLOR"] = "1"
        env.update(extra or {})
        return env

    def _run_logged(
        self,
        command: Sequence[str | os.PathLike[str]],
        log: Path,
        *,
        cwd: Path,
        env: dict[str, str],
        limit: int,
        progress: str | None,
    ) -> tuple[int, float]:
        """Run a program with its output in a log; return exit code (124 after ``limit`` seconds) and CPU time.

        An interrupt ends the program, with all that it started.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w", encoding="utf-8") as out:
            out.write(f"$ {shlex.join(map(str, command))}\n")
            out.flush()
            # `timeout` signals the program's whole process group. The session's PATH finds the program, not nox's.
            process = subprocess.Popen(
                ["timeout", "--kill-after=20", str(limit), *command],
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
            self._running.add(process)
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    out.write(line)
                    out.flush()
                    if VERBOSE or (progress and re.search(progress, line)):
                        print(f"    {line.rstrip()[:200]}", file=sys.stderr, flush=True)
                _pid, status, usage = os.wait4(process.pid, 0)
                code = process.returncode = os.waitstatus_to_exitcode(status)
            except BaseException:
                self.interrupt()
                raise
            finally:
                self._running.discard(process)
            if code == 124:
                out.write(f"ended after {limit} s, the limit of this check\n")
        return code, usage.ru_utime + usage.ru_stime

    def interrupt(self) -> None:
        """End the programs of the checks that run."""
        for process in list(self._running):
            if process.returncode is None:
                process.terminate()

    def _show_end(self, log: Path, lines: int = 60) -> None:
        """Print the end of a failed check's log, and the log's path."""
        if not VERBOSE:
            end = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
            with self._printing:
                print("\n".join(f"    {line}" for line in end), file=sys.stderr, flush=True)
        self.session.warn(f"the whole output: {log.relative_to(ROOT)}")


class PreparationError(Exception):
    """A session cannot go on; the text says what was found and what to do."""


def _count(junit: Path) -> tuple[int, int, int]:
    """Return the numbers of passed, failed and skipped tests in pytest's report."""
    suite = next(ElementTree.parse(junit).getroot().iter("testsuite"))  # noqa: S314
    total, failed, errors, skipped = (int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped"))
    return total - failed - errors - skipped, failed + errors, skipped


def verdict_of(checks: Iterable[Check]) -> str:
    """Return passed, failed or skipped; failed if there was no check at all."""
    verdicts = {check.verdict for check in checks}
    if "FAILED" in verdicts or not verdicts:
        return "failed"
    return "skipped" if "SKIPPED" in verdicts else "passed"


def write_results(stages: Iterable[str]) -> None:
    """Write the verdict of each stage to .cache/results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        (RESULTS / stage).write_text(verdict_of(check for check in CHECKS if check.stage == stage) + "\n")


def print_table() -> None:
    """Print all checks, and the total counts alone on the last line."""
    sys.stderr.flush()
    wide = max(len(check.name) for check in CHECKS)
    counts = f"{'passed':>6} {'failed':>6} {'skipped':>7} {'seconds':>8} {'cpu':>7}"
    print(f"\n{'stage':<10} {'check':<{wide}} {'verdict':<8} {counts}")
    for check in CHECKS:
        print(
            f"{check.stage:<10} {check.name:<{wide}} {check.verdict:<8} {check.passed:>6} {check.failed:>6} "
            f"{check.skipped:>7} {check.seconds:>8.1f} {check.cpu:>7.1f}{'  ' + check.note if check.note else ''}"
        )
    print(f"in all {time.monotonic() - BEGAN:.0f} s")
    totals = [sum(getattr(check, key) for check in CHECKS) for key in ("passed", "failed", "skipped")]
    print("{} passed, {} failed, {} skipped".format(*totals), flush=True)


@atexit.register
def _end() -> None:
    """Print the table, or leave the checks to the one who prints it."""
    if RECORDS:
        Path(RECORDS).write_text(json.dumps([asdict(check) for check in CHECKS]), encoding="utf-8")
    elif CHECKS:
        print_table()
