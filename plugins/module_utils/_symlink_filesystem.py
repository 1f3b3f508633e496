# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and create directories, files and links, on the file system or on a prediction of it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator

from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import (
    CREATED,
    DIRECTORY,
    FILE,
    MISSING,
    NOT_A_SYMLINK,
    OK,
    AccessFailure,
)

IN_WORDS = {DIRECTORY: "a directory", FILE: "a regular file"}
DANGLING = "a symlink that leads nowhere"
_KINDS = {
    stat.S_IFDIR: IN_WORDS[DIRECTORY],
    stat.S_IFREG: IN_WORDS[FILE],
    stat.S_IFLNK: DANGLING,
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
_FILE_MODE = 0o600
_NAME_BYTES = 255


class FileSystem:
    """The file system, with a list of the entries created on it."""

    link_status = CREATED
    """Status of a link that :meth:`make_link` has created."""

    def __init__(self, mode: int, gid: int | None) -> None:
        """Create directories with the permission bits ``mode``, and all with the group ``gid`` (None: the process's).

        A file is for its owner alone.
        """
        self.created: list[str] = []
        self.gid = gid
        self._mode = mode
        self._unsynced: dict[str, None] = {}

    def entry_kind(self, path: str) -> str | None:
        """Return in words the kind of entry that ``path`` leads to, None for no entry. Raises OSError."""
        try:
            return _kind_in_words(os.stat(path))
        except NotADirectoryError:
            return None
        except FileNotFoundError:
            pass
        try:
            return _kind_in_words(os.lstat(path))
        except FileNotFoundError:
            return None

    def read_link(self, path: str) -> tuple[str, str | None]:
        """Return status and content of the entry at a link's path, without following it. Raises OSError.

        OK and the text of a link, NOT_A_SYMLINK and the kind of another entry, or MISSING and None.
        """
        try:
            return OK, os.readlink(path)
        except FileNotFoundError:
            return MISSING, None
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise
        try:
            return NOT_A_SYMLINK, _kind_in_words(os.lstat(path))
        except FileNotFoundError:
            return MISSING, None

    def make_directory(self, path: str) -> bool:
        """Create a directory; return False if the path has been taken meanwhile. Raises OSError."""
        try:
            self._mkdir(path)
        except FileExistsError:
            return False
        return True

    def make_file(self, path: str, content: bytes) -> bool:
        """Create a file, whole or not at all; return False if the path has been taken meanwhile. Raises OSError."""
        try:
            self._create(path, content)
        except FileExistsError:
            return False
        return True

    def make_link(self, target: str, path: str) -> bool:
        """Create a link, whole or not at all; return False if the path has been taken meanwhile. Raises OSError."""
        try:
            self._symlink(target, path)
        except FileExistsError:
            return False
        return True

    def sync(self) -> list[str]:
        """Flush the directories of all created entries to the disk; return the problems.

        One call at the end lets a journalling file system commit a single transaction.
        """
        problems = [_sync_directory(directory) for directory in self._unsynced]
        self._unsynced.clear()
        return [problem for problem in problems if problem]

    def _mkdir(self, path: str) -> None:
        os.mkdir(path, self._mode)
        self._record(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self._set_rights(descriptor, self._mode)
        finally:
            os.close(descriptor)

    def _create(self, path: str, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(prefix=".claude-", suffix=".tmp", dir=os.path.dirname(path))
        try:
            with os.fdopen(descriptor, "wb") as stream:
                self._set_rights(descriptor, _FILE_MODE)
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
            os.link(temporary, path)  # unlike a rename, it never replaces a file
            self._record(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)

    def _symlink(self, target: str, path: str) -> None:
        os.symlink(target, path)
        self._record(path)
        if self.gid is not None and os.lstat(path).st_gid != self.gid:
            os.lchown(path, -1, self.gid)

    def _set_rights(self, descriptor: int, mode: int) -> None:
        if self.gid is not None and os.fstat(descriptor).st_gid != self.gid:
            os.fchown(descriptor, -1, self.gid)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
            os.fchmod(descriptor, mode)

    def _record(self, path: str) -> None:
        self.created.append(path)
        self._unsynced[os.path.dirname(path)] = None


class PredictedFileSystem(FileSystem):
    """The file system as a run would leave it: records the entries to create and writes nothing.

    Predicts missing rights, a read-only file system and names that are too long; not a full disk or a quota.
    """

    link_status = MISSING

    def __init__(self, mode: int, gid: int | None) -> None:
        super().__init__(mode, gid)
        self._predicted: dict[str, str] = {}

    def entry_kind(self, path: str) -> str | None:
        return self._predicted_kind(path) or super().entry_kind(path)

    def _mkdir(self, path: str) -> None:
        self._predict(path, DIRECTORY)

    def _create(self, path: str, content: bytes) -> None:  # noqa: ARG002  (a prediction has no content)
        self._predict(path, FILE)

    def _symlink(self, target: str, path: str) -> None:  # noqa: ARG002  (a prediction has no text)
        self._check_creation(path)
        self.created.append(path)

    def _predict(self, path: str, kind: str) -> None:
        self._check_creation(path)
        self._predicted[os.path.realpath(path)] = IN_WORDS[kind]
        self.created.append(path)

    def _predicted_kind(self, path: str) -> str | None:
        return self._predicted.get(os.path.realpath(path)) if self._predicted else None

    def _check_creation(self, path: str) -> None:
        """Raise the OSError that creating ``path`` would."""
        parent, name = os.path.split(path)
        number = None
        if len(os.fsencode(name)) > _NAME_BYTES:
            number = errno.ENAMETOOLONG
        elif not self._predicted_kind(parent) and not os.access(parent, os.W_OK | os.X_OK, effective_ids=True):
            number = errno.EROFS if os.statvfs(parent).f_flag & os.ST_RDONLY else errno.EACCES
        if number is not None:
            raise OSError(number, os.strerror(number), path)


def path_and_parents(path: str) -> Iterator[str]:
    """Yield ``path`` and every directory above it."""
    while True:
        yield path
        parent = os.path.dirname(path)
        if parent == path:
            return
        path = parent


def file_identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of the entry that ``path`` leads to, None if it cannot be read."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _sync_directory(directory: str) -> str:
    """Flush a directory's entries to the disk; return the problem or an empty text."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        # Write permission without read permission, a file system without fsync, or a directory that is gone again.
        if exc.errno in (errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.ENOENT):
            return ""
        text = f"{directory!r}: what was made in it may be lost in a power cut ({exc.strerror}); check the disk"
        return AccessFailure(text, exc.errno)
    return ""


def _kind_in_words(status: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(status.st_mode), "something unknown")
