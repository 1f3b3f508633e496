# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Minutes of everything at once: many sessions, limits, flips, restarts, kills, reloads, tasks; nothing may be lost.

    python tests/soak/run.py [--minutes 10] [--sessions 200] [--seed N]

Prints its seed, each violation and at the end a table; the exit code is 1 where something was violated. After Ctrl-C it
is 130, and the table has what was measured until then. No process is left.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Not this folder, whose modules are those of a package.
sys.path[0] = TESTS
sys.path.insert(1, os.path.join(TESTS, "support"))
import import_path  # noqa: E402  # makes the daemon importable from a checkout

from claude_failover.rehearsal.scratch import undisturbed  # noqa: E402  the path has to be set first
from soak.figures import judgement, table  # noqa: E402  the path has to be set first
from soak.soak import Soak  # noqa: E402  the path has to be set first
from soak.users import LostError  # noqa: E402  the path has to be set first
from soak.violation import LOST, Violation  # noqa: E402  the path has to be set first
from soak.world import SoakWorld  # noqa: E402  the path has to be set first

POOL = 5  # one session of so many takes tasks
INTERRUPTED = 130


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--keep", action="store_true", help="keep the folder with all files, and print its path")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    folder = tempfile.mkdtemp(prefix="cf-soak-", dir="/tmp")
    print(f"seed {given.seed}: {given.sessions} sessions, {given.minutes:g} minutes, in {folder}", flush=True)
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    pool = max(1, given.sessions // POOL)
    world = SoakWorld(folder, os.pathsep.join(import_path.IMPORT_PATH), given.sessions - pool, pool)
    soak = Soak(world, given.seed, given.minutes * 60, tell)
    code = 1
    try:
        asyncio.run(soak.run())
        print(table(soak))
        print(judgement(soak))
        code = 1 if soak.violations else 0
    except LostError as error:
        soak.violations.append(Violation(LOST, str(error)))
    except KeyboardInterrupt:
        code = INTERRUPTED
    finally:
        with undisturbed():
            if code == INTERRUPTED:
                print("interrupted; measured until then, and not judged:", flush=True)
                print(table(soak), flush=True)
            world.close()
            if given.keep:
                print(f"the files are in {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)
    for violation in soak.violations:
        print(f"violation: {violation.kind}: {violation.text}")
    if code:
        print(f"again: make soak MINUTES={given.minutes:g} SESSIONS={given.sessions} SEED={given.seed}")
    return code


if __name__ == "__main__":
    sys.exit(main())
