# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes that the disk refused, kept in memory and tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class PendingWrites:
    """Remembers which documents are newer in memory than on the disk.

    A write is a function that stores the current state of one document and raises OSError. It stays pending until it
    succeeds once: with the next `write` or `attempt` of the same key, or with `flush`.
    """

    def __init__(self) -> None:
        self._writes: dict[str, Callable[[], None]] = {}

    def write(self, key: str, write: Callable[[], None]) -> None:
        """Store a document. Raises OSError; then it is pending."""
        failed_before = key in self._writes
        self._writes[key] = write
        write()
        self.discard(key)
        if failed_before:
            log.info("%s: stored again", key)

    def attempt(self, key: str, write: Callable[[], None]) -> None:
        """Store a document; a failure is logged once until it succeeds."""
        failed_before = key in self._writes
        try:
            self.write(key, write)
        except OSError as error:
            if not failed_before:
                log.error("%s: cannot be stored, is kept in memory and tried again: %s", key, error)

    def retry(self) -> None:
        """Try all pending writes; failures stay pending."""
        for key, write in list(self._writes.items()):
            self.attempt(key, write)

    def flush(self) -> None:
        """Store everything that is pending. Raises OSError for the first that fails."""
        for key, write in list(self._writes.items()):
            self.write(key, write)

    def discard(self, key: str) -> None:
        """Forget a pending write: the document is stored by other means, or gone."""
        self._writes.pop(key, None)
