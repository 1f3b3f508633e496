# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks that keep a second daemon off the same active link and the same state folder.

Two locks, because either can be shared by mistake: two configurations with one link would flip it against each other,
two with one state folder would overwrite each other's registry.
"""

from __future__ import annotations

import fcntl
import os

from ..common.errors import Refused, failure_of
from ..common.text import decoded
from .regular_file import NotARegularFileError, open_regular


class Lock:
    """An exclusive flock(2) on a file that holds the owner's pid; the kernel releases it when the process dies."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Acquire the lock.

        Raises Refused if another process holds it (the message names its pid) or something else is in its place,
        PassingFault if the file cannot be created for now; OSError.
        """
        try:
            descriptor = open_regular(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
        except NotARegularFileError as error:
            raise Refused(
                f"cannot lock {self.path}: found {error.kind} there, left as it is; expected a regular file or "
                "nothing. Look who made it, and move it away"
            ) from None
        except OSError as error:
            raise failure_of(
                error,
                f"cannot create the lock {self.path}: {error.strerror}; expected an existing folder that this user may "
                "write to, and no file of another user at that path",
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = decoded(os.pread(descriptor, 32, 0)).strip() or "unknown"
            os.close(descriptor)
            raise Refused(
                f"another claude-failover daemon is running (pid {holder}): it holds {self.path}. "
                "Two daemons would flip one link against each other. Stop the other one first, or give "
                "this one an active_link and a state_dir of its own"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        try:
            owner = f"{os.getpid()}\n".encode()
            os.pwrite(descriptor, owner, 0)  # first: a full disk has no room for what was given up
            os.ftruncate(descriptor, len(owner))
        except BaseException as error:
            self.release()
            if isinstance(error, OSError) and error.filename is None:
                error.filename = self.path
            raise

    def release(self) -> None:
        """Release the lock. The file stays: without it two processes could lock two different files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def daemon_locks(active_link: str, state_dir: str) -> list[Lock]:
    """Return the locks of a daemon, in the order in which to acquire them."""
    return [Lock(active_link + ".failover.lock"), Lock(os.path.join(state_dir, "daemon.lock"))]
