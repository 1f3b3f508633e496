# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claude Code's own lock of ``.claude.json``: a folder beside the file's path as it is spelled, so in each home.

That of a session without CLAUDE_CONFIG_DIR lies beside ``~/.claude.json``.

Its holder sets the folder's mtime anew every 5 s, and whoever wants a lock whose mtime is older than 10 s removes it
(2.1.81 and 2.1.332). Claude Code takes the lock of its own home only. One that it holds at a flip of the active link
stays in the home that was left, since it is removed by the path through the link (2.1.332). 2.1.81 writes without the
lock where it stays held.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence

from .state_file import state_file

log = logging.getLogger(__name__)

#: Seconds without an update after which a lock is abandoned. They are measured here, so no jump of the clock matters.
STALE = 10.0

_Stamp = tuple[int, int]


class StateFileLocks:
    """Takes the locks, and remembers those of others, to know an abandoned one."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[str, tuple[_Stamp, float]] = {}  # by path: the lock of another process, and since when
        self._told: set[str] = set()

    @contextlib.contextmanager
    def held(self, homes: Sequence[str]) -> Iterator[Callable[[], bool]]:
        """Hold the locks in all homes, or raise BlockingIOError at once: another process holds one. Raises OSError.

        Where none can be made, as in a home that may not be written, it is done without, but for the first home. That
        is told. What is returned tells whether all that are held are so still: after a long pause another process may
        have taken one.
        """
        taken: dict[str, _Stamp] = {}
        try:
            for number, path in enumerate(state_file(home) + ".lock" for home in homes):
                try:
                    self._take(path)
                    taken[path] = _stamp(path)
                except BlockingIOError:
                    raise
                except OSError as error:
                    if number == 0:
                        raise
                    self._tell(path, error.strerror or type(error).__name__)
                else:
                    self._told.discard(path)
            yield lambda: all(_stamp_or_none(path) == stamp for path, stamp in taken.items())
        finally:
            for path, stamp in taken.items():
                if _stamp_or_none(path) == stamp:
                    with contextlib.suppress(FileNotFoundError):
                        os.rmdir(path)

    def _tell(self, path: str, why: str) -> None:
        if path not in self._told:
            self._told.add(path)
            log.warning(
                "%s cannot be taken (%s); the file is written without it. Let the user of the daemon write that folder",
                path,
                why,
            )

    def _take(self, path: str) -> None:
        try:
            os.mkdir(path)
        except FileExistsError:
            if not self._is_abandoned(path):
                raise BlockingIOError(errno.EAGAIN, "is held by another process", path) from None
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(path)
            try:
                os.mkdir(path)
            except FileExistsError:
                raise BlockingIOError(errno.EAGAIN, "was taken by another process", path) from None
        self._seen.pop(path, None)

    def _is_abandoned(self, path: str) -> bool:
        """Return whether the lock has stayed as it is for `STALE` seconds."""
        found = _stamp_or_none(path)
        known = self._seen.get(path)
        if found is None or known is None or known[0] != found:
            if found is not None:
                self._seen[path] = found, self._now()
            return found is None
        return self._now() - known[1] >= STALE


def _stamp(path: str) -> _Stamp:
    status = os.lstat(path)
    return status.st_ino, status.st_mtime_ns


def _stamp_or_none(path: str) -> _Stamp | None:
    try:
        return _stamp(path)
    except FileNotFoundError:
        return None
