# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Select the account to switch to: disqualify accounts, then rank the rest by the configured strategy.

Pure: the account states come in, the target and every candidate's reason go out. A further strategy is an entry in
`RANKINGS`, a text in `_reason` and a value of ``failover.strategy`` in the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..common import clock

#: Reasons not to select an account, by the state of its login; ``ok`` is none.
LOGIN_PROBLEMS = {
    "missing": "not logged in: run `claude-failover login {name}`",
    "expired": "its login is dead (expired or revoked): run `claude-failover login {name}`",
    "unknown": "its credentials cannot be read",
}


#: Why an account is left out where only those with room for the next turn are wanted.
NO_ROOM = "the next turn may not fit into what is left of its windows"
_STANDBY = "on standby, for when all other accounts are out"


@dataclass(frozen=True)
class AccountState:
    """The state of one account, for the limit that triggers the switch.

    ``login`` is ``ok|missing|expired|unknown``; ``links`` what is wrong with its shared links, None when nothing is;
    ``organization`` the id of its organization, None when it is not known;
    ``exhausted`` and ``exhausted_until`` are for that limit; ``any_limit`` whether any limit at all is in force;
    not ``enabled``: it is held out; ``standby``: only for when all others are out; ``threshold``: the per cent at which
    it is left; ``ban`` the reason of a ban; ``used`` the per cent used by window; ``resets_at`` the next reset of one.
    """

    name: str
    login: str = "ok"
    links: str | None = None
    organization: str | None = None
    exhausted: bool = False
    exhausted_until: datetime | None = None
    any_limit: bool = False
    enabled: bool = True
    standby: bool = False
    threshold: float | None = None
    ban: str | None = None
    used: Mapping[str, float] = field(default_factory=dict)
    resets_at: datetime | None = None


