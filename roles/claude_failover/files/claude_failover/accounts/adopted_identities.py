# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out who the accounts of an adopted machine are; nothing is written.

An adoption makes one ``.claude.json`` of those of all homes, which names the active account only. It keeps the
originals under dated names, and they say who each account was.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..claude.credentials import credentials_file, login_state
from ..claude.identity import Identity, named_identity
from ..claude.process_home import DEFAULT_HOME
from ..claude.state_file import STATE_FILE, read_file_at, state_file
from ..config.model import Account, Config
from .shared_state_file import homes_in_common

#: The name of an original between its old name and the date, as the module claude_shared_state_adopt gives it.
_ASIDE = ".before-adoption-"


def adopted_identities(config: Config) -> dict[str, Identity]:
    """Return who the accounts are whose homes share the file, by account name, where that is certain.

    It is where every original of a home names one login, and the credentials are no newer than the newest of them.
    Holds only as long as the active link was never flipped: until then the file beside it was that of the home to which
    it leads.
    """
    shared = homes_in_common(config.accounts)
    found = {account.name: _identity(account, config) for account in config.accounts if account.name in shared}
    return {name: identity for name, identity in found.items() if identity is not None}


def completed_identities(config: Config, recorded: Mapping[str, Identity]) -> dict[str, Identity]:
    """Return the whole identity of each account that an older release has recorded in part, by account name.

    It is in an original that names the login of that account's record, and of no other's.
    """
    found: dict[str, Identity] = {}
    folder = os.path.dirname(config.active_link)
    for path in dict.fromkeys(state_file(place) for place in (folder, *config.homes)):
        try:
            named = [_named(original) for original in _kept(path)]
        except OSError:
            continue
        for identity in named:
            owners = [name for name, known in recorded.items() if identity and known.is_login_of(identity)]
            if identity and identity.entry is not None and len(owners) == 1 and recorded[owners[0]].entry is None:
                found.setdefault(owners[0], identity)
    return found


def _identity(account: Account, config: Config) -> Identity | None:
    if login_state(account.home) != "ok":
        return None
    try:
        if any(_has_file(folder) for folder in _kept(account.home)):
            return None  # the home is one of two, and the login can be that of either
        originals = _kept(state_file(account.home))
        link = config.active_link
        if os.path.basename(link) == DEFAULT_HOME and os.path.realpath(link) == os.path.realpath(account.home):
            originals += _kept(os.path.join(os.path.dirname(link), STATE_FILE))
        times = [os.lstat(path).st_mtime_ns for path in originals]
        if not times or os.stat(credentials_file(account.home)).st_mtime_ns > max(times):
            return None
        first, *others = map(_named, originals)
    except OSError:
        return None
    same = first is not None and all(other is not None and first.is_login_of(other) for other in others)
    return first if same else None


def _named(original: str) -> Identity | None:
    return named_identity(read_file_at(original, os.O_RDONLY | os.O_NOFOLLOW))


def _kept(path: str) -> list[str]:
    """Return the originals that were kept of a file or folder; one that is a link is none. Raises OSError."""
    folder, name = os.path.split(path)
    names = [each for each in os.listdir(folder) if each.startswith(name + _ASIDE)]
    return [path for path in (os.path.join(folder, each) for each in names) if not os.path.islink(path)]


def _has_file(folder: str) -> bool:
    return any(name.startswith(STATE_FILE) for name in os.listdir(folder))
