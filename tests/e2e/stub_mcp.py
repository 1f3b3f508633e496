# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An MCP server with one tool: the stub's, by http, and a program that speaks on standard input and output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

TOOL = {
    "name": "note",
    "description": "Takes a note",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
}
ANSWERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "initialize": lambda asked: {
        "protocolVersion": asked["protocolVersion"],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "notes", "version": "1"},
    },
    "tools/list": lambda asked: {"tools": [TOOL]},
    "tools/call": lambda asked: {"content": [{"type": "text", "text": "noted " + asked["arguments"]["text"]}]},
}


def answer(request: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer to a message, None to one that wants none."""
    if "id" not in request:
        return None
    found = ANSWERS.get(request["method"])
    unknown = {"error": {"code": -32601, "message": "unknown"}}
    body = {"result": found(request.get("params") or {})} if found else unknown
    return {"jsonrpc": "2.0", "id": request["id"], **body}


def main() -> None:
    """Answer what comes on standard input."""
    for line in sys.stdin:
        told = answer(json.loads(line))
        if told is not None:
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
