# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders with content, owner and mode: compared, then written in one step each. Standard library only."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
import tempfile
from typing import NamedTuple, Optional

OK, CREATED, CONTENT, ATTRIBUTES = "ok", "created", "content", "attributes"


class FileError(Exception):
    """Something is in the place of a file, or its owner is unknown; the message says what to do."""


class Wanted(NamedTuple):
    """A file (or, where ``content`` is None, a folder) as it shall be. Owner and group None: those of the process."""

    path: str
    content: Optional[bytes]
    mode: int
    owner: Optional[str] = None
    group: Optional[str] = None


class Difference(NamedTuple):
    """What is there, against what is wanted."""

    status: str
    """OK, CREATED (nothing is there yet), CONTENT (and maybe more), or ATTRIBUTES (owner, group or mode only)."""
    before: Optional[bytes]
    attributes: list[tuple[str, str, str]]
    """(name, found, expected) of each attribute that differs."""


def compare(wanted: Wanted, *, owners_may_be_missing: bool = False) -> Difference:
    """Compare without changing anything.

    With ``owners_may_be_missing`` an unknown owner or group counts as a difference: in check mode the user may be
    one that the same play would make. Raises FileError where something else is in the place, or for an unknown owner.
    """
    uid = _number(wanted.owner, "user", owners_may_be_missing)
    gid = _number(wanted.group, "group", owners_may_be_missing)
    try:
        status = os.lstat(wanted.path)
    except FileNotFoundError:
        return Difference(CREATED, None, [])
    except NotADirectoryError as error:
        raise FileError("%s cannot be made: a folder of its path is a file" % wanted.path) from error
    expected = stat.S_ISDIR if wanted.content is None else stat.S_ISREG
    if not expected(status.st_mode):
        raise FileError(
            "%s is %s; expected %s. It is left as it is: move it away (a unit that is masked: unmask it)."
            % (wanted.path, _kind(wanted.path, status.st_mode), "a folder" if wanted.content is None else "a file")
        )
    attributes = [
        (name, str(found), str(want))
        for name, found, want in (
            ("owner", status.st_uid, uid if wanted.owner is None or uid is not None else wanted.owner),
            ("group", status.st_gid, gid if wanted.group is None or gid is not None else wanted.group),
            ("mode", "%04o" % stat.S_IMODE(status.st_mode), "%04o" % wanted.mode),
        )
        if found != want
    ]
    before = None
    if wanted.content is not None:
        with open(wanted.path, "rb") as file:
            before = file.read()
    if before != wanted.content:
        return Difference(CONTENT, before, attributes)
    return Difference(ATTRIBUTES if attributes else OK, before, attributes)


def apply(wanted: Wanted, difference: Difference) -> None:
    """Bring about what :func:`compare` found missing. A file is replaced in one step, never seen half."""
    uid, gid = _known_number(wanted.owner, "user"), _known_number(wanted.group, "group")
    if difference.status == OK:
        return
    folder = os.path.dirname(wanted.path)
    if difference.status == CREATED:
        _make_parents(folder)
    if wanted.content is None:
        if difference.status == CREATED:
            os.mkdir(wanted.path, 0o700)
        _own(wanted.path, uid, gid, wanted.mode, folder=True)
    elif difference.status == ATTRIBUTES:
        _own(wanted.path, uid, gid, wanted.mode, folder=False)
    else:
        descriptor, temporary = tempfile.mkstemp(prefix=".%s." % os.path.basename(wanted.path), dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchown(file.fileno(), uid, gid)
                os.fchmod(file.fileno(), wanted.mode)
                file.write(wanted.content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, wanted.path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def remove(path: str, *, folder: bool) -> bool:
    """Remove a file, or a folder if it is empty; return whether something was there to remove."""
    if not removable(path, folder=folder):
        return False
    if folder:
        os.rmdir(path)
    else:
        os.unlink(path)
    return True


def removable(path: str, *, folder: bool, leaving: tuple[str, ...] = ()) -> bool:
    """Tell what :func:`remove` would do, once the paths ``leaving`` are gone."""
    if folder:
        if os.path.islink(path) or not os.path.isdir(path):
            return False
        return all(os.path.join(path, name) in leaving for name in os.listdir(path))
    return os.path.isfile(path) and not os.path.islink(path)


def _own(path: str, uid: int, gid: int, mode: int, *, folder: bool) -> None:
    """Set owner and mode through a descriptor, so that a link put in its place meanwhile is not followed."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | (os.O_DIRECTORY if folder else 0)
    descriptor = os.open(path, flags)
    try:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _make_parents(folder: str) -> None:
    """Make a folder and those above it 0755 whatever the umask; those that exist are left alone."""
    if os.path.isdir(folder):
        return
    _make_parents(os.path.dirname(folder))
    try:
        os.mkdir(folder)
    except FileExistsError:
        raise FileError("%s is no folder, and is left as it is: move it away" % folder) from None
    os.chmod(folder, 0o755)


def _number(name: Optional[str], kind: str, may_be_missing: bool) -> Optional[int]:
    """Return the number of a user or group; None for one that is missing and may be. Raises FileError."""
    try:
        return _known_number(name, kind)
    except FileError:
        if may_be_missing:
            return None
        raise


def _known_number(name: Optional[str], kind: str) -> int:
    """Return the number of a user or group that is given by name or number. Raises FileError."""
    if name is None:
        return os.geteuid() if kind == "user" else os.getegid()
    by_number = name.isascii() and name.isdecimal()
    try:
        if kind == "user":
            return (pwd.getpwuid(int(name)) if by_number else pwd.getpwnam(name)).pw_uid
        return (grp.getgrgid(int(name)) if by_number else grp.getgrnam(name)).gr_gid
    except (KeyError, OverflowError):
        raise FileError("there is no %s %r on this host; make it first" % (kind, name)) from None


def _kind(path: str, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link to %s" % os.readlink(path)
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a file" if stat.S_ISREG(mode) else "neither file nor folder"
