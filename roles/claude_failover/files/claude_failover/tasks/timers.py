# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timers for tasks whose outcome is pending."""

from __future__ import annotations

from typing import Callable

from .task import Task

READ_INTERVAL = 2.0  # seconds between two reads of a transcript; also for Claude Code to write what it accepted


class Timers:
    """Named timers of all tasks. They are not persisted; after a restart all start from zero.

    ``monotonic`` is a clock in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since: dict[tuple[str, str], float] = {}  # by task and timer: start
        self._read_at: dict[str, float] = {}  # by task: last read of its transcript

    def elapsed(self, task: Task, timer: str) -> float:
        """Return the seconds since the first call for this timer, which starts it."""
        return self._monotonic() - self._since.setdefault((task.id, timer), self._monotonic())

    def running(self, task: Task, timer: str) -> bool:
        """Return whether the timer has been started."""
        return (task.id, timer) in self._since

    def stop(self, task: Task, timer: str) -> None:
        """Stop the timer; the next `elapsed` starts it from zero."""
        self._since.pop((task.id, timer), None)

    def is_due(self, task: Task) -> bool:
        """Return whether the task's transcript is due to be read; if so, count it as read now."""
        moment = self._monotonic()
        if moment - self._read_at.get(task.id, float("-inf")) < READ_INTERVAL:
            return False
        self._read_at[task.id] = moment
        return True

    def make_due(self, task: Task) -> None:
        """Read the task's transcript in the next step."""
        self._read_at.pop(task.id, None)

    def forget(self, task: Task) -> None:
        """Drop all timers of a task that has changed state."""
        self.make_due(task)
        for key in [key for key in self._since if key[0] == task.id]:
            del self._since[key]
