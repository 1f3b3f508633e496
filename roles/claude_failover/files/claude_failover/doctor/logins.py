# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about the accounts' logins: who is logged in where, and until when."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime

from ..accounts.home_logins import AccountLogin, account_logins, shared_login_mend, shared_logins
from ..accounts.login_watch import days_left
from ..accounts.shared_state_file import homes_in_common
from ..common import clock
from ..common.text import counted
from ..config.model import Account, Config
from ..host.finding import ERROR, WARNING, Finding, ok

_EXPECTED = "a login, without which no switch leads to it"
_FOUND = {
    "missing": "is not logged in",
    "expired": "has a login that is dead: its tokens are blanked",
    "unknown": "has a login that this user cannot read",
}


def check_logins(config: Config) -> Iterator[Finding]:
    """Look at the login of each account, and for two homes with one login."""
    logins = account_logins(config)
    shared = homes_in_common(config.accounts)
    for account, item in zip(config.accounts, logins):
        yield _about_login(account, item, clock.wall())
        recorded = item.identity is not None and item.identity.entry is not None
        if account.name in shared and item.login.state == "ok" and not recorded:
            yield Finding(
                "identity",
                WARNING,
                f"who the account {account.name} is is unknown until its next login, so that the .claude.json which "
                "the homes share names another account while it is active",
                "who each account is, recorded at its login",
                shlex.join(["claude-failover", "login", account.name]),
            )
    for names in shared_logins(logins):
        yield Finding(
            "login",
            ERROR,
            f"the accounts {', '.join(names)} have one login, and share every limit: no switch between them helps",
            "a login of its own in each home",
            shared_login_mend(names),
        )


def _about_login(account: Account, item: AccountLogin, now: datetime) -> Finding:
    name, login = f"the account {account.name}", item.login
    mend = shlex.join(["claude-failover", "login", account.name])
    end = clock.iso(login.ends_at) if login.ends_at is not None else None
    if login.state != "ok":
        level = ERROR if account.enabled else WARNING
        found = f"has a login that ended on {end}" if login.state == "expired" and end else _FOUND[login.state]
        return Finding("login", level, f"{name} {found} ({account.home})", _EXPECTED, mend)
    days = days_left(login, now)
    if days is not None:
        found = f"the login of {name} ends within {counted(days, 'day')}, on {end} ({account.home})"
        return Finding("login", WARNING, found, "a login made anew before that day: refreshing does not move it", mend)
    who = ", ".join(filter(None, item.identity.to_status().values())) if item.identity is not None else ""
    until = f"until {end}" if end else "until when is not known: Claude Code before 2.1.260 writes no date"
    return ok("login", f"{name} is logged in{f' as {who}' if who else ''}, {until} ({account.home})")
