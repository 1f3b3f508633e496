# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the session files of running Claude Code processes, ``<home>/sessions/<pid>.json``.

Keys seen on 2.1.330: ``pid, sessionId, cwd, startedAt`` (ms), ``version``, ``procStart`` (clock ticks since boot, a
string), ``status`` = idle | busy | waiting, ``statusUpdatedAt`` (ms), ``parkedJobId`` (the background job that the
conversation was moved to; 2.1.260 and newer), ``kind`` = bg (of a background job) and ``spare`` (it waits for the next
job). 2.1.78 to 2.1.112 write the first four only. A clean exit removes the file, SIGKILL leaves it: a file is valid
only while the process that wrote it is running.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from ..common import clock, json_text
from ..common.processes import Process
from ..common.text import text_or_none, whole_number
from ..storage.regular_file import read_regular
from .versions import version_in

_MAX_TICKS = 1 << 63  # since the boot, of the start of a process
_TICK = timedelta(seconds=1)  # by which a process's start and another clock reading may differ
_SETTLED = 1_000_000_000  # nanoseconds since its last change, after which a file's times tell of the next one
_UNKNOWN = datetime.fromtimestamp(0, timezone.utc)


@dataclass(frozen=True)
class SessionFile:
    """The state of one process; ``status`` and ``version`` are None if they are unknown.

    ``status_at`` is steady time, that of the file where it names none; a time in the future is unknown, and counts as
    older than any.
    """

    pid: int
    uuid: str
    cwd: str | None
    status: str | None
    status_at: datetime
    version: str | None = None
    parked_job: str | None = None
    background: bool = False
    spare: bool = False


class _Read(NamedTuple):
    """The content of a file, and what it depends on: the file as it was, the process, and the clock."""

    state: tuple[int, ...]
    process: tuple[int, int]
    jumps: int
    content: SessionFile | None


class SessionFiles:
    """The session files in all account homes, as `refresh` has listed them last.

    Only the file of a given process is opened, however many there are, and again only when it has changed.
    """

    def __init__(self, homes: Iterable[str] = ()) -> None:
        self._names: dict[str, set[str] | None] = {}  # by folder; None: it cannot be listed
        self._seen: dict[str, _Read] = {}  # by path
        self._pids: set[int] | None = set()  # that the files are named after; None: not found yet
        self.refresh(homes)

    def refresh(self, homes: Iterable[str]) -> None:
        """List the files. Raises OSError where there is no descriptor left: their processes must not pass for dead."""
        clock.now()  # looks for a jump
        names = {folder: _listed(folder) for folder in [os.path.join(home, "sessions") for home in homes]}
        if names != self._names:
            self._names, self._pids = names, None
            self._seen = {path: seen for path, seen in self._seen.items() if self._is_listed(*os.path.split(path))}

    def pids(self) -> set[int]:
        """Return the processes that a file is named after, of which many may have ended."""
        if self._pids is None:
            stems = (name[:-5] for names in self._names.values() for name in names or () if name.endswith(".json"))
            self._pids = {pid for pid in map(whole_number, stems) if pid is not None}
        return self._pids

    def of(self, process: Process) -> SessionFile | None:
        """Return the file that this process wrote, or None.

        After a flip a running session writes to the other home; the newest of several files counts.
        """
        name = f"{process.pid}.json"
        newest: SessionFile | None = None
        for folder, names in self._names.items():
            if names is None or name in names:
                file = self._read(f"{folder}/{name}", process)
                if file is not None and (newest is None or file.status_at > newest.status_at):
                    newest = file
        return newest

    def _is_listed(self, folder: str, name: str) -> bool:
        names = self._names.get(folder, set())
        return names is None or name in names

    def _read(self, path: str, process: Process) -> SessionFile | None:
        now = time.time_ns()
        try:
            found = os.stat(path)
        except OSError:
            self._seen.pop(path, None)
            return None
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = state, (process.pid, process.start), clock.current().jumps
        seen = self._seen.get(path)
        if seen is not None and seen[:3] == known:
            return seen.content
        content = read_session_file(path, process)
        # The next write can still fall into the same tick of the file's clock.
        settled = now - max(found.st_mtime_ns, found.st_ctime_ns) > _SETTLED
        if settled and (content is None or content.status_at != _UNKNOWN):
            self._seen[path] = _Read(*known, content)
        else:
            self._seen.pop(path, None)
        return content


def _listed(folder: str) -> set[str] | None:
    try:
        return set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return set()
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        return None


def read_session_file(path: str, process: Process) -> SessionFile | None:
    """Return the content of a session file; None if this process did not write it, or it cannot be read."""
    try:
        data = json_text.parse(read_regular(path, 1 << 16))
        if data["pid"] != process.pid or not _is_of(data, process):
            return None
        status = data.get("status")
        moment = data.get("statusUpdatedAt", data.get("updatedAt")) or os.stat(path).st_mtime * 1000
        return SessionFile(
            pid=process.pid,
            uuid=str(data["sessionId"]).lower(),
            cwd=text_or_none(data.get("cwd")),
            status=status if status in ("idle", "busy", "waiting") else None,
            status_at=clock.from_wall(datetime.fromtimestamp(moment / 1000, timezone.utc)) or _UNKNOWN,
            version=version_in(data.get("version")),
            parked_job=text_or_none(data.get("parkedJobId")) or None,
            background=data.get("kind") == "bg",
            spare=bool(data.get("spare")),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _is_of(data: dict[str, Any], process: Process) -> bool:
    """Return whether this process wrote the file, and not an earlier one that had its pid."""
    if data.get("procStart") is not None:
        return whole_number(str(data["procStart"]), _MAX_TICKS) == process.start
    written = clock.from_wall(datetime.fromtimestamp(data["startedAt"] / 1000, timezone.utc))
    return written is not None and written >= clock.of_ticks(process.start) - _TICK
