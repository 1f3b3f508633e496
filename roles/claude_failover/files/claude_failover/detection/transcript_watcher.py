# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow all transcripts in the shared ``projects`` folder, through everything that can end a watch of it.

The watch is checked every `REST_INTERVAL` seconds, and set again with growing pauses while it cannot be had. Each
file is read on from the place that was reached, so that what came meanwhile is neither lost nor read twice.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
from collections.abc import Iterable
from typing import Any, Callable

from ..claude.transcript import CHUNK, NotATranscriptError
from ..common.backoff import Backoff
from ..common.health import SourceHealth
from ..common.inotify import describe
from ..common.shared_wake import REST, shared_pause
from ..common.text import one_line
from .folder_watch import FolderWatch
from .followed_file import FollowedFile

log = logging.getLogger(__name__)

SOURCE = "transcripts"
REST_INTERVAL = REST  # seconds between two checks of a watch that sees everything
CHECK_INTERVAL = 5.0  # the same, at most, while there is a folder or a file that has to be looked at again
_FIRST_RETRY = 0.1  # seconds; doubled up to CHECK_INTERVAL
_PIECE_DELAY = 0.001  # seconds between two pieces of a long file
_NO_TRANSCRIPT = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO)  # of a link, a folder, a socket

Key = tuple[str, str]  # folder and name of a file


