# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""To which account to switch: pure, from what is known of each, with the reason for every candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..common import clock

#: What is wrong with a login, in the operator's words. ``ok`` is not in it.
LOGIN_PROBLEMS = {
    "missing": "not logged in: run `claude-failover login {name}`",
    "expired": "its login is dead (expired or revoked): run `claude-failover login {name}`",
    "unknown": "its credentials cannot be read",
}


@dataclass(frozen=True)
class AccountState:
    """What is known of one account.

    ``login`` is ``ok|missing|expired|unknown``; ``links`` is None when they are right, else what is wrong;
    ``barred`` and ``until`` are its exhaustion for the limit in question; ``any_limit`` whether any limit at all is
    in force; ``ban`` why it is kept out for another reason; ``used`` per cent by window; ``resets_at`` when a window
    of it next begins anew.
    """

    name: str
    login: str = "ok"
    links: str | None = None
    barred: bool = False
    until: datetime | None = None
    any_limit: bool = False
    ban: str | None = None
    used: Mapping[str, float] = field(default_factory=dict)
    resets_at: datetime | None = None


@dataclass(frozen=True)
class Candidate:
    """One account, whether it can be switched to, and why or why not."""

    account: str
    eligible: bool
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return the row of a dry run's ``candidates``."""
        return {"account": self.account, "eligible": self.eligible, "why": self.why}


@dataclass(frozen=True)
class Selection:
    """The account to switch to, None for none, and every candidate's reason, in the order of preference."""

    target: str | None
    candidates: tuple[Candidate, ...]

    def reason_of(self, account: str) -> str:
        """Return the reason of one candidate."""
        return next((row.why for row in self.candidates if row.account == account), "it is not configured")

    def text(self) -> str:
        """Say it in one line."""
        return "; ".join(f"{row.account}: {row.why}" for row in self.candidates)


def select_account(
    availability: Sequence[AccountState],
    active: str | None,
    strategy: str = "priority",
    *,
    only: str | None = None,
    force: bool = False,
    clean: bool = False,
    below: float | None = None,
) -> Selection:
    """Choose the account to switch to.

    Args:
        standings: every account, in the order of preference.
        active: the account to switch away from, None when none is active.
        strategy: ``priority`` (the order), ``headroom`` (least used) or ``soonest_reset`` (whose window begins anew
            first, so that what is left of it is not lost).
        only: the one account that the operator named.
        force: an exhausted or banned account may be chosen; a dead login or wrong links never.
        clean: only an account under no limit whatever will do.
        below: only an account that has used less than this many per cent of each window.
    """
    order = {row.name: place for place, row in enumerate(availability)}
    fit: list[AccountState] = []
    candidates = []
    for row in availability:
        if row.name == active:
            candidates.append(Candidate(row.name, False, "it is the active account"))
            continue
        why = _disqualification(row, only=only, force=force, clean=clean, below=below)
        if why is None:
            fit.append(row)
        candidates.append(Candidate(row.name, why is None, why or _reason(row, order[row.name], strategy)))
    if strategy == "headroom":
        fit.sort(key=lambda row: (max(row.used.values(), default=0.0), order[row.name]))
    elif strategy == "soonest_reset":
        fit.sort(key=lambda row: (row.resets_at is None, row.resets_at and row.resets_at.timestamp(), order[row.name]))
    # Among the exhausted ones that only force lets through, the one that is usable first.
    fit.sort(key=lambda row: (row.barred or row.ban is not None, row.until.timestamp() if row.until else 0.0))
    return Selection(fit[0].name if fit else None, tuple(candidates))


def _disqualification(
    row: AccountState, *, only: str | None, force: bool, clean: bool, below: float | None
) -> str | None:
    """Return why the account cannot be switched to, or None. What even force does not pass comes first."""
    if only is not None and row.name != only:
        return f"{only} was asked for"
    if row.login != "ok":
        return LOGIN_PROBLEMS.get(row.login, LOGIN_PROBLEMS["unknown"]).format(name=row.name)
    if row.links is not None:
        return f"its shared links are not right: {row.links}"
    if force:
        return None
    if row.ban is not None:
        return f"barred: {row.ban}"
    if row.barred:
        return f"exhausted until {clock.iso(row.until)}" if row.until else "exhausted"
    if clean and row.any_limit:
        return "under a limit of its own: switching between two limited accounts would go in circles"
    most = max(row.used.values(), default=0.0)
    if below is not None and most >= below:
        return f"it has used {most:g} % of a window, and {below:g} % is the threshold"
    return None


def _reason(row: AccountState, place: int, strategy: str) -> str:
    if row.barred or row.ban is not None:
        return "exhausted or barred, and forced"
    if strategy == "headroom":
        return f"can be used; {max(row.used.values(), default=0.0):g} % used at most"
    if strategy == "soonest_reset":
        return f"can be used; next reset {clock.iso(row.resets_at) if row.resets_at else 'not known'}"
    return f"can be used; preference {place + 1}"