@dataclass(frozen=True)
class Candidate:
    """One account, whether it is eligible as the target, and why or why not.

    ``forceable``: only force would make it eligible.
    """

    account: str
    eligible: bool
    why: str
    forceable: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return a row of ``candidates`` in the answer to a dry run."""
        return {"account": self.account, "eligible": self.eligible, "why": self.why}


@dataclass(frozen=True)
class Selection:
    """The target, None for none, and every candidate with its reason, in the order of preference."""

    target: str | None
    candidates: tuple[Candidate, ...]

    def reason_of(self, account: str) -> str:
        """Return the reason for or against one account."""
        return next((item.why for item in self.candidates if item.account == account), "it is not configured")

    def text(self) -> str:
        """Return all candidates with their reasons, in one line."""
        return "; ".join(f"{item.account}: {item.why}" for item in self.candidates)


def _most_used(state: AccountState) -> float:
    """Return the per cent used of the fullest window."""
    return max(state.used.values(), default=0.0)


#: Sort key of each ``failover.strategy``, lowest first; equal accounts stay in the order of preference.
RANKINGS: Mapping[str, Callable[[AccountState], float]] = {
    "priority": lambda _state: 0.0,
    "headroom": _most_used,
    # Usage that a reset would discard is spent first.
    "soonest_reset": lambda state: state.resets_at.timestamp() if state.resets_at else float("inf"),
}


def select_account(
    states: Sequence[AccountState],
    active: str | None,
    strategy: str = "priority",
    *,
    only: str | None = None,
    force: bool = False,
    clean: bool = False,
    below: float | None = None,
    among: Collection[str] | None = None,
    across: bool = True,
) -> Selection:
    """Select the account to switch to.

    Args:
        states: every account, in the order of preference.
        active: the account to switch away from, None when none is active.
        strategy: ``priority`` (the order of preference), ``headroom`` (the least used) or ``soonest_reset`` (the one
            whose next window resets first); see `RANKINGS`.
        only: the one account that the operator named.
        force: also select an exhausted or banned account, or the one that was named and is held out, never one with a
            dead login or wrong links.
        clean: select only an account without any limit in force.
        below: select only an account with less than this per cent used of every window, or than its own threshold, and
            none on standby.
        among: select only one of these, into which the next turn fits, and none on standby.
        across: whether the account may be of another organization than the active one; not overruled by force.
    """
    organization = None if across else organization_of(states, active)
    eligible: list[AccountState] = []
    candidates = []
    for preference, state in enumerate(states, 1):
        if state.name == active:
            candidates.append(Candidate(state.name, False, "it is the active account"))
            continue
        other = is_of_other_organization(state, organization)
        why = _disqualification(
            state, only=only, other_organization=other, force=force, clean=clean, below=below, among=among
        )
        if why is None:
            eligible.append(state)
        overruled = _disqualification(state, only=only, other_organization=other, force=True) is None
        candidates.append(
            Candidate(
                state.name,
                eligible=why is None,
                why=why or _reason(state, preference, strategy),
                forceable=why is not None and overruled,
            )
        )
    if only is None and any(_is_usable(state) and not state.standby for state in eligible):
        names = {state.name for state in eligible if state.standby}
        eligible = [state for state in eligible if state.name not in names]
        why = _STANDBY
        candidates = [
            replace(item, eligible=False, why=why, forceable=False) if item.account in names else item
            for item in candidates
        ]
    eligible.sort(key=RANKINGS[strategy])
    # Accounts that only force makes eligible come last, the first to reset first.
    eligible.sort(
        key=lambda state: (
            not _is_usable(state),
            state.exhausted_until.timestamp() if state.exhausted_until else 0.0,
        )
    )
    return Selection(eligible[0].name if eligible else None, tuple(candidates))


def organization_of(states: Sequence[AccountState], name: str | None) -> str | None:
    """Return the organization of the account of that name; None if it is not known."""
    return next((state.organization for state in states if state.name == name), None)


def is_of_other_organization(state: AccountState, organization: str | None) -> bool:
    """Return whether an account is known to be of another organization than the given one (None: not known)."""
    return organization is not None and state.organization not in (None, organization)


def _disqualification(
    state: AccountState,
    *,
    only: str | None,
    other_organization: bool,
    force: bool,
    clean: bool = False,
    below: float | None = None,
    among: Collection[str] | None = None,
) -> str | None:
    """Return why the account is not eligible, or None. Reasons that force does not overrule come first."""
    if only is not None and state.name != only:
        return f"{only} was asked for"
    if state.login != "ok":
        return LOGIN_PROBLEMS.get(state.login, LOGIN_PROBLEMS["unknown"]).format(name=state.name)
    if state.links is not None:
        return f"its shared links are not right: {state.links}"
    if other_organization:
        return "of another organization than the active account, and failover.across_organizations is false"
    if not state.enabled and not (force and only is not None):
        return "held out by the configuration (enabled: false)"
    if force:
        return None
    if state.ban is not None:
        return f"banned: {state.ban}"
    if state.exhausted:
        return (
            f"exhausted until {clock.optional_wall_iso(state.exhausted_until)}"
            if state.exhausted_until
            else "exhausted"
        )
    if clean and state.any_limit:
        return "under a limit of its own: switching between two limited accounts would go in circles"
    if state.standby and (below is not None or among is not None):
        return _STANDBY
    if among is not None and state.name not in among:
        return NO_ROOM
    if below is None:
        return None
    most, threshold = _most_used(state), below if state.threshold is None else state.threshold
    return f"it has used {most:g} % of a window, and {threshold:g} % is the threshold" if most >= threshold else None


def _is_usable(state: AccountState) -> bool:
    return not state.exhausted and state.ban is None


def _reason(state: AccountState, preference: int, strategy: str) -> str:
    """Return why the account is eligible, with the figure that the strategy ranks it by."""
    if state.exhausted or state.ban is not None:
        return "exhausted or banned, and forced"
    if strategy == "headroom":
        return f"can be used; {_most_used(state):g} % used at most"
    if strategy == "soonest_reset":
        return f"can be used; next reset {clock.optional_wall_iso(state.resets_at) or 'not known'}"
    return f"can be used; preference {preference}"
