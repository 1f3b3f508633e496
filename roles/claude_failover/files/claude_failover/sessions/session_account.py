# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that a session's next request uses, and whether a flip moves it."""

from __future__ import annotations

from ..common.file_identity import is_same_entry
from ..config.model import Account, Config
from .tracked_session import TrackedSession


def account_of(tracked: TrackedSession, config: Config, active: Account | None) -> Account | None:
    """Return the account that the session's next request uses, or None if it is unknown.

    A process that was started with an account's home stays with it; one that was started with the active link follows
    every flip, unless its login comes from elsewhere. Of one that is set aside it is not known.
    """
    if tracked.config_dir is None or tracked.set_aside is not None or tracked.foreign_login is not None:
        return None
    if is_same_entry(tracked.config_dir, config.active_link):
        return active
    return next((account for account in config.accounts if is_same_entry(account.home, tracked.config_dir)), None)


def follows_link(tracked: TrackedSession, config: Config) -> bool | None:
    """Return whether a flip moves the session's requests to the other account; None if that is unknown."""
    if not tracked.up or tracked.config_dir is None:
        return None
    if tracked.set_aside is not None or tracked.foreign_login is not None:
        return False
    return is_same_entry(tracked.config_dir, config.active_link)
