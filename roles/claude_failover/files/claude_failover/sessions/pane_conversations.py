# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversations that panes show, of sessions of which nothing else tells one."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from ..tmux.client import Tmux, TmuxError
from .registry import RegistryEntry, SessionRegistry, uuid_in_pane
from .tracked_session import TrackedSession

log = logging.getLogger(__name__)

LINES = 500


class PaneConversations:
    """Reads the panes of sessions whose conversation is unknown, many at once, each again after output only."""

    def __init__(self, tmux: Tmux, registry: SessionRegistry) -> None:
        self._tmux = tmux
        self._registry = registry
        self._read: dict[str, tuple[int, int]] = {}  # by pane: its pid and last output when its text was read

    async def read(self, sessions: Iterable[TrackedSession]) -> None:
        """Propose the UUIDs that the panes show."""
        unknown = {
            tracked.pane.pane_id: tracked
            for tracked in sessions
            if tracked.pane is not None and tracked.up and self._registry.get(tracked.name) is None
        }
        self._read = {pane_id: state for pane_id, state in self._read.items() if pane_id in unknown}
        stale = [pane_id for pane_id, tracked in unknown.items() if self._read.get(pane_id) != _state(tracked)]
        if not stale:
            return
        now = time.time()
        try:
            texts = await self._tmux.capture_each(stale, lines=LINES)
        except TmuxError as error:  # the source ``tmux`` tells of it
            log.debug("conversations in panes: %s", error)
            return
        for pane_id, lines in texts.items():
            tracked = unknown[pane_id]
            if tracked.pane is None or tracked.pane.pane_id != pane_id:
                continue
            # tmux dates output by the second: more can come within this one.
            self._read[pane_id] = _state(tracked) if now - tracked.pane.activity > 1 else (0, 0)
            found = uuid_in_pane(lines)
            if found is not None:
                process = tracked.claude
                identity = (process.pid, process.start) if process is not None else (None, None)
                self._registry.propose(
                    tracked.name,
                    RegistryEntry(found, "pane", cwd=tracked.pane.cwd, pid=identity[0], started=identity[1]),
                )


def _state(tracked: TrackedSession) -> tuple[int, int]:
    return (tracked.pane.pid, tracked.pane.activity) if tracked.pane is not None else (0, 0)
