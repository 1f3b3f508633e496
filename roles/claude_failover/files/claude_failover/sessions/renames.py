# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry a session over to the name that the configuration gives it (``renamed_from``), with all that is known of it.

The registry is renamed last of the documents: a kill before it repeats the others, and none of them is lost by that.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence

from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..tmux.client import Pane, Tmux
from .launch import SESSION_VARIABLE
from .registry import SessionRegistry

log = logging.getLogger(__name__)


class SessionRenames:
    """Renames sessions; ``parts`` are told the old and the new name of each, and may be told them again.

    Those of ``always`` are told those of a session without a conversation, too.
    """

    def __init__(
        self,
        config: ConfigHolder,
        tmux: Tmux,
        registry: SessionRegistry,
        parts: Sequence[Callable[[str, str], None]],
        always: Sequence[Callable[[str, str], None]] = (),
    ) -> None:
        self._config = config
        self._tmux = tmux
        self._registry = registry
        self._parts = (*always, *parts)
        self._always = always
        self._told: set[tuple[str, str]] = set()
        config.subscribe(self.rename_documents)

    def rename_documents(self) -> None:
        """Rename what is on the disk and in memory."""
        for old, new in self._renames():
            if self._registry.get(old) is None:
                for rename in self._always:
                    rename(old, new)
            elif self._registry.get(new) is None:
                for rename in self._parts:
                    rename(old, new)
                self._registry.rename(old, new)
                log.warning("session %s: renamed to %s, with its conversation", old, new, extra=log_fields(session=new))
            elif (old, new) not in self._told:
                self._told.add((old, new))
                log.warning(
                    "session %s: has a conversation of its own; that of %s (renamed_from) is kept under that name",
                    new,
                    old,
                    extra=log_fields(session=new),
                )

    async def apply(self, panes: list[Pane]) -> list[Pane]:
        """Rename the tmux sessions that the daemon made under the old names; returns the panes as they are now.

        Raises TmuxError.
        """
        self.rename_documents()
        names = {pane.session for pane in panes}
        for old, new in self._renames():
            found = next((pane for pane in panes if pane.session == old), None)
            if found is None or new in names or not await self._is_of(found, old, new):
                continue
            await self._tmux.set_session_variable(found.session_id, SESSION_VARIABLE, new)
            await self._tmux.rename_session(found.session_id, new)
            panes = [dataclasses.replace(pane, session=new) if pane.session == old else pane for pane in panes]
        return panes

    async def _is_of(self, pane: Pane, old: str, new: str) -> bool:
        """Return whether the daemon made a tmux session for the session that has the new name now."""
        made_for = await self._tmux.session_variable(pane.session_id, SESSION_VARIABLE)
        entry = self._registry.get(new)
        # That of the new name, where a kill came between the two.
        return made_for in (old, new) or (entry is not None and made_for in entry.former_names)

    def _renames(self) -> list[tuple[str, str]]:
        config = self._config.current
        pairs = [(spec.renamed_from, spec.name) for spec in config.sessions if spec.renamed_from is not None]
        return [(old, new) for old, new in pairs if config.session(old) is None]
