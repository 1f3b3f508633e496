# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable log of the active link's flips: which account answered at which time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..common import clock
from ..common.renaming import new_name
from ..storage.store import Store, as_list, as_optional_text

log = logging.getLogger(__name__)

DOCUMENT = "flips"
_KEPT = 100


@dataclass(frozen=True)
class Flip:
    """One flip of the link: when (steady time), from which account to which (None: no configured one), and why."""

    at: datetime
    origin: str | None
    target: str | None
    reason: str


def account_at(moment: datetime, flips: Sequence[Flip], active: str | None) -> str | None:
    """Return the account that the link led to at that moment; without any flip that is ``active``."""
    if not flips:
        return active
    account = flips[0].origin
    for flip in flips:
        if flip.at <= moment:
            account = flip.target
    return account


def last_active(store: Store) -> str | None:
    """Return the account that the link was last known to lead to; None if that is unknown."""
    known = store.load(DOCUMENT, {}).get("known")
    return known if isinstance(known, str) else None


class FlipLog:
    """The last flips, oldest first; ``linked_account`` is the account that the link was last known to lead to.

    The functions in ``on_flip`` are called after each one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.on_flip: list[Callable[[Flip], None]] = []
        document = store.load(DOCUMENT, {})
        self.linked_account = store.read_part(
            DOCUMENT, "the account of the link", as_optional_text, document.get("known")
        )
        rows = store.read_part(DOCUMENT, "the list of flips", as_list, document.get("flips", [])) or []
        found = [store.read_part(DOCUMENT, "a flip", _flip, row) for row in rows]
        self._flips = [flip for flip in found if flip is not None]
        ahead = clock.current().not_before(max(flip.at for flip in self._flips)) if self._flips else 0.0
        if ahead:
            log.warning("the clock is %.1f s behind the newest flip; the order of events goes on from that flip", ahead)

    def all(self) -> tuple[Flip, ...]:
        """Return the flips, oldest first."""
        return tuple(self._flips)

    def accounts_between(self, begin: datetime, end: datetime) -> set[str] | None:
        """Return the accounts that the link led to from ``begin`` to ``end``; None where that is not known for sure."""
        if not self._flips or (len(self._flips) >= _KEPT and begin < self._flips[0].at):
            return None
        found = {account_at(begin, self._flips, None)}
        found |= {flip.target for flip in self._flips if begin <= flip.at <= end}
        names = {name for name in found if name is not None}
        return names if names == found else None

    @property
    def is_choice_of_operator(self) -> bool:
        """True where the link was last flipped by hand: that holds until a limit ends it."""
        return self.last is not None and self.last.reason in ("manual", "external")

    @property
    def last(self) -> Flip | None:
        """The newest flip."""
        return self._flips[-1] if self._flips else None

    def record_initial(self, account: str) -> None:
        """Record where the link leads when the daemon first reads it."""
        self.linked_account = account
        self._keep()

    def add(self, flip: Flip) -> None:
        """Append a flip."""
        self._flips = [*self._flips[1 - _KEPT :], flip]
        self.linked_account = flip.target
        self._keep()
        for callback in self.on_flip:
            callback(flip)

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones: a request before it was made with the same account."""
        self.linked_account = new_name(self.linked_account, names)
        self._flips = [
            replace(flip, origin=new_name(flip.origin, names), target=new_name(flip.target, names))
            for flip in self._flips
        ]
        self._keep()

    def _keep(self) -> None:
        self._store.keep(DOCUMENT, self._document, "the log of flips")

    def _document(self) -> dict[str, Any]:
        rows = [
            {"at": clock.iso(flip.at), "origin": flip.origin, "target": flip.target, "reason": flip.reason}
            for flip in self._flips
        ]
        return {"known": self.linked_account, "flips": rows}


def _flip(row: Any) -> Flip:
    return Flip(
        clock.parse_iso(row["at"]), as_optional_text(row["origin"]), as_optional_text(row["target"]), str(row["reason"])
    )
