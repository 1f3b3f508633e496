# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge whose name a ``.claude.json`` that homes share bears after a login to one of them (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..claude.credentials import HomeLogin
from ..claude.identity import Identity, named_identity


class Moment(NamedTuple):
    """The state before or after the login: the active account, the last flip, the shared file, the account's login."""

    active: str | None
    last_flip: Any
    document: Mapping[str, Any]
    login: HomeLogin

    @property
    def named(self) -> Identity | None:
        """The identity that the file names."""
        return named_identity(self.document)


def login_name(
    account: str, before: Moment, after: Moment, recorded: Mapping[str, Identity]
) -> tuple[Identity | None, str]:
    """Return who an account was logged in as; without that, why it is not certain.

    A name that is new is that of the login. One that stands there as before is, where the account is recorded with it,
    or where its login has another end than before: a refresh does not move that (2.1.260 and newer).
    """
    found = after.named
    if after.login.state != "ok" or found is None:
        return None, "the .claude.json that the homes share names nobody"
    if (before.active, before.last_flip) != (after.active, after.last_flip):
        return None, "the active link was flipped during the login"
    own = recorded.get(account)
    if own is not None and own.is_login_of(found):
        return found, ""
    unsure = "the .claude.json that the homes share can name another account's login"
    if before.named is not None and before.named.is_login_of(found):
        ends = before.login.ends_at, after.login.ends_at
        return (found, "") if ends[1] is not None and ends[0] != ends[1] else (None, unsure)
    active = recorded.get(after.active or "")
    if after.active != account and active is not None and active.is_login_of(found):
        return None, unsure  # a session of the active account can have written it meanwhile
    return found, ""
