# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stub of the Anthropic API for the real Claude Code CLI, on loopback, with the standard library alone.

Usage: ``python3 stub_api.py FOLDER PORT [TLS_PORT CERTIFICATE KEY]``. FOLDER holds

* ``world.json``: what each account gets, read again for every request (see `stub_world`); a test replaces it;
* ``requests.jsonl``: one line per request, with the account's *tag*, never a token.

A test changes the world by renaming a new file over the old one, so that control needs no network and works
from outside the network namespace that the stub lives in.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stub_mcp import answer as mcp_answer
from stub_world import World

DIRECTIVE = re.compile(r"\[\[(tool|slow|steps|agent|use) (.*?)\]\]")
#: Words that a test writes into a home, to see which of them a request bears.
MARK = re.compile(r"MARK(?:-[A-Z]+)+")
SESSION = re.compile(r"session_?(?:id)?[\"':\\ ]*_?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
ACCOUNT = re.compile(r"account_?(?:uuid)?[\"':\\ ]*_?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
# The header names, and that the first three suffice, were seen on Claude Code 2.1.330.
UNIFIED = "anthropic-ratelimit-unified-"
# What the CLI calls beside the conversation when nothing keeps it from it (2.1.330, 2.1.332), and does without: 404.
DISPENSABLE = re.compile(
    r"/api/(?:frame/contract/latest|artifacts/mcp|directory/server-urls|claude_cli/bootstrap|claude_code_grove"
    r"|claude_code_penguin_mode|organizations/[^/]+/model_selector/cc"
    r"|oauth/organizations/[^/]+/referral/eligibility)"
    r"|/v1/privacy-consents/checkup|/claude-code-releases/plugins/[^/]+/latest"
)
WINDOWS = {"five_hour": "5h", "seven_day": "7d"}


def texts_of(content: Any) -> list[str]:
    """Return the plain texts of a message's content, oldest first; reminders that the CLI adds are left out."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return [
        block["text"] for block in content if block.get("type") == "text" and not block["text"].lstrip().startswith("<")
    ]


def last_results(body: dict[str, Any]) -> str:
    """Return what the tools answered to whose use the last user message replies."""
    users = [message["content"] for message in body.get("messages", []) if message.get("role") == "user"]
    blocks = users[-1] if users and isinstance(users[-1], list) else []
    results = [block.get("content") or "" for block in blocks if block.get("type") == "tool_result"]
    return "\n".join(result if isinstance(result, str) else json.dumps(result) for result in results)


def last_user(body: dict[str, Any]) -> tuple[str, bool]:
    """Return the last user message's text, and whether it is the result of a tool."""
    for message in reversed(body.get("messages", [])):
        if message.get("role") == "user":
            content = message.get("content", "")
            result = isinstance(content, list) and any(b.get("type") == "tool_result" for b in content)
            texts = texts_of(content)
            return (texts[-1] if texts else ""), result
    return "", False


def kind_of(body: dict[str, Any]) -> str:
    """Return ``turn`` for a request of the conversation itself, ``side`` for titles, probes and the like.

    Told apart by the tools: only the conversation offers Bash (seen on Claude Code 2.1.330 and 2.1.197), or the search
    by which the model asks for it (2.1.81).
    """
    names = {tool.get("name") for tool in body.get("tools") or []}
    return "turn" if names & {"Bash", "ToolSearch"} else "side"


def window_headers(used: dict[str, float], reset: int) -> dict[str, str]:
    """Return the headers that say how much of each window is used (fractions of 1)."""
    headers = {}
    for window, fraction in used.items():
        short = WINDOWS.get(window)
        if short:
            headers[f"{UNIFIED}{short}-utilization"] = str(fraction)
            headers[f"{UNIFIED}{short}-reset"] = str(reset)
            headers[f"{UNIFIED}{short}-status"] = "allowed"
    return headers


class Handler(BaseHTTPRequestHandler):
    """One request. The server object carries the world and the port's name."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_args: Any) -> None:
        """Keep standard error for what goes wrong."""

    def do_GET(self) -> None:
        """Answer a GET."""
        self.answer({})

    def do_HEAD(self) -> None:
        """Answer a HEAD."""
        self.answer({})

    def do_POST(self) -> None:
        """Answer a POST."""
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = {}
        self.answer(body)

    def answer(self, body: dict[str, Any]) -> None:
        """Log the request and route it."""
        path = self.path.split("?")[0]
        world = self.server.world
        tag = world.tag(self.headers.get("authorization", ""), self.headers.get("x-api-key", ""))
        record: dict[str, Any] = {
            "method": self.command,
            "path": path,
            "tag": tag,
            "port": self.server.server_port,
            "host": self.headers.get("host", ""),
            "began": time.time(),
        }
        try:
            if path == "/v1/messages" and self.command == "POST":
                self.messages(body, tag, record)
            elif path == "/v1/messages/count_tokens":
                self.reply(200, {"input_tokens": 100}, record)
            elif path == "/v1/oauth/token":
                self.refresh(body, record)
            elif path == "/api/oauth/profile":
                self.reply(200, profile(tag, world.organization(tag)), record)
            elif path.startswith("/api/eval/"):
                self.reply(200, {"features": {name: {"defaultValue": True} for name in world.features()}}, record)
            elif path == "/api/event_logging/v2/batch":
                self.reply(200, {}, record)
            elif path in ("/api/hello", "/v1/oauth/hello"):
                self.reply(200, {"message": "hello"}, record)
            elif path == "/mcp":
                self.mcp(body, record)
            elif path == "/v1/mcp_servers":
                self.reply(200, {"data": [], "has_more": False}, record)
            elif self.command == "HEAD" or path == "/":
                self.reply(200, {}, record)
            else:
                record["unknown"] = DISPENSABLE.fullmatch(path) is None
                self.reply(404, error("not_found_error", "the stub has nothing at this path"), record)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            record["status"] = "client left"
        finally:
            record["ended"] = time.time()
            world.log(record)

    def reply(
        self, status: int, body: dict[str, Any], record: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        """Send one JSON answer."""
        record["status"] = status
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.send_header("request-id", f"req_stub{self.server.world.count():05d}")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def mcp(self, body: dict[str, Any], record: dict[str, Any]) -> None:
        """Answer a message to the MCP server that the stub is as well; it has no stream of its own messages."""
        told = mcp_answer(body)
        status = 405 if self.command != "POST" else 202 if told is None else 200
        self.reply(status, told or {}, record)

    def refresh(self, body: dict[str, Any], record: dict[str, Any]) -> None:
        """Answer a token refresh: new made-up tokens, ``invalid_grant``, or nothing until the world changes."""
        world = self.server.world
        tag = record["tag"] = world.refresh_tag(body.get("refresh_token", ""))
        record["grant"] = body.get("grant_type")
        world.log({**record, "phase": "began"})
        behaviour = world.wait_while(tag, "refresh", "hold")
        if behaviour == "invalid_grant":
            self.reply(
                400, {"error": "invalid_grant", "error_description": "Refresh token not found or invalid"}, record
            )
            return
        access, fresh = world.renew(tag)
        self.reply(
            200,
            {
                "token_type": "Bearer",
                "access_token": access,
                "refresh_token": fresh,
                "expires_in": 28800,
                "scope": "user:inference user:profile",
            },
            record,
        )

    def messages(self, body: dict[str, Any], tag: str, record: dict[str, Any]) -> None:
        """Answer a request of the model, as the world says for this account."""
        world = self.server.world
        prompt, result = last_user(body)
        kind = kind_of(body)
        metadata = json.dumps(body.get("metadata", {}))
        found, account_uuid = SESSION.search(metadata), ACCOUNT.search(metadata)
        record.update(
            kind=kind,
            prompt=prompt[:400],
            tool_result=result,
            results=last_results(body)[:400],
            marks=sorted(set(MARK.findall(json.dumps(body)))),
            model=body.get("model"),
            messages=len(body.get("messages", [])),
            session=found.group(1) if found else None,
            account_uuid=account_uuid.group(1) if account_uuid else None,
        )
        world.log({**record, "phase": "began"})
        if not result:
            world.wait_while(tag, "hold", prompt)
        behaviour = world.wait_while(tag, "mode", "hold")
        account = world.account(tag)
        mode = str(behaviour) if tag != "?" else "unauthorized"
        full = world.meters.full(tag, account["meter"]) if kind == "turn" and "meter" in account else None
        if full is not None:
            mode, account["claim"], account["resets_at"] = "limit", *full
            record["with_room"] = world.with_room()
        record["mode"] = mode
        if mode == "unauthorized":
            self.reply(401, error("authentication_error", "OAuth token has expired or been revoked."), record)
        elif mode == "limit":
            claim = account.get("claim", "five_hour")
            self.reply(
                429,
                error("rate_limit_error", "This request would exceed your account's rate limit."),
                record,
                {
                    UNIFIED + "status": "rejected",
                    UNIFIED + "reset": str(account["resets_at"]),
                    UNIFIED + "representative-claim": claim,
                    "retry-after": "3600",
                },
            )
        elif mode == "throttle":
            self.reply(
                429,
                error(
                    "rate_limit_error", "This request would exceed your account's rate limit. Please try again later."
                ),
                record,
            )
        elif mode == "overloaded":
            self.reply(529, error("overloaded_error", "Overloaded"), record)
        else:
            self.model_answer(body, record, account, kind, prompt, result)

    def model_answer(
        self,
        body: dict[str, Any],
        record: dict[str, Any],
        account: dict[str, Any],
        kind: str,
        prompt: str,
        result: bool,
    ) -> None:
        """Answer as the model would: a text, or a use of a tool."""
        directive = DIRECTIVE.search(prompt) if kind == "turn" and not result else None
        use = None
        if directive and directive.group(1) == "tool":
            use = bash(directive.group(2))
        elif directive and directive.group(1) == "agent":
            use = agent(directive.group(2), body)
        elif directive and directive.group(1) == "use":
            name, _space, arguments = directive.group(2).partition(" ")
            use = name, json.loads(arguments)
        elif directive and directive.group(1) == "slow":
            time.sleep(float(directive.group(2)))
        elif kind == "turn" and (seconds := self.server.next_step(record["session"], directive)) is not None:
            use = bash("echo a step")
            time.sleep(seconds)
        elif account.get("mode") == "tool" and kind == "turn" and not result:
            use = bash(account["command"])
        elif account.get("mode") == "slow" and kind == "turn":
            time.sleep(float(account.get("seconds", 2)))
        number = self.server.world.count()
        text = f"STUB-OK #{number} tag={record['tag']} last=[{'tool done' if result else prompt[:100]}]"
        record["text"], record["final"] = text, use is None
        charged = {}
        if kind == "turn" and "meter" in account:
            charged = record["used"] = self.server.world.meters.charge(record["tag"], account["meter"])
            account = {"used": {}, "resets_at": min(reset for _used, reset in charged.values()), **account}
        headers = self.gauge(account)
        for window, (used, reset) in charged.items():
            headers |= window_headers({window: used}, reset)
        model = body.get("model", "claude-stub")
        identity = f"msg_stub{number:05d}"
        if not body.get("stream"):
            self.reply(
                200,
                {
                    "id": identity,
                    "type": "message",
                    "role": "assistant",
                    "model": model,
                    "content": [{"type": "text", "text": text}],
                    "stop_reason": "end_turn",
                    "stop_sequence": None,
                    "usage": {"input_tokens": 100, "output_tokens": 20},
                },
                record,
                headers,
            )
            return
        record["status"] = 200
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("request-id", f"req_stub{number:05d}")
        self.send_header("connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for name, event in stream(identity, model, text, use, number):
            self.wfile.write(f"event: {name}\ndata: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        self.close_connection = True

    def gauge(self, account: dict[str, Any]) -> dict[str, str]:
        """Return the headers that an answer carries about usage."""
        reset = int(account.get("resets_at") or time.time() + 3600)
        headers = window_headers(account.get("used", {"five_hour": 0.1, "seven_day": 0.2}), reset)
        headers[UNIFIED + "status"] = "allowed"
        headers[UNIFIED + "reset"] = str(reset)
        headers[UNIFIED + "representative-claim"] = account.get("claim", "five_hour")
        if account.get("mode") == "warning":
            headers[UNIFIED + "status"] = "allowed_warning"
            short = WINDOWS.get(account.get("claim", "five_hour"), "5h")
            headers[f"{UNIFIED}{short}-utilization"] = str(account.get("utilization", 0.92))
            headers[f"{UNIFIED}{short}-surpassed-threshold"] = "0.9"
        return headers


def error(kind: str, message: str) -> dict[str, Any]:
    """Return an error body of the API."""
    return {"type": "error", "error": {"type": kind, "message": message}}


def profile(tag: str, organization: str) -> dict[str, Any]:
    """Return the profile of an account; its identifiers are made of the tag, its organization's of another tag."""
    number = ord(tag[0]) if tag != "?" else 0
    company = ord(organization[0]) if organization != "?" else 0
    return {
        "account": {
            "uuid": f"00000000-0000-4000-8000-{number:012d}",
            "email": f"{tag.lower()}@example.invalid",
            "full_name": f"Account {tag}",
            "display_name": f"Account {tag}",
            "has_claude_max": True,
            "has_claude_pro": False,
        },
        "organization": {
            "uuid": f"00000000-0000-4000-9000-{company:012d}",
            "name": f"Organization {organization}",
            "organization_type": "claude_max",
            "rate_limit_tier": "default_claude_max_5x",
            "billing_type": "stripe_subscription",
            "has_extra_usage_enabled": False,
        },
    }


Use = tuple[str, "dict[str, Any]"]


def bash(command: str) -> Use:
    """Return the use of Bash that runs a command."""
    return "Bash", {"command": command, "description": "A step that the test asked for"}


def agent(prompt: str, body: dict[str, Any]) -> Use:
    """Return the use of the tool, by the name that a request offers, that starts a sub-agent in the background."""
    offered = {tool.get("name") for tool in body.get("tools") or []}
    name = "Agent" if "Agent" in offered else "Task"
    errand = {"description": "An errand", "prompt": prompt, "subagent_type": "general-purpose"}
    return name, {**errand, "run_in_background": True}


def stream(identity: str, model: str, text: str, use: Use | None, number: int) -> list[tuple[str, dict[str, Any]]]:
    """Return the server-sent events of one answer: the text, and the use of a tool if one is given."""
    events: list[tuple[str, dict[str, Any]]] = [
        (
            "message_start",
            {
                "type": "message_start",
                "message": {
                    "id": identity,
                    "type": "message",
                    "role": "assistant",
                    "model": model,
                    "content": [],
                    "stop_reason": None,
                    "stop_sequence": None,
                    "usage": {
                        "input_tokens": 100,
                        "output_tokens": 1,
                        "cache_creation_input_tokens": 0,
                        "cache_read_input_tokens": 0,
                    },
                },
            },
        )
    ]
    events += block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": text})
    if use is not None:
        events += block(
            1,
            {"type": "tool_use", "id": f"toolu_stub{number:05d}", "name": use[0], "input": {}},
            {"type": "input_json_delta", "partial_json": json.dumps(use[1])},
        )
    events.append(
        (
            "message_delta",
            {
                "type": "message_delta",
                "usage": {"output_tokens": 20},
                "delta": {"stop_reason": "end_turn" if use is None else "tool_use", "stop_sequence": None},
            },
        )
    )
    events.append(("message_stop", {"type": "message_stop"}))
    return events


def block(index: int, start: dict[str, Any], delta: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the three events of one content block."""
    return [
        ("content_block_start", {"type": "content_block_start", "index": index, "content_block": start}),
        ("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}),
        ("content_block_stop", {"type": "content_block_stop", "index": index}),
    ]


class Server(ThreadingHTTPServer):
    """A threading server that knows the world."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, world: World, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.world = world
        self._steps: dict[str, tuple[int, float]] = {}  # by conversation: those to come, and the seconds of each
        if context is not None:
            # The handshake is left to the thread of the connection: a client that is slow at it stalls no other.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def next_step(self, session: str, directive: re.Match[str] | None) -> float | None:
        """Return the seconds of the next step of a turn of many; None if none is to come."""
        if directive is not None:
            number, seconds = directive.group(2).split()
            self._steps[session] = int(number), float(seconds)
        left, seconds = self._steps.get(session, (0, 0.0))
        self._steps[session] = left - 1, seconds
        return seconds if left > 0 else None


def main(argv: list[str]) -> int:
    """Serve until killed."""
    world = World(argv[0])
    servers = [Server(int(argv[1]), world)]
    if len(argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(argv[3], argv[4])
        servers.append(Server(int(argv[2]), world, context))
    world.log({"phase": "ready", "ports": [server.server_port for server in servers]})
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
