# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sessions say of their account, limits aside: the figures of a status line, and that a login was refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from ..accounts.availability import AccountAvailability
from ..config.holder import ConfigHolder
from ..config.model import Account
from ..switching.flip_log import FlipLog
from .attribution import is_same_entry

log = logging.getLogger(__name__)

_OLD_FIGURES = timedelta(minutes=10)  # how long after a flip a status line may still show the old account's figures
_OLD_LOGIN = timedelta(seconds=3)  # how long after a flip a refused login may be the old account's


class ReportingSession(Protocol):
    """The session that a figure or a refusal comes from."""

    name: str
    config_dir: str | None


class AccountSignals:
    """Finds out whose account a session speaks of, and keeps what it says. ``config`` may be replaced at any time."""

    def __init__(
        self, config: ConfigHolder, availability: AccountAvailability, flip_log: FlipLog, *, now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._availability = availability
        self._flip_log = flip_log
        self._now = now

    def on_usage(self, speaker: ReportingSession, figures: Any) -> None:
        """Take in the figures of a session's status line."""
        account = self._account_of(speaker)
        if account is None:
            return
        last = self._flip_log.last
        if (
            last is not None
            and last.origin is not None
            and last.target == account.name
            and self._now() - last.at < _OLD_FIGURES
            and self._availability.usage.matches(last.origin, figures)
        ):
            return  # until its first answer under the new account, a session shows the old one's figures
        try:
            self._availability.usage.record(account.name, figures)
        except OSError as error:
            log.error("the usage of %s cannot be stored: %s", account.name, error)

    def on_login_dead(self, speaker: ReportingSession, message: str) -> None:
        """The server refused a session's login: the account is no target until its credentials change."""
        account = self._account_of(speaker)
        if account is None:
            log.warning("session %s: the login of its account was refused, and it is not known which", speaker.name)
            return
        last = self._flip_log.last
        if last is not None and last.target == account.name and self._now() - last.at < _OLD_LOGIN:
            return  # either account can have been refused; if it is this one, the next request says so
        try:
            self._availability.logins.record_rejection(account)
        except OSError as error:
            log.error("the dead login of %s cannot be stored: %s", account.name, error)
        self._tell_dead(account, message)

    def _tell_dead(self, account: Account, message: str) -> None:
        log.error(
            "account %s: its login is dead%s. It is switched to no more; log it in: claude-failover login %s",
            account.name,
            f" ({message[:200]!r})" if message else "",
            account.name,
        )

    def _account_of(self, speaker: ReportingSession) -> Account | None:
        folder = speaker.config_dir
        if folder is None:
            return None
        if is_same_entry(folder, self._config.current.active_link):
            return self._config.current.account(self._availability.active() or "")
        return next((account for account in self._config.current.accounts if is_same_entry(account.home, folder)), None)
