# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the user who decides where a path leads.

The walk starts at ``/`` and follows only links of root. Up to the first entry that is not root's, nobody else can
replace anything, so the answer holds after the walk too.

The daemon's commands import this module too: standard library only, no Ansible import.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from typing import NamedTuple

ROOT = 0
_MAX_LINKS = 40  # as in the kernel, path_resolution(7)
_WRITABLE_BY_OTHERS = 0o002
_WRITABLE_BY_GROUP = 0o020
_ACCESS_LIST = "system.posix_acl_access"


class PathOwner(NamedTuple):
    """The user who decides where a path leads: ROOT, another one, or None where several users could.

    ``place`` is the entry of the path by which it was decided.
    """

    uid: int | None
    place: str


def path_owner(path: str) -> PathOwner:
    """Return the user who decides where ``path`` (absolute) leads.

    ROOT means that nobody else can replace, create or remove any entry of the path, those that are missing included.
    Raises OSError, also for an entry that may not be looked at: a user's own file system (FUSE) refuses even root.
    """
    pending = _parts(path)
    links = 0
    current = "/"
    folder = os.lstat(current)
    while pending:
        name = pending.pop()
        if name == os.pardir:
            current = os.path.dirname(current)
            folder = os.lstat(current)
            continue
        entry = os.path.join(current, name)
        try:
            status = os.lstat(entry)
        except (FileNotFoundError, NotADirectoryError):
            return PathOwner(None, current) if _is_shared(current, folder) else PathOwner(ROOT, entry)
        if status.st_uid != ROOT:
            return PathOwner(status.st_uid, entry)
        # In a sticky folder a directory of root's stays what it is; another entry can be moved there by its users.
        if _is_shared(current, folder) and not (folder.st_mode & stat.S_ISVTX and stat.S_ISDIR(status.st_mode)):
            return PathOwner(None, current)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            text = os.readlink(entry)
            pending += _parts(text)
            if os.path.isabs(text):
                current = "/"
                folder = os.lstat(current)
            continue
        current, folder = entry, status
    return PathOwner(None if stat.S_ISDIR(folder.st_mode) and _is_shared(current, folder) else ROOT, current)


def is_left_to_a_group(owner: PathOwner) -> bool:
    """Return True if those who decide beside root are the members of one group, as for ``/usr/local`` in Debian.

    The place is a folder of root's, so nobody else can take it away meanwhile. Raises OSError.
    """
    if owner.uid is not None:
        return False
    return not os.lstat(owner.place).st_mode & _WRITABLE_BY_OTHERS and not _has_access_list(owner.place)


def describe_owner(owner: PathOwner) -> str:
    """Return a sentence part that names the place and who can change it."""
    if owner.uid is None:
        return f"several users can change {owner.place}"
    try:
        return f"{owner.place} belongs to {pwd.getpwuid(owner.uid).pw_name}"
    except KeyError:
        return f"{owner.place} belongs to #{owner.uid}"


def _parts(path: str) -> list[str]:
    """Return the names of a path, the last one first."""
    return [name for name in reversed(path.split("/")) if name not in ("", os.curdir)]


def _is_shared(path: str, folder: os.stat_result) -> bool:
    """Return True if others than root may create entries in a folder of root's. Raises OSError.

    With an access control list the bits of the group are its mask, acl(5): the most that it gives to anybody but the
    owner and the others.
    """
    if folder.st_mode & _WRITABLE_BY_OTHERS:
        return True
    return bool(folder.st_mode & _WRITABLE_BY_GROUP) and (folder.st_gid != ROOT or _has_access_list(path))


def _has_access_list(path: str) -> bool:
    """Return True if a folder has an access control list. Raises OSError."""
    try:
        os.getxattr(path, _ACCESS_LIST, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return False
        raise
    return True
