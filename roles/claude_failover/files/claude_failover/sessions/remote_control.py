# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch Remote Control on again in the sessions that are configured to have it.

A flip ends it (`claude.remote_control`). Its command is typed once for each such end, into an idle session with an
empty prompt box, as a prompt is: seen before Enter, counted, and verified by the record that Claude Code writes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from ..claude.prompt_delivery import deliver
from ..claude.remote_control import COMMAND, drop_of, holds_state, is_on, was_agreed_to
from ..claude.transcript import read_conversation, sizes_of
from ..common.log_fields import log_fields
from ..common.shared_wake import sleep_together
from ..config.holder import ConfigHolder
from ..tmux.client import Tmux, TmuxError
from .prompt_budget import PromptBudget
from .table import SessionTable
from .tracked_session import TrackedSession

log = logging.getLogger(__name__)

TURN_OFF = 20.0  # seconds; for about 10 after its end the command opens a menu, and only then is it off (2.1.332)


class RemoteControl:
    """Looks at the idle sessions with ``remote_control: true``, and types the command where a flip has ended it."""

    def __init__(self, config: ConfigHolder, tmux: Tmux, sessions: SessionTable, budget: PromptBudget) -> None:
        self._config = config
        self._tmux = tmux
        self._sessions = sessions
        self._budget = budget
        self._read: dict[str, Any] = {}  # by session: conversation and state of its transcript at the last look
        self._drops: dict[str, str | None] = {}  # by session: the end that was found there, see `drop_of`
        self._seen: dict[str, tuple[str, float]] = {}  # by session: the end that was seen last, and when first
        self._typed: dict[str, str] = {}  # by session: the end for which the command was typed last

    async def run(self) -> None:
        """Look periodically until cancelled."""
        while True:
            await sleep_together(self._config.current.lifecycle.check_interval)
            await self.check()

    async def check(self) -> None:
        """Look at every session once."""
        for tracked in self._sessions:
            spec = tracked.spec
            if spec is None or not spec.remote_control or not spec.claude_args:
                tracked.notice = None
            elif tracked.state == "idle":
                try:
                    await self._check(tracked)
                except TmuxError as error:
                    log.error(
                        "session %s: Remote Control: %s", tracked.name, error, extra=log_fields(session=tracked.name)
                    )
                except OSError:
                    raise
                except Exception:  # a bug must not end the daemon
                    log.exception(
                        "session %s: Remote Control: a bug; the other sessions are looked at",
                        tracked.name,
                        extra=log_fields(session=tracked.name),
                    )

    async def _check(self, tracked: TrackedSession) -> None:
        drop = await self._drop(tracked.name)
        if drop is None:
            tracked.notice = None
        elif self._typed.get(tracked.name) == drop or self._age(tracked.name, drop) < TURN_OFF:
            return
        elif not was_agreed_to(self._config.current.active_link):
            self._tell(
                tracked,
                "Remote Control ended with the flip, and the question of its first use is not answered under this "
                f"account: type {COMMAND} in the session, and answer it",
            )
        elif tracked.state == "idle" and tracked.pane is not None:  # it may have become another one meanwhile
            self._typed[tracked.name] = drop
            await self._type(tracked, tracked.pane.pane_id)

    def _age(self, name: str, drop: str) -> float:
        """Return the seconds since this end was first seen."""
        now = time.monotonic()
        if self._seen.get(name, ("", now))[0] != drop:
            self._seen[name] = drop, now
        return now - self._seen[name][1]

    async def _drop(self, name: str) -> str | None:
        """Return the end of Remote Control that the session's transcript tells of; it is read when it has changed."""
        uuid = self._sessions.conversation(name)
        if uuid is None:
            return None
        projects = self._config.current.projects
        state = uuid, sizes_of(projects, uuid)
        if self._read.get(name) != state:
            records = await asyncio.to_thread(read_conversation, projects, uuid, holds_state)
            self._read[name], self._drops[name] = state, drop_of(records)
        return self._drops.get(name)

    async def _type(self, tracked: TrackedSession, pane_id: str) -> None:
        uuid, projects = self._sessions.conversation(tracked.name) or "", self._config.current.projects

        async def began() -> bool:
            return is_on(await asyncio.to_thread(read_conversation, projects, uuid, holds_state))

        permit = self._budget.permit(tracked.name, COMMAND)
        tracked.remote_control_returns = True
        try:
            delivery = await deliver(self._tmux, pane_id, COMMAND, began=began, permit=permit, attempts=2)
        finally:
            tracked.remote_control_returns = False
            tracked.on_change()
        if delivery.result == "delivered":
            tracked.notice = None
            log.info(
                "session %s: Remote Control is on again, after %.1f s",
                tracked.name,
                delivery.seconds,
                extra=log_fields(session=tracked.name),
            )
            return
        if not delivery.submitted and delivery.result != "bound":
            self._typed.pop(tracked.name, None)  # a draft or a dialog stands there: the next look tries again
        self._tell(tracked, f"Remote Control ended with the flip, and {COMMAND} was not answered: {delivery.detail}")

    def _tell(self, tracked: TrackedSession, notice: str) -> None:
        if tracked.notice != notice:
            log.warning("session %s: %s", tracked.name, notice, extra=log_fields(session=tracked.name))
        tracked.notice = notice
