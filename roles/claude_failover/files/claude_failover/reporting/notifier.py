# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``notify.command`` for every event, which it gets as JSON on standard input.

A run never delays a switch or makes it fail: the time of each run and the number of runs are bounded. What a run that
fails has written to its standard error is logged, as far as it is short.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

from ..common import child_process, json_text
from ..common.text import decoded
from ..config.holder import ConfigHolder

log = logging.getLogger(__name__)

TIMEOUT = 10.0  # seconds that one run may take
_MAX_RUNNING = 4  # runs at once
_MAX_WAITING = 100  # events
_MAX_ERROR = 2000  # bytes of the standard error, the last ones
_ERROR_WAIT = 1.0  # seconds for the standard error after a run has ended: one of its children can hold it open


class Notifier:
    """Runs the command in the background."""

    def __init__(self, config: ConfigHolder, *, timeout: float = TIMEOUT) -> None:
        self._config = config
        self._timeout = timeout
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def send(self, event: dict[str, Any]) -> None:
        """Queue an event for the command; returns at once. Needs a running event loop."""
        command = self._config.current.notify.command
        if command is None:
            return
        self._waiting.append((command, event))
        if len(self._waiting) > _MAX_WAITING:
            log.error("notify: %s does not keep up; the oldest event is dropped", command[0])
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
            task = asyncio.ensure_future(self._run(*self._waiting.pop(0)))
            self._running.add(task)
            task.add_done_callback(self._on_run_done)

    def _on_run_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("notify: %r", task.exception())
        self._start_runs()

    async def _run(self, command: tuple[str, ...], event: dict[str, Any]) -> None:
        try:
            child = await child_process.started(
                asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,  # its children are killed with it
                )
            )
        except OSError as error:
            log.error("notify: cannot run %s: %s", command[0], error)
            return
        errors = bytearray()
        reading = asyncio.ensure_future(_read_end(child.stderr, errors))
        try:
            await asyncio.wait_for(_feed(child, json_text.render(event).encode() + b"\n"), self._timeout)
            await asyncio.wait([reading], timeout=_ERROR_WAIT)
        except asyncio.TimeoutError:
            log.error("notify: %s took more than %g s and was killed%s", command[0], self._timeout, _told(errors))
        finally:
            await child_process.end(child)
            reading.cancel()
        if child.returncode and child.returncode > 0:
            log.error("notify: %s exited with status %d%s", command[0], child.returncode, _told(errors))


async def _feed(child: asyncio.subprocess.Process, text: bytes) -> None:
    """Give a child its input, and wait until it has ended. One that does not read its input is no failure."""
    if child.stdin is not None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            child.stdin.write(text)
            await child.stdin.drain()
        child.stdin.close()
    await child.wait()


async def _read_end(stream: asyncio.StreamReader | None, end: bytearray) -> None:
    """Read a stream to its end, and keep its last bytes in ``end``."""
    while stream is not None:
        chunk = await stream.read(65536)
        if not chunk:
            return
        end += chunk
        del end[:-_MAX_ERROR]


def _told(errors: bytearray) -> str:
    """Return what is logged of a run's standard error; the log escapes what is no plain text."""
    text = decoded(bytes(errors)).strip()
    return f"; it says: {text}" if text else ""
