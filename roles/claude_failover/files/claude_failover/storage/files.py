# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that survive a kill, a power cut and a full disk."""

from __future__ import annotations

import logging
import os
import tempfile

from ..common import clock

log = logging.getLogger(__name__)


def write_atomic(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replace ``path`` by ``data``, or leave it exactly as it was.

    The text is written to a temporary file of the same directory, flushed to the disk and renamed over
    the old one, so that a reader sees the old content or the new one and never a part.

    Raises OSError, after which neither the old file nor the directory has changed.
    """
    folder = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(prefix="." + os.path.basename(path) + ".", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = path  # a full disk is told without saying which
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Make renames in ``folder`` durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_line(path: str, text: str, mode: int = 0o600) -> None:
    """Append one line to a file of lines, durably.

    A line that an earlier crash or full disk left torn is closed first, so that it spoils no other. When
    the write itself fails half way, the file is cut back to what it held before.

    Raises OSError; ValueError when ``text`` holds a line break.
    """
    if "\n" in text:
        raise ValueError("a line cannot hold a line break")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "r+b", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(stream.fileno(), 1, size - 1) != b"\n"
        line = (b"\n" if torn else b"") + text.encode() + b"\n"
        try:
            if stream.write(line) != len(line):
                raise OSError(f"{path}: the disk took only a part of a line")
            os.fsync(stream.fileno())
        except OSError:
            stream.truncate(size)
            raise
    if size == 0:
        sync_folder(os.path.dirname(path))


def make_folder(path: str) -> None:
    """Make a folder of the daemon's own (0700) where it is missing; a file in its place is set aside.

    Raises OSError.
    """
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except FileExistsError:
        set_aside(path, "is no folder")
        os.mkdir(path, 0o700)


def set_aside(path: str, reason: str) -> str:
    """Move a file that cannot be used out of the way, and say so; nothing is thrown away.

    Returns the new path, ``<path>.<time>.set-aside``. Raises OSError.
    """
    stamp = clock.now().strftime("%Y%m%dT%H%M%S.%fZ")
    aside = f"{path}.{stamp}.set-aside"
    os.rename(path, aside)
    log.warning("%s %s: set aside as %s, and begun anew", path, reason, aside)
    return aside


def copy_aside(path: str, reason: str) -> str:
    """Copy a file of which a part cannot be used, and say so: it will be written without that part.

    A file that was copied and has not been written since is not copied again, however often it is read.
    Returns the copy's path, ``<path>.<its mtime in ns>.set-aside``. Raises OSError.
    """
    with open(path, "rb") as stream:
        aside = f"{path}.{os.fstat(stream.fileno()).st_mtime_ns}.set-aside"
        if not os.path.lexists(aside):
            write_atomic(aside, stream.read())
            log.warning("%s %s: as it stands it is kept as %s", path, reason, aside)
    return aside
