# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a ``.claude.json`` that all homes share true: who is active, and that the first-run questions were answered.

Claude Code sends ``oauthAccount`` with every request, and rewrites it by itself only when a session starts. The daemon
writes it at a flip, whoever made that, and at its start, from the record of the account's login; at other times the
file is only looked at. ``/logout`` sets ``hasCompletedOnboarding`` to false, for every account then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Optional

from ..claude.credentials import login_state
from ..claude.identity import KEY, Identity, named_identity
from ..claude.state_file import read_state_file
from ..claude.state_file_edit import edit_state_file
from ..claude.state_file_lock import StateFileLocks
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..config.model import Account
from ..storage.pending_writes import PendingWrites
from .active_link import read_active
from .hand_logins import HandLogins
from .identities import Identities
from .login_lock import is_login_under_way
from .shared_state_file import persons_folders, sharing_homes

log = logging.getLogger(__name__)

#: The name under which a write that failed is listed as unsaved.
SHARED_STATE = "shared .claude.json"

#: Seconds after a flip in which a session can still write the name that it read before, and how often it is looked at.
SETTLE = 60.0
CHECK_INTERVAL = 1.0
LOCK_WAIT = 0.1  # seconds of a flip; then the sessions go on, and it is written later
_ONBOARDING = "hasCompletedOnboarding"
_MOST_ONBOARDINGS = 3  # in `_ONBOARDING_SPAN` seconds
_ONBOARDING_SPAN = 3600.0

_Test = Callable[[Optional[Identity]], bool]


def _always(_found: Identity | None) -> bool:
    return True


def _never(_found: Identity | None) -> bool:
    return False


