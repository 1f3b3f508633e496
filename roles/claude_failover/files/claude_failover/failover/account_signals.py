# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute usage figures and rejected logins, as sessions report them, to accounts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ..accounts.availability import AccountAvailability
from ..accounts.pace import Pace
from ..accounts.usage import read_windows
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..config.model import Account
from ..sessions.session_account import account_of
from ..sessions.tracked_session import TrackedSession
from ..switching.flip_log import FlipLog

log = logging.getLogger(__name__)

_STALE_USAGE = timedelta(minutes=10)  # after a flip a status line can show the old account's figures this long
_STALE_REJECTION = timedelta(seconds=3)  # after a flip a rejected login can be the old account's this long


class AccountSignals:
    """Records what sessions report of their accounts, limits aside.

    ``in_doubt`` returns whether the named session may use another account than the active one.
    """

    def __init__(
        self,
        config: ConfigHolder,
        availability: AccountAvailability,
        flip_log: FlipLog,
        *,
        now: Callable[[], datetime],
        in_doubt: Callable[[str], bool] = lambda _session: False,
    ) -> None:
        self._config = config
        self._availability = availability
        self._flip_log = flip_log
        self._now = now
        self._in_doubt = in_doubt
        self.pace = Pace()
        self._shown: dict[str, tuple[str, object]] = {}  # by session: the account and the figures that it showed last

    def on_usage(self, session: TrackedSession, figures: Any) -> None:
        """Record the usage figures of a session's status line."""
        account = self._account_of(session)
        if account is None:
            return
        last, windows = self._flip_log.last, read_windows(figures)
        if (
            last is not None
            and last.origin is not None
            and last.target == account.name
            and self._now() - last.at < _STALE_USAGE
            and (
                self._shown.get(session.name) == (last.origin, windows)
                or self._availability.usage.matches(last.origin, figures)
            )
        ):
            return  # the session has had no answer under the new account yet
        self._shown[session.name] = account.name, windows
        self.pace.record(account.name, windows, self._now())
        self._availability.usage.record(account.name, figures)

    def on_login_dead(self, session: TrackedSession, message: str) -> None:
        """Record that the server rejected a session's login: its account is no target until the credentials change."""
        account = self._account_of(session)
        if account is None:
            log.warning(
                "session %s: the login of its account was rejected, but the account is not known",
                session.name,
                extra=log_fields(session=session.name),
            )
            return
        last = self._flip_log.last
        if last is not None and last.target == account.name and self._now() - last.at < _STALE_REJECTION:
            return  # either account may have been rejected; if it is this one, the next request is rejected too
        self._availability.logins.record_rejection(account)
        self._log_dead_login(account, message)

    def _log_dead_login(self, account: Account, message: str) -> None:
        log.error(
            "account %s: its login is dead%s. It is no switch target until you log it in: claude-failover login %s",
            account.name,
            f" ('{message[:200]}')" if message else "",
            account.name,
            extra=log_fields(account=account.name),
        )

    def _account_of(self, session: TrackedSession) -> Account | None:
        if self._in_doubt(session.name):
            return None
        config = self._config.current
        return account_of(session, config, config.account(self._availability.active() or ""))