class TranscriptWatcher:
    """Reports new records of the files ``<projects>/<folder>/<uuid>.jsonl``.

    Args:
        projects: returns the folder; it is asked at every check.
        on_records: called in the event loop with a conversation's UUID and the records completed since the last call,
            oldest first; records from before `start` are not reported.
        on_gap: called when a watch was set anew and what changed meanwhile is read: of a file that was replaced by an
            older copy some records may be missing.
        health: is told whether the source ``transcripts`` works.
    """

    def __init__(
        self,
        projects: Callable[[], str],
        on_records: Callable[[str, list[dict[str, Any]]], None],
        *,
        on_gap: Callable[[], None] = lambda: None,
        health: SourceHealth | None = None,
    ) -> None:
        self._projects = projects
        self._on_records = on_records
        self._on_gap = on_gap
        self._health = health or SourceHealth()
        self._watch = FolderWatch()
        self._root = ""
        self._reader = -1  # the descriptor that the event loop waits on
        self._files: dict[Key, FollowedFile] = {}
        self._listed = False  # the files that were in the folder when it was first seen are known
        self._unfinished: dict[Key, None] = {}  # files to be read (on), in the order of their turn
        self._unreadable: dict[Key, OSError] = {}
        self._gap = False  # `on_gap` is due once nothing is left to read
        self._held: set[Key] = set()  # copies that are shorter than what was read
        self._rejected: set[Key] = set()  # no transcripts, and told
        self._backoff = Backoff(_FIRST_RETRY, CHECK_INTERVAL)
        self._timer: asyncio.TimerHandle | None = None
        self._continuation: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Start watching. A folder that cannot be watched is told to the health, and tried again."""
        self.check()

    async def stop(self) -> None:
        """Stop watching."""
        self.close()

    def close(self) -> None:
        """Stop watching, at once."""
        for handle in (self._timer, self._continuation):
            if handle is not None:
                handle.cancel()
        self._timer = self._continuation = None
        self._wait_on(-1)
        self._watch.close()

    # -- the watch -----------------------------------------------------------------------------------------

    def check(self, lost: bool = False) -> None:
        """Check the watch, set it again where it has ended, and read what has no events. Never raises.

        ``lost``: events were lost, so every file is looked at.
        """
        if self._timer is not None:
            self._timer.cancel()
        try:
            problem = self._refresh(lost)
        except Exception as error:  # a bug must not end the checks
            problem = self._health.failed_by_bug(SOURCE, error)
        delay = shared_pause(REST_INTERVAL) if problem is None else min(CHECK_INTERVAL, self._backoff.failed(0.0))
        self._timer = asyncio.get_running_loop().call_later(delay, self.check)
        if problem is None:
            self._backoff.failures = 0
            self._health.works(SOURCE)
        else:
            self._health.failed(SOURCE, problem)

    def _check_soon(self) -> None:
        """Bring the next check forward: there is a folder or a file of which no event tells."""
        loop = asyncio.get_running_loop()
        if self._timer is not None and self._timer.when() > loop.time() + CHECK_INTERVAL:
            self._timer.cancel()
            self._timer = loop.call_later(CHECK_INTERVAL, self.check)

    def _refresh(self, lost: bool) -> str | None:
        """Check the watch; return the reason if it does not see everything."""
        self._root = os.path.realpath(self._projects())
        problem = None
        try:
            renewed = self._watch.refresh(self._root)
        except OSError as error:
            renewed, problem = False, f"cannot watch {self._root}: {describe(error)}"
        self._wait_on(self._watch.fileno())
        try:
            folders = os.listdir(self._root)
        except OSError as error:
            self._wait_on(-1)
            problem = problem or f"cannot list {self._root}: {describe(error)}"
            return f"{problem}; limits are detected by hooks and panes only"
        gap = renewed and (self._listed or self._health.is_blind(SOURCE))
        if renewed:
            self._listed = False
        if lost or problem is not None or not self._listed:
            self._scan(folders)
        else:
            self._scan(self._watch.unwatched)
        self._listed = True
        self._read_later([*self._unreadable, *self._held])
        if gap:
            log.info("transcripts: %s is watched anew; the newest turns are looked at", self._root)
            self._gap = True
            self._read_later([])
        return self._problem(problem)

    def _problem(self, problem: str | None) -> str | None:
        """Return the reason for what is not seen, if there is any."""
        turns = f"read every {CHECK_INTERVAL:g} s instead"
        if problem is not None:
            return f"{problem}; its files are {turns}"
        for folder, error in self._watch.unwatched.items():
            return f"cannot watch {len(self._watch.unwatched)} folders, such as {folder}: {describe(error)}; {turns}"
        for (folder, name), error in self._unreadable.items():
            return f"cannot read {len(self._unreadable)} files, such as {folder}/{name}: {error.strerror}"
        return None

    def _wait_on(self, descriptor: int) -> None:
        """Make the event loop wait on the descriptor of the watch, -1 for none."""
        loop = asyncio.get_running_loop()
        if self._reader not in (-1, descriptor):
            loop.remove_reader(self._reader)
        if descriptor not in (-1, self._reader):
            loop.add_reader(descriptor, self._on_readable)
        self._reader = descriptor

    def _on_readable(self) -> None:
        try:
            changes = self._watch.read()
        except OSError as error:
            log.error("transcripts: inotify cannot be read, and is set up anew: %s", error)
            self._wait_on(-1)
            self._watch.close()
            self.check(lost=True)
            return
        self._scan(changes.folders)  # files written before the watch was set have no event
        for folder, name in changes.files:
            if name.endswith(".jsonl") and (folder, name) not in self._unfinished:
                self._read((folder, name))
        if changes.lost:
            log.warning("transcripts: inotify events were lost, all files are compared")
        if changes.lost or changes.ended:
            self.check(changes.lost)
        elif self._watch.unwatched or self._unreadable:
            self._check_soon()

    # -- the files -----------------------------------------------------------------------------------------

    def _scan(self, folders: Iterable[str]) -> None:
        """Queue the files in these folders that have changed.

        Unknown files of a folder that is first seen (at the start, restored, mounted) are old ones, and only noted.
        """
        for folder in folders:
            path = os.path.join(self._root, folder)
            try:
                names = [] if os.path.islink(path) else os.listdir(path)
            except OSError:
                continue  # no folder, or one that could not be watched either, which is told
            for name in names:
                if name.endswith(".jsonl"):
                    self._note((folder, name))

    def _note(self, key: Key) -> None:
        folder, name = key
        try:
            status = os.lstat(os.path.join(self._root, folder, name))
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._unreadable[key] = error
            return
        if not stat.S_ISREG(status.st_mode):
            return
        file = self._files.get(key)
        if file is None and not self._listed:
            self._files[key] = FollowedFile(folder, name, status.st_size, status)
        elif file is None or file.changed(status):
            self._read_later([key])

    def _read_later(self, keys: Iterable[Key]) -> None:
        self._unfinished.update(dict.fromkeys(keys))
        if (self._unfinished or self._gap) and self._continuation is None:
            self._continuation = asyncio.get_running_loop().call_later(_PIECE_DELAY, self._continue_reading)

    def _continue_reading(self) -> None:
        self._continuation = None
        key = next(iter(self._unfinished), None)
        if key is None:
            self._gap = False
            self._on_gap()
            return
        del self._unfinished[key]
        self._read_later([])
        self._read(key)

    def _read(self, key: Key) -> None:
        """Report what is new in a file. Never raises."""
        folder, name = key
        file = self._files.get(key) or self._follow(key)
        try:
            records = file.read(self._root, CHUNK)
            self._unreadable.pop(key, None)
            (self._held.add if file.holding else self._held.discard)(key)
            if file.holding:
                self._check_soon()
            if file.behind:
                # Other files get their turn before the rest: a file can be hundreds of MB long.
                self._read_later([key])
            if records:
                self._on_records(name[: -len(".jsonl")], records)
        except FileNotFoundError:
            self._unreadable.pop(key, None)
            self._held.discard(key)
            self._rejected.discard(key)
            if not file.known:
                del self._files[key]
        except OSError as error:
            if error.errno in _NO_TRANSCRIPT:
                self._reject(key, error.strerror or str(error))
            else:
                self._unreadable[key] = error
                self._health.failed(SOURCE, self._problem(None) or "")
                self._check_soon()
        except NotATranscriptError as error:
            self._reject(key, str(error))
        except Exception:  # a bug with one file must not keep the others from being read
            log.exception("transcripts: a bug with the records of %s", one_line(f"{folder}/{name}"))

    def _follow(self, key: Key) -> FollowedFile:
        """Return a new file to follow; one whose folder was renamed is followed where it is now."""
        folder, name = key
        for other, file in self._files.items():
            if other[1] == name and not file.exists(self._root):
                del self._files[other]
                file.move(folder)
                self._files[key] = file
                return file
        self._files[key] = FollowedFile(folder, name)
        return self._files[key]

    def _reject(self, key: Key, reason: str) -> None:
        self._files.pop(key, None)
        self._unreadable.pop(key, None)
        if key not in self._rejected:
            self._rejected.add(key)
            log.warning("transcripts: %s is left alone: %s", one_line("/".join(key)), one_line(reason))
