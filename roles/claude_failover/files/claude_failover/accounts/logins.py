# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which logins are dead although there is something to log in with: the server said so.

Blanked tokens are seen in the file (`accounts.login_state`); an ``authentication_failed`` is not, so it is
remembered here until the credentials change.
"""

from __future__ import annotations

import logging
import os

from ..claude.credentials import login_state
from ..config.model import Account
from ..storage.store import Store, list_of

log = logging.getLogger(__name__)

DOCUMENT = "logins"


class Logins:
    """The durable list of logins that the server refused."""

    def __init__(self, store: Store) -> None:
        self._store = store
        held = store.load(DOCUMENT, {})
        stamps = {name: store.part(DOCUMENT, f"the login of {name!r}", list_of, value) for name, value in held.items()}
        self._dead = {name: stamp for name, stamp in stamps.items() if stamp is not None}

    def refused(self, account: Account) -> bool:
        """Note that the server refused the account's login; returns whether that is new. Raises OSError."""
        stamp = _stamp(account.home)
        if self._dead.get(account.name) == stamp:
            return False
        self._dead[account.name] = stamp
        self._save()
        return True

    def touched(self, account: Account) -> None:
        """Take the credentials' new times as ours: touching them is no new login. Raises OSError."""
        if account.name in self._dead:
            self._dead[account.name] = _stamp(account.home)
            self._save()

    def state(self, account: Account) -> str:
        """Return ``ok``, ``missing``, ``expired`` (blanked, or refused by the server) or ``unknown``."""
        state = login_state(account.home)
        stamp = self._dead.get(account.name)
        if stamp is None:
            return state
        if stamp == _stamp(account.home):
            return "expired" if state == "ok" else state
        log.info("account %s: its credentials are new since the server refused them, and count again", account.name)
        del self._dead[account.name]
        self._save()
        return state

    def _save(self) -> None:
        self._store.save(DOCUMENT, self._dead)


def _stamp(home: str) -> list[int]:
    """Return what changes with every new login, and holds nothing of it."""
    try:
        status = os.stat(os.path.join(home, ".credentials.json"))
    except OSError:
        return []
    return [status.st_ino, status.st_size, status.st_mtime_ns]
