# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and replace the active link, the symlink that decides which account the sessions use.

Claude Code does not resolve the link at its start: every access goes through the path, so replacing the link
moves running sessions to the other account (24 of 24 flips, Claude Code 2.1.330).
"""

from __future__ import annotations

import errno
import os
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ..common.errors import Refused, failure_of
from ..config.model import Account, Config
from ..storage.files import settle_folder
from .spare_inode import keep_spare, release_spare


@dataclass(frozen=True)
class ActiveLink:
    """The state of the active link.

    ``kind`` is ``account`` (a link to ``account``), ``missing``, ``foreign`` (a link to no configured account),
    ``not_a_link`` or ``unreadable``. ``text`` is the link's own text (``account``, ``foreign``) or the reason
    (``unreadable``), else empty; ``error`` is what the system said (``unreadable``).
    """

    kind: str
    account: Account | None = None
    text: str = ""
    error: OSError | None = None


def read_active(path: str, accounts: Sequence[Account]) -> ActiveLink:
    """Return the state of the active link. Never raises: an inaccessible parent folder must not end the daemon."""
    try:
        text = os.readlink(path)
    except FileNotFoundError:
        return ActiveLink("missing")
    except OSError as error:
        if error.errno == errno.EINVAL:
            return ActiveLink("not_a_link")
        return ActiveLink("unreadable", text=error.strerror or str(error), error=error)
    for account in accounts:
        if text == account.home:  # as `point_active` makes it
            return ActiveLink("account", account, text)
    target = os.path.realpath(path)
    for account in accounts:
        if target == os.path.realpath(account.home):
            return ActiveLink("account", account, text)
    return ActiveLink("foreign", None, text)


def default_account(accounts: Sequence[Account]) -> Account:
    """Return the account that is active at first: the first that is enabled, and not on standby where one is not."""
    return min(accounts, key=lambda account: (not account.enabled, account.standby))


def ensure_active(path: str, accounts: Sequence[Account], active: str | None = None) -> Account | None:
    """Create the active link if it is missing; return the account that it was made for, None if it was there.

    That is the account of the name ``active``, which was active last, or `default_account`. Raises Refused if what is
    there leads to no account, PassingFault if it cannot be read for now, OSError.
    """
    link = read_active(path, accounts)
    if link.kind == "missing":
        account = next((account for account in accounts if account.name == active), default_account(accounts))
        point_active(path, account)
        return account
    if link.kind != "account":
        message = describe_active(path, link, accounts)
        raise Refused(message) if link.error is None else failure_of(link.error, message)
    return None


def check_active_kept(old: Config, new: Config) -> None:
    """Check that a new configuration keeps the active account. Raises Refused."""
    active = read_active(old.active_link, old.accounts).account
    if active is not None and active.home not in new.homes:
        raise Refused(
            f"{new.path}: found no account with the home {active.home} of the active account {active.name}; "
            "expected it to stay in accounts until another is active: claude-failover switch ACCOUNT"
        )


def point_active(path: str, account: Account) -> None:
    """Point the active link to the account's home, atomically: no reader finds the link missing.

    Raises Refused when the path exists and is not a symlink: it may be somebody's only home. Raises OSError.
    """
    if os.path.lexists(path) and not os.path.islink(path):
        raise Refused(describe_active(path, ActiveLink("not_a_link"), [account]))
    temporary = f"{path}.{secrets.token_hex(6)}"
    released = False
    try:
        os.symlink(account.home, temporary)
    except OSError as error:
        released = error.errno in (errno.ENOSPC, errno.EDQUOT) and release_spare(path)
        if not released:
            raise
        os.symlink(account.home, temporary)
    try:
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    if released:
        keep_spare(path)  # the inode of the old link is free now
    settle_folder(os.path.dirname(path))


def describe_active(path: str, link: ActiveLink, accounts: Sequence[Account]) -> str:
    """Return the error message for an active link that leads to no account: found, expected, what to do."""
    homes = ", ".join(account.home for account in accounts)
    if link.kind == "unreadable":
        return (
            f"active_link {path} cannot be read: {link.text}. Expected a link to one of {homes}, in a folder "
            "that this user may enter. Put that folder back, or give the user rights on it"
        )
    if link.kind == "not_a_link":
        return (
            f"active_link {path} is not a symlink, and was left as it is: it may hold a login and settings. "
            f"Expected a link to one of {homes}. If it is an account's home, move it to a path of its own, "
            "name that path under accounts, and start again"
        )
    return (
        f"active_link {path} leads to {link.text!r}, which is the home of no configured account, and was left "
        f"as it is. Expected a link to one of {homes}. Add that account to the configuration, or point the "
        "link at one of them, as the sessions' user and never as root: "
        f"{shlex.join(('ln', '-sfn', default_account(accounts).home, path))}"
    )
