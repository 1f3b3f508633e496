# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control server that answers as it is told, and counts its requests: a daemon in small."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from types import TracebackType
from typing import Any, Callable, Union

Answer = Union[dict[str, Any], bytes, Callable[[dict[str, Any]], Any]]
"""The answer to an operation: an object, the bytes of a line, or a function of the request that returns either.

The connection ends without an answer where it returns None."""


def done(result: Any) -> dict[str, Any]:
    """Return the answer of a request that was carried out."""
    return {"ok": True, "result": result}


def refused(why: str, code: int = 1) -> dict[str, Any]:
    """Return the answer of a request that was refused."""
    return {"ok": False, "error": why, "code": code}


class FakeControl:
    """A socket at ``path``, with an answer for each operation; ``requests`` are those that came, in order."""

    def __init__(self, path: str, **answers: Answer) -> None:
        self.path, self.answers = path, answers
        self.requests: list[dict[str, Any]] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> FakeControl:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.close()

    def close(self) -> None:
        """Remove the socket, and listen no more."""
        if os.path.exists(self.path):
            os.unlink(self.path)
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def ops(self) -> list[str]:
        """Return the operations of the requests."""
        return [request["op"] for request in self.requests]

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                line = stream.readline()
                if not line:
                    continue
                request = json.loads(line)
                self.requests.append(request)
                answer = self.answers.get(request["op"])
                if callable(answer):
                    answer = answer(request)
                if answer is not None:
                    with contextlib.suppress(OSError):  # who asked may have gone
                        connection.sendall(answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n")


def account(name: str, **more: Any) -> dict[str, Any]:
    """Return a row of ``accounts`` in a status."""
    return {
        "name": name,
        "home": f"/home/claude/.claude-{name}",
        "active": False,
        "links": "ok",
        "enabled": True,
        "standby": False,
        "login": "ok",
        "login_expires_at": None,
        "identity": None,
        "identity_recorded": False,
        "identity_digest": None,
        "login_digest": None,
        "exhausted": [],
        "used_percent": {},
        **more,
    }


def session(name: str, **more: Any) -> dict[str, Any]:
    """Return a row of ``sessions`` in a status."""
    return {
        "name": name,
        "uuid": None,
        "state": "idle",
        "reason": None,
        "configured": True,
        "dedicated": False,
        "in_pool": True,
        "cwd": "/srv/work",
        "account": None,
        **more,
    }


def status(**more: Any) -> dict[str, Any]:
    """Return a status document."""
    return {
        "version": "0.4.0",
        "pid": 7,
        "started_at": "2026-11-26T07:30:00.000Z",
        "active_account": None,
        "accounts": [],
        "sessions": [],
        "background_jobs": [],
        "blind": [],
        "queue": dict.fromkeys(("queued", "sent", "accepted", "done", "failed", "cancelled"), 0),
        "unsaved": [],
        "cooldown_until": None,
        "switching": False,
        "suspended": None,
        "automatic": True,
        "advised_switch": None,
        "last_switch": None,
        "open_events": [],
        "failback": {"waits_for": None},
        "pace": {"per_hour": None, "runs_out_at": None},
        **more,
    }
