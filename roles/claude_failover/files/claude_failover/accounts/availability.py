# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshot of every account's availability, and the account that a switch would select."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from ..common import clock
from ..config.holder import ConfigHolder
from ..config.model import Account
from .active_link import read_active
from .exhaustion import Exhaustion
from .identities import Identities
from .logins import Logins
from .selection import AccountState, Selection, is_of_other_organization, organization_of, select_account
from .shared_links import ensure_links
from .usage import Usage

log = logging.getLogger(__name__)

#: An account counts as usable only this long after its reset: the server's clock and ours differ slightly.
RESET_MARGIN = timedelta(seconds=1)


class AccountAvailability:
    """Read-only view of the accounts, over their recorded ``exhaustion``, ``logins``, ``usage`` and ``identities``."""

    def __init__(
        self,
        config: ConfigHolder,
        exhaustion: Exhaustion,
        logins: Logins,
        usage: Usage,
        identities: Identities,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self.exhaustion = exhaustion
        self.logins = logins
        self.usage = usage
        self.identities = identities
        self._told: set[str] = set()  # accounts whose organization is not known
        self._now = now

    def active(self) -> str | None:
        """Return the name of the account that the active link leads to, or None."""
        account = read_active(self._config.current.active_link, self._config.current.accounts).account
        return account.name if account is not None else None

    def states(self, limit: str | None) -> list[AccountState]:
        """Return the state of every account, for a switch triggered by ``limit`` (None: by no limit)."""
        return [self._state(account, limit) for account in self._config.current.accounts]

    def select(
        self,
        limit: str | None,
        *,
        only: str | None = None,
        force: bool = False,
        clean: bool = False,
        below: float | None = None,
        among: Collection[str] | None = None,
    ) -> Selection:
        """Return the account that a switch would select now; the arguments are those of `select_account`."""
        states = self.states(limit)
        across = self._config.current.failover.across_organizations
        if not across:
            self._tell_unknown(states)
        return select_account(
            states,
            self.active(),
            self._config.current.failover.strategy,
            only=only,
            force=force,
            clean=clean,
            below=below,
            among=among,
            across=across,
        )

    def used(self) -> dict[str, dict[str, float]]:
        """Return the per cent used by window of every account, by its name."""
        now = self._now()
        return {account.name: self.usage.percent(account.name, now) for account in self._config.current.accounts}

    def _tell_unknown(self, states: Sequence[AccountState]) -> None:
        """Tell once of the accounts whose organization is not known."""
        unknown = {state.name for state in states if state.organization is None and state.login == "ok"}
        if unknown - self._told:
            self._told |= unknown
            log.warning(
                "the organization of %s is not known, so no switch is refused for it: run `claude-failover login NAME`",
                ", ".join(sorted(unknown)),
            )

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        self.exhaustion.rename_accounts(names, now=self._now())
        for table in (self.logins, self.usage, self.identities):
            table.rename_accounts(names)

    def is_exhausted(self, account: str, limit: str | None) -> bool:
        """Return whether the account is out of usage for a session that hit ``limit``."""
        return self.exhaustion.status(account, limit, self._now() - RESET_MARGIN).exhausted

    def usable_from(self, limit: str | None) -> datetime | None:
        """Return when the first account with a valid login, valid links and the organization that is asked for, and not
        held out, becomes usable; None when waiting alone makes none of them usable."""
        states = self.states(limit)
        across = self._config.current.failover.across_organizations
        organization = None if across else organization_of(states, self.active())
        usable = [state for state in states if state.login == "ok" and state.links is None and state.enabled]
        names = [state.name for state in usable if not is_of_other_organization(state, organization)]
        found = self.exhaustion.next_reset(names, limit, self._now() - RESET_MARGIN)
        return found[0] if found is not None else None

    def _state(self, account: Account, limit: str | None) -> AccountState:
        now = self._now()
        status = self.exhaustion.status(account.name, limit, now - RESET_MARGIN)
        ban = self.exhaustion.ban_of(account.name, now)
        identity = self.identities.get(account.name)
        return AccountState(
            name=account.name,
            login=self.logins.state(account),
            links=ensure_links(account, self._config.current, check_mode=True),
            organization=identity.organization_uuid if identity is not None else None,
            exhausted=status.exhausted,
            exhausted_until=status.until,
            any_limit=bool(self.exhaustion.limits_in_force(account.name, now - RESET_MARGIN)),
            enabled=account.enabled,
            standby=account.standby,
            threshold=self._config.current.threshold_of(account),
            ban=f"{ban.reason}, until {clock.wall_iso(ban.until)}" if ban is not None else None,
            used=self.usage.percent(account.name, now),
            resets_at=self.usage.next_reset(account.name, now),
        )
