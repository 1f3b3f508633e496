# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches every transcript in the shared ``projects`` folder, and passes on what is new in them."""

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

_ROOT = inotify.CREATE | inotify.MOVED_TO
_FOLDER = inotify.CREATE | inotify.MOVED_TO | inotify.MODIFY
_YIELD = 0.001  # seconds between two pieces of a long file


class TranscriptWatcher:
    """The transcripts of all sessions: ``<projects>/<folder>/<uuid>.jsonl``.

    ``on_records(uuid, records)`` is called in the event loop with the records that were completed since the
    last call, oldest first; what stood there before `start` is not reported.
    """

    def __init__(self, projects: str, on_records: Callable[[str, list[dict[str, Any]]], None]) -> None:
        """Raises OSError when inotify cannot be had."""
        self._projects = os.path.realpath(projects)
        self._on_records = on_records
        self._inotify = Inotify()
        self._folders: dict[int, str] = {}
        self._tails: dict[tuple[str, str], TranscriptTail] = {}
        self._sizes: dict[tuple[str, str], int] = {}  # of the files that were there at the start, until read
        self._root = -1
        self._later: dict[tuple[str, str], None] = {}  # files of which more is to be read, in this order
        self._next: asyncio.Handle | None = None

    async def start(self) -> None:
        """Begin to watch. Raises OSError when the folder cannot be watched."""
        self._root = self._inotify.watch(self._projects, _ROOT)
        for folder in os.listdir(self._projects):
            for name in self._watch(folder):
                with contextlib.suppress(FileNotFoundError):
                    self._sizes[(folder, name)] = os.lstat(os.path.join(self._projects, folder, name)).st_size
        asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._readable)

    async def stop(self) -> None:
        """End watching."""
        asyncio.get_running_loop().remove_reader(self._inotify.fileno())
        self._inotify.close()
        if self._next is not None:
            self._next.cancel()

    def _watch(self, folder: str) -> list[str]:
        """Watch one folder; returns the transcripts that it holds."""
        path = os.path.join(self._projects, folder)
        if os.path.islink(path):
            return []
        try:
            self._folders[self._inotify.watch(path, _FOLDER)] = folder
            return [name for name in os.listdir(path) if name.endswith(".jsonl")]
        except OSError as error:
            if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                log.error("transcripts: %s cannot be watched: %s", path, error)
            return []

    def _readable(self) -> None:
        changed: dict[tuple[str, str], bool] = {}  # in order, and each file once however often it was written to
        for event in self._inotify.read():
            if event.mask & inotify.OVERFLOW:
                log.warning("transcripts: events were lost, every file is looked at")
                self._look_at_everything(changed)
            elif event.mask & inotify.IGNORED:
                self._folders.pop(event.watch, None)
            elif event.watch == self._root:
                if event.mask & inotify.ISDIR:
                    # What was written into it before the watch stood would otherwise never be seen.
                    changed.update({(event.name, name): True for name in self._watch(event.name)})
            elif event.watch in self._folders and event.name.endswith(".jsonl"):
                changed[(self._folders[event.watch], event.name)] = True
        for place in changed:
            if place not in self._later:
                self._read(place)

    def _look_at_everything(self, changed: dict[tuple[str, str], bool]) -> None:
        for folder in os.listdir(self._projects):
            changed.update({(folder, name): True for name in self._watch(folder)})

    def _read(self, place: tuple[str, str]) -> None:
        folder, name = place
        try:
            tail = self._tails.get(place)
            if tail is None:
                start = self._sizes.pop(place, 0)
                tail = self._tails[place] = TranscriptTail(self._projects, folder, name, start)
            records = list(tail.read(most=CHUNK))
        except FileNotFoundError:
            self._tails.pop(place, None)
            self._sizes.pop(place, None)
            return
        except (OSError, NotATranscriptError) as error:
            log.warning("transcripts: %s/%s is not read: %s", folder, name, error)
            return
        if tail.behind:
            # The rest waits until everything else had its turn: a file can be hundreds of MB long.
            self._later[place] = None
            if self._next is None:
                self._next = asyncio.get_running_loop().call_later(_YIELD, self._read_on)
        if records:
            self._on_records(name[: -len(".jsonl")], records)

    def _read_on(self) -> None:
        self._next = None
        place = next(iter(self._later))
        del self._later[place]
        if self._later:
            self._next = asyncio.get_running_loop().call_later(_YIELD, self._read_on)
        self._read(place)
