# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions that are being resumed, kept for the start after a kill.

Their prompt box may hold the resume prompt, which would otherwise be taken for an operator's draft.
"""

from __future__ import annotations

import logging

from ..storage.store import Store
from ..tmux.client import Tmux, TmuxError

log = logging.getLogger(__name__)

DOCUMENT = "carrying"
MARK = "resuming"  # of a pane: a full disk may have refused the document before a kill


class ResumptionsUnderWay:
    """The names of the sessions in a document, and marks of their panes."""

    def __init__(self, store: Store, tmux: Tmux) -> None:
        self._store = store
        self._tmux = tmux
        self._names: set[str] = set()
        self._interrupted = {str(name) for name in store.load(DOCUMENT, [])}

    def begin(self, name: str) -> None:
        """Note that the session is being resumed; `mark` waits until that is stored."""
        self._names.add(name)
        self._keep()

    def end(self, name: str) -> None:
        """Note that it is not any more."""
        self._names.discard(name)
        self._interrupted.discard(name)
        self._keep()

    def _keep(self) -> None:
        self._store.keep_soon(DOCUMENT, lambda: sorted(self._names), "the list of the sessions being resumed")

    async def mark(self, name: str, pane_id: str) -> bool:
        """Mark the session's pane; return whether a kill has interrupted its resumption. Raises TmuxError."""
        await self._store.settle()
        interrupted = await self._tmux.marked(pane_id, MARK) or name in self._interrupted
        await self._tmux.mark(pane_id, MARK)
        return interrupted

    async def unmark(self, pane_id: str) -> None:
        """Remove the mark of a pane."""
        try:
            await self._tmux.unmark(pane_id, MARK)
        except TmuxError as error:  # the pane has ended, and the mark with it
            log.debug("resume: pane %s: %s", pane_id, error)
