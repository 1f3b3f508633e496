# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshot of every account's availability, and the account that a switch would select."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ..common import clock
from ..config.holder import ConfigHolder
from ..config.model import Account
from .active_link import read_active
from .exhaustion import Exhaustion
from .logins import Logins
from .selection import AccountState, Selection, select_account
from .shared_links import ensure_links
from .usage import Usage

#: An account counts as usable only this long after its reset: the server's clock and ours differ slightly.
RESET_MARGIN = timedelta(seconds=1)


class AccountAvailability:
    """Read-only view of the accounts, over their recorded ``exhaustion``, ``logins`` and ``usage``."""

    def __init__(
        self, config: ConfigHolder, exhaustion: Exhaustion, logins: Logins, usage: Usage, *, now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self.exhaustion = exhaustion
        self.logins = logins
        self.usage = usage
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
    ) -> Selection:
        """Return the account that a switch would select now; the arguments are those of `select_account`."""
        return select_account(
            self.states(limit),
            self.active(),
            self._config.current.failover.strategy,
            only=only,
            force=force,
            clean=clean,
            below=below,
        )

    def is_exhausted(self, account: str, limit: str | None) -> bool:
        """Return whether the account is out of usage for a session that hit ``limit``."""
        return self.exhaustion.status(account, limit, self._now() - RESET_MARGIN).exhausted

    def usable_from(self, limit: str | None) -> datetime | None:
        """Return when the first account with a valid login and valid links becomes usable; None when waiting
        alone makes none of them usable."""
        names = [state.name for state in self.states(limit) if state.login == "ok" and state.links is None]
        found = self.exhaustion.next_reset(names, limit, self._now() - RESET_MARGIN)
        return found[0] if found is not None else None

    def _state(self, account: Account, limit: str | None) -> AccountState:
        now = self._now()
        status = self.exhaustion.status(account.name, limit, now - RESET_MARGIN)
        ban = self.exhaustion.ban_of(account.name, now)
        return AccountState(
            name=account.name,
            login=self.logins.state(account),
            links=ensure_links(account, self._config.current, check_mode=True),
            exhausted=status.exhausted,
            exhausted_until=status.until,
            any_limit=bool(self.exhaustion.limits_in_force(account.name, now - RESET_MARGIN)),
            ban=f"{ban.reason}, until {clock.wall_iso(ban.until)}" if ban is not None else None,
            used=self.usage.percent(account.name, now),
            resets_at=self.usage.next_reset(account.name, now),
        )
