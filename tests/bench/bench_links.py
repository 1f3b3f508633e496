# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared links of many accounts: the module claude_shared_symlinks against a loop of stat and file.

Both look after the three links of each account by a whole run of ansible-playbook where all is right, in turns.
``tasks_s`` is that without a play whose one task does nothing; ``ratio`` is loop to module, by whole runs. Of more
than ``most`` accounts the loop runs once.

The last table is the module's own work in one process: processor time of check mode before (``check``), of making the
links (``first``) and of finding them (``again``), with the system calls of the last that name one of its paths
(strace, where there is one).
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import import_path
import measurement

TITLE = "shared links: the module against a loop of stat and file"
LINKS = ("projects", "session-env", "file-history")
PROGRAM = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
base, count, what = sys.argv[2], int(sys.argv[3]), sys.argv[4]
homes = [f"{base}/accounts/{number}" for number in range(count)]
start = time.process_time()
failures = links.validate_all(homes, links.required_shared(base + "/shared"), check_mode=what == "check")
print(time.process_time() - start)
"""


def tasks_of(base: str, count: int) -> dict[str, list[dict[str, object]]]:
    """Return the tasks of each way for the accounts below ``base``."""
    homes, shared = [f"{base}/accounts/{number}" for number in range(count)], f"{base}/shared"
    pairs = [{"path": f"{home}/{name}", "src": f"{shared}/.claude-{name}-shared"} for home in homes for name in LINKS]
    link = {"path": "{{ item.path }}", "src": "{{ item.src }}", "state": "link"}
    return {
        "nothing": [{"ansible.builtin.debug": {"msg": "nothing"}}],
        "module": [{"secuaas.claude.claude_shared_symlinks": {"account_homes": homes, "shared_root": shared}}],
        "loop": [
            {"ansible.builtin.stat": {"path": "{{ item.path }}"}, "loop": pairs},
            {"ansible.builtin.file": link, "loop": pairs},
        ],
    }


def play(path: str) -> float:
    """Return the seconds of a run of ansible-playbook that changes nothing."""
    from playbook_run import run_playbook

    outputs = []
    seconds = measurement.timed(lambda: outputs.append(run_playbook(path, import_path.COLLECTIONS)))
    (done,) = outputs
    if done.returncode != 0 or "changed=0" not in done.stdout:
        raise RuntimeError(f"expected a play that changes nothing, found {done.stdout[-1500:]}{done.stderr[-1500:]}")
    return seconds


def by_playbooks(base: str, count: int, rounds: int, most: int) -> list[measurement.Row]:
    """Return the rows of both ways for that many accounts, whose links are right."""
    samples: dict[str, list[float]] = {}
    for number in range(rounds):
        for way, tasks in tasks_of(base, count).items():
            if way == "loop" and number > 0 and count > most:
                continue
            path = os.path.join(base, f"{way}.json")
            with open(path, "w", encoding="utf-8") as stream:
                json.dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}], stream)
            samples.setdefault(way, []).append(play(path))
    start = statistics.median(samples.pop("nothing"))
    return [
        {
            "accounts": count,
            "way": way,
            **measurement.summary(taken, "s"),
            "tasks_s": measurement.rounded(statistics.median(taken) - start),
            "ratio": measurement.ratio(taken, samples["module"]),
        }
        for way, taken in samples.items()
    ]


def own_work(base: str, count: int, what: str) -> tuple[float, int | None]:
    """Return processor time in seconds and, for a run with nothing to do and where strace is, calls on paths."""
    program = [sys.executable, "-I", "-S", "-c", PROGRAM, import_path.COLLECTIONS, base, str(count), what]
    seconds = float(subprocess.run(program, check=True, capture_output=True, text=True).stdout)
    strace = shutil.which("strace")
    if strace is None or what != "again":
        return seconds, None
    with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as log:
        subprocess.run([strace, "-f", "-o", log.name, *program], check=True, capture_output=True)
        return seconds, sum(base in line for line in log)


def measure(accounts: tuple[int, ...] = (2, 20, 200), rounds: int = 3, most: int = 20) -> list[measurement.Row]:
    """Return the rows of both ways and their growth, then those of the module's own work."""
    if importlib.util.find_spec("ansible") is None:
        raise measurement.Skip("there is no ansible-core in this Python; expected one: make bench BENCH=links")
    played: list[measurement.Row] = []
    own: list[measurement.Row] = []
    for count in accounts:
        base = tempfile.mkdtemp(prefix="cf-bench-", dir="/tmp")
        try:
            times = {what: own_work(base, count, what) for what in ("check", "first", "again")}
            played += by_playbooks(base, count, rounds, most)
        finally:
            shutil.rmtree(base)
        row: measurement.Row = {"accounts": count}
        row.update({f"{what}_ms": measurement.rounded(1000 * seconds) for what, (seconds, _calls) in times.items()})
        calls = times["again"][1]
        row["calls_an_account"] = None if calls is None else measurement.rounded(calls / count)
        own.append(row)
    growth: list[measurement.Row] = []
    if len(accounts) > 1:
        for way in ("module", "loop"):
            medians = [float(str(row["median_s"])) for row in played if row["way"] == way]
            growth.append({"growth of": f"{way} by accounts", "exponent": measurement.exponent(accounts, medians)})
        again = [float(str(row["again_ms"])) for row in own]
        growth.append({"growth of": "the module's own work", "exponent": measurement.exponent(accounts, again)})
    return [*played, *growth, *own]


if __name__ == "__main__":
    measurement.main(TITLE, measure)
