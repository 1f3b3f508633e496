# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what needs a person: each cause once when it begins, and once when it is over.

Parts push some causes; the others are found in the status, in rounds.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from ..accounts.login_watch import LoginWarning
from ..claude.turns import TurnEvent
from ..common import clock
from ..common.log_fields import LEVELS, log_fields
from ..common.shared_wake import REST, sleep_together
from ..config.holder import ConfigHolder
from ..failover.switch_advice import AdvisedSwitch
from ..host.programs import programs_of
from ..storage.store import Store
from ..switching.record import Record
from . import events
from .cause_book import CauseBook, CauseKey, OpenCause, cause_key
from .event_kinds import BEGINS, KINDS, OVER
from .redaction import Redactor
from .release_state import read_undone, release_root
from .situation import Cause, causes_in, over_summary

log = logging.getLogger(__name__)

INTERVAL = REST  # seconds between two rounds
SETTLE = 60.0  # seconds after the start, in which parts find again what was told before it
WORDING_KEPT = timedelta(days=1)  # that an unknown wording stays open
MAX_WORDINGS = 20  # unknown wordings that are open at a time

Event = dict[str, Any]


class EventReporter:
    """Gives each event to its subscribers, in the order of their subscription.

    ``status``, to be set before the first round, returns the document of ``status --json``. The functions in
    ``every_round`` are called at the end of each round. ``root`` is the folder of the releases, ``monotonic`` returns
    the time, ``which`` the path of a program, or None.
    """

    def __init__(self, config: ConfigHolder, store: Store) -> None:
        self._config = config
        self._book = CauseBook(store)
        self.root = release_root()
        self.monotonic: Callable[[], float] = time.monotonic
        self.which: Callable[[str], str | None] = shutil.which
        self._subscribers: list[Callable[[Event], None]] = []
        self._seen: dict[CauseKey, _Sighting] = {}
        self._first_round: float | None = None
        self._wordings: dict[str, str] = {}  # of this run, by digest
        self.every_round: list[Callable[[], None]] = []
        self.status: Callable[[], Mapping[str, Any]] = dict
        self._redactor = Redactor(config.current)
        config.subscribe(self._on_config_replaced)

    def subscribe(self, callback: Callable[[Event], None]) -> None:
        """Call ``callback`` with each event from now on."""
        self._subscribers.append(callback)

    def open_events(self) -> list[dict[str, Any]]:
        """Return ``open_events`` of ``status --json``: what has begun and is not over, worst first."""
        return self._book.open_rows()

    def lost_contexts(self) -> dict[str, str]:
        """Return the lost conversation of each session whose context was told to be lost."""
        causes = self._open_causes("context_lost")
        return {cause.event["session"]: cause.event["details"].get("uuid") or "" for cause in causes}

    def _open_causes(self, name: str) -> list[OpenCause]:
        return [cause for cause in self._book.causes() if cause.kind.name == name]

    def adopt(self, spent: Mapping[str, str], warnings: Iterable[LoginWarning]) -> None:
        """Tell what parts have kept on the disk, unless it was told: by a release before this table, it was not."""
        kept = [events.spent_event(session, why) for session, why in spent.items()]
        for event in [*kept, *map(events.login_event, warnings)]:
            if cause_key(event) not in self._book:
                self.report(event, is_logged=False)

    # -- told by parts, which log them -------------------------------------------------------------------------

    def on_record(self, record: Record) -> None:
        """Tell the record of a switch."""
        self.report(events.switch_event(record))

    def on_spent(self, session: str, why: str | None) -> None:
        """Tell that a session's bound of prompts is reached, or, without ``why``, that it is not any more."""
        self.report(events.spent_event(session, why))

    def on_set_aside(self, session: str, why: str | None) -> None:
        """Tell that a session with too old a Claude Code is left out, or, without ``why``, that it is not any more."""
        self.report(events.set_aside_event(session, why, events.VERSION))

    def on_doubt(self, session: str, why: str | None) -> None:
        """Tell that a session whose login is in doubt is left out, or, without ``why``, that it is not any more."""
        self.report(events.set_aside_event(session, why, events.DOUBT))

    def on_owner_question(self, session: str, why: str | None) -> None:
        """Tell that Claude Code asks whose a session's conversation is, or, without ``why``, that it no longer does."""
        self.report(events.owner_event(session, why))

    def on_not_resumed(self, session: str, result: str) -> None:
        """Tell that a limited session is left to a person, with the result of the last attempt."""
        self.report(events.not_resumed_event(session, result))

    def on_turn(self, event: TurnEvent) -> None:
        """Tell that a session has gone on that was left to a person."""
        if event.kind in ("prompt", "stop") and ("session_not_resumed", event.session) in self._book:
            self.report(events.not_resumed_event(event.session, None), is_logged=False)

    def on_context_lost(self, session: str, why: str | None, uuid: str | None = None) -> None:
        """Tell that a session's model lost its conversation, or, without ``why``, that it has another one."""
        self.report(events.context_event(session, why, uuid))

    def on_identity_change(self, account: str, why: str | None) -> None:
        """Tell that an account's home names another login than recorded, or, without ``why``, no longer."""
        self.report(events.identity_event(account, why))

    def on_links_change(self, account: str, why: str | None) -> None:
        """Tell that an account's shared links are wrong or missing, or, without ``why``, no longer."""
        self.report(events.links_event(account, why))

    def on_login_warning(self, warning: LoginWarning) -> None:
        """Tell that an account's login ends soon or has ended, or that a new one was made."""
        self.report(events.login_event(warning))

    def on_advice(self, advice: AdvisedSwitch | None) -> None:
        """Tell that a switch is due and left to a person, or that none is due any more."""
        self.report(events.advice_event(advice))

    def on_unknown_wording(self, text: str, rule: str) -> None:
        """Tell that a text may be a limit in an unknown wording."""
        event = events.wording_event(text, rule)
        if cause_key(event) in self._book or len(self._open_causes("unknown_wording")) < MAX_WORDINGS:
            self._wordings[event["details"]["digest"]] = text
            self.report(event)

    # -- found in rounds ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run a round every `INTERVAL` seconds until cancelled."""
        while True:
            try:
                self.run_round()
            except Exception:  # a bug in what only tells must not end the daemon
                log.exception("events: a bug; they are looked for again in %g s", INTERVAL)
            await sleep_together(INTERVAL)

    def run_round(self) -> None:
        """Compare the status with what was told."""
        status, now = self.status(), self.monotonic()
        if self._first_round is None:
            self._first_round = now
        config = self._config.current
        found = causes_in(
            status,
            waiting_after=config.notify.waiting_after,
            across_organizations=config.failover.across_organizations,
            undone=read_undone(self.root),
            missing=[os.path.basename(name) for name in programs_of(config.notify) if self.which(name) is None],
        )
        self._compare(list(found), now)
        self._end_stale(status, settled=now - self._first_round >= SETTLE)
        for function in self.every_round:
            function()

    def _compare(self, found: list[Cause], now: float) -> None:
        """Tell the causes that have held for long enough, and those that are over."""
        events_by_key = {cause_key(event): (event, cause) for cause in found for event in [_event_of(cause)]}
        for key, (event, cause) in events_by_key.items():
            sighting = self._seen.setdefault(key, _Sighting(now))
            sighting.last, sighting.over_after = now, cause.over_after
            if now - sighting.first >= cause.after or key in self._book:
                self.report(event, is_logged=cause.kind.is_logged_by_part)
        for key, sighting in list(self._seen.items()):
            if key not in events_by_key and now - sighting.last >= sighting.over_after:
                del self._seen[key]
                self._end(key)

    def _end_stale(self, status: Mapping[str, Any], *, settled: bool) -> None:
        """End what no part can tell to be over: of a session or account that is gone, or not found after a restart."""
        names = {
            "session": {row["name"] for row in status["sessions"]},
            "account": {row["name"] for row in status["accounts"]},
        }
        for cause in self._book.causes():
            kind, key = cause.kind, cause_key(cause.event)
            gone = next(
                (
                    f"{field} {cause.event[field]} is gone"
                    for field in kind.key
                    if field in names and cause.event[field] not in names[field]
                ),
                None,
            )
            if gone is not None:
                self._end(key, gone)
            elif settled and not cause.seen and kind.found == "round" and key not in self._seen:
                self._end(key)
            elif settled and not cause.seen and kind.retold:
                began = cause.event["summary"]
                self._end(key, f"over: it is not found any more after a restart of the daemon ({began})")
            elif kind.name == "unknown_wording" and clock.wall() - clock.parse_iso(cause.since) > WORDING_KEPT:
                self._end(key, "a text in an unknown wording was told a day ago, and is not told of any more")

    def _end(self, key: CauseKey, summary: str | None = None) -> None:
        """Tell that a cause is over which no part tells."""
        cause = self._book.get(key)
        if cause is None:
            return
        begun = cause.event
        event = events.new_event(
            begun["event"],
            False,
            summary or over_summary(begun["event"], begun["session"]),
            session=begun["session"],
            account=begun["account"],
            details=begun["details"],
        )
        self.report(event, is_logged=summary is None and cause.seen and cause.kind.is_logged_by_part)

    def _on_config_replaced(self) -> None:
        config = self._config.current
        self._redactor = Redactor(config)
        for digest, text in list(self._wordings.items()):
            if any(pattern.search(text) for pattern in config.detection.extra_patterns):
                del self._wordings[digest]
                self._end(("unknown_wording", digest), f"detection.extra_patterns has a pattern for {digest}")

    # -- names -------------------------------------------------------------------------------------------------

    def rename_session(self, old: str, new: str) -> None:
        """Give a session another name."""
        self._book.rename_session(old, new)

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        self._book.rename_accounts(names)

    # -- telling -----------------------------------------------------------------------------------------------

    def report(self, event: Event, *, is_logged: bool = True) -> None:
        """Tell an event unless its cause was told; log it unless the part that tells it does (``is_logged``)."""
        event = self._redactor.event(event)
        kind = KINDS[event["event"]]
        if event["state"] == OVER:
            cause = self._book.end(cause_key(event))
            if cause is None:
                return
            known = {key: value for key, value in event["details"].items() if value is not None}
            begun = cause.event
            event.update({field: begun[field] for field in ("session", "account")})
            event["details"] = {**begun["details"], **known}
        elif kind.lasts and not self._book.begin(event):
            return
        if not is_logged:
            self._log(event)
        leaving = self._redactor.leaving(event)
        for callback in self._subscribers:
            try:
                callback(leaving)
            except Exception:  # a bug of one who is told must not end the part that tells, nor keep it from the others
                log.exception("events: a bug in what is told of %s", kind.name)

    def _log(self, event: Event) -> None:
        fields = log_fields(session=event["session"], account=event["account"], event=event["event"])
        state = "" if event["state"] == BEGINS else " is over"
        log.log(LEVELS[event["severity"]], "event %s%s: %s", event["event"], state, event["summary"], extra=fields)


class _Sighting:
    """When a cause was seen first and last, in monotonic time, and how long it is not seen until it is over."""

    def __init__(self, first: float) -> None:
        self.first = self.last = first
        self.over_after = 0.0


def _event_of(cause: Cause) -> Event:
    return events.new_event(
        cause.event,
        True,
        cause.summary,
        session=cause.session,
        account=cause.account,
        details=cause.details,
    )
