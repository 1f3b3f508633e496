# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry what is known of an account over to another name of it: an account with the same home is the same account.

The document is written last: a kill before it repeats the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from ..config.holder import ConfigHolder
from ..storage.store import Store, as_items, as_optional_text

log = logging.getLogger(__name__)

DOCUMENT = "accounts"


class AccountRenames:
    """The homes of the accounts as they were last seen, durably.

    ``parts``, which are to be set before the first `apply`, are told the new names by the old ones.
    """

    def __init__(self, config: ConfigHolder, store: Store) -> None:
        self.parts: Sequence[Callable[[Mapping[str, str]], None]] = ()
        self._config = config
        self._store = store
        rows = store.read_part(DOCUMENT, "the table of homes", as_items, store.load(DOCUMENT, {})) or []
        homes = [
            (name, store.read_part(DOCUMENT, f"the home of {name!r}", as_optional_text, row)) for name, row in rows
        ]
        self._homes = {name: home for name, home in homes if home is not None}
        config.subscribe(self.apply)

    def apply(self) -> None:
        """Compare the names in the configuration with the known ones, and tell the parts."""
        accounts = self._config.current.accounts
        now = {account.home: account.name for account in accounts}
        names = {name: now[home] for name, home in self._homes.items() if now.get(home, name) != name}
        if names:
            for part in self.parts:
                part(names)
            log.warning("accounts renamed, each with its home: %s", ", ".join(f"{a} to {b}" for a, b in names.items()))
        homes = {account.name: account.home for account in accounts}
        if homes != self._homes:
            self._homes = homes
            self._store.keep(DOCUMENT, lambda: self._homes, "the homes of the accounts")
