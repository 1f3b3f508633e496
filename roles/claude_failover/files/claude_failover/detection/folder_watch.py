# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inotify watches on a folder and the folders in it, which are checked for being still the ones at their paths.

A folder that is removed or moved ends its watch with an event. One that is mounted over, or whose watch could not be
had, makes none: `refresh` finds these by comparing device and inode.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

from ..common import inotify
from ..common.file_identity import FileIdentity, identity_of
from ..common.inotify import Inotify, InotifyEvent

_ENDED = inotify.IGNORED | inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.UNMOUNT
_CHANGED = inotify.CREATE | inotify.MOVED_TO
_ROOT_EVENTS = _CHANGED | inotify.DELETE_SELF | inotify.MOVE_SELF
_FOLDER_EVENTS = _ROOT_EVENTS | inotify.MODIFY | inotify.DONT_FOLLOW


@dataclass
class FolderChanges:
    """The events since the last read.

    Attributes:
        files: folder and name of each changed file, in order.
        folders: new folders, whose files have no events of their own.
        lost: events were lost: everything may have changed.
        ended: the watch of the root has ended.
    """

    files: dict[tuple[str, str], None] = field(default_factory=dict)
    folders: dict[str, None] = field(default_factory=dict)
    lost: bool = False
    ended: bool = False


class FolderWatch:
    """The watches on a root folder and on each folder in it, links excluded.

    ``unwatched`` holds the folders that could not be watched, with the error.
    """

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._root = ""
        self._root_watch = -1
        self._root_identity: FileIdentity | None = None
        self._lost = False  # the end of a watch may be among lost events: all are to be set again
        self._watches: dict[str, tuple[int, FileIdentity]] = {}  # by folder
        self._names: dict[int, str] = {}  # folders by watch
        self.unwatched: dict[str, OSError] = {}

    def fileno(self) -> int:
        """Return the descriptor that is readable when there are events, -1 without an inotify instance."""
        return self._inotify.fileno() if self._inotify is not None else -1

    def close(self) -> None:
        """End all watches."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None
        self._forget_all()

    def refresh(self, root: str) -> bool:
        """Watch the folder that is at the path ``root`` now, and each folder in it; return whether it is another one.

        Raises OSError if the root cannot be watched or listed; what is watched of it then has ended.
        """
        try:
            if self._inotify is None:
                self._inotify = Inotify()
            renewed = self._refresh_root(self._inotify, root)
            found = os.listdir(root)
        except OSError:
            self._end_watches()
            raise
        for folder in {*found, *self._watches, *self.unwatched}:
            self._refresh_folder(self._inotify, folder)
        return renewed

    def _refresh_root(self, source: Inotify, root: str) -> bool:
        identity = identity_of(os.stat(root))
        same = self._root == root and self._root_identity == identity
        if same and not self._lost:
            return False
        self._end_watches()
        watch = source.watch(root, _ROOT_EVENTS)
        if identity_of(os.stat(root)) != identity:
            source.unwatch(watch)
            raise OSError(0, "was replaced at this moment", root)
        self._root, self._root_watch, self._root_identity = root, watch, identity
        return not same

    def _refresh_folder(self, source: Inotify, folder: str) -> bool:
        """Watch the folder of that name; return whether it is one, and was not watched before."""
        path = os.path.join(self._root, folder)
        known = self._watches.get(folder)
        try:
            status = os.stat(path, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                self._forget(source, folder)
                return False
            identity = identity_of(status)
            if known is not None and known[1] == identity:
                return False
            watch = source.watch(path, _FOLDER_EVENTS)
        except (FileNotFoundError, NotADirectoryError):
            self._forget(source, folder)
            return False
        except OSError as error:
            self._forget(source, folder)
            self.unwatched[folder] = error
            return True
        if known is not None and known[0] != watch:
            self._forget(source, folder)
        former = self._names.get(watch)
        if former is not None and former != folder:  # the folder was renamed, and its watch went with it
            self._watches.pop(former, None)
        self._watches[folder] = watch, identity
        self._names[watch] = folder
        self.unwatched.pop(folder, None)
        return True

    def _forget(self, source: Inotify, folder: str) -> None:
        self.unwatched.pop(folder, None)
        known = self._watches.pop(folder, None)
        if known is not None and self._names.get(known[0]) == folder:
            del self._names[known[0]]
            source.unwatch(known[0])

    def _end_watches(self) -> None:
        # The instance is kept: another one may not be had.
        if self._inotify is not None:
            for watch in [self._root_watch, *self._names]:
                self._inotify.unwatch(watch)
        self._forget_all()

    def _forget_all(self) -> None:
        self._root, self._root_watch, self._root_identity, self._lost = "", -1, None, False
        self._watches.clear()
        self._names.clear()
        self.unwatched.clear()

    def read(self) -> FolderChanges:
        """Return the changes since the last call. Raises OSError."""
        changes = FolderChanges()
        if self._inotify is not None:
            for event in self._inotify.read():
                self._on_event(self._inotify, event, changes)
        return changes

    def _on_event(self, source: Inotify, event: InotifyEvent, changes: FolderChanges) -> None:
        if event.mask & inotify.OVERFLOW:
            changes.lost = self._lost = True
        elif event.watch == self._root_watch:
            if event.mask & _ENDED:
                changes.ended = True
                self._root_identity = None
            elif event.mask & inotify.ISDIR and self._refresh_folder(source, event.name):
                changes.folders[event.name] = None
        elif event.watch in self._names:
            folder = self._names[event.watch]
            if event.mask & inotify.IGNORED:  # also when a new folder has the old one's inode number
                del self._names[event.watch], self._watches[folder]
            if event.mask & _ENDED:
                if self._refresh_folder(source, folder):
                    changes.folders[folder] = None
            elif event.name:
                changes.files[(folder, event.name)] = None
