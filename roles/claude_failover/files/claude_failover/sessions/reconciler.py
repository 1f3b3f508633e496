# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring running sessions to what the configuration says, where the operator wants that; none is ended in a turn.

A stop that a kill of the daemon interrupted is finished, too.
"""

from __future__ import annotations

import logging
import operator

from ..common.errors import FailoverError
from ..common.log_fields import log_fields
from ..common.processes import is_alive
from ..common.shared_wake import sleep_together
from ..config.holder import ConfigHolder
from .changes import change_reason, changed_keys
from .lifecycle_state import STOPPED, LifecycleEntry
from .session_control import SessionControl
from .table import SessionTable
from .tracked_session import TrackedSession

log = logging.getLogger(__name__)


class SessionReconciler:
    """Restarts sessions that run as they are configured no more, and ends those that are not configured any more."""

    def __init__(self, config: ConfigHolder, sessions: SessionTable, control: SessionControl) -> None:
        self._config = config
        self._sessions = sessions
        self._control = control
        self._told: dict[tuple[str, str], str | None] = {}  # by session and kind: what was told last
        self._right: dict[str, tuple[object, ...]] = {}  # by session: what it was found to run as configured from

    async def run(self) -> None:
        """Look periodically until cancelled."""
        while True:
            await sleep_together(self._config.current.lifecycle.check_interval)
            await self.check()

    async def check(self) -> None:
        """Look at every session once."""
        right, self._right = self._right, {}
        for tracked in self._sessions:
            seen, known = self._seen(tracked), right.get(tracked.name)
            if (known is not None and all(map(operator.is_, known, seen))) or self._is_right(tracked):
                self._right[tracked.name] = seen
            elif not self._control.handles(tracked.name):
                await self._check(tracked)

    def _seen(self, tracked: TrackedSession) -> tuple[object, ...]:
        """Return the objects that decide whether a session runs as it is configured."""
        config, state = self._config.current, self._control.state.get(tracked.name)
        return config, state, tracked.spec, tracked.launch, tracked.started_for, tracked.config_dir

    def _is_right(self, tracked: TrackedSession) -> bool:
        """Return whether a session runs as it is configured, and that depends on nothing but what is seen."""
        config, name = self._config.current, tracked.name
        if tracked.spec is None or not tracked.up or self._control.state.get(name) is not None:
            return False
        if tracked.config_dir not in (None, config.active_link) or change_reason(tracked, config) is not None:
            return False  # a folder of another name can be the same one
        return self._told.get((name, "change")) is None and self._told.get((name, "refusal")) is None

    async def _check(self, tracked: TrackedSession) -> None:
        change, refusal = change_reason(tracked, self._config.current), None
        self._tell(tracked.name, "change", change)
        try:
            await self._reconcile(tracked)
        except (FailoverError, OSError) as error:
            refusal = str(error)
        self._tell(tracked.name, "refusal", refusal)

    async def _reconcile(self, tracked: TrackedSession) -> None:
        config, entry = self._config.current, self._control.state.get(tracked.name)
        if tracked.spec is None:
            if config.removed_sessions == "stop" and tracked.started_for is not None:
                await self._control.stop(tracked.name)
        elif entry is not None and entry.state == STOPPED and _runs(tracked, entry):
            await self._control.stop(tracked.name, entry.force)
        elif config.restart_sessions == "idle" and tracked.state == "idle" and changed_keys(tracked, config):
            await self._control.restart(tracked.name, why="as it was changed and is idle")

    def _tell(self, name: str, kind: str, what: str | None) -> None:
        """Log once what a person should know of a session, until it changes."""
        if what == self._told.get((name, kind)):
            return
        if what is not None:
            log.warning("session %s: %s", name, what, extra=log_fields(session=name))
        self._told[name, kind] = what


def _runs(tracked: TrackedSession, entry: LifecycleEntry) -> bool:
    """Return whether the process that a stop was to end runs in the session's pane; a later one can have its pid."""
    if entry.pid is None or not tracked.up or tracked.pane is None or tracked.pane.pid != entry.pid:
        return False
    return is_alive(entry.pid, entry.started)
