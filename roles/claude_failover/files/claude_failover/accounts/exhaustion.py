# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exhausted limits and bans of accounts, each with its end; durable, so that a reset outlives a reboot.

All times are steady time but the resets that messages give, which are wall time. A limit is over at its reset by
either: after the wall clock was set, nobody knows which of its settings was right, and trying too early costs less.

Exhaustion is per limit: a model's own limit counts only for switches that the same limit triggers, every other limit
always. A ban keeps an account from being selected for another reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Callable, NamedTuple, TypeVar

from ..common import clock
from ..common.renaming import renamed
from ..limits import Verdict
from ..storage.store import Store, as_items

T = TypeVar("T")

DOCUMENT = "exhaustion"

#: Limits of one model: the account can still be used with the others.
MODEL_LIMITS = frozenset({"opus", "sonnet", "model"})

# Two reports of one reset differ by less: structured ones are exact, a screen shows minutes (Claude Code 2.1.330).
SAME_RESET = timedelta(seconds=90)

# The same of two that both have seconds, which only structured ones do: they are whole.
SAME_EXACT = timedelta(seconds=0.5)

# A request refused after its own reset: the clocks differ. The account is tried again after this long.
CLOCK_SKEW = timedelta(seconds=60)

# One refused longer than this after its own reset: the wall clock is wrong.
WRONG_CLOCK = timedelta(minutes=10)

# Limits are kept for some time after their reset, so that old evidence is still recognised.
_KEPT = timedelta(days=1)


class ExhaustionStatus(NamedTuple):
    """Exhaustion of one account for one trigger; ``until`` is the last reset that matters."""

    exhausted: bool
    until: datetime | None


@dataclass(frozen=True)
class ExhaustedLimit:
    """One limit of one account.

    ``until`` is its reset in wall time; ``known``: a message gave it, else it was assumed; ``ends`` is the reset in
    steady time, as it was when the limit was recorded; ``since``: when it was first seen in this window. ``refuted``:
    the server refused a request after the reset in wall time, so that only steady time counts.
    """

    limit: str
    until: datetime
    known: bool
    since: datetime
    ends: datetime
    refuted: bool = False

    @property
    def over_at(self) -> datetime:
        """The reset in steady time: the earlier one, where the wall clock was set since."""
        return min(self.ends, clock.expected(self.until)) if self.known and not self.refuted else self.ends


@dataclass(frozen=True)
class Ban:
    """A reason other than a limit not to select an account, and its end."""

    reason: str
    until: datetime


def reset_of(verdict: Verdict, at: datetime, request_at: datetime | None, wait: float) -> tuple[datetime, bool]:
    """Return the end of an exhaustion in steady time, and whether the message gave it.

    Args:
        verdict: the recognised limit.
        at: when the message was shown.
        request_at: when the refused request began, None when unknown.
        wait: seconds that an account counts as exhausted when the message gives no reset time.
    """
    if verdict.resets_at is None:
        return at + timedelta(seconds=wait), False
    resets_at = clock.expected(verdict.resets_at, at)
    if request_at is not None and request_at >= resets_at:
        wrong = request_at - resets_at > WRONG_CLOCK
        return at + (timedelta(seconds=wait) if wrong else CLOCK_SKEW), False
    return resets_at, True


