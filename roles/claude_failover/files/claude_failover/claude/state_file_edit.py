# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change keys of a ``.claude.json`` that homes share by links, under Claude Code's own lock.

Running sessions read the file again when it changes. Everything else in it stays, its owner and mode too, and so do the
links (Claude Code keeps them, 2.1.84 to 2.1.332).
"""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..storage.files import write_atomic
from ..storage.regular_file import read_regular
from .state_file import state_file
from .state_file_lock import StateFileLocks

_POLL = 0.01

Change = Callable[[dict[str, Any]], bool]


def edit_state_file(
    homes: Sequence[str], change: Change, locks: StateFileLocks, *, also: Sequence[str] = (), wait: float = 0.0
) -> bool:
    """Apply ``change`` to the object in the file that the homes share; return whether it changed anything.

    ``change`` returns whether it has changed anything, and can be called several times. ``wait``: seconds that the
    locks of all homes are waited for; then that of the first home suffices, which has to be the active one, with those
    in the folders ``also``: a lock stays behind at a flip in a home, and not there.
    Raises OSError, also for a file that is no JSON object; then nothing has changed.
    """
    path = state_file(homes[0])
    needed = [*homes[:1], *also]
    if not change(_read(path)):
        return False
    end = time.monotonic() + wait
    while True:
        is_last = time.monotonic() >= end
        try:
            with locks.held([*needed, *homes[1:]]) as are_held:
                return _edit(path, change, are_held)
        except BlockingIOError:
            if is_last:
                break
            time.sleep(_POLL)
    with locks.held(needed) as are_held:
        return _edit(path, change, are_held)


def _edit(path: str, change: Change, are_held: Callable[[], bool]) -> bool:
    target = os.path.realpath(path)
    before = os.stat(target)
    document = _read(target)
    if not change(document):
        return False

    def check(temporary: str) -> None:
        made = os.stat(temporary)
        if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
            os.chown(temporary, before.st_uid, before.st_gid)
        if not are_held() or _version(os.stat(target)) != _version(before):
            raise BlockingIOError(errno.EAGAIN, "was changed by another process meanwhile", path)

    write_atomic(target, _rendered(document, path), stat.S_IMODE(before.st_mode), before_rename=check)
    return True


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read(path: str) -> dict[str, Any]:
    try:
        document = json.loads(read_regular(path), parse_constant=_reject)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        # Not chained: an error of the parser's can hold the content.
        raise OSError(errno.EINVAL, "found no JSON object, and nothing is written into it", path) from None
    return document


def _rendered(document: dict[str, Any], path: str) -> bytes:
    try:
        # Escapes, so that lone surrogates stay what they are.
        return json.dumps(document, indent=2, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise OSError(errno.EINVAL, "found a number that JSON lacks, and nothing is written into it", path) from None


def _reject(name: str) -> NoReturn:
    raise ValueError(name)
