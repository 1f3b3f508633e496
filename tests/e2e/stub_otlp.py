# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A receiver of OpenTelemetry by OTLP/HTTP in JSON: each request becomes a line of a file.

stub_otlp.py FILE PORT: FILE gets ``{"path": …, "headers": {…}, "body": …}``, and first a line ``{"path": "ready"}``.
"""

from __future__ import annotations

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"
    path_of_log = ""

    def do_POST(self) -> None:
        """Keep the request, and answer that all of it was taken."""
        raw = self.body()
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        headers = {name.lower(): value for name, value in self.headers.items()}
        keep(self.path_of_log, {"path": self.path, "headers": headers, "body": json.loads(raw or b"null")})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def body(self) -> bytes:
        """Return the body, in chunks (2.1.197 and older) or of a told length."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(chunks)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
        """Say nothing."""


def keep(path: str, record: dict[str, Any]) -> None:
    """Append a record, by one write."""
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    Receiver.path_of_log = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Receiver)
    keep(sys.argv[1], {"path": "ready"})
    server.serve_forever()
