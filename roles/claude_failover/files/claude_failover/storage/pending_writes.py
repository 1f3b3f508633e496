# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retry document writes that failed, for example on a full disk."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class PendingWrites:
    """The documents that are newer in memory than on disk.

    A write is a function that stores the current state of one document, or raises OSError. It stays pending until one
    try succeeds: `write` or `attempt` with the same key, `retry` or `flush`. ``problems`` says why, by key.
    ``on_failure`` is called when one begins to be pending.
    """

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self._writes: dict[str, Callable[[], None]] = {}
        self.on_failure: Callable[[], None] = lambda: None

    def write(self, key: str, write: Callable[[], None]) -> None:
        """Store a document. Raises OSError; then the write is pending."""
        failed_before = key in self._writes
        self._writes[key] = write
        try:
            write()
        except OSError as error:
            self.problems[key] = str(error)
            if not failed_before:
                self.on_failure()
            raise
        self.discard(key)
        if failed_before:
            log.info("%s: stored again", key)

    def attempt(self, key: str, write: Callable[[], None], what: str = "") -> None:
        """Store a document; log the first of several failures in a row, as one of ``what`` (default: the key)."""
        failed_before = key in self._writes
        try:
            self.write(key, write)
        except OSError as error:
            if not failed_before:
                log.error("%s: cannot be stored, kept in memory and retried: %s", what or key, error)

    def retry(self) -> None:
        """Try all pending writes; those that fail stay pending."""
        for key, write in list(self._writes.items()):
            if key in self._writes:  # an earlier write may have discarded it
                self.attempt(key, write)

    def flush(self, prefix: str = "") -> None:
        """Store everything that is pending under keys of that prefix. Raises OSError at the first failure."""
        for key, write in list(self._writes.items()):
            if key.startswith(prefix) and key in self._writes:  # an earlier write may have discarded it
                self.write(key, write)

    def close(self) -> None:
        """Try all pending writes for the last time, and log those that are lost with the process."""
        self.retry()
        for key, problem in self.problems.items():
            log.error("%s: not stored, and lost with this process: %s", key, problem)

    def discard(self, key: str) -> None:
        """Drop a pending write: the document was stored by other means, or deleted."""
        self._writes.pop(key, None)
        self.problems.pop(key, None)
