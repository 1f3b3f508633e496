# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back to a preferred account, once it can be used again and every session is idle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..accounts.availability import AccountAvailability
from ..accounts.selection import NO_ROOM
from ..config.holder import ConfigHolder
from ..config.model import Account
from ..switching.flip_log import FlipLog
from ..switching.switcher import SwitchRequest

_SHOWN = 5  # sessions by name


class Failback:
    """Decides where to go back to, and tells what that waits for.

    Args:
        config: the configuration.
        availability: the accounts' availability.
        flip_log: the link's flips.
        not_idle: returns the sessions that have something under way, each with its state.
        has_room: returns whether the next turn fits into the named account.
    """

    def __init__(
        self,
        config: ConfigHolder,
        availability: AccountAvailability,
        flip_log: FlipLog,
        not_idle: Callable[[], Sequence[str]],
        has_room: Callable[[str], bool] = lambda _account: True,
    ) -> None:
        self._config = config
        self._availability = availability
        self._flip_log = flip_log
        self._not_idle = not_idle
        self._has_room = has_room

    def request(self, active: str) -> SwitchRequest | None:
        """Return a switch to the first usable account that is preferred to the active one; all sessions are idle."""
        if self._held_by() is not None:
            return None
        target, _reasons = self._target(active)
        if target is None:
            return None
        note = f"{target.name} is preferred, can be used again, and every session is idle"
        below = self._config.current.threshold_of(target)
        return SwitchRequest("failback", target.name, note=note, clean=True, below=below, expected=active)

    def is_wanted(self, active: str) -> bool:
        """Return whether a way back is configured. An account on standby is only for when all others are out."""
        return self._config.current.failover.failback or self._is_on_standby(active)

    def waits_for(self, active: str, held_back: str | None) -> str | None:
        """Return what the way back waits for; None without an account to go back to, and where it is made at once.

        ``held_back``: why no automatic switch is made now.
        """
        if not self.is_wanted(active) or not self._preferred(active):
            return None
        target, reasons = self._target(active)
        if self._held_by() is not None or target is None:
            return self._held_by() or "; ".join(reasons)
        busy = self._not_idle()
        more = f" and {len(busy) - _SHOWN} more" if len(busy) > _SHOWN else ""
        idle = f"these sessions to be idle: {', '.join(busy[:_SHOWN])}{more}" if busy else None
        return held_back or idle

    def _held_by(self) -> str | None:
        """Return the flip that no way back is made after, None without one."""
        last = self._flip_log.last
        if last is None:
            return "an automatic switch: the active account was the choice of a person"
        if self._flip_log.is_choice_of_operator:
            return f"a limit of {last.target}: it was chosen by hand, which holds until a limit ends it"
        return None

    def _target(self, active: str) -> tuple[Account | None, list[str]]:
        """Return the first usable account that is preferred to the active one, and why those before it are not."""
        reasons: list[str] = []
        for account in self._preferred(active):
            below = self._config.current.threshold_of(account)
            selection = self._availability.select(None, only=account.name, clean=True, below=below)
            if selection.target is not None and self._has_room(account.name):
                return account, reasons
            why = NO_ROOM if selection.target is not None else selection.reason_of(account.name)
            reasons.append(f"{account.name}: {why}")
        return None, reasons

    def _preferred(self, active: str) -> list[Account]:
        """Return the accounts that are preferred to the active one: every other one where that is on standby."""
        accounts = self._config.current.accounts
        names = [account.name for account in accounts]
        end = len(names) if self._is_on_standby(active) or active not in names else names.index(active)
        return [account for account in accounts[:end] if account.name != active and not account.standby]

    def _is_on_standby(self, name: str) -> bool:
        account = self._config.current.account(name)
        return account is not None and account.standby
