# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bound on the daemon's own Enter keys in a session, whatever the cause of its prompts.

Counted are the Enter keys since the session's last answered turn or a person's prompt: at most `MOST` under one
account, and one more for each further account. The count is stored before each key, so that it outlives a kill. It
begins anew once a reset that a refusal named has passed; when it is used up, the session is left to a person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..claude.turns import TurnEvent, is_prompt_of
from ..common import clock
from ..common.log_fields import log_fields
from ..common.renaming import renamed
from ..storage.store import Store, as_items, as_list

log = logging.getLogger(__name__)

DOCUMENT = "prompts"
MOST = 3  # Enter keys under one account

# The reset of an account begins the count anew once, and again only when it was this far ahead: a misread message
# must not begin it anew every few seconds.
LONG_WAIT = timedelta(hours=1)

# A prompt with the words of ours is a person's only this long after our last Enter key: a hook can be late.
OWN_ECHO = timedelta(minutes=1)

_TEXTS = 4  # of our newest prompts, to tell them from a person's
_TEXT_MAX = 2000  # characters


@dataclass
class _Series:
    """The Enter keys without an answer in one session.

    ``counts`` is by account; ``resets`` holds, by account, the end of its limit and whether it is far ahead;
    ``renewed`` are the accounts whose short reset has begun the series anew; ``texts`` are our newest prompts,
    ``awaited`` tells whether the last one has not been seen to begin a turn, ``last`` is when it was sent.
    """

    counts: dict[str, int] = field(default_factory=dict)
    resets: dict[str, tuple[datetime, bool]] = field(default_factory=dict)
    renewed: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    awaited: bool = False
    turn: str | None = None
    last: datetime | None = None
    spent: str | None = None

    def to_json(self) -> dict[str, Any]:
        resets = {name: {"ends": clock.iso(ends), "long": long} for name, (ends, long) in self.resets.items()}
        return {**vars(self), "resets": resets, "last": clock.optional_iso(self.last)}


