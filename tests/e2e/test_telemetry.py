# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claude Code's own telemetry with the real CLI: where it goes, whose it is, and where its token is not."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from conftest import MakeWorld, real
from harness import cli
from harness.daemon import Daemon
from harness.driven import begin
from harness.namespace import SYSTEM_PATH
from harness.wait import until
from harness.world import HERE, World

PORT = 4318
TOKEN = "planted-otlp-token"
# The intervals of an export, in milliseconds: 60 s and 5 s otherwise.
SOON = {"OTEL_METRIC_EXPORT_INTERVAL": "1000", "OTEL_LOGS_EXPORT_INTERVAL": "500"}


class Collector:
    """The receiver in a world, and the file of headers."""

    def __init__(self, world: World) -> None:
        self.path = world.path("tmp", "otlp.jsonl")
        self.headers = world.path("headers.json")
        world.write_json(self.headers, {"Authorization": f"Bearer {TOKEN}"}, mode=0o600)
        program = ["/usr/bin/python3", "-B", os.path.join(HERE, "stub_otlp.py"), self.path, str(PORT)]
        world.children.append(world.namespace.start(program, {"PATH": SYSTEM_PATH}, root=True))
        until(lambda: self.received("ready"), "the collector to listen")

    def received(self, path: str) -> list[dict[str, Any]]:
        """Return the requests of a path, oldest first."""
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as stream:
            text = stream.read()
        records = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [record for record in records if record["path"] == path]


def attributes(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return OTLP's attributes as a dictionary; each value is a mapping of its type to it."""
    return {row["key"]: next(iter(row["value"].values())) for row in rows}


def told(requests: list[dict[str, Any]], resources: str, scopes: str, entries: str) -> list[tuple[dict[str, Any], Any]]:
    """Return every entry of the requests, each with the attributes of its resource."""
    return [
        (attributes(resource["resource"]["attributes"]), entry)
        for request in requests
        for resource in request["body"][resources]
        for scope in resource[scopes]
        for entry in scope[entries]
    ]


def test_metrics_and_logs_reach_the_collector_with_host_session_and_header(make_world: MakeWorld) -> None:
    world = make_world(real(cli.NEW))
    collector = Collector(world)
    telemetry = {
        "endpoint": f"http://127.0.0.1:{PORT}",
        "protocol": "http/json",
        "headers_file": collector.headers,
    }
    daemon, main = begin(world, env=SOON, extra={"telemetry": telemetry})
    until(lambda: collector.received("/v1/metrics"), "metrics", timeout=60, show=main.screen)
    until(lambda: collector.received("/v1/logs"), "logs", timeout=60, show=main.screen)
    metrics = told(collector.received("/v1/metrics"), "resourceMetrics", "scopeMetrics", "metrics")
    logs = told(collector.received("/v1/logs"), "resourceLogs", "scopeLogs", "logRecords")
    assert {metric["name"] for _resource, metric in metrics} & {
        "claude_code.session.count",
        "claude_code.token.usage",
        "claude_code.cost.usage",
    }
    for resource, _entry in [*metrics, *logs]:
        assert (resource["host.name"], resource["claude.session"]) == (socket.gethostname(), "main")
    for request in [*collector.received("/v1/metrics"), *collector.received("/v1/logs")]:
        assert request["headers"]["authorization"] == f"Bearer {TOKEN}"
    assert "hello" not in json.dumps(collector.received("/v1/logs")), "no prompt is sent, unless the operator asks"
    token_is_nowhere_else(world, daemon, collector)


def token_is_nowhere_else(world: World, daemon: Daemon, collector: Collector) -> None:
    """Check that the token stands in its file, and in no configuration, log, argument list or environment."""
    for pid in world.namespace.processes():
        for name in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as stream:
                    assert TOKEN.encode() not in stream.read(), f"{name} of {pid}"
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
    for folder, _folders, names in os.walk(world.folder):
        for name in names:
            path = os.path.join(folder, name)
            if path in (collector.headers, collector.path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as stream:
                assert TOKEN.encode() not in stream.read(), path
    assert TOKEN not in daemon.log()


def test_without_an_endpoint_nothing_is_sent(make_world: MakeWorld) -> None:
    world = make_world(real(cli.NEW))
    collector = Collector(world)
    _daemon, main = begin(world, env=SOON)
    main.prompt("one more")
    main.answered("one more", "A")
    assert collector.received("/v1/metrics") == collector.received("/v1/logs") == []
