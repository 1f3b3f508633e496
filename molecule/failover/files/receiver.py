# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A receiver of notifications: appends the path and the document of every POST request to a file."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Takes any document."""

    def do_POST(self):
        """Append the request to the file of the second argument."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(sys.argv[2], "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"path": self.path, **body}) + "\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        """Keep the path out of the journal."""


HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
