# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner of files and folders, and this user's rights on them."""

from __future__ import annotations

import os
import shlex
import stat

from ..common.errors import is_passing
from ..common.users import user_name
from .finding import ERROR, WARNING, Finding

_FULL = os.R_OK | os.W_OK | os.X_OK


def writable_folder_problem(name: str, path: str, what: str, level: str = ERROR) -> Finding | None:
    """Return the problem of a folder that must be there and be writable, None without one; ``what`` it is."""
    expected = f"a folder that {_me()} may write to"
    try:
        status = os.stat(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and is_read_only(nearest(path)):
            return _on_read_only(name, level, what, path)
        passing = is_passing(error.errno)
        found = "leads nowhere" if os.path.islink(path) else f"cannot be used ({error.strerror})"
        mend = shlex.join(["sudo", "install", "-d", "-o", _me(), path])
        return Finding(name, level, f"{what}, {path}, {found}", expected, mend, path, passing)
    if not stat.S_ISDIR(status.st_mode):
        mend = f"{shlex.join(['mv', '-n', path, f'{path}.aside'])}, or choose another path"
        return Finding(name, level, f"{what}, {path}, is no folder", expected, mend)
    if not is_allowed(path, _FULL):
        if is_read_only(path):
            return _on_read_only(name, level, what, path)
        found = f"{what}, {path}, belongs to {user_name(status.st_uid)}, and {_me()} may not write to it"
        return Finding(name, level, found, expected, give_line(path, status.st_uid), path)
    return None


def _on_read_only(name: str, level: str, what: str, path: str) -> Finding:
    found, expected = f"{what}, {path}, is on a read-only file system", f"a folder that {_me()} may write to"
    mend = f"mount -o remount,rw; under systemd: sudo systemctl restart claude-failover, once {path} is writable"
    return Finding(name, level, found, expected, mend, passing=True)


def owner_problem(name: str, path: str) -> Finding | None:
    """Return the problem of an entry that belongs to another user; None where it does not, or is not there.

    An error where this user may not read and write it, else a warning.
    """
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if status.st_uid == os.geteuid() or stat.S_ISLNK(status.st_mode):
        return None
    wanted = _FULL if stat.S_ISDIR(status.st_mode) else os.R_OK | os.W_OK
    allowed = is_allowed(path, wanted) or is_read_only(path)  # then its mode says nothing
    return Finding(
        name,
        WARNING if allowed else ERROR,
        f"{path} belongs to {user_name(status.st_uid)}",
        f"{_me()}, who runs the daemon and the sessions, to own it",
        give_line(path, status.st_uid),
    )


def give_line(path: str, former: int) -> str:
    """Return the line by which root gives a path, and what a former user has in it, to this user."""
    owner = user_name(former).lstrip("#")
    return shlex.join(["sudo", "chown", "-hR", f"--from={owner}", f"{_me()}:", os.path.realpath(path)])


def is_allowed(path: str, rights: int) -> bool:
    """Return whether this user has rights on a path."""
    return os.access(path, rights, effective_ids=True)


def nearest(path: str) -> str:
    """Return the nearest existing folder above a path."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def is_read_only(path: str) -> bool:
    """Return whether a path is on a file system that nothing can be written to for now."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _me() -> str:
    return user_name(os.geteuid())
