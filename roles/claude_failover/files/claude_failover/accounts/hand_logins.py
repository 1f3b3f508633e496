# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out in which home a login was made by hand, where homes share the file that names it.

A login replaces the credentials file of one home, and the name at the same time. A refresh replaces the credentials
alone, so the two have to come together, and the credentials of no other home may have changed at that time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ..claude.credentials import credentials_file
from ..claude.identity import Identity
from ..config.model import Account

#: Seconds between the change of the name and that of the credentials, at most.
TOGETHER = 30.0


class HandLogins:
    """Watches the credentials files by inode, size and mtime; nothing in them is read."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._stamps: dict[str, tuple[int, int, int] | None] = {}  # by account
        self._changed: dict[str, float] = {}
        self._named: tuple[Identity, float] | None = None  # a name that is nobody's, and since when

    def look(self, accounts: Sequence[Account]) -> Callable[[Identity], str | None]:
        """Look at the credentials; return a function that tells which account was logged in with a name."""
        now = self._now()
        for account in accounts:
            stamp = _stamp(account.home)
            if self._stamps.setdefault(account.name, stamp) != stamp:
                self._stamps[account.name] = stamp
                self._changed[account.name] = now
        return self._logged_in

    def forget(self) -> None:
        """Forget the name that was nobody's."""
        self._named = None

    def _logged_in(self, found: Identity) -> str | None:
        now = self._now()
        if self._named is None or not self._named[0].is_login_of(found):
            self._named = found, now
        names = [name for name, at in self._changed.items() if abs(at - self._named[1]) <= TOGETHER]
        return names[0] if len(names) == 1 else None


def _stamp(home: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(credentials_file(home))
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
