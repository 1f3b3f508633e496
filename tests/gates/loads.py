# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each stage asks of the machine, and which one begins next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

ROOM = 1.15  # of the cores: while one program waits, another works


@dataclass(frozen=True)
class Load:
    """Cores that a stage keeps busy, at least so many or a share of the machine's, and its rank at the start."""

    rank: int
    cores: float = 1.0
    share: float = 0.0

    def on(self, cores: int) -> float:
        """Return the cores on a machine that has so many."""
        return max(self.cores, self.share * cores)


# Rank 1 begins first: the long ones that mostly wait, beside each other. The tests of `unit` fill the cores by
# themselves; beside molecule both take longer than one after the other. A stage that is not named here keeps one core
# busy and begins last.
LOADS = {
    "molecule": Load(rank=1, cores=1.2),
    "e2e": Load(rank=2, cores=1.0),
    "unit": Load(rank=3, share=1.0),
    "faults": Load(rank=4, share=0.6),
    "sanity": Load(rank=5),
    "security": Load(rank=6, share=0.6),
    "lint": Load(rank=7),
    "importer": Load(rank=8),
    "docs": Load(rank=9),
    "build": Load(rank=10),
    "page": Load(rank=11),
    "changelog": Load(rank=12),
}
UNKNOWN = Load(rank=99)


def next_stage(waiting: Sequence[str], running: Sequence[str], cores: int) -> Optional[int]:
    """Return the index of the stage to begin now: of those for which there is room the first in rank, or none.

    Where nothing runs there is room for any. A stage may stand there more than once: then its first one is meant.
    """
    used = sum(LOADS.get(stage, UNKNOWN).on(cores) for stage in running)
    fitting = [
        index
        for index, stage in enumerate(waiting)
        if not running or used + LOADS.get(stage, UNKNOWN).on(cores) <= cores * ROOM
    ]
    return min(fitting, key=lambda index: (LOADS.get(waiting[index], UNKNOWN).rank, index), default=None)
