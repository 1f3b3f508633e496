# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which account is out of usage, by which limit, until when; and which one is barred for another reason.

Exhaustion is per limit: a model's own limit bars an account only for switches that the same limit triggers,
every other limit bars it always. Kept durably, so that a reset is still known after a reboot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Callable, NamedTuple, TypeVar

from ..common import clock
from ..limits import Verdict
from ..storage.store import Store, items_of

T = TypeVar("T")

DOCUMENT = "exhaustion"

#: Limits of one model only: the account still answers for the others.
MODEL_LIMITS = frozenset({"opus", "sonnet", "model"})

# Two tellings of one reset: the structured one is exact, a screen shows whole minutes (Claude Code 2.1.330).
SAME_RESET = timedelta(seconds=90)

# A request that was refused after its own reset: the clocks differ. It is tried again after this long.
CLOCK_SKEW = timedelta(seconds=60)

# A row is kept for some time after its reset: old evidence is still recognised by it.
_KEPT = timedelta(days=1)


class ExhaustionStatus(NamedTuple):
    """Whether an account may not be used, and until when."""

    barred: bool
    until: datetime | None


@dataclass(frozen=True)
class ExhaustedLimit:
    """One limit of one account. ``known`` tells whether a message gave ``until``, or it was assumed; ``since`` is
    when it was first seen in this window."""

    limit: str
    until: datetime
    known: bool
    since: datetime


@dataclass(frozen=True)
class Ban:
    """An account that is not to be used for another reason than a limit."""

    reason: str
    until: datetime


def reset_of(verdict: Verdict, at: datetime, request_at: datetime | None, wait: float) -> tuple[datetime, bool]:
    """Tell until when an account is out of usage, by what a limit's message says.

    Args:
        verdict: what was recognised.
        at: when the message was shown.
        request_at: when the refused request was begun, None when that is not known.
        wait: seconds that an account counts as exhausted when the message gives no reset time.

    Returns the moment and whether the message gave it.
    """
    if verdict.resets_at is None:
        return at + timedelta(seconds=wait), False
    if request_at is not None and request_at >= verdict.resets_at:
        return at + CLOCK_SKEW, False
    return verdict.resets_at, True


class Exhaustion:
    """The durable table of exhausted and banned accounts, by account name."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._marks: dict[str, dict[str, ExhaustedLimit]] = {}
        self._bans: dict[str, Ban] = {}
        document = store.load(DOCUMENT, {})
        for name, rows in self._part("the table of limits", items_of, document.get("limits", {})) or []:
            for limit, row in self._part(f"what is known of account {name!r}", items_of, rows) or []:
                mark = self._part(f"the limit {limit!r} of account {name!r}", _mark, (limit, row))
                if mark is not None:
                    self._marks.setdefault(name, {})[limit] = mark
        for name, row in self._part("the table of bans", items_of, document.get("bans", {})) or []:
            ban = self._part(f"the ban of account {name!r}", _ban, row)
            if ban is not None:
                self._bans[name] = ban

    def _part(self, what: str, read: Callable[[Any], T], value: Any) -> T | None:
        return self._store.part(DOCUMENT, what, read, value)

    # -- limits ------------------------------------------------------------------------------------------------

    def mark(self, account: str, limit: str, until: datetime, *, now: datetime, known: bool = True) -> bool:
        """Note that an account is out of usage; returns whether that says anything new.

        A time that a message gave stands over an assumed one, and of two such the later: a window's reset only
        moves on. Raises OSError when it cannot be stored.
        """
        held = self._marks.get(account, {}).get(limit)
        since = now
        if held is not None and held.until > now:
            since = held.since
            if (held.known, held.until) >= (known, until):
                return False
        self._marks.setdefault(account, {})[limit] = ExhaustedLimit(limit, until, known, since)
        self._save(now)
        return held is None or since is now or not held.known or until - held.until > SAME_RESET

    def clear(self, account: str, *, now: datetime) -> None:
        """Forget an account's limits and its ban. Raises OSError."""
        self._marks.pop(account, None)
        self._bans.pop(account, None)
        self._save(now)

    def marks(self, account: str, now: datetime) -> list[ExhaustedLimit]:
        """Return the account's limits that are in force."""
        return [mark for mark in self._marks.get(account, {}).values() if mark.until > now]

    def rows(self, account: str, now: datetime) -> list[dict[str, str]]:
        """Return ``exhausted`` of the status: ``{limit, until}``, soonest first."""
        marks = sorted(self.marks(account, now), key=lambda mark: mark.until)
        return [{"limit": mark.limit, "until": clock.iso(mark.until)} for mark in marks]

    def barred(self, account: str, trigger: str | None, now: datetime) -> ExhaustionStatus:
        """Tell whether a limit bars the account for a switch that ``trigger`` (a limit, None for no limit) causes."""
        moments = [
            mark.until for mark in self.marks(account, now) if mark.limit not in MODEL_LIMITS or mark.limit == trigger
        ]
        return ExhaustionStatus(bool(moments), max(moments, default=None))

    def next_reset(self, accounts: Iterable[str], trigger: str | None, now: datetime) -> tuple[datetime, str] | None:
        """Return when the first of the accounts can be used again, and which; None when none of them is barred."""
        moments = []
        for order, name in enumerate(accounts):
            until = self.barred(name, trigger, now).until
            ban = self.ban_of(name, now)
            if until is not None or ban is not None:
                moments.append((max(moment for moment in (until, ban and ban.until) if moment), order, name))
        if not moments:
            return None
        moment, _order, name = min(moments)
        return moment, name

    def matches(self, account: str, limit: str | None, resets_at: datetime | None) -> bool:
        """Tell whether a limit and its reset are the ones known of the account, in force or just over.

        Old wordings do not name the limit (``unknown``); then the reset must agree.
        """
        for mark in self._marks.get(account, {}).values():
            told = resets_at is not None and mark.known
            if limit != mark.limit and not (told and "unknown" in (limit, mark.limit)):
                continue
            if not told or (resets_at is not None and abs(resets_at - mark.until) <= SAME_RESET):
                return True
        return False

    # -- bans --------------------------------------------------------------------------------------------------

    def ban(self, account: str, reason: str, until: datetime, *, now: datetime) -> None:
        """Keep an account from being chosen until then. Raises OSError."""
        self._bans[account] = Ban(reason, until)
        self._save(now)

    def ban_of(self, account: str, now: datetime) -> Ban | None:
        """Return the account's ban, while it lasts."""
        ban = self._bans.get(account)
        return ban if ban is not None and ban.until > now else None

    def _save(self, now: datetime) -> None:
        limits = {
            name: {
                mark.limit: {"until": clock.iso(mark.until), "known": mark.known, "since": clock.iso(mark.since)}
                for mark in rows.values()
                if mark.until + _KEPT > now
            }
            for name, rows in self._marks.items()
        }
        bans = {name: {"reason": ban.reason, "until": clock.iso(ban.until)} for name, ban in self._bans.items()}
        self._store.save(DOCUMENT, {"limits": limits, "bans": bans})


def _mark(item: tuple[str, Any]) -> ExhaustedLimit:
    limit, row = item
    return ExhaustedLimit(limit, clock.parse_iso(row["until"]), bool(row["known"]), clock.parse_iso(row["since"]))


def _ban(row: Any) -> Ban:
    return Ban(str(row["reason"]), clock.parse_iso(row["until"]))
