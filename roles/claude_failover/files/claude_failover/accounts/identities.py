# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember who each account is, from its login on; every comparison of accounts goes by this record.

The record is made by ``claude-failover login``, and of a home that was logged in before at the start of the daemon, as
long as the active link was never flipped; after an adoption, from the original of its file. What a home's file says
later counts for nothing: a running session can write another account's name there.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from ..claude.identity import Identity, identity_from_json
from ..common.log_fields import log_fields
from ..common.renaming import renamed
from ..config.model import Config
from ..storage.store import Store
from .adopted_identities import adopted_identities, completed_identities
from .shared_state_file import homes_in_common, named_identities

log = logging.getLogger(__name__)

DOCUMENT = "identities"


class Identities:
    """The durable table of identities by account name.

    ``on_change`` is called with an account whose home names somebody that no account is recorded as, and why that
    matters; with None when it does not any more.
    """

    def __init__(
        self, store: Store, on_change: Callable[[str, str | None], None] = lambda _account, _why: None
    ) -> None:
        self._store = store
        self.on_change = on_change
        self._recorded: dict[str, Identity] = {}
        self._stamp: tuple[int, int] | None = None
        self._changed: set[str] = set()  # accounts that were told as changed
        self._told: set[tuple[str, str]] = set()
        self._read()

    def get(self, name: str) -> Identity | None:
        """Return who the account is, or None where that is not known."""
        if DOCUMENT not in self._store.unsaved.problems and _stamp(self._store.path(DOCUMENT)) != self._stamp:
            try:
                self._read()  # ``claude-failover login`` has recorded one
            except OSError as error:
                log.error("who the accounts are cannot be read again, and stays as it was known: %s", error)
        return self._recorded.get(name)

    def record(self, name: str, identity: Identity) -> Identity | None:
        """Record who an account is, at its login; returns the identity that was recorded before."""
        before = self.get(name)
        self._recorded[name] = identity
        self._save(name)
        return before

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        for name in self._changed & set(names):
            self.set_changed(name, None)  # it is told again, under the new name
        self.get("")  # reads what ``claude-failover login`` has recorded
        self._recorded = renamed(self._recorded, names)
        self._save(", ".join(names.values()))

    def observe(self, config: Config, flipped: bool) -> None:
        """Compare the homes that are logged in with the record, and record those that are not in it yet.

        ``flipped``: the active link was flipped before, so that none is recorded.
        """
        self._complete(config)
        named, shared = named_identities(config.accounts), homes_in_common(config.accounts)
        if not flipped:
            named = {**self._adopted(config), **named}
        for name, found in named.items():
            recorded = self.get(name)
            others = [other for other in named if other != name and self._is(other, found, named)]
            if recorded is None and others:
                self._tell(
                    name,
                    f"its home names the same login as {', '.join(others)}, so who it is is not recorded; "
                    f"run `claude-failover login {name}`",
                )
            elif recorded is None and flipped:
                self._tell(
                    name,
                    "who it is is not recorded, and the name in its home can be another account's since the active "
                    f"link was flipped; run `claude-failover login {name}`",
                )
            elif recorded is None:
                self.record(name, found)
                log.info(
                    "account %s: who it is was recorded, from what its home says", name, extra=log_fields(account=name)
                )
            elif recorded.is_login_of(found):
                if recorded.entry is None and found.entry is not None:
                    self.record(name, found)  # an older release has recorded it in part
                self.set_changed(name, None)
            elif others:
                why = f"its home names the login of {', '.join(others)}; the record is kept"
                self._tell(name, why, logging.INFO)
            elif name not in shared:  # of those `shared_identity` tells
                self.set_changed(
                    name,
                    "its home names another login than the recorded one; the record is kept. If that is right, run "
                    f"`claude-failover login {name}`",
                )

    def _complete(self, config: Config) -> None:
        """Record the whole of those that an older release has recorded in part, before an adoption."""
        known = {account.name: self.get(account.name) for account in config.accounts}
        recorded = {name: identity for name, identity in known.items() if identity is not None}
        if any(identity.entry is None for identity in recorded.values()):
            for name, found in completed_identities(config, recorded).items():
                self.record(name, found)
                log.info(
                    "account %s: the record of who it is was completed, from its original file",
                    name,
                    extra=log_fields(account=name),
                )

    def _adopted(self, config: Config) -> dict[str, Identity]:
        """Return who the accounts without a record were at an adoption, but none that another one is recorded as."""
        known = [self.get(account.name) for account in config.accounts]
        return {
            name: found
            for name, found in adopted_identities(config).items()
            if self.get(name) is None and not any(each is not None and each.is_login_of(found) for each in known)
        }

    def _is(self, name: str, found: Identity, named: dict[str, Identity]) -> bool:
        """Return whether an account is, or without a record seems to be, the one found."""
        known = self.get(name) or named[name]
        return known.is_login_of(found)

    def set_changed(self, name: str, why: str | None) -> None:
        """Tell that an account's home names another login than recorded, or, without ``why``, no longer; once."""
        if (name in self._changed) == (why is not None):
            return
        (self._changed.add if why else self._changed.discard)(name)
        fields = log_fields(account=name, event="identity_changed")
        if why:
            log.warning("account %s: %s", name, why, extra=fields)
        else:
            log.info("account %s: its home names the recorded login again", name, extra=fields)
        self.on_change(name, why)

    def _tell(self, name: str, why: str, level: int = logging.WARNING) -> None:
        if (name, why) not in self._told:
            self._told.add((name, why))
            log.log(level, "account %s: %s", name, why, extra=log_fields(account=name))

    def _read(self) -> None:
        self._stamp = _stamp(self._store.path(DOCUMENT))
        rows = self._store.load(DOCUMENT, {})
        found = {
            name: self._store.read_part(DOCUMENT, f"the identity of {name!r}", identity_from_json, row)
            for name, row in rows.items()
        }
        self._recorded = {name: identity for name, identity in found.items() if identity is not None}

    def _save(self, name: str) -> None:
        def document() -> dict[str, dict[str, Any]]:
            return {each: dataclasses.asdict(identity) for each, identity in self._recorded.items()}

        self._store.keep(DOCUMENT, document, f"who the account {name} is")
        self._stamp = _stamp(self._store.path(DOCUMENT))


def _stamp(path: str) -> tuple[int, int] | None:
    """Return inode and mtime of a file, which change whenever it is replaced."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
