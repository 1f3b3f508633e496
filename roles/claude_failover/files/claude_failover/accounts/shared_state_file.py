# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out whether the account homes share one ``.claude.json``, and who the homes say that they are."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import FILE

from ..claude.credentials import login_state
from ..claude.identity import Identity, read_identity
from ..claude.process_home import DEFAULT_HOME
from ..claude.state_file import STATE_FILE, state_file
from ..config.model import Account, Config


def shared_state_file(config: Config) -> str | None:
    """Return the file that the configuration says all homes share, or None."""
    return next((link.target for link in config.shared_links if (link.name, link.kind) == (STATE_FILE, FILE)), None)


def sharing_homes(config: Config) -> list[str]:
    """Return the homes that share that file now, that of the active account first; none where it has a file of its own.

    A link that was replaced by a regular file shares no more (told by `link_watch`).
    """
    target = shared_state_file(config)
    if target is None:
        return []
    active = os.path.realpath(config.active_link)
    homes = [home for home in config.homes if _is_link_to(state_file(home), target)]
    homes.sort(key=lambda home: os.path.realpath(home) != active)
    return homes if homes and os.path.realpath(homes[0]) == active else []


def persons_folders(config: Config) -> list[str]:
    """Return the folder in which a session without CLAUDE_CONFIG_DIR has the file, and its lock, or none.

    A file there that is not the active home's counts as none.
    """
    folder, name = os.path.split(config.active_link)
    is_same = os.path.realpath(state_file(folder)) == os.path.realpath(state_file(config.active_link))
    return [folder] if name == DEFAULT_HOME and is_same else []


def homes_in_common(accounts: Sequence[Account]) -> list[str]:
    """Return the names of the accounts whose file another home has too, by whatever link."""
    files = [os.path.realpath(state_file(account.home)) for account in accounts]
    return [account.name for account, file in zip(accounts, files) if files.count(file) > 1]


def named_identities(accounts: Sequence[Account]) -> dict[str, Identity]:
    """Return who the homes that are logged in say that they are, by account name.

    A file that homes share says it only of the one that is logged in, while there is no login in any other.
    """
    files = {account.name: os.path.realpath(state_file(account.home)) for account in accounts}
    logins = {account.name: login_state(account.home) for account in accounts}
    found = {}
    for account in accounts:
        others = [logins[name] for name, file in files.items() if file == files[account.name] and name != account.name]
        if logins[account.name] == "ok" and all(login == "missing" for login in others):
            found[account.name] = read_identity(account.home)
    return {name: identity for name, identity in found.items() if identity is not None}


def _is_link_to(path: str, target: str) -> bool:
    return os.path.islink(path) and os.path.realpath(path) == os.path.realpath(target)
