# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover dispatch``: dispatch a task to a session of the pool."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from typing import Any

from ...common.errors import FailoverError, NoAnswer, NotRunning, UsageError
from .. import common, render

POLL_INTERVAL = 1.0  # seconds between the queries of --wait
RECONNECT_TIMEOUT = 120.0  # seconds that --wait waits for the daemon to return; tasks survive a restart
REPEAT_WITHIN = 20.0  # seconds in which a request whose answer is lost is repeated; a restart takes a few
TIMEOUT = 30.0  # seconds for the daemon's answer, which normally takes at most 5
STDIN_MAX = 2 << 20  # bytes; the daemon has its own limit for a prompt
_FINISHED = ("done", "failed", "cancelled")


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "dispatch",
        run,
        "dispatch a task to an idle session of the pool",
        "Send a prompt to an idle session of the pool and print the task's id and session. The pool is every\n"
        "configured session with dedicated: false and claude_args: true; dedicated sessions, and sessions started by\n"
        "hand, never get a task. If no session is available, the task waits in the queue, which survives restarts.\n"
        "Every request has an id; the same prompt under the same id is the same task, however often it is sent. A\n"
        "request whose answer is lost is repeated under its id.",
        [
            'claude-failover dispatch "run the tests and fix the failures"',
            "claude-failover dispatch --session worker-1 - < prompt.md",
            "claude-failover dispatch --cwd /srv/work --wait --json - < prompt.md",
            'claude-failover dispatch --request-id "nightly-$(date +%F)" - < prompt.md',
        ],
    )
    parser.add_argument("prompt", metavar="PROMPT", help="the prompt; - for standard input")
    parser.add_argument("--session", metavar="NAME", help="use only this session; a dedicated one is refused")
    parser.add_argument("--cwd", metavar="DIR", help="use only sessions that work in this folder")
    parser.add_argument(
        "--command",
        dest="command_is_meant",
        action="store_true",
        help="the prompt is a command of Claude Code, such as /compact; without this one that begins with / is refused",
    )
    parser.add_argument(
        "--request-id", metavar="ID", help="1 to 128 printable ASCII characters without blanks (default: a random one)"
    )
    parser.add_argument(
        "--wait", action="store_true", help="wait until the task ends; exit 0 if done, 1 if failed or cancelled"
    )
    common.add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Dispatch a task; returns 1 if it has failed or was cancelled."""
    options: dict[str, Any] = {"prompt": _prompt(arguments.prompt)}
    if arguments.session is not None:
        options["session"] = arguments.session
    if arguments.cwd is not None:
        options["cwd"] = os.path.abspath(arguments.cwd)
    if arguments.command_is_meant:
        options["command"] = True
    options["request_id"] = secrets.token_hex(16) if arguments.request_id is None else arguments.request_id
    row = _request(arguments, options)
    if arguments.wait and row["state"] not in _FINISHED:
        if not arguments.json:
            common.print_text(render.task(row))
            sys.stdout.flush()
        row = _wait(arguments, row)
    common.print_result(arguments, row, lambda: render.task(row))
    return 1 if row["state"] in ("failed", "cancelled") else 0


def _request(arguments: argparse.Namespace, options: dict[str, Any]) -> Any:
    """Send the request; when its answer is lost, repeat it under the same id.

    Raises NotRunning if nothing was sent; NoAnswer, with the id, if it is not known in the end whether there is a task.
    """
    end: float | None = None
    while True:
        try:
            return common.request(arguments, "dispatch", options, timeout=TIMEOUT)
        except (NoAnswer, NotRunning) as error:
            if end is None:
                if isinstance(error, NotRunning):
                    raise
                common.print_message(f"{error}; asking again under the same request id")
                end = time.monotonic() + REPEAT_WITHIN
            if time.monotonic() >= end:
                raise NoAnswer(
                    f"{error}. Whether the task was taken is not known; to ask again without a second task, repeat the "
                    f"command with --request-id {options['request_id']}"
                ) from None
        time.sleep(POLL_INTERVAL)


def _prompt(argument: str) -> str:
    if argument != "-":
        return argument
    raw = sys.stdin.buffer.read(STDIN_MAX + 1)
    if len(raw) > STDIN_MAX:
        raise FailoverError(f"the prompt is too long: found more than {STDIN_MAX} bytes on standard input")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not valid text ({error}); expected UTF-8") from None


def _wait(arguments: argparse.Namespace, row: dict[str, Any]) -> dict[str, Any]:
    """Query the queue until the task ends. Raises NotRunning, FailoverError if the task is no longer listed."""
    disconnected: float | None = None
    while row["state"] not in _FINISHED:
        time.sleep(POLL_INTERVAL)
        try:
            rows = common.request(arguments, "queue")
            disconnected = None
        except NotRunning as error:
            if disconnected is None:
                common.print_message(f"{error}; the task is kept, waiting for the daemon")
                disconnected = time.monotonic()
            if time.monotonic() - disconnected > RECONNECT_TIMEOUT:
                raise
            continue
        found = [each for each in rows if each["id"] == row["id"]]
        if not found:
            raise FailoverError(
                f"task {row['id']} is no longer in the queue: it has ended, and its result is not known here"
            )
        row = found[0]
    return row
