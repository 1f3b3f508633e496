# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step of each account's windows: how much of one an answer uses, learned from consecutive figures."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..common.renaming import renamed
from .usage import UsageWindow

KEPT = 20  # increases of a window
#: Per cent of a window that are left free: figures are whole numbers, and a little late.
MARGIN = 1.0
UNBOUNDED = float("inf")


@dataclass(frozen=True)
class Step:
    """Per cent of a window that one answer uses: as a mean, and at most."""

    mean: float
    most: float

    def room(self, percent: float) -> float:
        """Return how many answers fit above ``percent``, of which one uses the most; below one: none does."""
        free = 100 - MARGIN - percent
        return free / self.most if free < self.most else 1 + (free - self.most) / self.mean


@dataclass
class _SteppedWindow:
    """The newest figure of a window, the answers up to it, and its last increases with the answers that made them."""

    percent: float
    resets_at: datetime | None
    answers: int
    increases: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def step(self) -> Step | None:
        if not self.increases:
            return None
        mean = sum(percent for percent, _answers in self.increases) / sum(
            answers for _percent, answers in self.increases
        )
        return Step(mean, max(percent / answers for percent, answers in self.increases))


class UsageSteps:
    """The steps of every account. In memory only: after a start they are known again with the second figure."""

    def __init__(self) -> None:
        self._windows: dict[str, dict[str, _SteppedWindow]] = {}  # by account and name
        self._answers: dict[str, int] = {}  # by account

    def record(self, account: str, windows: Mapping[str, UsageWindow], answers: int = 1) -> None:
        """Record figures, and how many answers have come since the last ones, which share an increase."""
        total = self._answers[account] = self._answers.get(account, 0) + answers
        known = self._windows.setdefault(account, {})
        for name, row in windows.items():
            window = known.setdefault(name, _SteppedWindow(row.percent, row.resets_at, total))
            if window.resets_at == row.resets_at and row.percent > window.percent:
                window.increases.append((row.percent - window.percent, max(1, total - window.answers)))
            if (window.percent, window.resets_at) != (row.percent, row.resets_at):
                window.percent, window.resets_at, window.answers = row.percent, row.resets_at, total

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        self._windows, self._answers = renamed(self._windows, names), renamed(self._answers, names)

    def room(self, account: str, used: Mapping[str, float]) -> float | None:
        """Return how many answers fit into the account's windows, ``used`` to these per cent; None if no step is known.

        A window of an account without a step of its own has the largest one of the others'.
        """
        rooms = [self._room(account, name, percent) for name, percent in used.items()]
        known = [room for room in rooms if room is not None]
        return None if rooms and not known else min(known, default=UNBOUNDED)

    def _room(self, account: str, name: str, percent: float) -> float | None:
        window = self._windows.get(account, {}).get(name)
        step = window.step() if window is not None else None
        if step is None:
            step = max(self._steps(name), key=lambda each: each.most, default=None)
        if step is None:
            return 0.0 if percent >= 100 - MARGIN else None
        return step.room(percent)

    def _steps(self, name: str) -> list[Step]:
        found = (windows[name].step() for windows in self._windows.values() if name in windows)
        return [step for step in found if step is not None]
