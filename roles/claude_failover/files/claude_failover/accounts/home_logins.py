# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the logins of all account homes without a daemon, and find two homes with one login; nothing is written.

Who an account is comes from the record of its login. What its home says counts only where there is no record, the
active link was never flipped (a running session writes another account's name there), and no other home with a login
has the file. Where one has, the original counts that an adoption has kept.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..claude.credentials import HomeLogin, read_login
from ..claude.identity import Identity, identity_from_json
from ..common import clock, json_text
from ..config.model import Config
from ..storage.regular_file import read_regular
from .adopted_identities import adopted_identities
from .identities import DOCUMENT
from .shared_state_file import named_identities

_FLIPS = "flips"  # the document of `switching.flip_log`


class AccountLogin(NamedTuple):
    """The login of one account; ``identity`` is None where who it is is not known."""

    name: str
    login: HomeLogin
    identity: Identity | None

    def to_row(self) -> dict[str, Any]:
        """Return the keys of ``accounts`` in ``status --json`` that tell of the login."""
        return {
            "name": self.name,
            "login": self.login.state,
            "login_expires_at": clock.optional_iso(self.login.ends_at),
            "identity": self.identity.to_status() if self.identity is not None else None,
        }


def account_logins(config: Config) -> list[AccountLogin]:
    """Return the login of every account. Never raises."""
    recorded = recorded_identities(config.state_dir)
    named = {}
    if last_flip(config.state_dir) is None:
        named = {**adopted_identities(config), **named_identities(config.accounts)}
    return [
        AccountLogin(account.name, read_login(account.home), recorded.get(account.name) or named.get(account.name))
        for account in config.accounts
    ]


def last_flip(state_dir: str) -> Any:
    """Return the last flip of the active link as it is on the disk, None for none."""
    flips = _document(state_dir, _FLIPS).get("flips")
    return flips[-1] if isinstance(flips, list) and flips else None


def _document(state_dir: str, name: str) -> dict[str, Any]:
    """Return the data of a document of the daemon's, empty where it cannot be read."""
    try:
        document = json_text.parse(read_regular(os.path.join(state_dir, name + ".json")))
    except (OSError, ValueError):
        return {}
    data = document.get("data") if isinstance(document, dict) else None
    return data if isinstance(data, dict) else {}


def recorded_identities(state_dir: str) -> dict[str, Identity]:
    """Return who the accounts are, as recorded; what cannot be read or is invalid is left out."""
    found = {}
    for name, row in _document(state_dir, DOCUMENT).items():
        try:
            found[name] = identity_from_json(row)
        except (ValueError, AttributeError):
            continue
    return found


def shared_logins(logins: Iterable[AccountLogin]) -> list[tuple[str, ...]]:
    """Return the names of the accounts that are logged in with one login, for each such login (pure)."""
    groups: list[tuple[Identity, list[str]]] = []
    for item in logins:
        if item.identity is None or item.login.state != "ok":
            continue
        names = next((names for identity, names in groups if identity.is_login_of(item.identity)), None)
        if names is None:
            groups.append((item.identity, [item.name]))
        else:
            names.append(item.name)
    return [tuple(names) for _identity, names in groups if len(names) > 1]


def shared_login_text(names: Iterable[str]) -> str:
    """Return what is wrong with accounts of one login, and what mends it (pure); it shows no address."""
    names = list(names)
    return (
        f"{', '.join(names)}: found one login in {len(names)} homes; expected one of its own in each: they share every "
        f"limit, so no switch between them helps. To mend it: {shared_login_mend(names)}"
    )


def shared_login_mend(names: Iterable[str]) -> str:
    """Return what gives each of the accounts a login of its own (pure)."""
    first, *others = names
    commands = " or ".join(f"`{shlex.join(['claude-failover', 'login', name])}`" for name in (*others, first))
    return (
        f"log one in again ({commands}), with a private window of the browser, which else signs in the account that it "
        "knows"
    )
