# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall clock that can be set for the processes of a test, by libfaketime; monotonic time stays true."""

from __future__ import annotations

import glob
import os
import re

#: Seconds of the jumps that a failover has to survive.
JUMPS = tuple(sign * seconds for seconds in (5, 30, 3600, 86400) for sign in (-1, 1))


class FakedClock:
    """The file that says how far the clock is from the true time, and the environment in which it counts."""

    def __init__(self, path: str) -> None:
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        assert libraries, "these tests need libfaketime: apt-get install libfaketime"
        self.path = path
        self.environment = {
            "LD_PRELOAD": libraries[0],
            "FAKETIME_TIMESTAMP_FILE": path,
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }
        self.jump(0)

    def prepare(self, seconds: float) -> str:
        """Return a file that sets the clock this far from the true time once it is renamed to ``path``."""
        prepared = self.path + ".new"
        with open(prepared, "w", encoding="utf-8") as stream:
            stream.write(f"{seconds:+}")
        return prepared

    def jump(self, seconds: float) -> None:
        """Set the clock this far from the true time."""
        os.rename(self.prepare(seconds), self.path)


def told_jumps(log: str) -> list[float]:
    """Return the jumps of the clock of which the daemon's log tells."""
    found = re.findall(r"the clock was set (forward|back) by (\d+)", log)
    return [float(seconds) * (1 if direction == "forward" else -1) for direction, seconds in found]
