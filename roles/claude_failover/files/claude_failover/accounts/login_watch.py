# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch the logins of all accounts: tell when one is about to end, and that who an account is may have changed.

Claude Code warns on the screen of a session, so only of the active account's login.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..claude.credentials import CREDENTIALS, HomeLogin
from ..claude.state_file import STATE_FILE
from ..common import clock
from ..common.log_fields import log_fields
from ..common.renaming import renamed
from ..common.shared_wake import REST, sleep_together
from ..common.text import counted
from ..config.holder import ConfigHolder
from ..config.model import Account
from ..storage.store import Store, as_items
from .logins import Logins

log = logging.getLogger(__name__)

DOCUMENT = "login-warnings"
CHECK_INTERVAL = REST  # seconds
WARNED_DAYS = (7, 3, 1)  # before the end
_LONGEST = timedelta(days=31)  # a login ends 27 to 30 days after it was made
_FILES = (CREDENTIALS, STATE_FILE)


@dataclass(frozen=True)
class LoginWarning:
    """An account's login ends within ``days`` (0: it is over), or, without ``why``, no longer does.

    That is as it was made anew, or, without ``renewed``, can be used again.
    """

    account: str
    days: int | None = None
    ends_at: datetime | None = None
    why: str | None = None
    renewed: bool = True


class _Told(NamedTuple):
    days: int
    end: str | None  # of the login that was told of


def days_left(login: HomeLogin, now: datetime) -> int | None:
    """Return the smallest of `WARNED_DAYS` within which a login ends, 0 for a dead one; None for none of these."""
    if login.state == "expired":
        return 0
    if login.state != "ok" or login.ends_at is None:
        return None
    return min((days for days in WARNED_DAYS if login.ends_at - now <= timedelta(days=days)), default=None)


def warning_text(account: str, login: HomeLogin, days: int) -> str:
    """Return what is told of a login with so many `days_left`, and what mends it."""
    command = f"run `claude-failover login {account}`"
    if login.state == "ok" and login.ends_at is not None:
        within = f"within {counted(days, 'day')}"
        return f"its login ends {within}, on {clock.iso(login.ends_at)}, and refreshing does not move that: {command}"
    end = f"ended on {clock.iso(login.ends_at)}" if login.ends_at is not None else "is dead, emptied or refused"
    return f"its login {end}, and the account is no target of a switch: {command}"


