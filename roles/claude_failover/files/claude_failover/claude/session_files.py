# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the state files of running Claude Code processes, ``<home>/sessions/<pid>.json``.

Keys seen on 2.1.330: ``pid, sessionId, cwd, startedAt`` (ms), ``procStart`` (clock ticks since boot, a string),
``status`` = idle | busy | waiting, ``statusUpdatedAt`` (ms). A clean exit removes the file, SIGKILL leaves it: a file
is valid only while the process that wrote it is running.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from ..common.processes import Process
from ..storage.regular_file import read_regular


@dataclass(frozen=True)
class SessionFile:
    """The state of one process; ``status`` is None if it is unknown."""

    pid: int
    uuid: str
    cwd: str | None
    status: str | None
    status_at: datetime | None


class SessionFiles:
    """A snapshot of the session files in all account homes."""

    def __init__(self, homes: Iterable[str]) -> None:
        self._paths: dict[int, list[str]] = {}
        for home in homes:
            folder = os.path.join(home, "sessions")
            try:
                names = os.listdir(folder)
            except OSError:
                continue
            for name in names:
                stem, _dot, ending = name.partition(".")
                if ending == "json" and stem.isdigit():
                    self._paths.setdefault(int(stem), []).append(os.path.join(folder, name))

    def of(self, process: Process) -> SessionFile | None:
        """Return the file that this process wrote, or None.

        After a flip a running session writes to the other home; the newest of several files counts.
        """
        found = [_read(path, process) for path in self._paths.get(process.pid, ())]
        files = [file for file in found if file is not None]
        return max(files, key=lambda file: file.status_at or datetime.min.replace(tzinfo=timezone.utc), default=None)


def _read(path: str, process: Process) -> SessionFile | None:
    try:
        data = json.loads(read_regular(path, 1 << 16))
        if data["pid"] != process.pid or int(data["procStart"]) != process.start:
            return None
        status = data.get("status")
        moment = data.get("statusUpdatedAt", data.get("updatedAt"))
        return SessionFile(
            pid=process.pid,
            uuid=str(data["sessionId"]).lower(),
            cwd=data.get("cwd"),
            status=status if status in ("idle", "busy", "waiting") else None,
            status_at=datetime.fromtimestamp(moment / 1000, timezone.utc) if moment else None,
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
