# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep root out of the folders of other users: find whose they are, and name the line to run instead.

A user who can change a folder can put a link there, before a check or after it. Root therefore works only where
nobody else can change anything.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shlex
from collections.abc import Iterable
from typing import NamedTuple

from ..common.errors import Refused
from ..common.users import home_folder, session_path, user_name
from ..config import defaults
from . import common

ROOT = 0
_RUNUSER = ("/usr/sbin/runuser",)  # --pty: util-linux 2.34 or newer


def session_environment() -> dict[str, str]:
    """Return this process's environment, with the PATH and the locale of the sessions' unit where it has none."""
    unit = {"PATH": session_path(home_folder())}
    if not {"LANG", "LC_ALL", "LC_CTYPE"} & set(os.environ):
        unit["LANG"] = "C.UTF-8"
    return {**unit, **os.environ}


def owner_of(path: str) -> int | None:
    """Return the uid of the user to whom a path belongs, None where several could change it.

    For root that is the user who decides where the path leads; for others the owner of the file, or of the nearest
    parent folder that this user may look into. Raises OSError if there is no such file.
    """
    if os.geteuid() == ROOT:
        os.lstat(path)
        return deciding_user([path]).uid
    try:
        return os.stat(path).st_uid
    except PermissionError:
        if path == "/":
            raise
        return owner_of(os.path.dirname(path))


class DecidingUser(NamedTuple):
    """The one user beside root who decides where paths lead, and an entry that shows it.

    ``uid`` is ROOT if nobody but root decides, None if several users do.
    """

    uid: int | None
    place: str


def deciding_user(paths: Iterable[str]) -> DecidingUser:
    """Return the user who decides where the paths lead. Raises Refused for a path that cannot be followed."""
    from ansible_collections.secuaas.claude.plugins.module_utils._path_owner import path_owner

    found = DecidingUser(ROOT, "/")
    for path in paths:
        try:
            owner = path_owner(path)
        except OSError as error:
            raise Refused(f"{path} cannot be followed: {error.strerror}") from None
        if owner.uid == ROOT:
            continue
        if owner.uid is None or found.uid not in (ROOT, owner.uid):
            return DecidingUser(None, owner.place)
        found = DecidingUser(*owner)
    return found


def refuse_root(paths: Iterable[str], arguments: argparse.Namespace, *words: str) -> None:
    """Refuse to work as root where another user decides where a path, or the configuration's, leads.

    ``words`` are the command that is refused. Raises Refused.
    """
    if os.geteuid() != ROOT:
        return
    owner = deciding_user([common.absolute_config_path(arguments), *map(os.path.abspath, paths)])
    if owner.uid == ROOT:
        return
    if owner.uid is None:
        raise Refused(
            f"{owner.place} can be changed by others than root, and not by one user alone, so this does not work there "
            "as root; expected paths that only root or one user can change. Run it as the sessions' user"
        )
    raise Refused(
        f"{owner.place} belongs to {user_name(owner.uid)}, so this does not work there as root: "
        f"{run_instead(owner.uid, arguments, *words)}"
    )


def reader_of(paths: Iterable[str], arguments: argparse.Namespace) -> int | None:
    """Return the user in whose name root may read the paths, None for whoever runs this. Raises Refused."""
    if os.geteuid() != ROOT:
        return None
    owner = deciding_user([common.absolute_config_path(arguments), *paths])
    if owner.uid is None:
        refuse_root(paths, arguments)
    return None if owner.uid == ROOT else owner.uid


def run_instead(uid: int, arguments: argparse.Namespace, *words: str) -> str:
    """Return the advice to run a command of ``claude-failover`` as the user ``uid``, with the shell line."""
    path = common.absolute_config_path(arguments)
    named = ["--config", path] if path != defaults.CONFIG else []
    try:
        return f"run {shell_line(pwd.getpwuid(uid).pw_name, defaults.LAUNCHER, *named, *words)}"
    except KeyError:
        return "run it as that user, who has no name on this host"


def shell_line(user: str, *command: str) -> str:
    """Return the shell line for root that runs a program as another user.

    The program gets a terminal of its own, since it could push input into root's (TIOCSTI); sudo has one only with
    use_pty. It gets nothing of root's environment, which runuser keeps.
    """
    return f'{_become_root()}env -i TERM="$TERM" {shlex.join([*_RUNUSER, "--pty", "-u", user, "--", *command])}'


def background_line(user: pwd.struct_passwd, *command: str) -> str:
    """Return the shell line for root that runs a program as another user in the background, without a terminal.

    The program gets the PATH and the locale of the sessions' unit.
    """
    variables = [f"PATH={session_path(user.pw_dir)}", "LANG=C.UTF-8"]
    program = ["/usr/bin/setsid", "--fork", *_RUNUSER, "-u", user.pw_name, "--", *command]
    return f"{_become_root()}{shlex.join(['env', '-i', *variables, *program])} </dev/null >/dev/null 2>&1"


def _become_root() -> str:
    """Return the beginning of a line for root: none in a shell of root's own, sudo in any other."""
    return "sudo " if os.geteuid() != ROOT or "SUDO_UID" in os.environ else ""
