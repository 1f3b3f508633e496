# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell of changes of the active link at once, by inotify(7) on its folder, so that nobody has to look for them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from ..detection.inotify import CREATE, DELETE, MOVED_FROM, MOVED_TO, Inotify, describe

log = logging.getLogger(__name__)

_CHANGES = CREATE | DELETE | MOVED_FROM | MOVED_TO


class LinkNotices:
    """Calls ``on_change`` when the entry at ``path`` is made, removed or replaced, once `watch` was called.

    Needs a running event loop; `close` ends it.
    """

    def __init__(self, path: Callable[[], str], on_change: Callable[[], None]) -> None:
        self._path = path
        self._on_change = on_change
        self._inotify: Inotify | None = None
        self._watch: int | None = None
        self._problem: str | None = None

    def watch(self) -> bool:
        """Watch the folder that the path leads to now; return whether changes are told, else somebody has to look."""
        try:
            if self._inotify is None:
                self._inotify = Inotify()
                asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._read)
            watch = self._inotify.watch(os.path.dirname(self._path()), _CHANGES)
        except OSError as error:
            if self._problem is None:
                log.debug("changes of the active link are not told: %s", describe(error))
            self._problem = describe(error)
            return False
        if self._watch not in (None, watch) and self._watch is not None:
            self._inotify.unwatch(self._watch)  # another folder has taken its place
        self._watch, self._problem = watch, None
        return True

    def _read(self) -> None:
        name = os.path.basename(self._path())
        # A name is missing where the kernel's queue has overflowed, or the folder is gone.
        if self._inotify is not None and any(event.name in (name, "") for event in list(self._inotify.read())):
            self._on_change()

    def close(self) -> None:
        """End the watch."""
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = self._watch = None
