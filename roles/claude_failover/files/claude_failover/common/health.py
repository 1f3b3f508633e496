# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of the sources that the daemon learns from: those that do not work, since when, and the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from . import clock
from .log_fields import log_fields
from .text import one_line, shorten

log = logging.getLogger(__name__)

SOURCES = (
    "active_link",
    "control_socket",
    "hooks",
    "panes",
    "processes",
    "session_files",
    "tmux",
    "transcripts",
)
_REASON_LIMIT = 500  # characters


@dataclass(frozen=True)
class Blindness:
    """A source that does not work, since ``since``; ``reason`` is the newest one, on one line."""

    source: str
    since: datetime
    reason: str


class SourceHealth:
    """The sources that do not work. Every source reports here as often as it likes: only changes are logged."""

    def __init__(self) -> None:
        self._blind: dict[str, Blindness] = {}
        self._listeners: list[Callable[[Blindness, bool], None]] = []

    def failed(self, source: str, reason: str) -> None:
        """Record that a source does not work. A further failure replaces the reason only."""
        if source not in SOURCES:
            raise ValueError(f"found the source {source!r}, expected one of {', '.join(SOURCES)}")
        reason = shorten(one_line(reason), _REASON_LIMIT)
        known = self._blind.get(source)
        now = Blindness(source, known.since if known else clock.now(), reason)
        self._blind[source] = now
        if known is None:
            log.warning('blind: source=%s reason="%s"', source, reason, extra=log_fields(event="source_blind"))
            self._tell(now, True)

    def failed_by_bug(self, source: str, error: Exception) -> str:
        """Record that a bug keeps a source from working, and return the reason; log a bug's traceback once in a row."""
        reason = f"a bug: {error!r}"
        known = self._blind.get(source)
        if known is None or known.reason != shorten(one_line(reason), _REASON_LIMIT):
            log.error("%s: a bug; it is tried again", source, exc_info=error)
        self.failed(source, reason)
        return reason

    def works(self, source: str) -> None:
        """Record that a source works."""
        known = self._blind.pop(source, None)
        if known is not None:
            log.info(
                'no longer blind: source=%s since=%s reason="%s"',
                source,
                clock.wall_iso(known.since),
                known.reason,
                extra=log_fields(event="source_blind"),
            )
            self._tell(known, False)

    def is_blind(self, source: str) -> bool:
        """Return True if a source does not work."""
        return source in self._blind

    def blind(self) -> list[Blindness]:
        """Return the sources that do not work, by name."""
        return [item for _source, item in sorted(self._blind.items())]

    def rows(self) -> list[dict[str, str]]:
        """Return ``blind`` of ``status --json``."""
        return [
            {"source": item.source, "since": clock.wall_iso(item.since), "reason": item.reason} for item in self.blind()
        ]

    def subscribe(self, on_changed: Callable[[Blindness, bool], None]) -> None:
        """Call ``on_changed`` with each blindness when it begins (True) and when it is over."""
        self._listeners.append(on_changed)

    def _tell(self, item: Blindness, begins: bool) -> None:
        for on_changed in self._listeners:
            try:
                on_changed(item, begins)
            except Exception:  # a bug of a listener must not end the source that reports
                log.exception("a bug in what is told of the source %s", item.source)
