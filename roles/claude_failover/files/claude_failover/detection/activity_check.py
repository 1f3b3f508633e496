# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out what a session does whose session file does not tell.

After a flip Claude Code leaves the file in the home that the link has left as it was (2.1.197 to 2.1.332), old versions
write no status, and before the first prompt box there is no file. Hooks tell of turns, but not of one that was
interrupted, and a daemon that does not run misses them. What remains is the transcript, and where its newest turn has
not ended, the pane.
"""

from __future__ import annotations

import logging
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Optional

from ..claude.prompt_box import find_dialog, find_prompt_box
from ..claude.running_turn import find_running_turn
from ..claude.start_screen import find_start_question
from ..claude.transcript import sizes_of
from ..common import clock
from ..common.log_fields import log_fields
from ..common.text import one_line
from ..limits.evidence import Evidence
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession
from ..tmux.client import Tmux, TmuxError, TmuxNotFound
from .pane_output import PaneOutput
from .wanted_panes import SearchPause

log = logging.getLogger(__name__)

SETTLED = 1.5  # seconds after the last output, before which more of it can bear the same time
INTERVAL = 2.0  # seconds between two looks; an idle screen is believed the second time
_STILL_FOR = 2 * INTERVAL  # seconds within which the second look comes, else it is a first one
_PROGRAMS = ("claude", "node")  # the foreground program of a pane, before Claude Code writes its session file
_QUESTIONS = {
    "trust": "Claude Code asks whether it may trust the folder: answer it there, or have the role do it (seed_trust)",
    "theme": "Claude Code asks what it asks at its first start: go through its pages there",
    "login": "Claude Code asks for a login: log its account in (claude-failover login ACCOUNT), or answer it there",
}


@dataclass(frozen=True)
class _Look:
    """A look at a pane: what it depended on, its last output (epoch second) and whether another would find the same."""

    key: tuple[object, ...]
    shown_at: int | None
    settled: bool


def _key(tracked: TrackedSession) -> tuple[object, ...]:
    pane, claude = tracked.pane, tracked.claude
    return (
        (pane.pane_id, pane.pid, pane.command) if pane is not None else None,
        (claude.pid, claude.start) if claude is not None else None,
        tracked.activity,
        tracked.start_question,
    )


class ActivityCheck:
    """Corrects the activity of sessions whose file is missing, is older than the last flip, or has no status.

    Args:
        sessions: the sessions.
        tmux: the client.
        projects: returns the folder of the transcripts.
        newest_turn: returns what the newest turn of a session came to, by its transcript; None if unknown.
        last_flip: returns when the active link was last flipped; None for never.
        output: tells which panes have shown anything.
    """

    def __init__(
        self,
        sessions: SessionTable,
        tmux: Tmux,
        projects: Callable[[], str],
        newest_turn: Callable[[TrackedSession], Evidence | None],
        last_flip: Callable[[], datetime | None],
        *,
        output: PaneOutput | None = None,
    ) -> None:
        self._output = output or PaneOutput(tmux)
        self._sessions = sessions
        self._tmux = tmux
        self._projects = projects
        self._newest_turn = newest_turn
        self._last_flip = last_flip
        self._read: dict[str, object] = {}  # by session: the state of its transcript when it was read
        self._looked: dict[str, _Look] = {}  # by session: its last look
        self.pause = SearchPause()
        self._still: set[tuple[str, int]] = set()  # sessions, with their pane's pid, whose last screen was idle
        self._still_until = 0.0  # time.monotonic()

    async def run(self) -> None:
        """Check every `INTERVAL` seconds, while there is a session that it looks at, until cancelled.

        ``pause.end`` lets it see at once that there is one.
        """
        while True:
            try:
                await self.check()
            except TmuxError as error:  # the source ``tmux`` tells of it
                log.debug("activity check: %s", error)
            except Exception:  # a bug must not end the check
                log.exception("activity check: a bug; it goes on")
            await self.pause.wait(INTERVAL, self._is_needed)

    def _is_needed(self) -> bool:
        flip = self._last_flip()
        return any(
            tracked.start_question is not None or (tracked.up and _is_untold(tracked, flip))
            for tracked in self._sessions
        )

    async def check(self) -> None:
        """Check each session once. Raises TmuxError."""
        flip, before = self._last_flip(), self._still if time.monotonic() < self._still_until else set()
        self._still, self._still_until = set(), time.monotonic() + _STILL_FOR
        looked, self._looked = self._looked, {}
        shown_at = await self._last_output(flip, looked)
        for tracked in self._sessions:
            if tracked.pane is None or not tracked.up or not _is_untold(tracked, flip):
                tracked.record_start_question(None)
                continue
            began, activity = clock.now(), tracked.activity
            self._read_transcript(tracked)
            if tracked.activity == "idle":
                tracked.record_start_question(None)
            elif not self._is_unchanged(tracked, looked.get(tracked.name), shown_at, before):
                await self._look(tracked, tracked.pane.pane_id, began, before)
                self._remember(tracked, shown_at, time.time())
            if tracked.activity != activity:
                log.info(
                    "session %s: it is %s, which its session file does not tell",
                    tracked.name,
                    tracked.activity,
                    extra=log_fields(session=tracked.name),
                )

    async def _last_output(self, flip: datetime | None, looked: Mapping[str, _Look]) -> Mapping[str, int]:
        """Return the time of the last output by pane, of those that were looked at before."""
        again = [item for item in self._sessions if item.name in looked and item.up and _is_untold(item, flip)]
        return (await self._output.of(again, len(list(self._sessions)))).last

    def _is_unchanged(
        self, tracked: TrackedSession, look: _Look | None, shown_at: Mapping[str, int], still: set[tuple[str, int]]
    ) -> bool:
        """Return whether another look would find the same again, and go by that."""
        if look is None or not look.settled or tracked.pane is None:
            return False
        if look.key != _key(tracked) or shown_at.get(tracked.pane.pane_id) != look.shown_at:
            return False
        self._looked[tracked.name] = look
        self._still |= {(tracked.name, tracked.pane.pid)} & still
        return True

    def _remember(self, tracked: TrackedSession, shown_at: Mapping[str, int], now: float) -> None:
        moment = shown_at.get(tracked.pane.pane_id) if tracked.pane is not None else None
        first = tracked.pane is not None and (tracked.name, tracked.pane.pid) in self._still
        # tmux dates output by the second: more can come within this one. An idle screen is looked at a second time.
        settled = moment is not None and now - moment > SETTLED and not (first and tracked.activity != "idle")
        self._looked[tracked.name] = _Look(_key(tracked), moment, settled)

    def _read_transcript(self, tracked: TrackedSession) -> None:
        uuid = self._sessions.conversation(tracked.name)
        if uuid is None or tracked.claude is None:
            return
        state = uuid, tracked.claude, sizes_of(self._projects(), uuid)
        if self._read.get(tracked.name) == state:
            return
        turn = self._newest_turn(tracked)
        self._read[tracked.name] = state
        if turn is not None and turn.at >= clock.of_ticks(tracked.claude.start):
            tracked.record_activity("idle" if turn.ended or turn.interrupted else "busy", turn.at)

    async def _look(self, tracked: TrackedSession, pane_id: str, began: datetime, still: set[tuple[str, int]]) -> None:
        """Record what the pane shows."""
        try:
            rows = await self._tmux.screen(pane_id, escapes=True)
        except TmuxNotFound:  # the pane was closed after it was listed
            return
        if tracked.activity == "starting":
            self._tell_question(tracked, rows)
        shown = _activity_of(rows) if tracked.claude is not None and tracked.start_question is None else None
        if shown == "idle":
            key = tracked.name, tracked.pane.pid if tracked.pane is not None else 0
            self._still.add(key)
            shown = "idle" if key in still else None
        if shown is not None:
            tracked.record_activity(shown, began)

    def _tell_question(self, tracked: TrackedSession, rows: Sequence[str]) -> None:
        program = os.path.basename(tracked.pane.command) if tracked.pane is not None else ""
        found = find_start_question(rows) if tracked.claude is not None or program in _PROGRAMS else None
        question = None
        if found is not None:
            kind, title = found
            what = _QUESTIONS.get(kind, f"Claude Code asks: {one_line(title)}")
            question = f"{what}; see: claude-failover attach {shlex.quote(tracked.name)}"
        if question is not None and tracked.start_question is None:
            log.warning("session %s: %s", tracked.name, question, extra=log_fields(session=tracked.name))
        tracked.record_start_question(question, found[0] if found is not None else None)


def _is_untold(tracked: TrackedSession, flip: datetime | None) -> bool:
    """Return whether the session file says nothing of now. A process that is silent since the flip is still in it."""
    return tracked.file_at is None or (flip is not None and tracked.file_at < flip)


def _activity_of(rows: Sequence[str]) -> Optional[str]:
    """Return the activity that a screen of Claude Code shows; None if it is none."""
    if find_running_turn(rows) is not None:
        return "busy"
    if find_dialog(rows) is not None:
        return "waiting"
    return "idle" if find_prompt_box(rows) is not None else None
