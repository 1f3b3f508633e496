# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that Claude Code waits for a hook, beside the bare interpreter and the release before.

Wall time of each way to be called; ``processor_ms`` is the median of the processor time, ``ratio`` that of the wall
time to the interpreter that does nothing. ``python`` is the interpreter that runs the hook. The ways take turns.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time
from typing import NamedTuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import import_path  # noqa: F401  # pylint: disable=unused-import  # makes the checkout importable
import measurement
from earlier_release import extract
from staged_release import stage

TITLE = "time of a hook, for which Claude Code waits"
BARE = "interpreter alone"
INTERPRETER = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
EVENT = {
    "session_id": "18cf78c7-fabd-48e4-b569-b5e37e4600ec",
    "transcript_path": "/home/user/.claude/projects/-srv-work/18cf78c7-fabd-48e4-b569-b5e37e4600ec.jsonl",
    "cwd": "/srv/work",
    "hook_event_name": "StopFailure",
    "error": "rate_limit",
    "last_assistant_message": "You've hit your session limit · resets 10pm (UTC)",
}
SETTINGS = {"permissions": {"allow": [f"Bash(tool-{number}:*)" for number in range(40)]}, "model": "opus"}


class Way(NamedTuple):
    """One way in which a process is called."""

    command: list[str]
    environment: dict[str, str]
    changes: bool = False
    """True if the figures of its status line change with each call."""
    is_event: bool = True


class Sample(NamedTuple):
    """Seconds of one call."""

    wall: float
    processor: float


def payload_of(way: Way, number: int) -> bytes:
    """Return what Claude Code gives the process on standard input (2.1.330)."""
    if way.is_event:
        return json.dumps(EVENT).encode()
    used = number % 100 if way.changes else 9
    limits = {"five_hour": {"used_percentage": used, "resets_at": 1}, "seven_day": {"used_percentage": 1}}
    cost = {"total_cost_usd": number / 100, "total_duration_ms": number}
    return json.dumps({"cost": cost, "workspace": {"project_dir": "/"}, "rate_limits": limits}).encode()


def call(way: Way, number: int) -> Sample:
    """Run one process as a hook."""
    source = os.memfd_create("payload")
    os.write(source, payload_of(way, number))
    os.lseek(source, 0, os.SEEK_SET)
    begun = time.perf_counter()
    pid = os.posix_spawn(way.command[0], way.command, way.environment, file_actions=[(os.POSIX_SPAWN_DUP2, source, 0)])
    _pid, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    os.close(source)
    if status != 0:
        sys.exit(f"{' '.join(way.command)} ended with status {status}; expected 0")
    return Sample(wall, used.ru_utime + used.ru_stime)


def start_listener(path: str) -> int:
    """Start a process that takes what hooks send, as the daemon does; return its number."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(100)
        pid = os.fork()
        while pid == 0:
            connection, _address = server.accept()
            with connection:
                while connection.recv(1 << 16):
                    pass
    return pid


def ways_of(python: str, folder: str) -> dict[str, Way]:
    """Install both releases below ``folder``; return the ways to measure."""
    collections = os.path.join(folder, "before")
    extract(os.path.join(collections, "ansible_collections", "secuaas", "claude"))
    before = stage(os.path.join(folder, "old"), collections, python)
    now = stage(os.path.join(folder, "new"), python=python)
    home = os.path.join(folder, "home")
    os.mkdir(home)
    with open(os.path.join(home, "settings.json"), "w", encoding="utf-8") as stream:
        json.dump(SETTINGS, stream)
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": folder, "CLAUDE_CONFIG_DIR": home}
    environment.update(TMUX_PANE="%1", CLAUDE_PID="7")
    session = {**environment, "CLAUDE_FAILOVER_SESSION": "main"}
    arguments = ["hook", "--socket", os.path.join(folder, "c.sock")]
    return {
        BARE: Way([python, "-I", "-S", "-c", "pass"], environment),
        "event, release before": Way([before, *arguments], environment),
        "event": Way([now, *arguments], environment),
        "event, no daemon": Way([now, "hook", "--socket", os.path.join(folder, "none.sock")], environment),
        "event, the folder run": Way(
            [python, "-I", "-S", "-B", os.path.join(folder, "new/current/lib"), *arguments], environment
        ),
        "status line, release before": Way([before, *arguments], session, changes=True, is_event=False),
        "status line, new figures": Way([now, *arguments], session, changes=True, is_event=False),
        "status line, same figures": Way(
            [now, *arguments], {**session, "CLAUDE_FAILOVER_SESSION": "b"}, is_event=False
        ),
    }


def measure(rounds: int = 100, python: str = INTERPRETER) -> list[measurement.Row]:
    """Measure in a scratch folder; return a row for each way."""
    folder = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
    listener = None
    try:
        ways = ways_of(python, folder)
        listener = start_listener(os.path.join(folder, "c.sock"))
        samples: dict[str, list[Sample]] = {name: [] for name in ways}
        for number in range(-5, rounds):
            for name, way in ways.items():
                sample = call(way, number)
                if number >= 0:  # the first calls warm the caches
                    samples[name].append(sample)
    finally:
        if listener is not None:
            os.kill(listener, signal.SIGKILL)
            os.waitpid(listener, 0)
        shutil.rmtree(folder)
    bare = [sample.wall for sample in samples[BARE]]
    return [
        {
            "way": name,
            **measurement.summary([sample.wall for sample in taken]),
            "processor_ms": measurement.rounded(1000 * statistics.median(sample.processor for sample in taken)),
            "ratio": measurement.ratio([sample.wall for sample in taken], bare),
        }
        for name, taken in samples.items()
    ]


if __name__ == "__main__":
    measurement.main(TITLE, measure)
