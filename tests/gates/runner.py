# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one program after the other, shows how it goes, and keeps the verdicts."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

from places import CACHE, LOGS, ROOT, TOOLS


@dataclass
class Check:
    """One line of the summary: what was checked, how it went, seconds, and how many single tests it stands for."""

    stage: str
    name: str
    verdict: str
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""


@dataclass
class Run:
    """What the stages share: the checks made so far, and what a stage may find out only once."""

    checks: list[Check] = field(default_factory=list)
    stage: str = ""
    prepared: set[str] = field(default_factory=set)

    def check(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: str = ROOT,
        env: dict[str, str] | None = None,
        limit: float = 600,
        progress: str | None = None,
        forbidden: str | None = None,
        count: Callable[[], tuple[int, int, int]] | None = None,
    ) -> bool:
        """Run one program and judge it by its exit code; ``limit`` in seconds.

        ``progress`` is a pattern: matching lines of output are shown while the program runs. ``forbidden`` is text
        that the output must not hold, for a program that has nothing to do and calls that a success. ``count``
        returns (passed, failed, skipped) afterwards for a program that stands for many tests.
        """
        log = os.path.join(LOGS, re.sub(r"[^a-z0-9.]+", "-", f"{self.stage} {name}".lower()) + ".log")
        say(f"{self.stage}: {name} …")
        began = time.monotonic()
        code = run_logged(command, log, cwd=cwd, env=environment(env), limit=limit, progress=progress)
        seconds = time.monotonic() - began
        if code == 0 and forbidden:
            with open(log, encoding="utf-8", errors="replace") as text:
                code = 1 if forbidden in text.read() else 0
        passed, failed, skipped = (1, 0, 0) if code == 0 else (0, 1, 0)
        if count is not None:
            try:
                passed, failed, skipped = count()
            except (OSError, ElementTree.ParseError) as error:
                say(f"{self.stage}: {name}: no usable test report: {error}")
                passed, failed, skipped = 0, 1, 0
            if code != 0 and failed == 0:
                failed = 1
        verdict = "passed" if code == 0 and failed == 0 else "FAILED"
        if verdict == "FAILED":
            show_end(log)
        say(f"{self.stage}: {name}: {verdict} in {seconds:.0f} s")
        self.checks.append(Check(self.stage, name, verdict, seconds, passed, failed, skipped))
        return verdict == "passed"

    def fail(self, name: str, note: str) -> None:
        """Record a check that could not even be tried."""
        say(f"{self.stage}: {name}: FAILED: {note}")
        self.checks.append(Check(self.stage, name, "FAILED", 0, failed=1, note=note))

    def skip(self, name: str, note: str) -> None:
        """Record a check that was left out, loudly."""
        say(f"{self.stage}: {name}: SKIPPED: {note}")
        self.checks.append(Check(self.stage, name, "SKIPPED", 0, skipped=1, note=note))

    def once(self, key: str, action: Callable[[], None]) -> None:
        """Do a preparation that several stages need, in this run at most once."""
        if key not in self.prepared:
            action()
            self.prepared.add(key)


class StageError(Exception):
    """A stage cannot go on; the text says what was found and what to do."""


def say(text: str) -> None:
    """Print one line of progress at once."""
    print(f"==> {text}", flush=True)


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of every program: the tools first on PATH, a UTF-8 locale, no settings of the caller's.

    What Ansible keeps in the caller's home it keeps here instead.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MAKE", "PYTEST_"))}
    env["ANSIBLE_HOME"] = os.path.join(CACHE, "ansible")
    env.pop("VIRTUAL_ENV", None)
    env.pop("PYTHONPATH", None)
    env["PATH"] = os.pathsep.join([os.path.join(TOOLS, "bin"), env.get("PATH", os.defpath)])
    env["LC_ALL"] = "C.UTF-8"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["ANSIBLE_NOCOLOR"] = env["NO_COLOR"] = "1"
    env.update(extra or {})
    return env


def run_logged(
    command: Sequence[str], log: str, *, cwd: str, env: dict[str, str], limit: float, progress: str | None
) -> int:
    """Run a program with its output in a log; returns its exit code, or 124 once ``limit`` seconds are over."""
    os.makedirs(os.path.dirname(log), exist_ok=True)
    verbose = os.environ.get("VERBOSE") == "1"
    shown = re.compile(progress) if progress else None
    with open(log, "w", encoding="utf-8") as out:
        out.write(f"$ {shlex.join(command)}\n")
        out.flush()
        try:
            # `timeout` signals the program's whole process group, so that nothing is left behind.
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
        except OSError as error:
            out.write(f"{error}\n")
            return 127
        assert process.stdout is not None
        for line in process.stdout:
            out.write(line)
            out.flush()
            if verbose or (shown and shown.search(line)):
                print(f"    {line.rstrip()[:200]}", flush=True)
        code = process.wait()
        if code == 124:
            out.write(f"ended after {limit} s, the limit of this check\n")
    return code


def show_end(log: str, lines: int = 60) -> None:
    """Print the end of a failed check's log, and where all of it is."""
    if os.environ.get("VERBOSE") != "1":
        with open(log, encoding="utf-8", errors="replace") as text:
            for line in text.readlines()[-lines:]:
                print(f"    {line.rstrip()}", flush=True)
    say(f"the whole output: {os.path.relpath(log, ROOT)}")


def require(command: Sequence[str], *, cwd: str = ROOT, env: dict[str, str] | None = None) -> str:
    """Run a short preparation and return its standard output; a failure ends the stage."""
    done = subprocess.run(command, cwd=cwd, env=environment(env), text=True, capture_output=True, check=False)
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip()[-2000:]
        raise StageError(f"{shlex.join(command)} exited {done.returncode}: {told}")
    return done.stdout


def verdict_of(checks: Sequence[Check]) -> str:
    """passed, failed or skipped: of the checks of one stage."""
    verdicts = {check.verdict for check in checks}
    if "FAILED" in verdicts or not verdicts:
        return "failed"
    return "skipped" if "SKIPPED" in verdicts else "passed"


def summary(run: Run, seconds: float) -> None:
    """Print the table, and the counts alone on the last line."""
    wide = max((len(check.name) for check in run.checks), default=0)
    print(f"\n{'stage':<10} {'check':<{wide}} {'verdict':<8} {'passed':>6} {'failed':>6} {'skipped':>7} {'seconds':>8}")
    for check in run.checks:
        print(
            f"{check.stage:<10} {check.name:<{wide}} {check.verdict:<8} {check.passed:>6} {check.failed:>6} "
            f"{check.skipped:>7} {check.seconds:>8.1f}{'  ' + check.note if check.note else ''}"
        )
    print(f"in all {seconds:.0f} s")
    totals = [sum(getattr(check, key) for check in run.checks) for key in ("passed", "failed", "skipped")]
    print("{} passed, {} failed, {} skipped".format(*totals), flush=True)
