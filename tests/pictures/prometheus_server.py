# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Prometheus on loopback that scrapes a metrics file each second, as it would a node exporter with that file."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

INSTANCE = "vm-1"
SCRAPED_EVERY = 1  # seconds
BOUND = 60.0  # seconds for what normally takes one or two


class Prometheus:
    """The queries of a running server."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ready(self) -> bool:
        """Tell if the server answers queries."""
        with contextlib.suppress(OSError):
            return self._get("/-/ready")[0] == 200
        return False

    def query_range(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Return the series of a query, each with ``metric`` and ``values``. Raises RuntimeError if it is refused."""
        asked = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": step})
        code, text = self._get(f"/api/v1/query_range?{asked}")
        if code != 200:
            raise RuntimeError(f"Prometheus refuses {query}: {text.decode(errors='replace')}")
        found: list[dict[str, Any]] = json.loads(text)["data"]["result"]
        return found

    def _get(self, path: str) -> tuple[int, bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()


@contextlib.contextmanager
def prometheus(program: str, folder: Path, metrics_file: Path) -> Iterator[Prometheus]:
    """Give a server whose data is in ``folder``; it is ended with the block, and what it says is in ``folder``/log."""
    folder.mkdir()
    with _exporter(metrics_file) as exporter:
        targets = [{"targets": [f"127.0.0.1:{exporter}"], "labels": {"instance": INSTANCE}}]
        every = f"{SCRAPED_EVERY}s"
        job = {"job_name": "node", "scrape_interval": every, "scrape_timeout": every, "static_configs": targets}
        (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}), encoding="utf-8")
        port = _free_port()
        command = [program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{port}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={},
            )
        try:
            found = Prometheus(port)
            end = time.monotonic() + BOUND
            while not found.ready():
                if server.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"Prometheus does not start: {(folder / 'log').read_text(errors='replace')}")
                time.sleep(0.1)
            yield found
        finally:
            server.terminate()
            try:
                server.wait(BOUND)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


@contextlib.contextmanager
def _exporter(metrics_file: Path) -> Iterator[int]:
    """Give the port on which the file is answered to every request, as it is at that moment."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                text = metrics_file.read_bytes()
            except FileNotFoundError:  # the daemon has not written it yet
                text = b""
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the scrape has timed out
                self.wfile.write(text)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing of a request."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
