# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover hook``: deliver Claude Code's hook and status line payloads to the daemon.

It reads no configuration, prints nothing into a conversation, waits for no answer and always exits 0, whatever the
state of the daemon. Claude Code waits for it, and the start-up of Python is most of its cost: it imports built-in
modules only, and none of the package's (``socket`` and ``json`` take as long as the interpreter itself, ``os`` a sixth
of that, Python 3.11).

A status line payload has no ``hook_event_name`` (seen on Claude Code 2.1.330). The sessions of the daemon have this
command as their status line, so it then runs the operator's own status line command with the same input.
"""

from __future__ import annotations

import posix
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = """usage: claude-failover hook --socket PATH

Deliver the payload on standard input to the daemon that listens on PATH. Claude Code calls this for its hook
events and its status line; it is not meant to be run by hand. It always exits 0.
"""
ENVIRONMENT = (
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_FAILOVER_SESSION",
    "CLAUDE_PID",
    "TMUX",
    "TMUX_PANE",
)
SESSION_VARIABLE = "CLAUDE_FAILOVER_SESSION"
STATUS_LINE_VARIABLE = "CLAUDE_FAILOVER_STATUS_LINE"
TIMEOUT = 0.25  # seconds; bounds the delay of a session if the daemon hangs
RESEND = 10.0  # seconds after which a session sends figures again that have not changed
MEMORY_LIMIT = 1 << 16  # bytes; figures of half of it and more are always sent
RETRY_PAUSE = 0.01  # seconds between connection attempts while the socket's queue is full
LINE_LIMIT = 1 << 20  # bytes; limit of the control socket
PAYLOAD_LIMIT = 32 << 20  # bytes; a longer payload is read to its end and not delivered
TEXT_LIMIT = 2000  # characters; limit of each text in a payload that is over the line limit


def main(arguments: list[str]) -> int:
    """Deliver standard input to the daemon; always returns 0."""
    if "-h" in arguments or "--help" in arguments:
        sys.stdout.write(USAGE)
        return 0
    try:
        _handle(_payload(), arguments)
    except Exception:  # a failing hook would be shown in the conversation
        return 0
    return 0


def _handle(payload: bytes, arguments: list[str]) -> None:
    environment = {_text(name): _text(value) for name, value in posix.environ.items()}
    if b'"hook_event_name"' in payload:
        deliver(_socket_path(arguments), request(payload, environment))
        return
    try:
        if b'"rate_limits"' in payload:  # from the first answer on, and with a subscription only
            deliver_figures(_socket_path(arguments), payload, environment)
    finally:
        if payload:
            show_status_line(payload, environment)


def _text(value: bytes) -> str:
    # As `os.environ` has it in a locale of UTF-8, which is the daemon's.
    return str(value, "utf-8", "surrogateescape")


def _payload() -> bytes:
    """Return standard input, read to its end; empty if it is over the limit."""
    payload = sys.stdin.buffer.read(PAYLOAD_LIMIT)
    while sys.stdin.buffer.read(1 << 16):
        payload = b""
    return payload


def _socket_path(arguments: list[str]) -> str:
    for index, argument in enumerate(arguments):
        if argument == "--socket":
            return arguments[index + 1]
        if argument.startswith("--socket="):
            return argument[len("--socket=") :]
    raise ValueError("no --socket")


def request(payload: bytes, environment: dict[str, str]) -> bytes:
    """Return the request line for the control socket.

    The payload is JSON and is embedded unparsed, since parsing would cost more than everything else. Only a payload
    over the socket's limit is parsed and its long texts are cut. Bytes that are no UTF-8 become U+FFFD: a part of a
    character must not cost the event.
    """
    payload = str(payload, "utf-8", "replace").encode()
    if len(payload) > LINE_LIMIT - 65536:
        from .common import json_text

        payload = json_text.render(_shortened(json_text.parse(payload))).encode()
    # In JSON, raw line breaks occur only between tokens, where a blank is equivalent.
    payload = payload.replace(b"\r", b" ").replace(b"\n", b" ").strip() or b"null"
    pairs = ",".join(f"{_quoted(name)}:{_quoted(environment[name])}" for name in ENVIRONMENT if name in environment)
    return b'{"op":"hook","payload":' + payload + b',"env":{' + pairs.encode() + b"}}\n"


def _quoted(text: str) -> str:
    # The C function behind json.dumps, without importing json and re. It escapes the lone surrogates of environment
    # variables that are not UTF-8.
    try:
        from _json import encode_basestring_ascii
    except ImportError:
        from json.encoder import encode_basestring_ascii
    return encode_basestring_ascii(text)


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    if isinstance(value, list):
        return [_shortened(item) for item in value[:100]]
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return value


def deliver(path: str, line: bytes) -> None:
    """Send one line to the socket at ``path``, without waiting for an answer. Raises OSError."""
    sockets = _sockets()
    connection = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM | sockets.SOCK_CLOEXEC)
    try:
        connection.settimeout(TIMEOUT)
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                connection.connect(path)
                break
            except BlockingIOError:  # the listen queue is full (unix(7))
                if time.monotonic() >= end:
                    raise
                time.sleep(RETRY_PAUSE)
        connection.sendall(line)
    finally:
        connection.close()


def _sockets() -> Any:
    try:
        import _socket  # the C module behind socket, which imports selectors and enum
    except ImportError:
        import socket

        return socket
    return _socket


def deliver_figures(path: str, payload: bytes, environment: dict[str, str]) -> None:
    """Deliver a status line, unless its figures are those that the session has sent within `RESEND`.

    They are remembered in a file beside the socket. Whatever is wrong with that file, they are sent. Raises OSError,
    ValueError.
    """
    memory = -1
    try:
        try:
            figures = _figures(path, payload, environment)
            memory = _open_memory(path, environment)
            if _is_recent(posix.read(memory, MEMORY_LIMIT), figures):
                return
            posix.ftruncate(memory, 0)
        except (OSError, ValueError, LookupError, AttributeError, RecursionError):
            figures = b""
        deliver(path, request(payload, environment))
        if 0 < len(figures) < MEMORY_LIMIT // 2:
            posix.pwrite(memory, b"%d %b" % (int(time.monotonic()), figures), 0)
    finally:
        if memory >= 0:
            posix.close(memory)


def _open_memory(path: str, environment: dict[str, str]) -> int:
    """Open the file with the figures that the session has sent last. Raises OSError, ValueError, LookupError."""
    name = environment[SESSION_VARIABLE].replace("%", "%25").replace("/", "%2F")
    flags = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
    memory = posix.open(f"{path}.figures-{name}".encode("utf-8", "surrogateescape"), flags, 0o600)
    found = posix.fstat(memory)
    if found.st_mode & 0o170000 != 0o100000 or found.st_uid != posix.geteuid() or found.st_nlink != 1:
        posix.close(memory)
        raise OSError(f"{path}: the figures beside it are in no file of this user's own")
    return memory


def _figures(path: str, payload: bytes, environment: dict[str, str]) -> bytes:
    """Return the figures of a status line with all that the daemon judges them by.

    That is the process, the account that the active link leads to, and the daemon: each start makes the socket anew.
    """
    listener = posix.stat(path)
    home = environment.get("CLAUDE_CONFIG_DIR", "")
    try:
        account = posix.readlink(home)
    except OSError:
        account = home
    asking = [environment.get(name) for name in ENVIRONMENT]
    known = (listener.st_dev, listener.st_ino, listener.st_ctime_ns, account, asking, parsed(payload)["rate_limits"])
    return ascii(known).encode()


def _is_recent(content: bytes, figures: bytes) -> bool:
    """Return True if a memory holds the figures, and is not older than `RESEND` by a clock that never jumps."""
    moment, _blank, known = content.partition(b" ")
    return known == figures and 0 <= time.monotonic() - int(moment) < RESEND


def show_status_line(payload: bytes, environment: dict[str, str]) -> None:
    """Replace this process by the operator's own status line command, if there is one.

    Settings are searched in Claude Code's order of precedence: the session's own, the project's local settings, the
    project's, the account's. Raises OSError, ValueError.
    """
    command = environment.get(STATUS_LINE_VARIABLE)
    if not command:
        folder = parsed(payload).get("workspace", {}).get("project_dir") or posix.getcwd()
        home = environment.get("CLAUDE_CONFIG_DIR") or _default_home(environment)
        for path in (
            f"{folder}/.claude/settings.local.json",
            f"{folder}/.claude/settings.json",
            f"{home}/settings.json",
        ):
            command = _status_line_of(path)
            if command:
                break
    if not command:
        return
    source = posix.memfd_create("status-line", 0)
    posix.write(source, payload)
    posix.lseek(source, 0, 0)
    posix.dup2(source, 0)
    posix.execv("/bin/sh", [b"sh", b"-c", command.encode("utf-8", "surrogateescape")])


def _default_home(environment: dict[str, str]) -> str:
    if environment.get("HOME"):
        return environment["HOME"] + "/.claude"
    import os

    return os.path.expanduser("~/.claude")


def _status_line_of(path: str) -> str | None:
    try:
        line = parsed(_content(path)).get("statusLine")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    command = line.get("command") if isinstance(line, dict) and line.get("type") == "command" else None
    return command if isinstance(command, str) else None


def _content(path: str) -> bytes:
    """Return the content of a regular file, as `storage.regular_file` does. Raises OSError, ValueError."""
    entry = posix.open(path.encode("utf-8", "surrogateescape"), posix.O_PATH | posix.O_CLOEXEC)
    try:
        if posix.fstat(entry).st_mode & 0o170000 != 0o100000:
            raise OSError(f"{path} is no regular file")
        flags = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK | posix.O_NOCTTY
        with open(posix.open(f"/proc/self/fd/{entry}", flags), "rb") as stream:
            return stream.read(PAYLOAD_LIMIT)
    finally:
        posix.close(entry)


def parsed(content: bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError, RecursionError."""
    text = str(content, "utf-8").lstrip("\ufeff").strip(" \t\r\n")
    try:
        # The C function behind json.loads, without importing json and re.
        from _json import make_scanner

        grammar: Any = _Grammar()
        scan = make_scanner(grammar)
    except (ImportError, AttributeError, TypeError):
        import json

        return json.loads(text)
    try:
        value, end = scan(text, 0)
    except StopIteration:
        raise ValueError("found no JSON, expected an object") from None
    if end != len(text):
        raise ValueError("found more than one JSON value, expected one")
    return value


class _Grammar:
    """The attributes of a `json.JSONDecoder` that its scanner reads."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = parse_constant = float
    parse_int = int
