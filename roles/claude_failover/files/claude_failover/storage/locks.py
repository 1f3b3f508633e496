# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One daemon for an active link, one for a state folder.

Two locks, because either alone can be shared by mistake: two configurations with one link would flip it
against each other, two with one state folder would write each other's registry.
"""

from __future__ import annotations

import errno
import fcntl
import os

from ..common.errors import Refused


class Lock:
    """An exclusive flock(2) on a file, which also says who holds it. The kernel frees it at any death."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises Refused when another process has it, naming that one's pid, and where it cannot be made; OSError.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            what = "found a link there" if error.errno == errno.ELOOP else error.strerror
            raise Refused(
                f"the lock {self.path} cannot be made: {what}; expected a folder that exists and that this user "
                "may write in, and nobody else's file at that path"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise Refused(
                f"another claude-failover daemon is running (pid {holder}): it holds {self.path}. "
                "Two daemons would flip one link against each other. Stop the other one first, or give "
                "this one an active_link and a state_dir of its own"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back. The file stays: to remove it would let two holders lock two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def daemon_locks(active_link: str, state_dir: str) -> list[Lock]:
    """Return the locks of a daemon, in the order in which they are taken."""
    return [Lock(active_link + ".failover.lock"), Lock(os.path.join(state_dir, "daemon.lock"))]
