# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover dispatch``: a task for a session of the pool."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

from ...common.errors import FailoverError, NotRunning, UsageError
from .. import common, render

POLL = 1.0  # seconds between two looks of --wait
AWAY = 120.0  # seconds that --wait bears without a daemon: a task survives its restart
TIMEOUT = 30.0  # seconds for a task to be taken; the daemon answers after 5
STDIN_MAX = 2 << 20  # bytes of standard input; the daemon says what is too long
_FINISHED = ("done", "failed", "cancelled")


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "dispatch",
        run,
        "hand a task to an idle session of the pool",
        "Hand a prompt to an idle session of the pool, and print the task's id and the session. The pool is every\n"
        "configured session with dedicated: false and claude_args: true; a dedicated session, or one that was started\n"
        "by hand, never gets a task. Where no session can have it now, it waits in the queue, which survives restarts.",
        [
            'claude-failover dispatch "run the tests, and mend what fails"',
            "claude-failover dispatch --session worker-1 - < prompt.md",
            "claude-failover dispatch --cwd /srv/work --wait --json - < prompt.md",
        ],
    )
    parser.add_argument("prompt", metavar="PROMPT", help="the prompt; - reads it from standard input")
    parser.add_argument("--session", metavar="NAME", help="only this session; a dedicated one is refused")
    parser.add_argument("--cwd", metavar="DIR", help="only sessions that are configured with this folder as their cwd")
    parser.add_argument(
        "--wait", action="store_true", help="wait for the end of the task: exit 0 when it is done, 1 when it has failed"
    )
    common.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Hand a task over; returns 1 if it is known to have failed."""
    options: dict[str, Any] = {"prompt": _prompt(arguments.prompt)}
    if arguments.session is not None:
        options["session"] = arguments.session
    if arguments.cwd is not None:
        options["cwd"] = os.path.abspath(arguments.cwd)
    row = common.ask(arguments, "dispatch", options, timeout=TIMEOUT)
    if arguments.wait and row["state"] not in _FINISHED:
        if not arguments.json:
            common.show(render.task(row))
            sys.stdout.flush()
        row = _wait(arguments, row)
    if arguments.json:
        common.show_json(row)
    else:
        common.show(render.task(row))
    return 1 if row["state"] in ("failed", "cancelled") else 0


def _prompt(argument: str) -> str:
    if argument != "-":
        return argument
    raw = sys.stdin.buffer.read(STDIN_MAX + 1)
    if len(raw) > STDIN_MAX:
        raise FailoverError(f"the prompt is too long: found more than {STDIN_MAX} bytes on standard input")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is no valid text ({error}); expected UTF-8") from None


def _wait(arguments: argparse.Namespace, row: dict[str, Any]) -> dict[str, Any]:
    """Ask again and again until the task is over. Raises FailoverError when it is lost sight of."""
    lost: float | None = None
    while row["state"] not in _FINISHED:
        time.sleep(POLL)
        try:
            rows = common.ask(arguments, "queue")
            lost = None
        except NotRunning as error:
            if lost is None:
                common.note(f"{error}; the task is kept, and waited for")
                lost = time.monotonic()
            if time.monotonic() - lost > AWAY:
                raise
            continue
        found = [each for each in rows if each["id"] == row["id"]]
        if not found:
            raise FailoverError(
                f"task {row['id']} is not in the queue any more: it is over, and what became of it is not known here"
            )
        row = found[0]
    return row
