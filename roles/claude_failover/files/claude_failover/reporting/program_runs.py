# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are run for events in the background.

A run never delays a switch or makes it fail: the time of each run and the number of runs are bounded. What a run that
fails has written is logged, as far as it is short.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Optional

from ..common import child_process
from ..common.text import decoded
from .output_pipe import MAX_OUTPUT, OutputPipe

log = logging.getLogger(__name__)

_MAX_RUNNING = 4  # runs at once
_MAX_WAITING = 100  # runs

ATTACHED = "{attached}"  # in a word of the command: the path of the attached file


@dataclass(frozen=True)
class ProgramRun:
    """A program with its arguments, and its standard input.

    ``attached`` is the content of a file that only the program can open, and that is in memory only. ``says`` returns
    what may be logged of the output, which is the standard error, or with ``all_output`` both.
    """

    command: tuple[str, ...]
    text: bytes
    attached: Optional[bytes] = None
    all_output: bool = False
    says: Callable[[str], str] = str


class ProgramRuns:
    """Runs programs, a bounded number at once. ``timeout`` is the time of each run, in seconds."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: list[ProgramRun] = []

    def add(self, run: ProgramRun) -> None:
        """Queue a run; returns at once. Needs a running event loop."""
        self._waiting.append(run)
        if len(self._waiting) > _MAX_WAITING:
            log.error("notify: %s does not keep up; the oldest event is dropped", run.command[0])
            del self._waiting[0]
        self._start_runs()

    async def stop(self) -> None:
        """Wait for the queued events, no longer than one run may take; then kill what still runs."""
        end = time.monotonic() + self._timeout + 1.0
        while self._running and time.monotonic() < end:
            await asyncio.wait(self._running, timeout=end - time.monotonic())
        if self._waiting:
            log.error("notify: the daemon stops, %d events are not sent", len(self._waiting))
            self._waiting.clear()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _start_runs(self) -> None:
        while self._waiting and len(self._running) < _MAX_RUNNING:
            task = asyncio.ensure_future(self._run(self._waiting.pop(0)))
            self._running.add(task)
            task.add_done_callback(self._on_run_done)

    def _on_run_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("notify: a bug", exc_info=task.exception())
        self._start_runs()

    async def _run(self, run: ProgramRun) -> None:
        name, nowhere = run.command[0], asyncio.subprocess.DEVNULL
        with OutputPipe() as output:
            try:
                with _attached(run) as (command, descriptors):
                    child = await child_process.started(
                        asyncio.create_subprocess_exec(
                            *command,
                            stdin=asyncio.subprocess.PIPE,
                            stdout=output.writer if run.all_output else nowhere,
                            stderr=output.writer,
                            pass_fds=descriptors,
                            start_new_session=True,  # its children are killed with it
                        )
                    )
            except OSError as error:
                log.error("notify: cannot run %s: %s", name, error)
                return
            output.close_writer()
            try:
                # communicate() ignores a program that does not read its input.
                await asyncio.wait_for(child.communicate(run.text), self._timeout)
            except asyncio.TimeoutError:
                said = _told(run, output.last())
                log.error("notify: %s took more than %g s and was killed%s", name, self._timeout, said)
            finally:
                await child_process.end(child)
            if child.returncode and child.returncode > 0:
                log.error("notify: %s exited with status %d%s", name, child.returncode, _told(run, output.last()))


@contextlib.contextmanager
def _attached(run: ProgramRun) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Yield the command with the path of the attached file in it, and the descriptors to hand over. Raises OSError."""
    if run.attached is None:
        yield list(run.command), ()
        return
    descriptor = os.memfd_create("claude-failover")
    try:
        _write_all(descriptor, run.attached)
        yield [word.replace(ATTACHED, f"/dev/fd/{descriptor}") for word in run.command], (descriptor,)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _told(run: ProgramRun, output: bytes) -> str:
    """Return what is logged of a run's output; the log escapes what is no plain text."""
    text = decoded(output)
    if len(output) == MAX_OUTPUT:
        text = re.sub(r"^\S+", "…", text)  # the rest of a word, which could not be recognised
    text = run.says(text).strip()
    return f"; it says: {text}" if text else ""
