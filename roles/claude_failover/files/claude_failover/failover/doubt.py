# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doubt: a refusal that can be the one recorded for another account than the one it was made under, by limit and reset.

A refusal that names no reset is compared by its limit alone. Either both accounts are out of usage, or the session uses
the other account whatever the link says. A turn of the session that was answered after the other account was exhausted
shows that it does not use that account: then there is no doubt. Else no account is marked, and the session is set aside
until the next flip or the reset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..accounts.exhaustion import MODEL_LIMITS, SAME_RESET, ExhaustedLimit, Exhaustion, reset_of
from ..common import clock
from ..limits.evidence import Evidence
from ..storage.store import as_list, as_optional_text


@dataclass(frozen=True)
class Doubt:
    """The accounts under which a session met one limit with one reset (wall time), in doubt each time.

    ``known``: the refusals named the reset; else it is assumed.
    """

    limit: str | None
    resets_at: datetime
    accounts: tuple[str, ...]
    known: bool = True

    def is_of(self, evidence: Evidence) -> bool:
        """Return whether a refusal bears this limit, and this reset where both name one."""
        limit, resets_at = evidence.verdict.limit, evidence.verdict.resets_at
        if limit != self.limit or resets_at is None or not self.known:
            return limit == self.limit
        return abs(resets_at - self.resets_at) <= SAME_RESET


def bearers(evidence: Evidence, names: list[str], exhaustion: Exhaustion) -> dict[str, ExhaustedLimit]:
    """Return the accounts whose recorded limits in force the evidence can be of, with the records."""
    verdict = evidence.verdict
    found = {
        name: exhaustion.same_window(name, verdict.limit, verdict.resets_at, evidence.at) for name in sorted(names)
    }
    return {name: entry for name, entry in found.items() if entry is not None}


def cleared(borne: Mapping[str, ExhaustedLimit], evidence: Evidence, answered: datetime | None) -> set[str]:
    """Return the accounts that a session does not use, for it was answered while each was exhausted.

    ``answered`` is the time at which the session's newest answered request was begun. A limit of one model says
    nothing of an answer by another; but where no reset is named, nothing else could end the doubt.
    """
    is_named = evidence.verdict.resets_at is not None
    if answered is None:
        return set()
    return {
        name
        for name, entry in borne.items()
        if answered > entry.since and not (is_named and entry.limit in MODEL_LIMITS)
    }


def with_account(known: Doubt | None, evidence: Evidence, account: str, wait: float) -> Doubt:
    """Return the doubt of a session after a refusal in doubt under ``account``.

    ``wait``: the seconds after which a limit counts as over whose message names no reset.
    """
    verdict = evidence.verdict
    until, is_named = reset_of(verdict, evidence.at, None, wait)
    doubt = Doubt(verdict.limit, verdict.resets_at or clock.to_wall(until), (account,), known=is_named)
    if known is None or not known.is_of(evidence):
        return doubt
    others = tuple(name for name in known.accounts if name != account)
    return replace(known if known.known else doubt, accounts=(*others, account))


def doubt_to_json(doubt: Doubt) -> dict[str, Any]:
    """Return the stored form of a doubt."""
    row = {"limit": doubt.limit, "resets_at": clock.iso(doubt.resets_at), "accounts": list(doubt.accounts)}
    return row if doubt.known else {**row, "known": False}


def doubt_from_json(row: Any) -> Doubt:
    """Return a doubt from its stored form. Raises ValueError, TypeError or KeyError if it is malformed."""
    accounts = tuple(str(name) for name in as_list(row["accounts"]))
    known = bool(row.get("known", True))
    return Doubt(as_optional_text(row["limit"]), clock.parse_iso(row["resets_at"]), accounts, known)
