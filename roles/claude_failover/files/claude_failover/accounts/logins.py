# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember credentials that the server has rejected, until they change.

Blanked tokens and a past day show in the credentials file (`claude.credentials`); an ``authentication_failed`` does
not, so it is recorded here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from ..claude.credentials import HomeLogin, credentials_file, read_login
from ..common.log_fields import log_fields
from ..common.renaming import renamed
from ..config.model import Account
from ..storage.store import Store, as_list

log = logging.getLogger(__name__)

DOCUMENT = "logins"


class Logins:
    """The durable table of rejected logins, by account name."""

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = store.load(DOCUMENT, {})
        stamps = {
            name: store.read_part(DOCUMENT, f"the login of {name!r}", as_list, value) for name, value in rows.items()
        }
        self._rejected = {name: stamp for name, stamp in stamps.items() if stamp is not None}

    def record_rejection(self, account: Account) -> bool:
        """Record that the server rejected the account's login; returns whether that is new."""
        stamp = _stamp(account.home)
        if self._rejected.get(account.name) == stamp:
            return False
        self._rejected[account.name] = stamp
        self._save(account.name)
        return True

    def update_stamp(self, account: Account) -> None:
        """Accept the credentials' current stamp after the daemon has touched the file."""
        if account.name in self._rejected:
            self._rejected[account.name] = _stamp(account.home)
            self._save(account.name)

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        self._rejected = renamed(self._rejected, names)
        self._save(", ".join(names.values()))

    def state(self, account: Account) -> str:
        """Return ``ok``, ``missing``, ``expired`` (blanked, past its day, or rejected by the server) or ``unknown``."""
        return self.look(account).state

    def look(self, account: Account) -> HomeLogin:
        """Return the account's login, whose state is `state`."""
        login = read_login(account.home)
        stamp = self._rejected.get(account.name)
        if stamp is None:
            return login
        if stamp == _stamp(account.home):
            return login._replace(state="expired") if login.state == "ok" else login
        log.info(
            "account %s: its credentials have changed since the server rejected them, and are used again",
            account.name,
            extra=log_fields(account=account.name),
        )
        del self._rejected[account.name]
        self._save(account.name)
        return login

    def _save(self, name: str) -> None:
        self._store.keep(DOCUMENT, lambda: self._rejected, f"the rejected login of {name}")


def _stamp(home: str) -> list[int]:
    """Return inode, size and mtime of the credentials file: they change with every login and reveal nothing of it."""
    try:
        status = os.stat(credentials_file(home))
    except OSError:
        return []
    return [status.st_ino, status.st_size, status.st_mtime_ns]