class PromptBudget:
    """The counts of all sessions, by name.

    Args:
        store: the durable documents.
        account: returns the name of the account that the session's next request uses, None when it is unknown.
        on_spent: called with a session, and why it is left to a person (None: it is not any more).
        on_taken: called when an Enter key was counted.
        now: the current time.
    """

    def __init__(
        self,
        store: Store,
        account: Callable[[str], str | None],
        *,
        on_spent: Callable[[str, str | None], None] = lambda _session, _why: None,
        on_taken: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._store = store
        self._account = account
        self._on_spent = on_spent
        self._on_taken = on_taken
        self._now = now
        self._series: dict[str, _Series] = {}
        store.reserve(DOCUMENT)
        rows = store.load(DOCUMENT, {})
        for name, row in rows.items():
            series = store.read_part(DOCUMENT, f"the count of session {name!r}", _series, row)
            if series is not None:
                self._series[name] = series

    # -- Enter keys --------------------------------------------------------------------------------------------

    def permit(self, session: str, text: str) -> EnterPermit:
        """Return the permit for a delivery of ``text`` to the session."""
        return EnterPermit(self, session, text)

    def refusal(self, session: str) -> str | None:
        """Return why the session may be sent no Enter key now; None if it may."""
        series = self._series.get(session)
        if series is None:
            return None
        self._renew(session, series)
        account = self._account(session) or ""
        further = len({*series.counts, account}) - 1
        total = sum(series.counts.values())
        if series.counts.get(account, 0) < MOST and total < MOST + further and series.spent is None:
            return None
        if series.spent is None:
            each = ", ".join(f"{count} under {name or 'an unknown account'}" for name, count in series.counts.items())
            series.spent = (
                f"{total} prompts were sent without an answer ({each}), and no more are: look at the session, "
                "and type a prompt to go on"
            )
            self._save()
            fields = log_fields(session=session, account=account or None, event="prompts_spent")
            log.error("session %s: %s", session, series.spent, extra=fields)
            self._on_spent(session, series.spent)
        return series.spent

    def take(self, session: str, text: str) -> str | None:
        """Count one Enter key right before it is sent; returns why it must not be sent, else None.

        It may be sent once the count is `stored`.
        """
        why = self.refusal(session)
        if why is not None:
            return why
        series = self._series.setdefault(session, _Series())
        account = self._account(session) or ""
        series.counts[account] = series.counts.get(account, 0) + 1
        series.texts = [*[known for known in series.texts if known != text[:_TEXT_MAX]], text[:_TEXT_MAX]][-_TEXTS:]
        series.awaited, series.turn, series.last = True, None, self._now()
        self._save()
        self._on_taken()
        return None

    async def stored(self) -> None:
        """Wait until every count is on the disk. One that the disk refuses is kept in memory, and stored later."""
        await self._store.settle()

    def spent(self) -> dict[str, str]:
        """Return the sessions that are left to a person, and why."""
        return {name: series.spent for name, series in self._series.items() if series.spent is not None}

    # -- what begins the count anew ----------------------------------------------------------------------------

    def on_turn(self, event: TurnEvent) -> None:
        """Begin anew after an answered turn or a person's prompt."""
        series = self._series.get(event.session)
        if series is None:
            return
        if event.kind == "stop":
            self.clear(event.session)
        elif event.kind == "prompt" and event.prompt is not None:
            if not self._is_own(series, event):
                self.clear(event.session)
            elif series.awaited:
                series.awaited, series.turn = False, event.turn
                self._save()

    def _is_own(self, series: _Series, event: TurnEvent) -> bool:
        """Return whether a prompt is, or may be, one of ours; a notice of Claude Code is no person's either."""
        prompt = event.prompt or ""
        if prompt.lstrip().startswith("<"):
            return True
        if not any(is_prompt_of(prompt, text) for text in series.texts):
            return False
        if series.awaited or event.turn is None or event.turn == series.turn:
            return True
        return series.last is not None and self._now() - series.last < OWN_ECHO

    def rename(self, old: str, new: str) -> None:
        """Give a session another name."""
        if old in self._series:
            self._series[new] = self._series.pop(old)
            self._save()

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        for series in self._series.values():
            series.counts, series.resets = renamed(series.counts, names), renamed(series.resets, names)
            series.renewed = [names.get(name, name) for name in series.renewed]
        self._save()

    def clear(self, session: str) -> None:
        """Begin anew: a turn was answered, or a person has typed a prompt."""
        series = self._series.pop(session, None)
        if series is None:
            return
        self._save()
        if series.spent is not None:
            log.info(
                "session %s: it is answered or prompted again, and can be sent prompts",
                session,
                extra=log_fields(session=session, event="prompts_spent"),
            )
            self._on_spent(session, None)

    def on_refused(self, session: str, account: str, ends: datetime, named: bool = True) -> None:
        """Note the end of a limit that the session has hit: the count begins anew once it has really passed.

        One that the message has not ``named`` counts only if it is far ahead.
        """
        known = self._series[session].resets.get(account) if session in self._series else None
        now = self._now()
        long = ends - now >= LONG_WAIT
        if (known is not None and known[0] == ends) or ends <= now or not (named or long):
            return
        series = self._series.setdefault(session, _Series())
        series.resets[account] = (ends, long)
        self._save()

    def _renew(self, session: str, series: _Series) -> None:
        passed = [
            (name, long)
            for name, (ends, long) in series.resets.items()
            if ends <= self._now() and (long or name not in series.renewed)
        ]
        if not passed or series.spent is not None:
            return
        for name, long in passed:
            del series.resets[name]
            if not long:
                series.renewed.append(name)
        if series.counts:
            log.info(
                "session %s: the limit of %s has reset, its prompts are counted anew",
                session,
                passed[0][0],
                extra=log_fields(session=session, account=passed[0][0]),
            )
            series.counts = {}
        self._save()

    # -- the document ------------------------------------------------------------------------------------------

    def _save(self) -> None:
        self._store.keep_soon(DOCUMENT, self._document, "the counts of prompts")

    def _document(self) -> dict[str, Any]:
        return {name: series.to_json() for name, series in self._series.items()}


@dataclass(frozen=True)
class EnterPermit:
    """Permit for the Enter keys of one delivery."""

    budget: PromptBudget
    session: str
    text: str

    def refusal(self) -> str | None:
        """Return why no Enter key may be sent, None if one may."""
        return self.budget.refusal(self.session)

    def take(self, text: str | None = None) -> str | None:
        """Count the Enter key that is about to be sent, of another ``text`` where given; returns why it must not be."""
        return self.budget.take(self.session, text or self.text)

    async def stored(self) -> None:
        """Wait until the count is on the disk."""
        await self.budget.stored()


def _series(row: Any) -> _Series:
    counts = {name: _count(value) for name, value in as_items(row["counts"])}
    resets = {name: (clock.parse_iso(value["ends"]), bool(value["long"])) for name, value in as_items(row["resets"])}
    return _Series(
        counts,
        resets,
        [str(name) for name in as_list(row["renewed"])],
        [str(text) for text in as_list(row["texts"])],
        bool(row["awaited"]),
        None if row["turn"] is None else str(row["turn"]),
        None if row["last"] is None else clock.parse_iso(row["last"]),
        None if row["spent"] is None else str(row["spent"]),
    )


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise ValueError(f"found {value!r}, expected a count")
    return value
