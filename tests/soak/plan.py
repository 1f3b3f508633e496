# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a soak: which disturbance comes when. Pure; the same seed gives the same plan."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

LIMIT, CROWD, FLIP, STOP, KILL, HANGUP, RELOAD = "limit", "crowd", "flip", "stop", "kill", "hangup", "reload"
RESTARTS = (STOP, KILL)

#: The part of the time in which the daemon is restarted; in the rest its memory is measured.
RESTARTED = 0.4

# Seconds between two of a kind.
_LIMITS, _FLIPS, _RESTARTS, _RELOADS = (5.0, 8.0), (25.0, 40.0), (10.0, 20.0), (60.0, 60.0)
_LONGEST_AFTER_LIMIT = 1.5  # seconds after a limit in which a restart is likely to meet the switch


@dataclass(frozen=True)
class Step:
    """One disturbance, ``at`` seconds after the begin."""

    at: float
    kind: str


def plan(seed: int, seconds: float) -> list[Step]:
    """Return the disturbances of a soak in order of time, at least one of each kind."""
    rng = random.Random(seed)
    limits = [Step(at, rng.choice((LIMIT, CROWD))) for at in _times(rng, _LIMITS, 2.0, seconds)]
    limits[:2] = [Step(limits[0].at, CROWD), *(Step(step.at, LIMIT) for step in limits[1:2])]
    flips = [Step(at, FLIP) for at in _times(rng, _FLIPS, min(12.0, seconds / 2), seconds)]
    reloads = _times(rng, _RELOADS, min(30.0, seconds / 3), seconds)
    return sorted(
        [
            *limits,
            *flips,
            *_restarts(rng, [step.at for step in limits], seconds),
            *(Step(at, (HANGUP, RELOAD)[number % 2]) for number, at in enumerate(reloads)),
        ],
        key=lambda step: step.at,
    )


def _restarts(rng: random.Random, limits: list[float], seconds: float) -> list[Step]:
    """Return stops and kills in turns, every second one soon after a limit, so that it meets a switch."""
    end = seconds * RESTARTED
    first, gap = min(8.0, end / 4), (min(_RESTARTS[0], end / 2), min(_RESTARTS[1], end / 2))
    steps = []
    for number, at in enumerate(_times(rng, gap, first, end)):
        before = [moment for moment in limits if moment <= at]
        if before and rng.random() < 0.5:
            at = before[-1] + rng.uniform(0, _LONGEST_AFTER_LIMIT)
        steps.append(Step(at, (KILL, STOP)[number % 2]))
    return steps


def _times(rng: random.Random, gap: tuple[float, float], first: float, end: float) -> list[float]:
    def moments() -> Iterator[float]:
        at = first
        while at < end:
            yield at
            at += rng.uniform(*gap)

    return list(moments())
