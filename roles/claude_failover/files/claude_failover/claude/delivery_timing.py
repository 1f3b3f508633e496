# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timeouts and delays of a delivery."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Timeouts and delays, in seconds.

    Timeouts: ``ready`` for the prompt box to appear, ``seen`` for the text to appear in it, ``leave`` for the text to
    leave the box after Enter, ``turn`` for a turn to start after that, ``interrupt`` for a turn to end after Escape.
    Delays: ``settle`` between seeing the text and Enter (150 to 300 ms worked in 60 of 60 deliveries), ``after_escape``
    between Escape and the next key, ``poll`` between two captures, ``ask`` between two questions whether the session
    has gone on while a turn runs (a transcript is read for each), ``backoff`` before the second attempt (doubled for
    each further one) and its maximum.
    """

    ready: float = 5.0
    seen: float = 3.0
    settle: float = 0.2
    leave: float = 3.0
    turn: float = 15.0
    interrupt: float = 1.0
    after_escape: float = 0.4
    poll: float = 0.05
    ask: float = 0.5
    backoff: tuple[float, float] = (0.5, 8.0)
