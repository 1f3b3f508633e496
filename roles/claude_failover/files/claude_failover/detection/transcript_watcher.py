# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow all transcripts in the shared ``projects`` folder."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import Any, Callable

from ..claude.transcript import CHUNK, NotATranscriptError, TranscriptTail
from . import inotify
from .inotify import Inotify

log = logging.getLogger(__name__)

_ROOT_EVENTS = inotify.CREATE | inotify.MOVED_TO
_FOLDER_EVENTS = inotify.CREATE | inotify.MOVED_TO | inotify.MODIFY
_PIECE_DELAY = 0.001  # seconds between two pieces of a long file


class TranscriptWatcher:
    """Reports new records of the files ``<projects>/<folder>/<uuid>.jsonl``.

    ``on_records(uuid, records)`` is called in the event loop with the records completed since the last call, oldest
    first; records from before `start` are not reported.
    """

    def __init__(self, projects: str, on_records: Callable[[str, list[dict[str, Any]]], None]) -> None:
        """Raises OSError if there is no inotify instance to be had."""
        self._projects = os.path.realpath(projects)
        self._on_records = on_records
        self._inotify = Inotify()
        self._folders: dict[int, str] = {}
        self._tails: dict[tuple[str, str], TranscriptTail] = {}
        self._start_sizes: dict[tuple[str, str], int] = {}  # of files older than `start`, until their first read
        self._root = -1
        self._unfinished: dict[tuple[str, str], None] = {}  # files read in part, in the order of their turn
        self._continuation: asyncio.Handle | None = None

    async def start(self) -> None:
        """Start watching. Raises OSError if the folder cannot be watched."""
        self._root = self._inotify.watch(self._projects, _ROOT_EVENTS)
        for folder in os.listdir(self._projects):
            for name in self._watch(folder):
                with contextlib.suppress(FileNotFoundError):
                    self._start_sizes[(folder, name)] = os.lstat(os.path.join(self._projects, folder, name)).st_size
        asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._on_readable)

    async def stop(self) -> None:
        """Stop watching."""
        asyncio.get_running_loop().remove_reader(self._inotify.fileno())
        self._inotify.close()
        if self._continuation is not None:
            self._continuation.cancel()

    def _watch(self, folder: str) -> list[str]:
        """Watch one folder; returns the names of its transcripts."""
        path = os.path.join(self._projects, folder)
        if os.path.islink(path):
            return []
        try:
            self._folders[self._inotify.watch(path, _FOLDER_EVENTS)] = folder
            return [name for name in os.listdir(path) if name.endswith(".jsonl")]
        except OSError as error:
            if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                log.error("transcripts: cannot watch %s: %s", path, error)
            return []

    def _on_readable(self) -> None:
        changed: dict[tuple[str, str], bool] = {}  # an ordered set: each file once per batch
        for event in self._inotify.read():
            if event.mask & inotify.OVERFLOW:
                log.warning("transcripts: inotify events were lost, reading every file")
                self._add_all(changed)
            elif event.mask & inotify.IGNORED:
                self._folders.pop(event.watch, None)
            elif event.watch == self._root:
                if event.mask & inotify.ISDIR:
                    # Files written before the watch was set have no event.
                    changed.update({(event.name, name): True for name in self._watch(event.name)})
            elif event.watch in self._folders and event.name.endswith(".jsonl"):
                changed[(self._folders[event.watch], event.name)] = True
        for key in changed:
            if key not in self._unfinished:
                self._read(key)

    def _add_all(self, changed: dict[tuple[str, str], bool]) -> None:
        for folder in os.listdir(self._projects):
            changed.update({(folder, name): True for name in self._watch(folder)})

    def _read(self, key: tuple[str, str]) -> None:
        folder, name = key
        try:
            tail = self._tails.get(key)
            if tail is None:
                start = self._start_sizes.pop(key, 0)
                tail = self._tails[key] = TranscriptTail(self._projects, folder, name, start)
            records = list(tail.read(most=CHUNK))
        except FileNotFoundError:
            self._tails.pop(key, None)
            self._start_sizes.pop(key, None)
            return
        except (OSError, NotATranscriptError) as error:
            log.warning("transcripts: cannot read %s/%s: %s", folder, name, error)
            return
        if tail.behind:
            # Other files get their turn before the rest: a file can be hundreds of MB long.
            self._unfinished[key] = None
            if self._continuation is None:
                self._continuation = asyncio.get_running_loop().call_later(_PIECE_DELAY, self._continue_reading)
        if records:
            self._on_records(name[: -len(".jsonl")], records)

    def _continue_reading(self) -> None:
        self._continuation = None
        key = next(iter(self._unfinished))
        del self._unfinished[key]
        if self._unfinished:
            self._continuation = asyncio.get_running_loop().call_later(_PIECE_DELAY, self._continue_reading)
        self._read(key)
