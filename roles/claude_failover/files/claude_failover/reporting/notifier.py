# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``notify.command`` for every record, which it gets as JSON on standard input.

A run never delays a switch or makes it fail: the time of each run and the number of runs are bounded.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from ..accounts.login_watch import LoginWarning
from ..common import child_process, json_text
from ..config.holder import ConfigHolder
from ..failover.switch_advice import AdvisedSwitch
from .events import (
    advice_event,
    context_event,
    identity_event,
    links_event,
    login_event,
    owner_event,
    set_aside_event,
    spent_event,
)

log = logging.getLogger(__name__)

TIMEOUT = 10.0  # seconds that one run may take
_MAX_RUNNING = 4  # runs at once
_MAX_WAITING = 100  # records


class Notifier:
    """Runs the command in the background."""

    def __init__(self, config: ConfigHolder, *, timeout: float = TIMEOUT) -> None:
        self._config = config
        self._timeout = timeout
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def send(self, record: dict[str, Any]) -> None:
        """Queue a record for the command; returns at once. Needs a running event loop."""
        command = self._config.current.notify.command
        if command is None:
            return
        self._waiting.append((command, record))
        if len(self._waiting) > _MAX_WAITING:
            log.error("notify: %s does not keep up; the oldest record is dropped", command[0])
            del self._waiting[0]
        self._start_runs()

    def on_spent(self, session: str, why: str | None) -> None:
        """Tell that a session's bound of prompts is reached, or, without ``why``, that it is not any more."""
        self.send(spent_event(session, why))

    def on_set_aside(self, session: str, why: str | None) -> None:
        """Tell that a session is left out of the failover, or, without ``why``, that it is not any more."""
        self.send(set_aside_event(session, why))

    def on_owner_question(self, session: str, why: str | None) -> None:
        """Tell that Claude Code asks whose a session's conversation is, or, without ``why``, that it no longer does."""
        self.send(owner_event(session, why))

    def on_context_lost(self, session: str, why: str | None) -> None:
        """Tell that a session's model lost its conversation, or, without ``why``, that it has another one."""
        self.send(context_event(session, why))

    def on_identity_change(self, account: str, why: str | None) -> None:
        """Tell that an account's home names another login than recorded, or, without ``why``, no longer."""
        self.send(identity_event(account, why))

    def on_links_change(self, account: str, why: str | None) -> None:
        """Tell that an account's shared links are wrong or missing, or, without ``why``, no longer."""
        self.send(links_event(account, why))

    def on_login_warning(self, warning: LoginWarning) -> None:
        """Tell that an account's login ends soon or has ended, or that a new one was made."""
        self.send(login_event(warning))

    def on_advice(self, advice: AdvisedSwitch | None) -> None:
        """Tell that a switch is due and left to a person, or that none is due any more."""
        self.send(advice_event(advice))

    async def stop(self) -> None:
        """Wait for the queued records, no longer than one run may take; then kill what still runs."""
        end = time.monotonic() + self._timeout + 1.0
        while self._running and time.monotonic() < end:
            await asyncio.wait(self._running, timeout=end - time.monotonic())
        if self._waiting:
            log.error("notify: the daemon stops, %d records are not sent", len(self._waiting))
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

    async def _run(self, command: tuple[str, ...], record: dict[str, Any]) -> None:
        try:
            child = await child_process.started(
                asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,  # its children are killed with it
                )
            )
        except OSError as error:
            log.error("notify: cannot run %s: %s", command[0], error)
            return
        text = json_text.render(record).encode() + b"\n"
        try:
            # communicate() ignores a command that does not read its input.
            await asyncio.wait_for(child.communicate(text), self._timeout)
        except asyncio.TimeoutError:
            log.error("notify: %s took more than %g s and was killed", command[0], self._timeout)
        finally:
            await child_process.end(child)
        if child.returncode and child.returncode > 0:
            log.error("notify: %s exited with status %d", command[0], child.returncode)
