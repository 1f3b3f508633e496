# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover attach``: attach to a session's terminal."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ...common.errors import Refused
from ...common.suggestions import did_you_mean
from ...common.text import natural_key
from ...common.users import user_name
from ...config import defaults
from ...tmux.quoting import HOLDER
from .. import common, other_user

_START_COMMAND = "systemctl start claude-failover-tmux"
LIST_TIMEOUT = 10.0  # seconds for the tmux server to list its sessions


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "attach",
        run,
        "attach to a session's terminal",
        "Attach this terminal to a session. Detach with the prefix key and d (Ctrl-b d by default). Run this as the\n"
        "sessions' user; root gets the line to run instead.",
        [
            "claude-failover attach main    # then Ctrl-b d, to leave it",
        ],
    )
    parser.add_argument("name", metavar="NAME", help="session name, as shown by status")


def run(arguments: argparse.Namespace) -> int:
    """Replace this process by the tmux client. Raises Refused."""
    import shutil

    config = common.load_readable_config(arguments)
    path = config.tmux.socket if config else defaults.TMUX_SOCKET
    binary = config.tmux.binary if config else defaults.TMUX
    name: str = arguments.name
    _check_owner(path, arguments)
    environment = other_user.session_environment()
    program = shutil.which(binary, path=environment["PATH"])
    if program is None:
        raise Refused(f"found no program {binary}; install tmux, or set tmux.binary")
    other_user.refuse_root([program], arguments, "attach", name)
    _check_exists(program, path, name)
    server = (os.environ.get("TMUX") or "").partition(",")[0]
    # Inside the same server, the existing client is switched to the session.
    inside = bool(server) and os.path.realpath(server) == os.path.realpath(path)
    verb = "switch-client" if inside else "attach-session"
    if not inside:
        environment.pop("TMUX", None)
    # With a colon: without one, tmux 3.3a takes a name with % for a pane's, and a ; at its end for that of a command.
    os.execve(program, [program, "-N", "-S", path, verb, "-t", f"={name}:"], environment)


def _check_owner(path: str, arguments: argparse.Namespace) -> None:
    """Check that a tmux server exists and belongs to this user. Raises Refused."""
    try:
        owner = other_user.owner_of(path)
    except OSError:
        raise Refused(f"found no tmux server at {path}; start it with: {_START_COMMAND}") from None
    other_user.refuse_root([path], arguments, "attach", arguments.name)
    if owner is not None and owner != os.geteuid():
        advice = other_user.run_instead(owner, arguments, "attach", arguments.name)
        raise Refused(f"the tmux server at {path} belongs to {user_name(owner)}: {advice}")


def _check_exists(program: str, path: str, name: str) -> None:
    """Check that the session exists. Raises Refused with the names of those that do."""
    import subprocess

    try:
        listed = subprocess.run(
            # -u: without a UTF-8 locale tmux prints each byte of other characters as _ (3.3a).
            [program, "-u", "-N", "-S", path, "list-sessions", "-F", "#{session_name}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=LIST_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise Refused(
            f"found a tmux server at {path} that does not answer, expected an answer within "
            f"{LIST_TIMEOUT:g} s; check it with: systemctl status claude-failover-tmux"
        ) from None
    if listed.returncode != 0:
        raise Refused(f"no tmux server answers at {path}; start it with: {_START_COMMAND}")
    names = [each for each in os.fsdecode(listed.stdout).splitlines() if each != HOLDER]
    if name not in names:
        known = ", ".join(sorted(names, key=natural_key))
        raise Refused(f"found no session {name!r}; there are: {known or 'none'}{did_you_mean(name, names)}")
