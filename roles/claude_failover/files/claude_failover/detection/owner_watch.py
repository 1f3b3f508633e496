# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find sessions in which Claude Code's owner dialog is open: it asks whose their conversation is.

Under a flag of the server's, Claude Code (2.1.330 and newer) asks this of a conversation that was begun under another
account: at a resume at once, in a running session of a prompt that is sent some seconds after the flip. The prompt is
held back, although its UserPromptSubmit hook has run, and the session file says ``busy``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Callable

from ..claude.prompt_box import OWNER_DIALOGS, Dialog, find_dialog
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession
from ..tmux.client import Tmux, TmuxError, TmuxNotFound

log = logging.getLogger(__name__)

#: In some row of either question, also in a narrow pane.
ANCHORS = ("session belongs", "Copy this session")
WHY = (
    "Claude Code asks whose this conversation is, since it was begun under another account; a person has to answer it "
    "in the session, where Esc ends Claude Code"
)


class OwnerWatch:
    """Searches the panes periodically for the question.

    Args:
        on_question: called with a session that begins to ask, and why it waits; with None when it does not ask any
            more.
        answer: answers the question of a session, where the operator has said so; returns why it does not.
    """

    def __init__(
        self,
        config: ConfigHolder,
        sessions: SessionTable,
        tmux: Tmux,
        on_question: Callable[[str, str | None], None],
        answer: Callable[[TrackedSession, Dialog], Awaitable[str | None]] | None = None,
    ) -> None:
        self._config = config
        self._sessions = sessions
        self._tmux = tmux
        self._on_question = on_question
        self.answer = answer
        self._last_pass = 0  # epoch second at which the last successful pass began
        self._open: set[str] = set()  # sessions whose last screen was a question

    async def run(self) -> None:
        """Search every ``detection.sweep_interval`` seconds until cancelled."""
        while True:
            await asyncio.sleep(self._config.current.detection.sweep_interval)
            try:
                await self.sweep()
            except TmuxError as error:  # the source ``tmux`` tells of it
                log.debug("owner watch: %s", error)
            except Exception:  # a bug must not end the watch
                log.exception("owner watch: a bug; it goes on")

    async def sweep(self) -> None:
        """Search the panes once, and look again at those that asked. Raises TmuxError."""
        began = int(time.time())
        # tmux dates a pane's activity by the wall clock: after that was set back all panes are searched once.
        since = max(0, self._last_pass - 1) if 0 < self._last_pass <= began else None
        matches = set(await self._tmux.search(ANCHORS, since=since))
        for tracked in self._sessions:
            pane = tracked.pane
            if pane is not None and tracked.up and (pane.pane_id in matches or tracked.name in self._open):
                await self._examine(tracked, pane.pane_id)
            elif tracked.question is not None:
                self._tell(tracked, None)
        self._open &= {tracked.name for tracked in self._sessions if tracked.up}
        self._last_pass = began

    async def _examine(self, tracked: TrackedSession, pane_id: str) -> None:
        try:
            dialog = find_dialog(await self._tmux.screen(pane_id, escapes=True))
        except TmuxNotFound:  # the pane was closed after it was listed
            dialog = None
        if dialog is None or dialog.kind not in OWNER_DIALOGS:
            self._open.discard(tracked.name)
            self._tell(tracked, None)
            return
        self._open.add(tracked.name)
        why = await self.answer(tracked, dialog) if self.answer is not None else WHY
        self._tell(tracked, why)

    def _tell(self, tracked: TrackedSession, why: str | None) -> None:
        if (tracked.question is None) != (why is None):
            fields = log_fields(session=tracked.name, event="session_owner")
            if why is None:
                text = "session %s: Claude Code does not ask any more whose its conversation is"
                log.info(text, tracked.name, extra=fields)
            else:
                log.warning("session %s: %s", tracked.name, why, extra=fields)
            self._on_question(tracked.name, why)
        tracked.question = why
