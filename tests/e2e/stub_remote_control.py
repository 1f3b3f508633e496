# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stub of the API with what Remote Control needs (seen on 2.1.330 and 2.1.332).

Usage: as `stub_api`. The flag ``tengu_ccr_bridge`` makes the command available, ``/api/oauth/validate`` says whose a
token is; a session is made by ``POST /v1/code/sessions``, and ``/bridge`` below it gives the worker's token. What the
worker sends is answered and forgotten; its stream of events stays empty.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from typing import Any

import stub_api

SESSIONS = "/v1/code/sessions"


class RemoteControlHandler(stub_api.Handler):
    """One request."""

    def answer(self, body: dict[str, Any]) -> None:
        """Answer what belongs to Remote Control, and log it; leave the rest to the stub."""
        path, world = self.path.split("?")[0], self.server.world
        tag = world.tag(self.headers.get("authorization", ""), "")
        record = {"method": self.command, "path": path, "tag": tag, "kind": "remote"}
        if path.startswith("/api/eval/"):
            self.reply(200, {"features": {"tengu_ccr_bridge": {"defaultValue": True}}}, record)
        elif path in ("/api/oauth/validate", "/api/oauth/org"):
            found = stub_api.profile(tag, world.organization(tag))
            owner = {"account_uuid": found["account"]["uuid"], "organization_uuid": found["organization"]["uuid"]}
            self.reply(200, owner, record)
        elif path == SESSIONS and self.command == "POST":
            self.reply(200, {"session": {"id": f"cse_{world.count():023d}", "status": "active"}}, record)
        elif path.startswith(SESSIONS + "/"):
            self.worker(path, record)
        else:
            super().answer(body)
            return
        world.log(record)

    def worker(self, path: str, record: dict[str, Any]) -> None:
        """Answer a request about one session."""
        session = path[len(SESSIONS) + 1 :].split("/")[0]
        if path.endswith("/bridge"):
            answer = {"worker_jwt": token(session), "expires_in": 14400, "worker_epoch": 1}
            self.reply(200, {**answer, "api_base_url": "https://api.anthropic.com"}, record)
        elif path.endswith("/stream"):
            self.server.world.log({**record, "phase": "began"})
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b": nothing\n\n")
                    self.wfile.flush()
                    time.sleep(2)
            except OSError:
                self.close_connection = True
        else:
            self.reply(200, {"ok": True, "worker_epoch": 1, "lease_extended": True, "data": []}, record)


def token(session: str) -> str:
    """Return a made-up token of a worker: it only has to be readable."""
    parts = ({"alg": "none"}, {"session_id": session, "exp": int(time.time()) + 14400})
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".c2ln"
    )


if __name__ == "__main__":
    for method in ("PUT", "PATCH", "DELETE"):
        setattr(RemoteControlHandler, f"do_{method}", RemoteControlHandler.do_POST)
    stub_api.Handler = RemoteControlHandler  # type: ignore[misc]  # the server makes one of them for each request
    sys.exit(stub_api.main(sys.argv[1:]))