class Exhaustion:
    """The durable table of exhausted and banned accounts, by account name."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._limits: dict[str, dict[str, ExhaustedLimit]] = {}
        self._bans: dict[str, Ban] = {}
        document = store.load(DOCUMENT, {})
        for name, rows in self._part("the table of limits", as_items, document.get("limits", {})) or []:
            for limit, row in self._part(f"the limits of account {name!r}", as_items, rows) or []:
                entry = self._part(f"the limit {limit!r} of account {name!r}", _limit, (limit, row))
                if entry is not None:
                    self._limits.setdefault(name, {})[limit] = entry
        for name, row in self._part("the table of bans", as_items, document.get("bans", {})) or []:
            ban = self._part(f"the ban of account {name!r}", _ban, row)
            if ban is not None:
                self._bans[name] = ban

    def _part(self, what: str, read: Callable[[Any], T], value: Any) -> T | None:
        return self._store.read_part(DOCUMENT, what, read, value)

    def rename_accounts(self, names: Mapping[str, str], *, now: datetime) -> None:
        """Give accounts other names, by the old ones."""
        self._limits, self._bans = renamed(self._limits, names), renamed(self._bans, names)
        self._save(now)

    # -- limits ------------------------------------------------------------------------------------------------

    def record(self, account: str, limit: str, until: datetime, *, now: datetime, known: bool = True) -> bool:
        """Record that an account is out of usage until then; returns whether that is news.

        A time that a message gave outranks an assumed one; of two such the later counts, since a window's reset only
        moves forward. A refusal after a reset that has passed by the wall clock only means that the clock was set
        wrongly: the reset in steady time counts.
        """
        previous = self._limits.get(account, {}).get(limit)
        since = now
        if previous is not None and previous.over_at > now:
            since = previous.since
            if (previous.known, previous.over_at) >= (known, until):
                return False
        entry = ExhaustedLimit(limit, clock.to_wall(until), known, since, until)
        if previous is not None and previous.over_at <= now < previous.ends and not known:
            entry = replace(previous, ends=max(previous.ends, now + CLOCK_SKEW), refuted=True)
        self._limits.setdefault(account, {})[limit] = entry
        self._save(now)
        return previous is None or since is now or not previous.known or until - previous.over_at > SAME_RESET

    def clear(self, account: str, *, now: datetime) -> None:
        """Remove an account's limits and its ban."""
        self._limits.pop(account, None)
        self._bans.pop(account, None)
        self._save(now)

    def limits_in_force(self, account: str, now: datetime) -> list[ExhaustedLimit]:
        """Return the account's limits that have not reset yet."""
        return [entry for entry in self._limits.get(account, {}).values() if entry.over_at > now]

    def status_rows(self, account: str, now: datetime) -> list[dict[str, str]]:
        """Return ``exhausted`` of ``status --json``: ``{limit, until}``, soonest first."""
        entries = sorted(self.limits_in_force(account, now), key=lambda entry: entry.over_at)
        return [{"limit": entry.limit, "until": clock.wall_iso(entry.over_at)} for entry in entries]

    def status(self, account: str, trigger: str | None, now: datetime) -> ExhaustionStatus:
        """Return the account's exhaustion for a switch triggered by the limit ``trigger`` (None: by no limit)."""
        resets = [
            entry.over_at
            for entry in self.limits_in_force(account, now)
            if entry.limit not in MODEL_LIMITS or entry.limit == trigger
        ]
        return ExhaustionStatus(bool(resets), max(resets, default=None))

    def next_reset(self, accounts: Iterable[str], trigger: str | None, now: datetime) -> tuple[datetime, str] | None:
        """Return when the first of the accounts is usable again, and its name; None when all are usable now."""
        moments = []
        for order, name in enumerate(accounts):
            until = self.status(name, trigger, now).until
            ban = self.ban_of(name, now)
            if until is not None or ban is not None:
                moments.append((max(moment for moment in (until, ban and ban.until) if moment), order, name))
        if not moments:
            return None
        moment, _order, name = min(moments)
        return moment, name

    def matches(self, account: str, limit: str | None, resets_at: datetime | None) -> bool:
        """Return whether a limit and its reset are ones recorded for the account, in force or just over.

        Old wordings do not name the limit (``unknown``); then the resets must agree.
        """
        for entry in self._limits.get(account, {}).values():
            comparable = resets_at is not None and entry.known
            if limit != entry.limit and not (comparable and "unknown" in (limit, entry.limit)):
                continue
            if not comparable or (resets_at is not None and abs(resets_at - entry.until) <= SAME_RESET):
                return True
        return False

    def same_window(
        self, account: str, limit: str | None, resets_at: datetime | None, at: datetime
    ) -> ExhaustedLimit | None:
        """Return the limit of the account that is in force at ``at`` and can be the one that was reported, else None.

        It has this reset, which a message named, and the same name, or one of them has none. Of a limit reported
        without a reset (None) only the name can be compared.
        """
        limit = limit or "unknown"
        for entry in self._limits.get(account, {}).values():
            if entry.over_at <= at:
                continue
            if resets_at is None:
                if limit == entry.limit:
                    return entry
            elif entry.known and (limit == entry.limit or "unknown" in (limit, entry.limit)):
                same = SAME_EXACT if _has_seconds(resets_at, entry.until) else SAME_RESET
                if abs(resets_at - entry.until) <= same:
                    return entry
        return None

    # -- bans --------------------------------------------------------------------------------------------------

    def ban(self, account: str, reason: str, until: datetime, *, now: datetime) -> None:
        """Keep an account from being selected until then."""
        self._bans[account] = Ban(reason, until)
        self._save(now)

    def ban_of(self, account: str, now: datetime) -> Ban | None:
        """Return the account's ban, or None when there is none in force."""
        ban = self._bans.get(account)
        return ban if ban is not None and ban.until > now else None

    def _save(self, now: datetime) -> None:
        self._store.keep(DOCUMENT, lambda: self._document(now), "the table of exhausted accounts")

    def _document(self, now: datetime) -> dict[str, Any]:
        limits = {
            name: {entry.limit: _row(entry) for entry in entries.values() if entry.ends + _KEPT > now}
            for name, entries in self._limits.items()
        }
        bans = {name: {"reason": ban.reason, "until": clock.iso(ban.until)} for name, ban in self._bans.items()}
        return {"limits": limits, "bans": bans}


def _has_seconds(*moments: datetime) -> bool:
    return all(round(moment.timestamp()) % 60 for moment in moments)


def _row(entry: ExhaustedLimit) -> dict[str, Any]:
    until, ends = clock.iso(entry.until), clock.iso(entry.ends)
    row = {"until": until, "known": entry.known, "since": clock.iso(entry.since)}
    return {**row, **({"ends": ends} if ends != until else {}), **({"refuted": True} if entry.refuted else {})}


def _limit(item: tuple[str, Any]) -> ExhaustedLimit:
    limit, row = item
    until = clock.parse_iso(row["until"])
    ends = clock.parse_iso(row["ends"]) if "ends" in row else until
    since, refuted = clock.parse_iso(row["since"]), bool(row.get("refuted", False))
    return ExhaustedLimit(limit, until, bool(row["known"]), since, ends, refuted)


def _ban(row: Any) -> Ban:
    return Ban(str(row["reason"]), clock.parse_iso(row["until"]))
