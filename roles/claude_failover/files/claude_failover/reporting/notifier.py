# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``notify.command`` for every event, which it gets as JSON on standard input.

A run never delays a switch or makes it fail: the time of each run and the number of runs are bounded. What a run that
fails has written to its standard error is logged, as far as it is short.
"""

from __future__ import annotations

import asyncio
import logging
import os
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
_LAST_CHUNKS = 16  # a pipe holds no more when a run has ended; what it has left behind can go on to write


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
        errors = _ErrorPipe()
        try:
            child = await child_process.started(
                asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=errors.writer,
                    start_new_session=True,  # its children are killed with it
                )
            )
        except OSError as error:
            log.error("notify: cannot run %s: %s", command[0], error)
            errors.close()
            return
        except asyncio.CancelledError:
            errors.close()
            raise
        errors.close_writer()
        try:
            # communicate() ignores a command that does not read its input.
            await asyncio.wait_for(child.communicate(json_text.render(event).encode() + b"\n"), self._timeout)
        except asyncio.TimeoutError:
            log.error("notify: %s took more than %g s and was killed%s", command[0], self._timeout, errors.said())
        finally:
            await child_process.end(child)
            said = errors.said()
            errors.close()
        if child.returncode and child.returncode > 0:
            log.error("notify: %s exited with status %d%s", command[0], child.returncode, said)


class _ErrorPipe:
    """The standard error of a run, of which the last bytes are kept.

    A pipe of its own, since asyncio (CPython 3.13.0) waits for the end of its pipes before it tells the end of a child,
    and something that the run has left behind can hold them open.
    """

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._end = bytearray()
        self._open = {self._reader, self.writer}
        asyncio.get_running_loop().add_reader(self._reader, self._read)

    def _read(self) -> bool:
        """Read what there is; return False at the end, or where nothing is there yet."""
        try:
            chunk = os.read(self._reader, 65536)
        except BlockingIOError:
            return False
        self._end += chunk
        del self._end[:-_MAX_ERROR]
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._reader)
        return bool(chunk)

    def said(self) -> str:
        """Return what is logged of it; the log escapes what is no plain text."""
        if self._reader in self._open:
            for _chunk in range(_LAST_CHUNKS):
                if not self._read():
                    break
        text = decoded(bytes(self._end)).strip()
        return f"; it says: {text}" if text else ""

    def close_writer(self) -> None:
        """Close the end that the child has by now."""
        if self.writer in self._open:
            self._open.remove(self.writer)
            os.close(self.writer)

    def close(self) -> None:
        """Close both ends."""
        self.close_writer()
        if self._reader in self._open:
            self._open.remove(self._reader)
            asyncio.get_running_loop().remove_reader(self._reader)
            os.close(self._reader)
