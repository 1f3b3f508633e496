# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read who an account home is logged in as: ``oauthAccount`` of its ``.claude.json``, which holds no token.

The file names another account than the login where a running session has written its own there after a flip: it writes
what it had read in the home before (seen on 2.1.330 and 2.1.332 in 7 of 18 flips, not on 2.1.197).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..common import json_text
from ..common.text import printable, shorten
from .state_file import read_state_file

KEY = "oauthAccount"
_MOST = 300  # characters of one value
_MOST_ENTRY = 1 << 16  # of the whole entry, as JSON
_MARK = "sk-ant-"  # of a token
_DIGEST = 16  # hexadecimal digits: enough to tell the accounts of a fleet apart

#: The key of each field in ``oauthAccount`` (2.1.330).
_KEYS = {
    "account_uuid": "accountUuid",
    "address": "emailAddress",
    "organization": "organizationName",
    "organization_uuid": "organizationUuid",
    "plan": "organizationType",
}


@dataclass(frozen=True)
class Identity:
    """Who is logged in: the account, its address, its organization and plan; None where it is unknown.

    ``entry`` is the whole ``oauthAccount``, as it is written into a file that homes share.
    """

    account_uuid: str
    address: str | None = None
    organization: str | None = None
    organization_uuid: str | None = None
    plan: str | None = None
    entry: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    def is_login_of(self, other: Identity) -> bool:
        """Return whether both are one login: one account, in one organization as far as that is known.

        One account can be of several organizations, each with limits of its own.
        """
        organizations = {self.organization_uuid, other.organization_uuid} - {None}
        return self.account_uuid == other.account_uuid and len(organizations) < 2

    def to_status(self) -> dict[str, str | None]:
        """Return ``accounts[].identity`` of the status, which is for the operator's own commands only."""
        return {"address": self.address, "organisation": self.organization, "plan": self.plan}


def identity_status(identity: Identity | None, login_ends_at: datetime | None = None) -> dict[str, Any]:
    """Return the keys of ``accounts`` in the status that say who an account is.

    ``identity_recorded``: whether a file that homes share can be made to name it. ``identity_digest`` is the same on
    all hosts on which the account is logged in, ``login_digest`` only where one login was copied: of two logins of an
    account the ends differ, in milliseconds.
    """
    return {
        "identity": identity.to_status() if identity is not None else None,
        "identity_recorded": identity is not None and identity.entry is not None,
        "identity_digest": _digest(*_key(identity)) if identity is not None else None,
        "login_digest": _digest(*_key(identity), str(round(login_ends_at.timestamp() * 1000)))
        if identity is not None and login_ends_at is not None
        else None,
    }


def _key(identity: Identity) -> tuple[str, str]:
    """Return what tells accounts apart: one account can be of several organizations."""
    return identity.account_uuid, identity.organization_uuid or ""


def _digest(*parts: str) -> str:
    text = "\n".join(("claude-failover", *parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]


def read_identity(home: str) -> Identity | None:
    """Return the identity that a home's file names; None without one, or where the file cannot be read."""
    return named_identity(read_state_file(home))


def named_identity(document: Mapping[str, Any]) -> Identity | None:
    """Return the identity that the content of a home's file names, or None."""
    found = document.get(KEY)
    if not isinstance(found, dict):
        return None
    try:
        return identity_from_json({**{name: found.get(key) for name, key in _KEYS.items()}, "entry": found})
    except ValueError:
        return None


def identity_from_json(values: Mapping[str, Any]) -> Identity:
    """Return an identity from its stored form. Raises ValueError without an account."""
    account, organization = _text(values.get("account_uuid")), _text(values.get("organization_uuid"))
    if account is None:
        raise ValueError("found no account_uuid, expected the id of an account")
    return Identity(
        account_uuid=account.lower(),
        address=_text(values.get("address")),
        organization=_text(values.get("organization")),
        organization_uuid=organization.lower() if organization is not None else None,
        plan=_text(values.get("plan")),
        entry=_entry(values.get("entry")),
    )


def _entry(value: object) -> dict[str, Any] | None:
    """Return a whole ``oauthAccount``, None for anything else: none was seen that is large or holds a token."""
    if not isinstance(value, dict) or not isinstance(value.get(_KEYS["account_uuid"]), str):
        return None
    try:
        text = json_text.render(value)
    except (ValueError, RecursionError):
        return None
    return value if len(text) <= _MOST_ENTRY and _MARK not in text else None


def _text(value: object) -> str | None:
    return shorten(printable(value), _MOST) or None if isinstance(value, str) else None
