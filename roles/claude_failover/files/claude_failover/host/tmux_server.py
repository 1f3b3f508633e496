# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tmux server: whose its socket is, and whether it answers."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator

from ..common.unix_socket import listener_pid
from ..common.users import user_name
from ..config.model import Config
from .access import is_allowed
from .finding import ERROR, Finding, ok

_UNIT = "claude-failover-tmux"


def check_tmux_socket(config: Config) -> Iterator[Finding]:
    """Look whose the socket of the tmux server is; that there is none yet is no problem of a start."""
    path = config.tmux.socket
    folder = os.path.dirname(path)
    try:
        status = os.stat(path)
    except PermissionError:
        yield _of_another(f"the folder {folder} of tmux.socket", _owner_of_folder(folder))
        return
    except OSError:
        yield ok("tmux_socket", f"there is no tmux server at {path} yet")
        return
    if not stat.S_ISSOCK(status.st_mode):
        yield Finding(
            "tmux_socket",
            ERROR,
            f"tmux.socket {path} is no socket, and was left as it is",
            "the socket of a tmux server, or nothing",
            shlex.join(["mv", path, f"{path}.aside"]),
        )
    elif status.st_uid != os.geteuid() or not is_allowed(path, os.W_OK):
        yield _of_another(f"the tmux server at {path}", status.st_uid)
    else:
        yield ok("tmux_socket", f"the tmux server at {path} is this user's")


def check_tmux_server(config: Config) -> Iterator[Finding]:
    """Look whether a tmux server answers."""
    path = config.tmux.socket
    try:
        listener_pid(path)
    except BlockingIOError:
        pass  # its queue is full: it is there
    except OSError as error:
        yield Finding(
            "tmux_server",
            ERROR,
            f"no tmux server answers at {path}: {error.strerror}",
            "the tmux server in which the sessions live",
            f"sudo systemctl start {_UNIT}",
        )
        return
    yield ok("tmux_server", f"a tmux server listens at {path}")


def _of_another(what: str, owner: int | None) -> Finding:
    me = user_name(os.geteuid())
    return Finding(
        "tmux_socket",
        ERROR,
        f"{what} belongs to {user_name(owner) if owner is not None else 'another user'}, whose sessions live there",
        f"a tmux server of {me}",
        f"name that user in claude_failover_user; or end those sessions: sudo systemctl stop {_UNIT}, and start it as "
        f"{me}: sudo systemctl start {_UNIT}",
    )


def _owner_of_folder(folder: str) -> int | None:
    while folder != "/":
        try:
            return os.stat(folder).st_uid
        except OSError:
            folder = os.path.dirname(folder)
    return None
