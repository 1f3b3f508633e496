# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the benches of this folder, one process each, and gathers their tables and figures.

    python tests/bench/run.py [NAME…] [--json FILE] [OPTION…]

Without a name it runs all. Options that are none of these go to the bench, where one is named. Writes the machine, the
versions and every row to FILE (.cache/results/bench.json). Exits with 1 if a bench failed; one that cannot be measured
here is told, and fails nothing.
"""

from __future__ import annotations

import argparse
import ast
import glob
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from typing import Any

import measurement

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
LIMIT = 1800.0  # seconds for one bench


def benches() -> dict[str, str]:
    """Return the benches by name, with their titles."""
    found = {}
    for path in sorted(glob.glob(os.path.join(FOLDER, "bench_*.py"))):
        found[os.path.basename(path)[len("bench_") : -len(".py")]] = title_of(path)
    return found


def title_of(path: str) -> str:
    """Return the TITLE of a bench; the first line of its docstring where it has none."""
    tree = ast.parse(read(path))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "TITLE":
            return str(ast.literal_eval(node.value))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def read(*path: str) -> str:
    """Return a file of the checkout or of /proc."""
    with open(os.path.join(*path), encoding="utf-8", errors="replace") as stream:
        return stream.read()


def machine() -> dict[str, Any]:
    """Return the machine that the figures are of."""
    model = re.search(r"^(?:model name|Model|Hardware)\s*: (.*)$", read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", read("/proc/meminfo"), re.MULTILINE)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "model": model[1] if model else platform.machine(),
        "memory_gib": round(int(memory[1]) / 1024**2, 1) if memory else None,
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Return what was measured, and what it ran on."""
    collection = re.search(r"^version: (\S+)", read(ROOT, "galaxy.yml"), re.MULTILINE)
    defaults = read(ROOT, "roles", "claude_failover", "defaults", "main.yml")
    claude = re.search(r"^claude_failover_claude_version: \"?([^\"\s]+)", defaults, re.MULTILINE)
    return {
        "collection": collection[1] if collection else "",
        "commit": answer("git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude", "*"),
        "python": platform.python_version(),
        "ansible_core": distribution("ansible-core"),
        "tmux": answer("tmux", "-V").replace("tmux ", ""),
        "claude_code": claude[1] if claude else "",
    }


def answer(*command: str) -> str:
    """Return the first line that a program prints; empty where there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0].strip()


def distribution(name: str) -> str:
    """Return the version of an installed package; empty where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def run(name: str, title: str, options: list[str], document: str) -> dict[str, Any]:
    """Run one bench, whose table goes to standard output; return its document, with ``failed`` where it failed."""
    print(f"\n== {name}: {title}", flush=True)
    command = [sys.executable, os.path.join(FOLDER, f"bench_{name}.py"), "--json", document, *options]
    begun = time.monotonic()
    # A group of its own, so that what it has started can be ended with it.
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        code = process.wait(LIMIT)
        failed = "" if code in (0, measurement.SKIPPED) else f"ended with exit code {code}; its output is above"
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as ended:
        stop(process)
        if isinstance(ended, KeyboardInterrupt):
            raise
        failed = f"still ran after {LIMIT:.0f} s"
    if not failed and not os.path.exists(document):
        failed = "wrote no document; expected one at --json"
    if failed:
        print(f"FAILED: {name} {failed}", flush=True)
        return {"bench": name, "title": title, "failed": failed, "rows": [], "seconds": time.monotonic() - begun}
    written = json.loads(read(document))
    # A bench with a command line of its own may write its rows alone.
    found: dict[str, Any] = {"rows": written} if isinstance(written, list) else written
    return {"bench": name, "title": title, "seconds": time.monotonic() - begun, **found}


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a bench as Ctrl-C does, so that it removes what it has made; then with all that it has started."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main() -> None:
    """Run the benches that are named."""
    known = benches()
    parser = argparse.ArgumentParser(
        description="Run the benches, print their tables and write their figures.",
        epilog="benches:\n" + "\n".join(f"  {name:14} {title}" for name, title in known.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a bench; all, if none is named")
    parser.add_argument("--json", metavar="FILE", default=os.path.join(ROOT, ".cache", "results", "bench.json"))
    chosen, options = parser.parse_known_args()
    if unknown := [name for name in chosen.names if name not in known]:
        parser.error(f"there is no bench {', '.join(unknown)}; expected some of {', '.join(known)}")
    if options and len(chosen.names) != 1:
        parser.error(f"{' '.join(options)} is an option of a single bench; name one")
    document: dict[str, Any] = {"version": 1, "machine": machine(), "versions": versions(), "benches": []}
    told = {**document["machine"], **document["versions"]}
    print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in told.items()))
    os.makedirs(os.path.dirname(os.path.abspath(chosen.json)), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cf-bench-") as folder:
        for name in chosen.names or known:
            found = run(name, known[name], options, os.path.join(folder, f"{name}.json"))
            document["benches"].append(found)
            measurement.write_document(chosen.json, document)  # what was measured outlives a later interruption
    print()
    print(measurement.table([verdict(found) for found in document["benches"]]))
    print(f"\nfigures: {os.path.relpath(chosen.json)}")
    sys.exit(any("failed" in found for found in document["benches"]))


def verdict(found: dict[str, Any]) -> measurement.Row:
    """Return the line of the last table for a bench."""
    outcome = next((f"{word}: {found[word]}" for word in ("failed", "skipped") if word in found), "measured")
    return {"bench": found["bench"], "seconds": round(float(found["seconds"]), 1), "outcome": outcome}


if __name__ == "__main__":
    main()
