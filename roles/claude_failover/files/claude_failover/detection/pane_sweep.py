# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find limits in panes: banners in sessions that send no hooks, and in all what no hook and no record tells."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ..common import clock
from ..common.health import SourceHealth
from ..config.holder import ConfigHolder
from ..limits import Verdict
from ..limits.evidence import Evidence
from ..limits.retry import RETRY_RULE
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession
from ..tmux.batches import BATCH
from ..tmux.client import Tmux, TmuxError, TmuxGone, TmuxNotFound
from .classifier import Classifier
from .evidence_filter import EvidenceFilter
from .pane_output import Output, PaneOutput
from .wanted_panes import SearchPause, named

log = logging.getLogger(__name__)

SOURCE = "panes"

# Every limit's banner has one of these in some row. The tmux server searches row by row, at no measurable cost when
# limited to panes with new activity (3.3a); a match is only a reason to capture the pane.
# "etrying in": the CLI's own retry, whose name of the limit a narrow pane cuts off.
ANCHORS = ("limit", "out of usage", "out of extra", "usage credits", "allocation", "seat type", "etrying in")
# Rules of the limits that no hook and no record tells. In a session with hooks they are looked for while its turn runs,
# on the visible rows of a pane that the search finds.
UNTOLD = (RETRY_RULE,)
FULL_PASS_INTERVAL = 60.0  # seconds between captures of panes with output, for banners wrapped so that no row matches


