# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endless loops of a process, as tasks that run beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Callable

from .repeated_faults import RepeatedFaults

Loop = Callable[[], Awaitable[None]]


class BackgroundLoops:
    """Runs loops until they are cancelled; ``faults`` starts one again after a fault of the system."""

    def __init__(self, faults: RepeatedFaults) -> None:
        self._faults = faults
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, loops: Mapping[str, Loop]) -> None:
        """Start the loops, by name."""
        keep = self._faults.keep_running
        self._tasks += [asyncio.create_task(keep(name, run), name=name) for name, run in loops.items()]

    async def wait(self, stop: asyncio.Event) -> None:
        """Wait until ``stop`` is set. Raises RuntimeError if a loop ends by itself, which is a bug."""
        stopped = asyncio.create_task(stop.wait())
        done, _pending = await asyncio.wait([stopped, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done:
            if task is not stopped:
                # Not the task's own exception: exit codes 1 and 2 mean a refusal, after which systemd does not restart.
                raise RuntimeError(f"the task {task.get_name()} ended: {task.exception()!r}") from task.exception()

    async def cancel(self) -> None:
        """End all loops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
