# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of every account at this moment, and to which one a switch would go."""

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
from .shared_links import wrong_links
from .usage import Usage

#: An account counts as usable only this long after its reset: a server's clock is not ours to the millisecond.
RESET_MARGIN = timedelta(seconds=1)


class AccountAvailability:
    """Looks at the accounts, and changes nothing.

    ``config`` may be replaced at any time; ``exhaustion``, ``logins`` and ``usage`` are what is kept of the accounts.
    """

    def __init__(
        self, config: ConfigHolder, exhaustion: Exhaustion, logins: Logins, usage: Usage, *, now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self.exhaustion = exhaustion
        self.logins = logins
        self.usage = usage
        self._now = now

    def active(self) -> str | None:
        """Return the account that the link leads to now, None when to none."""
        account = read_active(self._config.current.active_link, self._config.current.accounts).account
        return account.name if account is not None else None

    def all(self, limit: str | None) -> list[AccountState]:
        """Return what is known of every account, for a switch that ``limit`` causes."""
        return [self._standing(account, limit) for account in self._config.current.accounts]

    def choice(
        self,
        limit: str | None,
        *,
        only: str | None = None,
        force: bool = False,
        clean: bool = False,
        below: float | None = None,
    ) -> Selection:
        """Return which account a switch would go to now, and why."""
        return select_account(
            self.all(limit),
            self.active(),
            self._config.current.failover.strategy,
            only=only,
            force=force,
            clean=clean,
            below=below,
        )

    def barred(self, account: str, limit: str | None) -> bool:
        """Tell whether a limit keeps the account from answering for a session that hit ``limit``."""
        return self.exhaustion.barred(account, limit, self._now() - RESET_MARGIN).barred

    def usable_from(self, limit: str | None) -> datetime | None:
        """Return when the first account can be used again, of those whose login and links are right; None when
        no account will be usable by mere waiting."""
        names = [row.name for row in self.all(limit) if row.login == "ok" and row.links is None]
        found = self.exhaustion.next_reset(names, limit, self._now() - RESET_MARGIN)
        return found[0] if found is not None else None

    def _standing(self, account: Account, limit: str | None) -> AccountState:
        now = self._now()
        barred = self.exhaustion.barred(account.name, limit, now - RESET_MARGIN)
        ban = self.exhaustion.ban_of(account.name, now)
        return AccountState(
            name=account.name,
            login=self.logins.state(account),
            links=wrong_links(account, self._config.current, check_mode=True),
            barred=barred.barred,
            until=barred.until,
            any_limit=bool(self.exhaustion.marks(account.name, now - RESET_MARGIN)),
            ban=f"{ban.reason}, until {clock.iso(ban.until)}" if ban is not None else None,
            used=self.usage.percent(account.name, now),
            resets_at=self.usage.next_reset(account.name, now),
        )
