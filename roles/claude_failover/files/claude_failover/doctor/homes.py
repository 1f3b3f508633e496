# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the homes of all accounts, and compare them by `home_differences`; nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..claude.home_entries import read_all, read_object, read_presence, read_tree
from ..claude.state_file import STATE_FILE
from ..config.model import Config
from ..host.finding import Finding
from .home_differences import (
    KEYBINDINGS,
    LOCAL_SETTINGS,
    MARKETPLACES,
    PLUGINS,
    SETTINGS,
    TREES,
    WORK,
    HomeContent,
    difference_findings,
)

#: The entries that are compared, each with the function that reads it.
READERS = {
    **dict.fromkeys((SETTINGS, LOCAL_SETTINGS, STATE_FILE, KEYBINDINGS, PLUGINS, MARKETPLACES), read_object),
    **dict.fromkeys(TREES, read_tree),
    **dict.fromkeys(WORK, read_presence),
}


def check_home_differences(config: Config) -> Iterator[Finding]:
    """Look for what a session has under one account and lacks under another."""
    columns = {
        name: read_all([place_of(config, home, name) for home in config.homes], read) for name, read in READERS.items()
    }
    yield from difference_findings(
        [
            HomeContent(
                account.name, account.home, account.enabled, {name: column[row] for name, column in columns.items()}
            )
            for row, account in enumerate(config.accounts)
        ]
    )


def place_of(config: Config, home: str, name: str) -> str:
    """Return where an entry is, or will be: a shared link that is missing is made before an account is used."""
    entry, _separator, below = name.partition("/")
    path = os.path.join(home, entry)
    if not os.path.lexists(path):
        path = next((link.target for link in config.shared_links if link.name == entry), path)
    return os.path.join(path, below) if below else path
