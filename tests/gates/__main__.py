# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the gates of ``make test``: ``python3 tests/gates STAGE…``, each stage alone or all in order.

Every check prints one line as it begins and its verdict and duration as it ends; its whole output goes to
``.cache/logs``, and the end of it to the terminal where the check failed (all of it, at once, with VERBOSE=1).
``.cache/results/STAGE`` holds passed, failed or skipped for programs that want to know. Standard library only, on
any Python of 3.9 or newer: this is what runs before anything is installed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from places import RESULTS
from runner import Run, StageError, say, summary, verdict_of
from stages import ALL, STAGES


def main(arguments: Sequence[str]) -> int:
    """Run the named stages, or all of them; exit code 0 if none failed, 1 otherwise, 2 for a stage there is not."""
    names = list(ALL) if list(arguments) in ([], ["all"]) else list(arguments)
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        print(f"unknown stage {', '.join(unknown)}; there are: all {' '.join(STAGES)}", file=sys.stderr)
        return 2
    os.makedirs(RESULTS, exist_ok=True)
    began = time.monotonic()
    run = Run()
    for name in names:
        run.stage = name
        entry = time.monotonic()
        first = len(run.checks)
        result = os.path.join(RESULTS, name)
        if os.path.exists(result):
            os.unlink(result)
        try:
            STAGES[name](run)
        except StageError as error:
            run.fail("preparation", str(error))
        with open(result, "w", encoding="utf-8") as out:
            out.write(verdict_of(run.checks[first:]) + "\n")
        say(f"{name}: {verdict_of(run.checks[first:])} in {time.monotonic() - entry:.0f} s")
    summary(run, time.monotonic() - began)
    return 1 if any(check.verdict == "FAILED" for check in run.checks) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
