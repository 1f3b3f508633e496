# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the variables and settings of Claude Code's own OpenTelemetry, and when a session has to be restarted for it."""

from __future__ import annotations

import shlex

from claude_failover.claude.telemetry import telemetry_settings, telemetry_variables
from claude_failover.config.model import Account, Config, SessionConfig, TelemetryConfig
from claude_failover.sessions.launch import launch_of

ENDPOINT = "https://collector.example:4318"


def test_without_an_endpoint_nothing_is_set() -> None:
    telemetry = TelemetryConfig(headers_file="/etc/headers.json")
    assert telemetry_variables(telemetry, "main", "vm-1") == {}
    assert telemetry_settings(telemetry) == {}


def test_the_variables_name_the_collector_the_host_and_the_session() -> None:
    telemetry = TelemetryConfig(ENDPOINT, "grpc", "/etc/headers.json")
    assert telemetry_variables(telemetry, "main", "vm-1") == {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT,
        "OTEL_RESOURCE_ATTRIBUTES": "host.name=vm-1,claude.session=main",
    }


def test_a_name_of_any_letters_is_one_attribute() -> None:
    found = telemetry_variables(TelemetryConfig(ENDPOINT), 'à b,c="d"%', "vm 1")["OTEL_RESOURCE_ATTRIBUTES"]
    assert found == "host.name=vm%201,claude.session=%C3%A0%20b%2Cc%3D%22d%22%25"


def test_the_headers_come_from_the_file_by_a_command() -> None:
    path = "/etc/a b/it's.json"
    command = telemetry_settings(TelemetryConfig(ENDPOINT, headers_file=path))["otelHeadersHelper"]
    assert shlex.split(command) == ["cat", "--", path]
    assert telemetry_settings(TelemetryConfig(ENDPOINT)) == {}


def test_another_collector_needs_a_restart_of_a_session_of_claude_code_only() -> None:
    before = Config("x", (Account("a", "/h/a"),))
    after = Config("x", (Account("a", "/h/a"),), telemetry=TelemetryConfig(ENDPOINT))
    spec, own = SessionConfig("main", "/"), SessionConfig("own", "/", ("top",), claude_args=False)
    assert launch_of(spec, before).changed(spec, after) == ["telemetry"]
    assert launch_of(spec, after).changed(spec, after) == []
    assert launch_of(own, before).changed(own, after) == []
