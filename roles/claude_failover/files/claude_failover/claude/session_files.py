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

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ..common import clock, json_text
from ..common.processes import Process
from ..common.text import text_or_none, whole_number
from ..storage.regular_file import read_regular
from .versions import version_in

_MAX_TICKS = 1 << 63  # since the boot, of the start of a process
_TICK = timedelta(seconds=1)  # by which a process's start and another clock reading may differ
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


class SessionFiles:
    """The session files in all account homes. Only the file of a given process is opened, however many there are."""

    def __init__(self, homes: Iterable[str]) -> None:
        self._folders = [os.path.join(home, "sessions") for home in homes]

    def of(self, process: Process) -> SessionFile | None:
        """Return the file that this process wrote, or None.

        After a flip a running session writes to the other home; the newest of several files counts.
        """
        found = [read_session_file(os.path.join(folder, f"{process.pid}.json"), process) for folder in self._folders]
        files = [file for file in found if file is not None]
        return max(files, key=lambda file: file.status_at, default=None)


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
