# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute usage figures and rejected logins, as sessions report them, to accounts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ..accounts.availability import AccountAvailability
from ..accounts.pace import Pace
from ..accounts.usage import UsageWindow, read_windows
from ..claude.turns import TurnEvent
from ..common import clock
from ..common.file_identity import is_same_entry
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..config.model import Account
from ..sessions.session_account import account_of
from ..sessions.tracked_session import TrackedSession
from ..switching.flip_log import Flip, FlipLog
from .figures_attribution import account_of_figures
from .next_turn import NextTurn

log = logging.getLogger(__name__)

_STALE_USAGE = timedelta(minutes=10)  # after a flip a status line can show the old account's figures this long
_STALE_REJECTION = timedelta(seconds=3)  # after a flip a rejected login can be the old account's this long


class AccountSignals:
    """Records what sessions report of their accounts, limits aside.

    ``pace`` and ``next_turn`` are what the figures and the turns tell of usage to come.

    Args:
        config: the configuration.
        availability: the accounts' availability.
        flip_log: the link's flips.
        now: the current time.
        in_doubt: returns whether the named session may use another account than the active one.
        answered: returns when the named session's newest answered request was begun, None when that is unknown.
        wake: called once the figures or the turns may ask for a switch before a limit.
    """

    def __init__(
        self,
        config: ConfigHolder,
        availability: AccountAvailability,
        flip_log: FlipLog,
        *,
        now: Callable[[], datetime],
        in_doubt: Callable[[str], bool] = lambda _session: False,
        answered: Callable[[str], datetime | None] = lambda _session: None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._availability = availability
        self._flip_log = flip_log
        self._now = now
        self._in_doubt = in_doubt
        self._answered = answered
        self._wake = wake
        self.pace = Pace()
        self.next_turn = NextTurn()
        self._shown: dict[str, tuple[str, object]] = {}  # by session: the account and the figures that it showed last
        self._told_at: dict[tuple[str, str], datetime] = {}  # by account and window: when its figure came
        self._began_at = now()

    def on_turn(self, event: TurnEvent) -> None:
        """Handle the begin or the end of a turn."""
        self.next_turn.on_turn(event)
        self._wake_if_watched()

    def on_usage(self, session: TrackedSession, figures: Any) -> None:
        """Record the usage figures of a session's status line, for the account that gave the answer."""
        account = self._account_of(session)
        if account is None:
            return
        windows, begun = read_windows(figures), self._begun(session.name)
        name = self._given_by(session, account.name, windows, begun)
        if name is None:
            return
        repeated = self._shown.get(session.name) == (name, windows)
        self._shown[session.name] = name, windows
        windows = self._newest(name, windows, begun, repeated)
        if not windows:
            return
        now = self._now()
        for window in windows:
            self._told_at[name, window] = now
        self.pace.record(name, windows, now)
        if not repeated:
            self.next_turn.on_figures(session.name, name, windows, now)
        self._availability.usage.record_windows(name, windows)
        self._wake_if_watched()

    def _begun(self, session: str) -> datetime | None:
        """Return when the session's newest answered request was begun, at the earliest; None if that is unknown."""
        known = [self._answered(session), self.next_turn.turns.begun(session)]
        return max((moment for moment in known if moment is not None), default=None)

    def _given_by(
        self, session: TrackedSession, active: str, windows: Mapping[str, UsageWindow], begun: datetime | None
    ) -> str | None:
        """Return the account that gave the answer which the figures came with, None where that is not known."""
        last, link = self._flip_log.last, self._config.current.active_link
        if last is None or last.target != active or not is_same_entry(session.config_dir or "", link):
            return active
        usage = self._availability.usage
        if begun is not None:
            known = {account.name: usage.windows(account.name) for account in self._config.current.accounts}
            return account_of_figures(windows, known, self._flip_log.all(), begun, self._now())
        return last.origin if self._is_of_before(session.name, last, windows) else active

    def _is_of_before(self, session: str, last: Flip, windows: Mapping[str, UsageWindow]) -> bool:
        """Return whether a session of which no answer is known shows what it, or the account before, showed last."""
        return (
            last.origin is not None
            and self._now() - last.at < _STALE_USAGE
            and (
                self._shown.get(session) == (last.origin, windows)
                or self._availability.usage.matches(last.origin, windows)
            )
        )

    def _newest(
        self, name: str, windows: Mapping[str, UsageWindow], begun: datetime | None, repeated: bool
    ) -> dict[str, UsageWindow]:
        """Return the windows that are not older than what is known: an idle session shows its last figures again.

        Of one reset the higher figure is newer, unless the answer was begun after that came.
        """
        known, now = self._availability.usage.windows(name), self._now()
        found = {}
        for window, row in windows.items():
            before = known.get(window)
            if before is not None and before != row and before.resets_at is not None and row.resets_at is not None:
                ended = clock.expected(before.resets_at) <= now
                older = row.resets_at < before.resets_at or (
                    row.resets_at == before.resets_at and row.percent < before.percent
                )
                later = begun is not None and begun > self._told_at.get((name, window), self._began_at)
                if older and not ended and not later and (repeated or begun is not None):
                    continue
            found[window] = row
        return found

    def _wake_if_watched(self) -> None:
        config = self._config.current
        account = config.account(self._availability.active() or "")
        if account is not None and config.threshold_of(account) is not None:
            self._wake()

    def rename_session(self, old: str, new: str) -> None:
        """Give a session another name."""
        self.next_turn.turns.rename(old, new)

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        self.next_turn.steps.rename_accounts(names)

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