class PaneSweep:
    """Searches the panes periodically.

    A pane is believed only in a session that has sent no hook, and only if its transcript is unknown or the operator's
    own pattern matches; else the transcript decides. A limit of `UNTOLD` is believed in every session.

    Args:
        newest_turn: returns what the newest turn of a session came to, by its transcript; None if unknown.
        output: tells which panes have shown anything.
        health: is told whether the source ``panes`` works.
    """

    def __init__(
        self,
        config: ConfigHolder,
        sessions: SessionTable,
        tmux: Tmux,
        classifier: Classifier,
        evidence_filter: EvidenceFilter,
        newest_turn: Callable[[TrackedSession], Evidence | None],
        *,
        output: PaneOutput | None = None,
        health: SourceHealth | None = None,
    ) -> None:
        self._output = output or PaneOutput(tmux)
        self._health = health or SourceHealth()
        self._last_pass = 0  # epoch second at which the last successful pass began
        self._last_full_pass = time.monotonic()
        self._captured: dict[str, tuple[int, int]] = {}  # by pane: its pid and last output at the last full pass
        self.pause = SearchPause()
        self._config = config
        self._sessions = sessions
        self._tmux = tmux
        self._classifier = classifier
        self._filter = evidence_filter
        self._newest_turn = newest_turn

    async def run(self) -> None:
        """Sweep every ``detection.sweep_interval`` seconds, while a session needs it, until cancelled."""
        self._last_full_pass = time.monotonic()
        while True:
            await self.pause.wait(self._config.current.detection.sweep_interval, self._is_needed)
            try:
                await self.sweep()
                self._health.works(SOURCE)
            except TmuxError as error:
                self._health.failed(SOURCE, str(error))
            except Exception as error:  # a bug must not end the sweep
                self._health.failed_by_bug(SOURCE, error)

    def _is_needed(self) -> bool:
        if self._config.current.detection.panes and (self._without_hooks() or self._busy_with_hooks()):
            return True
        self._health.works(SOURCE)
        return False

    async def sweep(self) -> None:
        """Search the panes once, and examine those that match. Raises TmuxError, after it has examined all it could."""
        busy = self._busy_with_hooks()
        blind = self._without_hooks()
        output = await self._output.of([*blind, *busy], len(list(self._sessions)))
        # tmux dates a pane's activity by the wall clock: after that was set back all panes are captured once.
        full = output.at < self._last_pass or time.monotonic() - self._last_full_pass >= FULL_PASS_INTERVAL
        matches = await self._search(busy if full else [*blind, *busy], output)
        read: list[str] = []
        failure: Exception | None = None
        if full:
            self._last_full_pass = time.monotonic()
            try:
                read = await self._full_pass(blind, output)
            except TmuxGone:
                raise
            except Exception as error:  # nor must it keep the matches from it
                failure = error
        for pane_id in matches:
            if pane_id in read:
                continue
            try:
                await self.examine(pane_id)
            except TmuxGone:
                raise
            except TmuxNotFound as error:  # the pane was closed after it was listed
                log.debug("pane sweep: %s", error)
            except Exception as error:  # one pane must not keep the others from being read
                failure = failure or error
        if failure is not None:
            raise failure
        self._last_pass = output.at

    async def _search(self, wanted: list[TrackedSession], output: Output) -> list[str]:
        """Return the panes that show an anchor, of sessions that have shown anything since the last pass."""
        since = max(0, self._last_pass - 1)
        news = [tracked for tracked in wanted if output.is_newer(tracked, since)]
        if not news:
            return []
        return await self._tmux.search(ANCHORS, since=since, panes=named(news, len(list(self._sessions))))

    async def _full_pass(self, wanted: list[TrackedSession], output: Output) -> list[str]:
        """Capture the panes of sessions without hooks that have shown anything since the last time; return them."""
        activity = output.last
        stale: list[str] = []
        for tracked in wanted:
            pane = tracked.pane
            if pane is not None and self._captured.get(pane.pane_id) != (pane.pid, activity.get(pane.pane_id)):
                stale.append(pane.pane_id)
        failure: Exception | None = None
        lines = self._config.current.detection.capture_lines
        for begin in range(0, len(stale), BATCH):
            texts = await self._tmux.capture_each(stale[begin : begin + BATCH], lines=lines, escapes=True)
            for pane_id, text in texts.items():
                try:
                    self._judge(pane_id, text)
                except Exception as error:  # one pane must not keep the others from being read
                    failure = failure or error
            await asyncio.sleep(0)  # to classify the texts takes a while
        self._captured = {
            tracked.pane.pane_id: (tracked.pane.pid, activity.get(tracked.pane.pane_id, 0))
            for tracked in wanted
            # tmux dates output by the second: more can come within this one.
            if tracked.pane is not None and output.at - activity.get(tracked.pane.pane_id, output.at) > 1
        }
        if failure is not None:
            self._captured = {}
            raise failure
        return stale

    def _without_hooks(self) -> list[TrackedSession]:
        return [tracked for tracked in self._sessions if tracked.up and not tracked.hook_seen]

    def _busy_with_hooks(self) -> list[TrackedSession]:
        return [tracked for tracked in self._sessions if tracked.up and _is_busy_with_hooks(tracked)]

    async def examine(self, pane_id: str) -> None:
        """Capture a pane, and report the limit that it shows. Raises TmuxError."""
        tracked = self._sessions.find_by_pane(pane_id)
        if tracked is None or tracked.pane is None or (tracked.hook_seen and not _is_busy_with_hooks(tracked)):
            return
        lines = tracked.pane.height if tracked.hook_seen else self._config.current.detection.capture_lines
        self._judge(pane_id, await self._tmux.capture(pane_id, lines=lines, escapes=True))

    def _judge(self, pane_id: str, text: list[str]) -> None:
        """Report the limit that a pane shows."""
        tracked = self._sessions.find_by_pane(pane_id)
        if tracked is None:
            return
        verdict = self._classifier.classify_pane(text)
        if verdict.limited and verdict.rule in UNTOLD:
            self._report_untold(tracked, verdict)
        elif not tracked.hook_seen:
            self._report_banner(tracked, verdict)

    def _report_untold(self, tracked: TrackedSession, verdict: Verdict) -> None:
        if self._filter.was_reported(tracked.name, verdict):
            return  # the transcript is not read for every second of the wait
        turn = self._newest_turn(tracked)
        self._filter.report(
            tracked.evidence(
                "pane",
                verdict,
                clock.now(),
                uuid=turn.uuid if turn else None,
                request_at=turn.request_at if turn else None,
                turn=turn.turn if turn else None,
            )
        )

    def _report_banner(self, tracked: TrackedSession, verdict: Verdict) -> None:
        if not verdict.limited:
            self._filter.forget(tracked.name)
            return
        known = None if verdict.rule.startswith("extra") else self._newest_turn(tracked)
        if known is None:
            self._filter.report(tracked.evidence("pane", verdict, clock.now()))
        elif known.verdict.limited:
            self._filter.report(known)


def _is_busy_with_hooks(tracked: TrackedSession) -> bool:
    """Return whether a turn runs in a session with hooks: only then can the CLI be retrying."""
    return tracked.hook_seen and tracked.activity == "busy"
