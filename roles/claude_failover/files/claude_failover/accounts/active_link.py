# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and replace the active link, the symlink that decides which account the sessions use.

Claude Code does not resolve the link at its start: every access goes through the path, so replacing the link
moves running sessions to the other account (24 of 24 flips, Claude Code 2.1.330).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ..common.errors import Refused
from ..config.model import Account
from ..storage.files import sync_folder


@dataclass(frozen=True)
class ActiveLink:
    """The state of the active link.

    ``kind`` is ``account`` (a link to ``account``), ``missing``, ``foreign`` (a link to no configured account),
    ``not_a_link`` or ``unreadable``. ``text`` is the link's own text (``account``, ``foreign``) or the reason
    (``unreadable``), else empty.
    """

    kind: str
    account: Account | None = None
    text: str = ""


def read_active(path: str, accounts: Sequence[Account]) -> ActiveLink:
    """Return the state of the active link. Never raises: an inaccessible parent folder must not end the daemon."""
    try:
        text = os.readlink(path)
    except FileNotFoundError:
        return ActiveLink("missing")
    except OSError as error:
        if os.path.lexists(path):
            return ActiveLink("not_a_link")
        return ActiveLink("unreadable", text=error.strerror or str(error))
    target = os.path.realpath(path)
    for account in accounts:
        if target == os.path.realpath(account.home):
            return ActiveLink("account", account, text)
    return ActiveLink("foreign", None, text)


def point_active(path: str, account: Account) -> None:
    """Point the active link to the account's home, atomically: no reader finds the link missing.

    Raises Refused when the path exists and is not a symlink: it may be somebody's only home. Raises OSError.
    """
    if os.path.lexists(path) and not os.path.islink(path):
        raise Refused(describe_active(path, ActiveLink("not_a_link"), [account]))
    temporary = f"{path}.{secrets.token_hex(6)}"
    os.symlink(account.home, temporary)
    try:
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


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
        f"link at one of them: ln -sfn {accounts[0].home} {path}"
    )
