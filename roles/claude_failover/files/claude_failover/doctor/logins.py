# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about the accounts' logins."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ..claude.credentials import login_state
from ..config.model import Config
from ..host.finding import ERROR, Finding, ok

_FOUND = {
    "missing": "is not logged in",
    "expired": "has a login that has ended: its tokens are blanked",
    "unknown": "has a login that this user cannot read",
}


def check_logins(config: Config) -> Iterator[Finding]:
    """Look whether each account is logged in."""
    for account in config.accounts:
        state = login_state(account.home)
        if state == "ok":
            yield ok("login", f"the account {account.name} is logged in ({account.home})")
            continue
        yield Finding(
            "login",
            ERROR,
            f"the account {account.name} {_FOUND.get(state, state)} ({account.home})",
            "a login, without which no switch leads to it",
            shlex.join(["claude-failover", "login", account.name]),
        )
