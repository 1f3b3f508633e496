# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long what becomes of a task has been waited for, and when its transcript was looked at."""

from __future__ import annotations

from typing import Callable

from .task import Task

LOOK_AGAIN = 2.0  # seconds between two looks at a transcript; also for Claude Code to write what it has taken


class Timers:
    """The waits of all tasks. They are not kept over a restart, after which all is waited for anew.

    ``monotonic`` gives seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since: dict[tuple[str, str], float] = {}  # by task and what is waited for: since when
        self._looked: dict[str, float] = {}  # by task: when its transcript was read last

    def elapsed(self, task: Task, what: str) -> float:
        """Return for how many seconds this has been waited for, from the first question on."""
        return self._monotonic() - self._since.setdefault((task.id, what), self._monotonic())

    def running(self, task: Task, what: str) -> bool:
        """Tell whether this is being waited for."""
        return (task.id, what) in self._since

    def stop(self, task: Task, what: str) -> None:
        """Wait for this no longer; another question begins anew."""
        self._since.pop((task.id, what), None)

    def is_due(self, task: Task) -> bool:
        """Tell whether the task's transcript is to be read again; it then counts as read."""
        moment = self._monotonic()
        if moment - self._looked.get(task.id, float("-inf")) < LOOK_AGAIN:
            return False
        self._looked[task.id] = moment
        return True

    def make_due(self, task: Task) -> None:
        """Have the task's transcript read at the next look."""
        self._looked.pop(task.id, None)

    def forget(self, task: Task) -> None:
        """Wait for nothing of a task any more: it has come to another state."""
        self.make_due(task)
        for key in [key for key in self._since if key[0] == task.id]:
            del self._since[key]