class LoginWatch:
    """Checks every account's files. ``on_warning`` is called once for each of `WARNED_DAYS`, at the end of a login, and
    when a new login is made; what was told is on the disk, so that a restart tells nothing twice. ``on_changed`` is
    called whenever one of the files has changed.
    """

    def __init__(
        self,
        config: ConfigHolder,
        store: Store,
        logins: Logins,
        on_changed: Callable[[], None],
        on_warning: Callable[[LoginWarning], None],
    ) -> None:
        self._config = config
        self._store = store
        self._logins = logins
        self._on_changed = on_changed
        self._on_warning = on_warning
        self._known: dict[str, HomeLogin] = {}  # by account, as logged
        self._stamps: list[tuple[int, int, int] | None] = []
        self._told: dict[str, _Told] = {}  # by account
        stored = store.load_envelope(DOCUMENT, {})
        ends = store.read_part(DOCUMENT, "the table of ends", _ends, stored.get("ends", {})) or {}
        for name, row in as_items(stored["data"]):
            days = store.read_part(DOCUMENT, f"the warning of {name!r}", _told_days, row)
            if days is not None:
                self._told[name] = _Told(days, ends.get(name))

    async def run(self) -> None:
        """Check every `CHECK_INTERVAL` seconds until cancelled."""
        while True:
            try:
                self.check()
            except Exception:  # a bug in what only warns must not end the daemon
                log.exception("logins: a bug; they are looked at again in %g s", CHECK_INTERVAL)
            await sleep_together(CHECK_INTERVAL)

    def check(self) -> None:
        """Look at every account once."""
        accounts = self._config.current.accounts
        stamps = [_stamp(os.path.join(account.home, name)) for account in accounts for name in _FILES]
        if stamps != self._stamps:
            self._stamps = stamps
            self._on_changed()
        for account in accounts:
            self._check(account, self._logins.look(account))
        for name in set(self._told) - {account.name for account in accounts}:
            self._set_told(name, None)

    def warnings(self) -> list[LoginWarning]:
        """Return what was told and is not over, by this run or an earlier one."""
        looked = [
            (name, told, self._logins.look(account))
            for account in self._config.current.accounts
            for name, told in self._told.items()
            if name == account.name
        ]
        return [
            LoginWarning(name, told.days, login.ends_at, warning_text(name, login, told.days))
            for name, told, login in looked
        ]

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        self._told = renamed(self._told, names)
        self._keep(", ".join(names.values()))

    def _check(self, account: Account, login: HomeLogin) -> None:
        if self._known.get(account.name) != login:
            self._known[account.name] = login
            _log_change(account.name, login)
        now, end, told = clock.wall(), clock.optional_iso(login.ends_at), self._told.get(account.name)
        days = days_left(login, now)
        moved = told is not None and told.end != end
        if told is not None and self._is_over(told, login, days, moved, now):
            log.info(
                "account %s: its login %s",
                account.name,
                "was made anew" if moved else "can be used again",
                extra=log_fields(account=account.name, event="login_ends"),
            )
            self._on_warning(LoginWarning(account.name, ends_at=login.ends_at, renewed=moved))
            told = None
        if days is not None and (told is None or days < told.days):
            why = warning_text(account.name, login, days)
            log.log(
                logging.WARNING if days > 1 else logging.ERROR,
                "account %s: %s",
                account.name,
                why,
                extra=log_fields(account=account.name, event="login_ends"),
            )
            self._on_warning(LoginWarning(account.name, days, login.ends_at, why))
            told = _Told(days, end)
        elif days is not None and moved:
            told = _Told(days, end)
        self._set_told(account.name, told)

    def _is_over(self, told: _Told, login: HomeLogin, days: int | None, moved: bool, now: datetime) -> bool:
        """Return whether what was told of a login does not hold any more.

        A clock that was set back makes no login anew. One that is so far behind says nothing of any login.
        """
        if login.state != "ok":
            return False
        if days is not None:
            return told.days == 0  # one that the server had rejected, and that was refreshed
        if moved or login.ends_at is None:
            return True
        return told.days == 0 and login.ends_at - now <= _LONGEST

    def _set_told(self, name: str, told: _Told | None) -> None:
        if self._told.get(name) == told:
            return
        if told is None:
            del self._told[name]
        else:
            self._told[name] = told
        self._keep(name)

    def _keep(self, what: str) -> None:
        self._store.unsaved.attempt(DOCUMENT, self._save, f"the warnings of the login of {what}")

    def _save(self) -> None:
        days = {name: told.days for name, told in self._told.items()}
        ends = {name: told.end for name, told in self._told.items() if told.end is not None}
        self._store.save(DOCUMENT, days, ends=ends)  # a release that does not know the ends reads the days


def _log_change(name: str, login: HomeLogin) -> None:
    if login.state != "ok":
        log.info("account %s: login=%s", name, login.state, extra=log_fields(account=name))
    elif login.ends_at is not None:
        log.info("account %s: login=ok until=%s", name, clock.iso(login.ends_at), extra=log_fields(account=name))
    else:
        log.info(
            "account %s: login=ok until=unknown: Claude Code before 2.1.260 writes no date, so nothing is told before "
            "the login ends",
            name,
            extra=log_fields(account=name),
        )


def _told_days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"found {type(value).__name__}, expected a number of days")
    return value


def _ends(value: Any) -> dict[str, str]:
    if not all(isinstance(end, str) for _name, end in as_items(value)):
        raise TypeError("found an end that is no text, expected a time")
    return dict(value)


def _stamp(path: str) -> tuple[int, int, int] | None:
    """Return inode, size and mtime of a file, which change with its content."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
