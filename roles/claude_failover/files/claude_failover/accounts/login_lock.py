# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock that ``claude-failover login`` holds: while it runs, nobody else judges whose name a shared file bears."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from ..common.errors import Refused
from ..storage.regular_file import open_regular

_NAME = "login.lock"


@contextlib.contextmanager
def login_lock(state_dir: str) -> Iterator[None]:
    """Hold the lock; the kernel releases it when the process dies. Raises Refused, OSError."""
    descriptor = open_regular(os.path.join(state_dir, _NAME), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "another `claude-failover login` runs, and the accounts share one .claude.json, which names one login "
                "at a time; leave that one with /exit first"
            ) from None
        yield
    finally:
        os.close(descriptor)


def is_login_under_way(state_dir: str) -> bool:
    """Return whether a login holds the lock."""
    try:
        descriptor = open_regular(os.path.join(state_dir, _NAME), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
