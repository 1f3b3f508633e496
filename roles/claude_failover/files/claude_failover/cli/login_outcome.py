# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of ``claude-failover login``: who is logged in and until when, recorded and told."""

from __future__ import annotations

import os

from ..accounts.active_link import read_active
from ..accounts.home_logins import AccountLogin, account_logins, shared_login_text, shared_logins
from ..accounts.identities import DOCUMENT, Identities
from ..claude.account_entry import put_back, read_entry
from ..claude.credentials import read_login
from ..claude.identity import Identity, read_identity
from ..common import clock
from ..config.model import Account, Config
from ..storage.store import Store
from .login_lines import login_line


class LoginOutcome:
    """Made before the Claude CLI is started, to see what the login changes; ``problem`` is why it did not succeed."""

    def __init__(self, config: Config, account: Account) -> None:
        self.problem: str | None = None
        self._config = config
        self._account = account
        self._active = read_active(config.active_link, config.accounts).account
        self._entry = read_entry(self._active.home) if self._active is not None else None

    def finish(self) -> list[str]:
        """Record who the account is, after the Claude CLI has ended; return the lines that are told."""
        name = self._account.name
        login = read_login(self._account.home)
        found = read_identity(self._account.home) if login.state == "ok" else None
        lines = [login_line(AccountLogin(name, login, found).to_row(), clock.wall())]
        lines.append(f"{name}: {self._record(found)}")
        lines += self._restore_active()
        if login.state != "ok":
            self.problem = f"{name} is not logged in; run `claude-failover login {name}` again"
        elif found is not None:
            groups = shared_logins(
                [AccountLogin(name, login, found), *(row for row in account_logins(self._config) if row.name != name)]
            )
            self.problem = next((shared_login_text(names) for names in groups if name in names), None)
        return lines

    def _record(self, found: Identity | None) -> str:
        """Record who the account is logged in as; return what is told of it."""
        if found is None:
            return "nothing is recorded of who it is"
        if not os.path.isdir(self._config.state_dir):
            return f"there is no {self._config.state_dir} yet; the daemon records who it is at its first start"
        try:
            store = Store(self._config.state_dir)
            before = Identities(store).record(self._account.name, found)
            problem = store.unsaved.problems.get(DOCUMENT)
        except OSError as error:
            problem = str(error)
        if problem is not None:
            return f"who it is could not be recorded: {problem}"
        if before is not None and not before.is_login_of(found):
            return f"recorded; it was {before.address or before.account_uuid}"
        return "recorded"

    def _restore_active(self) -> list[str]:
        """Put the active account's entry back where the login has replaced it by its own; return what is told of it."""
        active, before = self._active, self._entry
        if active is None or active.name == self._account.name or before is None:
            return []
        now = read_entry(active.home)
        if now is None or now.get("accountUuid") == before.get("accountUuid"):
            return []
        if now != read_entry(self._account.home):
            return []  # not the login's work
        try:
            restored = put_back(active.home, before, now)
        except (OSError, ValueError) as error:
            text = (
                f"{active.name}: its home names {self._account.name} now, which its sessions send with their requests, "
                f"and that could not be undone: {error}; start `claude-failover login {active.name}` and leave it "
                "with /exit"
            )
            return [text]
        return [f"{active.name}: its home names it again, where this login had put its own name"] if restored else []
