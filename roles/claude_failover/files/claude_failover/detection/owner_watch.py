# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find sessions in which Claude Code's owner dialog is open: it asks whose their conversation is.

Under a flag of the server's, Claude Code (2.1.330 and newer) asks this of a conversation that was begun under another
account: at a resume at once, in a running session of a prompt that is sent some seconds after the flip. The prompt is
held back, although its UserPromptSubmit hook has run, and the session file says ``busy``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Callable

from ..claude.prompt_box import OWNER_DIALOGS, Dialog, find_dialog
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession
from ..tmux.client import Tmux, TmuxError, TmuxNotFound
from .pane_output import Output, PaneOutput
from .wanted_panes import SearchPause, named

log = logging.getLogger(__name__)

_NEVER = (0, 0, -1)
#: In some row of either question, also in a narrow pane.
ANCHORS = ("session belongs", "Copy this session", "Exit Claude Code", "Continuing this")  # two of each: title or not
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
        output: tells which panes have shown anything.
    """

    def __init__(
        self,
        config: ConfigHolder,
        sessions: SessionTable,
        tmux: Tmux,
        on_question: Callable[[str, str | None], None],
        answer: Callable[[TrackedSession, Dialog], Awaitable[str | None]] | None = None,
        *,
        output: PaneOutput | None = None,
    ) -> None:
        self._output = output or PaneOutput(tmux)
        self._config = config
        self._sessions = sessions
        self._tmux = tmux
        self._on_question = on_question
        self.answer = answer
        # By session: the epoch second at which its last search began, the pane's pid and last output before that.
        self._searched: dict[str, tuple[int, int, int]] = {}
        self.pause = SearchPause()
        self._open: set[str] = set()  # sessions whose last screen was a question

    async def run(self) -> None:
        """Search every ``detection.sweep_interval`` seconds, while a session can ask, until cancelled."""
        while True:
            await self.pause.wait(self._config.current.detection.sweep_interval, lambda: bool(self._wanted()))
            try:
                await self.sweep()
            except TmuxError as error:  # the source ``tmux`` tells of it
                log.debug("owner watch: %s", error)
            except Exception:  # a bug must not end the watch
                log.exception("owner watch: a bug; it goes on")

    async def sweep(self) -> None:
        """Search the panes once, and look again at those that asked. Raises TmuxError."""
        wanted = self._wanted()
        output = await self._output.of(wanted, len(list(self._sessions)))
        matches = await self._search(wanted, output)
        for tracked in wanted:
            if tracked.pane is not None:
                self._searched[tracked.name] = (output.at, tracked.pane.pid, tracked.pane.activity)
        for tracked in self._sessions:
            pane = tracked.pane
            if pane is not None and tracked.up and (pane.pane_id in matches or tracked.name in self._open):
                await self._examine(tracked, pane.pane_id)
            elif tracked.question is not None:
                self._tell(tracked, None)
        up = {tracked.name for tracked in self._sessions if tracked.up}
        self._open &= up
        for name in self._searched.keys() - up:
            del self._searched[name]

    async def _search(self, wanted: list[TrackedSession], output: Output) -> set[str]:
        """Return the panes that show an anchor, of sessions that have shown anything since their last search."""
        # tmux dates a pane's activity by the wall clock: after that was set back all panes are searched once.
        since = {tracked.name: self._unsearched_since(tracked, output.at) for tracked in wanted}
        news = [tracked for tracked in wanted if output.is_newer(tracked, since[tracked.name] or 0)]
        if not news:
            return set()
        moments = [since[tracked.name] for tracked in news]
        first = None if None in moments else min(moment for moment in moments if moment is not None)
        panes = named(news, len(list(self._sessions)))
        return set(await self._tmux.search(ANCHORS, since=first, panes=panes))

    def _unsearched_since(self, tracked: TrackedSession, now: int) -> int | None:
        """Return the epoch second from which on a session was not searched; None for always."""
        at, pid, _activity = self._searched.get(tracked.name, _NEVER)
        same = tracked.pane is not None and tracked.pane.pid == pid
        return at - 1 if same and at <= now else None

    def _wanted(self) -> list[TrackedSession]:
        """Return the sessions that can ask. One with hooks that is idle was sent no prompt since; but it may have been
        started again by hand, and a hook be lost: then its pane shows something else."""
        return [tracked for tracked in self._sessions if self._can_ask(tracked)]

    def _can_ask(self, tracked: TrackedSession) -> bool:
        if tracked.question is not None or tracked.name in self._open:
            return True
        if tracked.pane is None or not tracked.up:
            return False
        if not tracked.hook_seen or tracked.activity != "idle":
            return True
        return self._searched.get(tracked.name, _NEVER)[1:] != (tracked.pane.pid, tracked.pane.activity)

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
        changed = (tracked.question is None) != (why is None)
        if changed:
            fields = log_fields(session=tracked.name, event="session_owner")
            if why is None:
                text = "session %s: Claude Code does not ask any more whose its conversation is"
                log.info(text, tracked.name, extra=fields)
            else:
                log.warning("session %s: %s", tracked.name, why, extra=fields)
            self._on_question(tracked.name, why)
        tracked.question = why
        if changed:
            tracked.on_change()
