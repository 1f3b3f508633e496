# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the cost of the links grows with the number of accounts; `python tests/bench/bench_links.py`.

Prints system calls (strace, where there is one), processor time and the ratio of 500 accounts to 2; asserts
nothing, for times differ from machine to machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import import_path

PROGRAM = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
base, count, what = sys.argv[2], int(sys.argv[3]), sys.argv[4]
homes = [f"{base}/accounts/{number}" for number in range(count)]
start = time.process_time()
links.validate_all(homes, links.required_shared(base + "/shared"), check_mode=what == "check")
print(time.process_time() - start)
"""


def measure(base: str, count: int, what: str) -> tuple[float, int | None]:
    """Return processor time in seconds and, for a run with nothing to do and where strace is, calls on paths."""
    program = [sys.executable, "-I", "-S", "-c", PROGRAM, import_path.COLLECTIONS]
    program += [base, str(count), what]
    seconds = float(subprocess.run(program, check=True, capture_output=True, text=True).stdout)
    strace = shutil.which("strace")
    if strace is None or what != "again":
        return seconds, None
    with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as log:
        subprocess.run([strace, "-f", "-o", log.name, *program], check=True, capture_output=True)
        return seconds, sum(base in line for line in log)


def main() -> None:
    """Measure 2 and 500 accounts: check mode, the first run, and a run with nothing to do."""
    results: dict[str, list[float]] = {}
    for count in (2, 500):
        base = tempfile.mkdtemp(prefix="cf-bench-")
        try:
            for what in ("check", "first", "again"):
                seconds, calls = measure(base, count, what)
                results.setdefault(what, []).append(seconds)
                told = "" if calls is None else f", {calls} system calls on paths ({calls / count:.1f} an account)"
                sys.stdout.write(f"{count:4} accounts, {what}: {seconds * 1000:7.2f} ms of processor time{told}\n")
        finally:
            shutil.rmtree(base)
    for what, (few, many) in results.items():
        sys.stdout.write(f"{what}: 500 accounts cost {many / few:.0f} times what 2 cost\n")


if __name__ == "__main__":
    main()
