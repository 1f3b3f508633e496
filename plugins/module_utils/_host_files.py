# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare and write files and folders of a host with content, owner and mode."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils._run_as import find_group, find_user

OK, CREATED, CONTENT, ATTRIBUTES = "ok", "created", "content", "attributes"


class HostFileError(Exception):
    """Another kind of entry has the path of a file, or its owner is unknown; the text is for the operator."""


class FileSpec(NamedTuple):
    """Desired state of a file, or with ``content`` None of a folder."""

    path: str
    content: bytes | None
    mode: int
    owner: str | None = None
    """Name or number of the user, None for that of the process; likewise the group."""
    group: str | None = None


class Difference(NamedTuple):
    """Actual against desired state of a file or folder."""

    status: str
    """OK, CREATED (missing so far), CONTENT (possibly attributes too), or ATTRIBUTES (owner, group or mode only)."""
    before: bytes | None
    attributes: list[tuple[str, str, str]]
    """(name, found, expected) of each attribute that differs."""


def compare(spec: FileSpec, *, owners_may_be_missing: bool = False) -> Difference:
    """Compare a file with its specification; change nothing.

    With ``owners_may_be_missing`` an unknown owner or group counts as a difference, because an earlier task of the
    same play may create it. Raises HostFileError for an unknown owner, and for another kind of entry at the path.
    """
    uid = _resolve_id(spec.owner, "user", owners_may_be_missing)
    gid = _resolve_id(spec.group, "group", owners_may_be_missing)
    try:
        status = os.lstat(spec.path)
    except FileNotFoundError:
        return Difference(CREATED, None, [])
    except NotADirectoryError as error:
        raise HostFileError("%s cannot be made: a folder of its path is a file" % spec.path) from error
    expected = stat.S_ISDIR if spec.content is None else stat.S_ISREG
    if not expected(status.st_mode):
        raise HostFileError(
            "%s is %s; expected %s. It is left as it is: move it away (a unit that is masked: unmask it)."
            % (spec.path, _entry_in_words(spec.path, status.st_mode), "a folder" if spec.content is None else "a file")
        )
    attributes = [
        (name, str(found), str(want))
        for name, found, want in (
            ("owner", status.st_uid, uid if spec.owner is None or uid is not None else spec.owner),
            ("group", status.st_gid, gid if spec.group is None or gid is not None else spec.group),
            ("mode", "%04o" % stat.S_IMODE(status.st_mode), "%04o" % spec.mode),
        )
        if found != want
    ]
    before = None
    if spec.content is not None:
        with open(spec.path, "rb") as file:
            before = file.read()
    if before != spec.content:
        return Difference(CONTENT, before, attributes)
    return Difference(ATTRIBUTES if attributes else OK, before, attributes)


def apply(spec: FileSpec, difference: Difference) -> None:
    """Bring a file into its desired state; content is replaced atomically. Raises HostFileError, OSError."""
    uid, gid = _require_id(spec.owner, "user"), _require_id(spec.group, "group")
    if difference.status == OK:
        return
    folder = os.path.dirname(spec.path)
    if difference.status == CREATED:
        _make_parents(folder)
    if spec.content is None:
        if difference.status == CREATED:
            os.mkdir(spec.path, 0o700)
        _set_attributes(spec.path, uid, gid, spec.mode, folder=True)
    elif difference.status == ATTRIBUTES:
        _set_attributes(spec.path, uid, gid, spec.mode, folder=False)
    else:
        descriptor, temporary = tempfile.mkstemp(prefix=".%s." % os.path.basename(spec.path), dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchown(file.fileno(), uid, gid)
                os.fchmod(file.fileno(), spec.mode)
                file.write(spec.content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, spec.path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def is_foreign(path: str, mark: str) -> bool:
    """Return whether there is something at a path that is no regular file with the text ``mark``. Raises OSError."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    with open(path, "rb") as file:
        return mark.encode("utf-8") not in file.read()


def is_left(path: str, mark: str | None, warn: Callable[[str], None]) -> bool:
    """Return whether a file with a mark is somebody else's, and is left as it is; ``warn`` is called then.

    Raises OSError.
    """
    if mark is None or not is_foreign(path, mark):
        return False
    warn("%s was not written by this collection, and is left as it is" % path)
    return True


def remove_file(path: str, *, folder: bool) -> bool:
    """Remove a file, or a folder if it is empty; return False if there was none. Raises OSError."""
    if not is_removable(path, folder=folder):
        return False
    if folder:
        os.rmdir(path)
    else:
        os.unlink(path)
    return True


def is_removable(path: str, *, folder: bool, removed: tuple[str, ...] = ()) -> bool:
    """Return the result that :func:`remove_file` would have after removal of the paths ``removed``."""
    if folder:
        if os.path.islink(path) or not os.path.isdir(path):
            return False
        return all(os.path.join(path, name) in removed for name in os.listdir(path))
    return os.path.isfile(path) and not os.path.islink(path)


def matching_files(folder: str, patterns: Sequence[str]) -> list[str]:
    """Return the regular files of a folder whose names match one of the shell patterns. Raises OSError."""
    if not patterns:
        return []
    with _opened_folder(folder) as descriptor:
        return [os.path.join(folder, name) for name in _matching_names(descriptor, patterns)]


def remove_matching_files(folder: str, patterns: Sequence[str]) -> None:
    """Remove the files of :func:`matching_files`; the folder may be another user's. Raises OSError."""
    if not patterns:
        return
    with _opened_folder(folder) as descriptor:
        for name in _matching_names(descriptor, patterns):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=descriptor)


@contextlib.contextmanager
def _opened_folder(path: str) -> Iterator[int | None]:
    """Open a folder, None if there is none; a link is none. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _matching_names(descriptor: int | None, patterns: Sequence[str]) -> list[str]:
    found = []
    for name in sorted(os.listdir(descriptor)) if descriptor is not None else ():
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                    found.append(name)
    return found


def _set_attributes(path: str, uid: int, gid: int, mode: int, *, folder: bool) -> None:
    """Set owner and mode through a descriptor, which never follows a link planted at the path meanwhile."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | (os.O_DIRECTORY if folder else 0)
    descriptor = os.open(path, flags)
    try:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _make_parents(folder: str) -> None:
    """Create a folder and its missing parents with mode 0755, whatever the umask."""
    if os.path.isdir(folder):
        return
    _make_parents(os.path.dirname(folder))
    try:
        os.mkdir(folder)
    except FileExistsError:
        raise HostFileError("%s is no folder, and is left as it is: move it away" % folder) from None
    os.chmod(folder, 0o755)


def _resolve_id(name: str | None, kind: str, may_be_missing: bool) -> int | None:
    """Return the number of a user or group, None for one that may be missing and is. Raises HostFileError."""
    try:
        return _require_id(name, kind)
    except HostFileError:
        if may_be_missing:
            return None
        raise


def _require_id(name: str | None, kind: str) -> int:
    """Return the number of a user or group, by default that of the process. Raises HostFileError."""
    if name is None:
        return os.geteuid() if kind == "user" else os.getegid()
    if kind == "user":
        user = find_user(name)
        number = None if user is None else user.pw_uid
    else:
        group = find_group(name)
        number = None if group is None else group.gr_gid
    if number is None:
        raise HostFileError("there is no %s %r on this host; make it first" % (kind, name))
    return number


def _entry_in_words(path: str, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link to %s" % os.readlink(path)
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a file" if stat.S_ISREG(mode) else "neither file nor folder"