class SharedIdentity:
    """Writes the shared file. What cannot be written is listed as unsaved, told, and tried again."""

    def __init__(
        self,
        config: ConfigHolder,
        identities: Identities,
        unsaved: PendingWrites,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._identities = identities
        self._unsaved = unsaved
        self._now = now
        self._locks = StateFileLocks(now)
        self._hand_logins = HandLogins(now)
        self._is_replaced: _Test = _never
        self._left: tuple[str | None, float] | None = None  # the account left by the last flip, and when
        self._flipped: asyncio.Event | None = None  # set by a flip, for `run`
        self._onboardings: list[float] = []
        self._told: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Look at the file again and again after a flip, where the homes share it, until cancelled."""
        self._flipped = asyncio.Event()
        while True:
            self._flipped.clear()
            while self._is_settling() and sharing_homes(self._config.current):
                try:
                    self.observe()
                except Exception:  # a bug in what only tells must not end the daemon
                    log.exception("the .claude.json that the homes share: a bug; it is looked at again")
                await asyncio.sleep(CHECK_INTERVAL)
            await self._flipped.wait()

    def on_flip(self, origin: str | None) -> None:
        """Write who the active account is, after a flip from ``origin``."""
        self._left = origin, self._now()
        if self._flipped is not None:
            self._flipped.set()
        self._put(_always, LOCK_WAIT)

    def on_start(self) -> None:
        """Write who the active account is where another account is named; a name that is unknown is left."""
        self._put(lambda found: found is None or bool(self._names_of(found)))
        self.observe()

    def observe(self) -> None:
        """Look at the file, which has changed, or the credentials of an account."""
        config = self._config.current
        homes = sharing_homes(config)
        if not homes or SHARED_STATE in self._unsaved.problems:
            return
        active = read_active(config.active_link, config.accounts).account
        logged_in = self._hand_logins.look(config.accounts)
        document = read_state_file(config.active_link)
        found = named_identity(document)
        if document.get(_ONBOARDING) is False:
            self._put(_never)
        if active is None or found is None or is_login_under_way(config.state_dir):
            return
        names = self._names_of(found)
        self._complete(names, found)
        if active.name in names:
            self._hand_logins.forget()
            for name in (account.name for account in config.accounts if account.home in homes):
                self._identities.set_changed(name, None)
        elif self._is_settling():
            left = self._left[0] if self._left is not None else None
            if left in names:  # a session has written what it had read before the flip
                self._put(lambda now: now is not None and left in self._names_of(now))
        elif names:
            self._identities.set_changed(
                active.name,
                f"the .claude.json that the homes share names the login of {', '.join(names)}, until the next flip; if "
                f"{active.name} was logged in with it, run `claude-failover login {active.name}`",
            )
        else:
            self._on_unknown(active, logged_in, found)

    # -- who is named ------------------------------------------------------------------------------------------

    def _names_of(self, found: Identity) -> list[str]:
        """Return the accounts that are recorded with a login."""
        known = ((account.name, self._identities.get(account.name)) for account in self._config.current.accounts)
        return [name for name, identity in known if identity is not None and identity.is_login_of(found)]

    def _complete(self, names: list[str], found: Identity) -> None:
        """Record the whole entry of an account that an older release has recorded in part."""
        for name in names:
            known = self._identities.get(name)
            if known is not None and known.entry is None and found.entry is not None and len(names) == 1:
                self._identities.record(name, found)

    def _is_settling(self) -> bool:
        return self._left is not None and self._now() - self._left[1] < SETTLE

    def _on_unknown(self, active: Account, logged_in: Callable[[Identity], str | None], found: Identity) -> None:
        """Record a login that was made by hand, if it is certain whose it is; else tell that the file names nobody."""
        name = logged_in(found)
        if name is None:
            self._identities.set_changed(
                active.name,
                "the .claude.json that the homes share names a login that no account is recorded with; the record is "
                f"kept. If {active.name} was logged in by hand, run `claude-failover login {active.name}`",
            )
            return
        self._identities.record(name, found)
        log.info(
            "account %s: who it is was recorded, after a login by hand in its home",
            name,
            extra=log_fields(account=name),
        )
        if name != active.name:
            self._put(lambda now: now is not None and now.is_login_of(found))
        self._identities.set_changed(active.name, None)

    # -- writing -----------------------------------------------------------------------------------------------

    def _put(self, is_replaced: _Test, wait: float = 0.0) -> None:
        """Write what is not true in the file; its name only where ``is_replaced`` says so of the one found there."""
        self._is_replaced = is_replaced
        waits = [wait]  # of this attempt: at later ones the sessions have gone on

        def write() -> None:
            try:
                self._write(waits.pop() if waits else 0.0)
            except OSError:
                raise
            except Exception:  # a bug here must end no switch
                log.exception("the .claude.json that the homes share: a bug; it is left as it is until the next flip")

        self._unsaved.attempt(
            SHARED_STATE, write, "who the active account is, in the .claude.json that the homes share"
        )

    def _write(self, wait: float) -> None:
        """Raises OSError."""
        config = self._config.current
        homes = sharing_homes(config)
        active = read_active(config.active_link, config.accounts).account
        if not homes or active is None:
            return
        done: list[str] = []

        def change(document: dict[str, Any]) -> bool:
            done.clear()
            entry = self._entry_for(active, document)
            if entry is not None:
                document[KEY] = entry
                done.append(f"it names {active.name} now")
            if document.get(_ONBOARDING) is False and self._may_complete_onboarding():
                document[_ONBOARDING] = True
                done.append(f"{_ONBOARDING} is true again, which /logout had set to false for every account")
            return bool(done)

        if edit_state_file(homes, change, self._locks, also=persons_folders(config), wait=wait):
            if any(text.startswith(_ONBOARDING) for text in done):
                self._onboardings.append(self._now())
            log.info("the .claude.json that the homes share: %s", "; ".join(done))

    def _entry_for(self, active: Account, document: dict[str, Any]) -> dict[str, Any] | None:
        """Return what to write for the active account; None where its name stands there, or is not known."""
        found, identity = named_identity(document), self._identities.get(active.name)
        if identity is not None and found is not None and identity.is_login_of(found):
            return None
        if not self._is_replaced(found) or login_state(active.home) == "missing":
            return None
        if identity is None or identity.entry is None:
            self._tell(
                active.name,
                "who it is is not known until its next login, so the .claude.json that the homes share keeps the name "
                f"that it has; run `claude-failover login {active.name}`",
            )
            return None
        return identity.entry

    def _may_complete_onboarding(self) -> bool:
        """Return whether an account is logged in, and it was not set too often."""
        config = self._config.current
        name = next((each.name for each in config.accounts if login_state(each.home) == "ok"), None)
        if name is None:
            return False
        self._onboardings = [at for at in self._onboardings if self._now() - at < _ONBOARDING_SPAN]
        if len(self._onboardings) < _MOST_ONBOARDINGS:
            return True
        self._tell(name, f"{_ONBOARDING} was set {_MOST_ONBOARDINGS} times within an hour, and is left false for now")
        return False

    def _tell(self, name: str, why: str) -> None:
        if (name, why) not in self._told:
            self._told.add((name, why))
            log.warning("account %s: %s", name, why, extra=log_fields(account=name))
