# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell of changes of an entry at once, by inotify(7) on its folder, so that nobody has to look for them."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
from collections.abc import Callable

from .inotify import CREATE, DELETE, MOVE_SELF, MOVED_FROM, MOVED_TO, Inotify, describe

log = logging.getLogger(__name__)

_CHANGES = CREATE | DELETE | MOVED_FROM | MOVED_TO | MOVE_SELF


class EntryNotices:
    """Calls ``on_change`` when the entry at ``path`` is made, removed or replaced, once `watch` was called.

    It is called as well when the entry's folder is moved or removed, and when the kernel has lost events. Needs a
    running event loop; `close` ends it.

    Args:
        path: returns the entry's path.
        on_change: called in the event loop.
        shared_too: watch also a folder in which everybody may make entries, each of which wakes this process.
    """

    def __init__(self, path: Callable[[], str], on_change: Callable[[], None], *, shared_too: bool = False) -> None:
        self._path = path
        self._on_change = on_change
        self._shared_too = shared_too
        self._inotify: Inotify | None = None
        self._watch: int | None = None
        self._problem: str | None = None

    def watch(self) -> bool:
        """Watch the folder that the entry is in now; return whether changes are told, else somebody has to look."""
        folder = os.path.dirname(self._path())
        try:
            if not self._shared_too and os.stat(folder).st_mode & stat.S_IWOTH:
                raise PermissionError(errno.EACCES, "everybody may write there", folder)
            source = self._inotify or self._begin()
            watch = source.watch(folder, _CHANGES)
        except OSError as error:
            if self._problem is None:
                log.debug("changes of %s are not told: %s", self._path(), describe(error))
            self._problem = describe(error)
            self._replace(None)
            return False
        self._replace(watch)
        self._problem = None
        return True

    def _replace(self, watch: int | None) -> None:
        """End the watch of a folder that another one has taken the place of, or that is not watched any more."""
        if self._inotify is not None and self._watch is not None and self._watch != watch:
            self._inotify.unwatch(self._watch)
        self._watch = watch

    def _begin(self) -> Inotify:
        source = Inotify()
        try:
            asyncio.get_running_loop().add_reader(source.fileno(), self._read)
        except OSError:
            source.close()
            raise
        self._inotify = source
        return source

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
