# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The durable state of the steady clock, so that a restart of the daemon goes on in the same time."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from ..common import clock
from ..common.steady_clock import ClockState, Skew
from .store import Store, as_list

log = logging.getLogger(__name__)

DOCUMENT = "clock"


class ClockDocument:
    """Goes on with the stored state of this process's clock, and stores it at every jump, which it logs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        document = store.load(DOCUMENT, {})
        jump = store.read_part(DOCUMENT, "the state of the clock", _restore, document) if document else None
        if jump:
            _log_jump(jump, " while no daemon ran")
        clock.current().on_jump = self._on_jump
        self._save()

    def _on_jump(self, seconds: float) -> None:
        _log_jump(seconds)
        self._save()

    def _save(self) -> None:
        self._store.keep(DOCUMENT, _to_json, "the state of the clock")


def _log_jump(seconds: float, when: str = "") -> None:
    direction = "forward" if seconds > 0 else "back"
    log.warning(
        "the clock was set %s by %.1f s%s; the order of events goes by the time since the boot",
        direction,
        abs(seconds),
        when,
    )


def _to_json() -> dict[str, Any]:
    state = clock.current().state()
    return {
        "boot_id": state.boot_id,
        "anchor": state.anchor.total_seconds(),
        "seen": clock.iso(state.seen),
        "skews": [
            {"start": clock.iso(skew.start), "end": clock.optional_iso(skew.end), "seconds": skew.value.total_seconds()}
            for skew in state.skews
        ],
    }


def _seconds(value: Any) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e10:
        raise ValueError(f"found {value!r}, expected seconds")
    return timedelta(seconds=value)


def _restore(document: Any) -> float:
    """Go on from the stored state; return the seconds by which the wall clock was set."""
    return clock.current().restore(_state(document))


def _state(document: Any) -> ClockState:
    skews = [
        Skew(
            clock.parse_iso(row["start"]),
            None if row["end"] is None else clock.parse_iso(row["end"]),
            _seconds(row["seconds"]),
        )
        for row in as_list(document["skews"])
    ]
    return ClockState(
        str(document["boot_id"]), _seconds(document["anchor"]), clock.parse_iso(document["seen"]), tuple(skews)
    )
