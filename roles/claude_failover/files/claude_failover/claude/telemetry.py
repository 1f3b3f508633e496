# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claude Code's own OpenTelemetry: the variables and the settings that a session is started with.

Claude Code sends its metrics and logs itself, to the endpoint that its variables name. The headers, which hold a
token, come from a file: ``otelHeadersHelper`` of its settings is a command that prints them as JSON (seen on 2.1.332),
so they are in no argument list, in no environment and in no configuration.
"""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import quote

from ..config.model import TelemetryConfig


def telemetry_variables(telemetry: TelemetryConfig, session: str, host: str) -> dict[str, str]:
    """Return the variables of a session; none where no endpoint is configured."""
    if telemetry.endpoint is None:
        return {}
    attributes = {"host.name": host, "claude.session": session}
    return {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": telemetry.protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": telemetry.endpoint,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={quote(value, safe='')}" for key, value in attributes.items()),
    }


def telemetry_settings(telemetry: TelemetryConfig) -> dict[str, Any]:
    """Return the settings by which Claude Code gets the headers; none where there is no file of them."""
    if telemetry.endpoint is None or telemetry.headers_file is None:
        return {}
    return {"otelHeadersHelper": shlex.join(["cat", "--", telemetry.headers_file])}
