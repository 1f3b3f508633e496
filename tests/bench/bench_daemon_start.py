# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the daemon takes to be READY with sessions to adopt, its memory, and the processes it starts.

    python tests/bench/bench_daemon_start.py [SESSIONS]

Prints seconds to READY (from exec), resident memory, and the number of processes below the daemon, with no
sessions and with SESSIONS (default 50) of them, each with the screen of a working Claude Code.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(sys.path[0], "support"))
import import_path  # makes the daemon importable
from integration.daemon.conftest import Host, wait_for


def measure(host: Host) -> tuple[float, int, int]:
    begun = time.monotonic()
    host.start()
    ready = time.monotonic() - begun
    assert host.daemon is not None
    pid = host.daemon.pid
    with open(f"/proc/{pid}/status", encoding="ascii") as stream:
        memory = next(int(line.split()[1]) for line in stream if line.startswith("VmRSS"))
    children = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stream:
                    children += stream.read().rsplit(")", 1)[1].split()[1] == str(pid)
            except OSError:
                pass
    host.stop()
    return ready, memory, children


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    host = Host(tempfile.mkdtemp(prefix="cf-", dir="/tmp"), os.pathsep.join(import_path.IMPORT_PATH))
    try:
        host.start_tmux()
        empty = measure(host)
        for number in range(count):
            host.session(f"s{number}")
        host.start()
        wait_for(lambda: len(host.starts()) == count, "the sessions")
        host.stop()
        full = measure(host)
    finally:
        host.close()
    print(f"{'sessions':>9} {'READY after':>12} {'memory':>10} {'processes':>10}")
    for sessions, (ready, memory, children) in ((0, empty), (count, full)):
        print(f"{sessions:>9} {ready:>10.3f} s {memory / 1024:>6.1f} MiB {children:>10}")
    print(f"ratio of READY with {count} sessions to none: {full[0] / empty[0]:.2f}")


if __name__ == "__main__":
    main()
