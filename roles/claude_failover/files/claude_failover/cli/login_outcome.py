# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of ``claude-failover login``: who is logged in and until when, recorded and told."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ..accounts.active_link import read_active
from ..accounts.home_logins import (
    AccountLogin,
    account_logins,
    last_flip,
    recorded_identities,
    shared_login_text,
    shared_logins,
)
from ..accounts.identities import DOCUMENT, Identities
from ..accounts.login_lock import login_lock
from ..accounts.shared_state_file import homes_in_common, persons_folders
from ..claude.credentials import read_login
from ..claude.identity import KEY, Identity, named_identity, read_identity
from ..claude.state_file import read_state_file, state_file
from ..claude.state_file_edit import edit_state_file
from ..claude.state_file_lock import StateFileLocks
from ..common import clock
from ..config.model import Account, Config
from ..storage.store import Store
from .login_lines import login_line
from .login_name import Moment, login_name

LOCK_WAIT = 5.0  # seconds that another process's lock of the file is waited for


class LoginOutcome:
    """Made before the Claude CLI is started, to see what the login changes; ``problem`` is why it did not succeed."""

    def __init__(self, config: Config, account: Account) -> None:
        self.problem: str | None = None
        self._config = config
        self._account = account
        self._shares = account.name in homes_in_common(config.accounts)
        self._recorded = recorded_identities(config.state_dir)
        self._before = self._moment()

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Keep another login, and the daemon, from judging whose name the file bears. Raises Refused, OSError."""
        if not self._shares or not os.path.isdir(self._config.state_dir):
            yield
            return
        with login_lock(self._config.state_dir):
            yield

    def finish(self) -> list[str]:
        """Record who the account is, after the Claude CLI has ended; return the lines that are told."""
        name = self._account.name
        after = self._moment()
        login, found, why = after.login, None, ""
        if self._shares:
            found, why = login_name(name, self._before, after, recorded_identities(self._config.state_dir))
        elif login.state == "ok":
            found = read_identity(self._account.home)
        lines = [login_line(AccountLogin(name, login, found).to_row(), clock.wall())]
        lines.append(f"{name}: {self._record(found, why)}")
        lines += self._restore_active(found)
        if login.state != "ok":
            self.problem = f"{name} is not logged in; run `claude-failover login {name}` again"
        elif found is not None:
            groups = shared_logins(
                [AccountLogin(name, login, found), *(row for row in account_logins(self._config) if row.name != name)]
            )
            self.problem = next((shared_login_text(names) for names in groups if name in names), None)
        return lines

    def _moment(self) -> Moment:
        active = read_active(self._config.active_link, self._config.accounts).account
        home = self._account.home
        return Moment(
            active.name if active is not None else None,
            last_flip(self._config.state_dir),
            read_state_file(home),
            read_login(home),
        )

    def _record(self, found: Identity | None, why: str) -> str:
        """Record who the account is logged in as; return what is told of it."""
        if found is None:
            return "nothing is recorded of who it is" + (f": {why}; log in again (/login) to be sure" if why else "")
        if not os.path.isdir(self._config.state_dir):
            later = "the daemon records who it is at its first start"
            if self._shares:
                later = "as the homes share one .claude.json, only a login after its first start records who it is"
            return f"there is no {self._config.state_dir} yet; {later}"
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

    def _restore_active(self, found: Identity | None) -> list[str]:
        """Put the active account's name back where the login has replaced it by its own; return what is told of it."""
        config = self._config
        active = read_active(config.active_link, config.accounts).account
        if active is None or active.name == self._account.name or found is None:
            return []
        homes = [active.home, self._account.home]
        if len({os.path.realpath(state_file(home)) for home in homes}) > 1:
            return []
        recorded, before = self._recorded.get(active.name), self._before.named
        known = recorded if recorded is not None and recorded.entry is not None else before
        if known is None or known.is_login_of(found) or (recorded is not None and not recorded.is_login_of(known)):
            return []
        entry = known.entry

        def change(document: dict[str, Any]) -> bool:
            now = named_identity(document)
            if entry is None or now is None or not now.is_login_of(found):
                return False  # not the login's work
            document[KEY] = entry
            return True

        try:
            restored = edit_state_file(homes, change, StateFileLocks(), also=persons_folders(config), wait=LOCK_WAIT)
        except OSError as error:
            text = (
                f"{active.name}: its home names {self._account.name} now, which its sessions send with their requests, "
                f"and that could not be undone: {error.filename} {error.strerror}; start "
                f"`claude-failover login {active.name}` and leave it with /exit"
            )
            return [text]
        return [f"{active.name}: its home names it again, where this login had put its own name"] if restored else []
