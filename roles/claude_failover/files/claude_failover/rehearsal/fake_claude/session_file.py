# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write ``sessions/<pid>.json``, the status of a running session (seen on Claude Code 2.1.330)."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ...storage.files import write_atomic


class FakeSessionFile:
    """The status file below ``config_dir``, a path that may lead to another home after a flip.

    A missing file is not created again: unless ``sessions`` is shared, the file in the home where the session
    began goes stale at a flip.
    """

    def __init__(self, config_dir: str, session_id: str, cwd: str, version: str) -> None:
        pid = os.getpid()
        self.path = os.path.join(config_dir, "sessions", f"{pid}.json")
        now = int(time.time() * 1000)
        with open("/proc/self/stat", encoding="latin-1") as stream:
            start = stream.read().rpartition(")")[2].split()[19]
        self.data: dict[str, Any] = {
            "pid": pid,
            "sessionId": session_id,
            "cwd": cwd,
            "startedAt": now,
            "procStart": start,
            "version": version,
            "kind": "interactive",
            "entrypoint": "cli",
            "name": f"{os.path.basename(cwd)}-{pid % 256:02x}",
            "nameSource": "derived",
            "status": "idle",
            "updatedAt": now,
            "statusUpdatedAt": now,
        }

    def create(self) -> None:
        """Write the file. Raises OSError."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        self._write()

    def update(self, status: str, waiting_for: str | None = None, session_id: str | None = None) -> None:
        """Write a new status (``idle``, ``busy``, ``waiting``), if the file is still there."""
        now = int(time.time() * 1000)
        self.data.update(status=status, updatedAt=now, statusUpdatedAt=now)
        self.data.pop("waitingFor", None)
        if waiting_for:
            self.data["waitingFor"] = waiting_for
        if session_id:
            self.data["sessionId"] = session_id
        if os.path.exists(self.path):
            self._write()

    def remove(self) -> None:
        """Remove the file, as at a clean exit."""
        try:
            os.unlink(self.path)
        except OSError:
            pass

    def _write(self) -> None:
        try:
            write_atomic(self.path, json.dumps(self.data).encode(), mode=0o600)
        except OSError:
            pass  # a session does not end because its status cannot be written
