# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable file operations, safe against a kill, a power cut and a full disk."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
from collections.abc import Callable

from ..common import clock
from .regular_file import open_regular

log = logging.getLogger(__name__)


def write_atomic(
    path: str, data: bytes, mode: int = 0o600, *, before_rename: Callable[[str], None] = lambda _temporary: None
) -> None:
    """Replace the file ``path`` by ``data``, or leave it as it was.

    The data is written to a temporary file in the same directory, synced and renamed, so that a reader sees the old
    or the new content, never a part. ``before_rename`` is called with the temporary file's path, and may raise OSError.

    Raises OSError; then neither the old file nor the directory has changed. A rename whose directory cannot be synced
    has been made all the same: only a power cut could undo it, and that is logged.
    """
    folder = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(prefix="." + os.path.basename(path) + ".", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        before_rename(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = path  # an ENOSPC from write() names no file
        raise
    settle_folder(folder)


def settle_folder(folder: str) -> None:
    """Make renames in ``folder`` durable; a failure is logged, since they cannot be taken back."""
    try:
        sync_folder(folder)
    except OSError as error:
        log.warning("%s: a change in it may be lost in a power cut: %s", folder, error)


def sync_folder(folder: str) -> None:
    """Make renames in ``folder`` durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_line(path: str, text: str, mode: int = 0o600) -> None:
    """Append one line, durably.

    A torn last line, left by a crash or a full disk, is terminated first. If the write fails half-way, the file is
    truncated to its old length.

    Raises OSError; ValueError if ``text`` contains a line break.
    """
    if "\n" in text:
        raise ValueError("a line cannot hold a line break")
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "r+b", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(stream.fileno(), 1, size - 1) != b"\n"
        line = (b"\n" if torn else b"") + text.encode() + b"\n"
        try:
            if stream.write(line) != len(line):
                raise OSError(errno.ENOSPC, "only a part of the line was written", path)
            os.fsync(stream.fileno())
        except OSError:
            stream.truncate(size)
            raise
    if size == 0:
        sync_folder(os.path.dirname(path))


def make_folder(path: str) -> None:
    """Create a private folder (0700) if it is missing; a file in its place is set aside.

    Raises OSError.
    """
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except FileExistsError:
        set_aside(path, "is not a folder")
        os.mkdir(path, 0o700)


def set_aside(path: str, reason: str) -> str:
    """Rename an unusable file to ``<path>.<time>.set-aside``, and log it.

    Returns the new path. Raises OSError.
    """
    stamp = clock.now().strftime("%Y%m%dT%H%M%S.%fZ")
    aside = f"{path}.{stamp}.set-aside"
    os.rename(path, aside)
    log.warning("%s %s: set aside as %s; starting without it", path, reason, aside)
    return aside


def copy_aside(path: str, reason: str) -> str:
    """Copy a file with an unusable part to ``<path>.<its mtime in ns>.set-aside``, and log it.

    Call it before the file is rewritten without that part. A file that has not changed since its last copy is not
    copied again. Returns the path of the copy. Raises OSError.
    """
    with os.fdopen(open_regular(path), "rb") as stream:
        aside = f"{path}.{os.fstat(stream.fileno()).st_mtime_ns}.set-aside"
        if not os.path.lexists(aside):
            write_atomic(aside, stream.read())
            log.warning("%s %s: copied to %s", path, reason, aside)
    return aside
