# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute usage figures to the account that gave the answer, which need not be the active one any more.

A turn that is under way at a flip ends with figures of the account before it, unlike any that were seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..accounts.usage import UsageWindow
from ..common import clock
from ..switching.flip_log import Flip, account_at
from .attribution import CREDENTIALS_DELAY

Windows = Mapping[str, UsageWindow]

_LATE = 15.0  # per cent by which figures can be behind: answers of one moment are shown in any order


def can_be_of(known: Windows, shown: Windows, now: datetime) -> bool:
    """Return whether figures can be of an account with these known ones: a window is not used much less, and keeps
    its reset until that is over."""
    for name, row in shown.items():
        before = known.get(name)
        if before is None or before.resets_at is None or clock.expected(before.resets_at) <= now:
            continue
        if row.resets_at != before.resets_at or row.percent < before.percent - _LATE:
            return False
    return True


def account_of_figures(
    shown: Windows,
    known: Mapping[str, Windows],
    flips: Sequence[Flip],
    begun: datetime,
    now: datetime,
) -> str | None:
    """Return the account whose figures a session that follows the active link shows; None for no configured one.

    Args:
        shown: the figures.
        known: the figures of each account that are known.
        flips: the link's flips, oldest first; at least one.
        begun: when the session's newest answered request was begun, as far as that is known.
        now: the current time.
    """
    last = flips[-1]
    by_time = account_at(begun, flips, last.target)
    before = last.origin if begun >= last.at else by_time
    if before == last.target or None in (before, last.target):
        return by_time
    # A request that was begun as the link was flipped can bear either token, and a transcript can be behind.
    old, new = (can_be_of(known.get(str(name), {}), shown, now) for name in (before, last.target))
    if old != new:
        return before if old else last.target
    if begun >= last.at and begun - last.at <= CREDENTIALS_DELAY and _is_known(known.get(str(before), {}), shown):
        return before
    return by_time


def _is_known(known: Windows, shown: Windows) -> bool:
    return bool(shown) and all(known.get(name) == row for name, row in shown.items())
