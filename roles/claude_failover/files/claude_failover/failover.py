# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failover as a whole: what is noticed is blamed, judged, answered by a switch, and carried over.

Judging goes by what is the case, not by what just happened: in every round the sessions that are limited stand
on one side, the active account and what is known of the others on the other. So a cooldown that ends, a reset,
a login that was mended, a flip by hand and a restart of the daemon need no cases of their own.
"""
from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from . import clock
from .backoff import Backoff
from .blame import blame, same_place
from .config import Account, Config
from .errors import UsageError
from .evidence import Evidence, TurnEvent, moved_on
from .exhaustion import MODEL_LIMITS, SAME_RESET, Exhaustion, reset_of
from .failover_state import FailoverState, Held, Waiting
from .logins import Logins
from .metrics import Metrics
from .notify import Notify
from .standings import RESET_MARGIN
from .state import Store
from .switch_record import Record, log_line, new_record, session_row
from .switcher import Overtaken, Switcher, SwitchRequest, refused_for_operator
from .usage import Usage

log = logging.getLogger(__name__)

#: Seconds after a switch in which further sessions that hit the same limit still belong to its record.
STRAGGLERS = 2.0

#: Seconds after which a record is closed although a carry-over still goes on.
RECORD_BOUND = 120.0

#: Seconds between two rounds in which nothing happens: how soon a flip by hand is seen.
TICK = 1.0

_LOOK_FOR_ACCOUNTS = 5.0  # seconds between two looks whether another account has become usable
_CARRY_AGAIN = 3.0  # seconds; Claude Code notices other credentials within about 2 s (2.1.330)
_METRICS_EVERY = 15.0

# What becomes of a session that could not be carried over (a draft, a dialog, a failure): it is tried again with
# growing pauses, some minutes long in all, and then left to the operator.
_TRIES = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 120.0
_SEEN_TO = ("continued", "moved on", "gone")
_OLD_FIGURES = timedelta(minutes=10)  # how long after a flip a status line may still show the old account's figures
_HISTORY = 10000


class CarryOver(Protocol):
    """Makes limited sessions go on under the account that is active now."""

    def add(self, session: str, uuid: str | None, evidence: Evidence) -> None:
        """Put a session on the durable list."""

    async def run(self, sessions: Sequence[str]) -> list[dict[str, Any]]:
        """Carry sessions over; returns ``{name, uuid, method, result, seconds}`` for each."""


class Speaker(Protocol):
    """The session that a figure or a refusal comes from."""

    name: str
    config_dir: str | None


def _is_in(record: Record, result: dict[str, Any]) -> bool:
    """Tell whether the record has the session already: what carried it over says more than a later look."""
    return any(row["name"] == result.get("name") for row in record["sessions"])


class Failover:
    """The one place where it is decided that a switch is made.

    Args:
        config: the configuration.
        store: what is durable.
        carry_over: see `CarryOver`.
        newest_turn: the newest turn of a session by its name, as the transcript has it; None when that cannot be
            read.
        all_idle: whether every session is idle.
        status: the document of ``status --json``, for the metrics; None where there are none.
        now: the current time.
        switcher: one that is already made, for tests.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        carry_over: CarryOver,
        *,
        newest_turn: Callable[[str], Evidence | None] = lambda _session: None,
        all_idle: Callable[[], bool] = lambda: False,
        status: Callable[[], dict[str, Any]] | None = None,
        now: Callable[[], datetime] = clock.now,
        switcher: Switcher | None = None,
    ) -> None:
        self.switcher = switcher or Switcher(config, store, Exhaustion(store), Logins(store), Usage(store), now=now)
        self._standings = self.switcher.standings
        self.exhaustion = self._standings.exhaustion
        self.logins = self._standings.logins
        self.usage = self._standings.usage
        self.notify = Notify(config.notify_command)
        history = self.switcher.history(_HISTORY)
        self.metrics = Metrics(config.metrics_textfile, store.newest("switches", _HISTORY))
        self._last = next((row for row in history if row["outcome"] == "switched"), None)
        self._config = config
        self._state = FailoverState(store)
        self._carry_over = carry_over
        self._newest_turn = newest_turn
        self._all_idle = all_idle
        self._status = status
        self._now = now
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._carrying: dict[asyncio.Task[None], tuple[str, ...]] = {}
        self._carried: dict[str, tuple[float, Evidence]] = {}  # by session: when the last carry-over ended, of what
        self._carry_began: dict[str, datetime] = {}  # by session: when the last carry-over began
        self._tries: dict[str, Backoff] = {}  # by session
        self._again_at: dict[str, float] = {}  # by session: time.monotonic() of the next try
        self._opened: dict[str, float] = {}  # by id of an open record: time.monotonic() of its opening
        self._retry = Backoff(5, 60)
        self._retry_at = 0.0
        self._looked_at = self._metrics_at = float("-inf")
        self._turn_ended = False
        self._to_carry = False  # there are sessions to be carried over that are not being carried yet

    # -- the daemon's side -------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Finish or undo what a crash interrupted. To be called after the active link was seen to, before any
        session is started. Raises OSError."""
        record = await self.switcher.recover()
        if record is not None:
            self._after(record)
            self._retry_at = 0.0  # what was undone is done now, and not after a pause
        for row in self.switcher.journal.opened():
            self._opened.setdefault(row["id"], time.monotonic())

    def start(self) -> None:
        """Begin to judge, in a task of its own. Needs a running event loop."""
        self._task = asyncio.ensure_future(self.run())

    async def stop(self) -> None:
        """End; what is under way is on the disk, and goes on at the next start."""
        tasks = [*([self._task] if self._task else []), *self._carrying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.notify.stop()

    def configure(self, config: Config) -> None:
        """Take over a new configuration."""
        self._config = config
        self.switcher.configure(config)
        self.notify.command = config.notify_command
        self.metrics.path = config.metrics_textfile
        self._looked_at = float("-inf")
        self._wake_up()

    async def run(self) -> None:
        """Judge again and again, until cancelled."""
        while True:
            try:
                await self.round()
            except OSError as error:
                log.error("failover: %s; it is tried again", error)
            except Exception:  # a bug must not end the failover for good: the next round sees what is the case
                log.exception("failover: a bug; it is tried again")
            wake = self._event()
            try:
                await asyncio.wait_for(wake.wait(), self._pause())
            except asyncio.TimeoutError:
                pass
            wake.clear()

    def _event(self) -> asyncio.Event:
        if self._wake is None:
            self._wake = asyncio.Event()
        return self._wake

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def _pause(self) -> float:
        now = self._now()
        moments = [self._state.cooldown_until]
        if self._state.waiting is not None and self._state.waiting.until is not None:
            moments.append(self._state.waiting.until + RESET_MARGIN)
        delays = [(moment - now).total_seconds() for moment in moments if moment is not None and moment > now]
        closings = [at + STRAGGLERS - time.monotonic() for at in self._opened.values()]
        delays += [delay for delay in closings if delay > 0]  # what is over waits for a carry-over to end, which wakes
        return min([TICK, *[max(0.01, delay) for delay in delays]])

    # -- what comes in -----------------------------------------------------------------------------------------

    def notice(self, evidence: Evidence) -> None:
        """Take in a sighting of a limit. It is on the disk when this returns; it is judged by the next round."""
        if evidence.verdict.limited:
            self._state.inbox.append(evidence)
            self._state.save()
            self._wake_up()

    def on_turn(self, event: TurnEvent) -> None:
        """Take note of a turn: at the end of one there can be a switch before the limit is hit."""
        if event.kind == "stop":
            self._turn_ended = True
            self._wake_up()

    def on_usage(self, speaker: Speaker, figures: Any) -> None:
        """Take in the figures of a session's status line."""
        account = self._account_of(speaker)
        if account is None:
            return
        last = self.switcher.flips.last
        if (
            last is not None
            and last.origin is not None
            and last.target == account.name
            and self._now() - last.at < _OLD_FIGURES
            and self.usage.same_as(last.origin, figures)
        ):
            return  # until its first answer under the new account, a session shows the old one's figures
        try:
            self.usage.note(account.name, figures)
        except OSError as error:
            log.error("the usage of %s cannot be stored: %s", account.name, error)

    def on_login_dead(self, speaker: Speaker, message: str) -> None:
        """The server refused a session's login: the account is no target until its credentials change."""
        account = self._account_of(speaker)
        if account is None:
            log.warning("session %s: the login of its account was refused, and it is not known which", speaker.name)
            return
        last = self.switcher.flips.last
        if last is not None and last.target == account.name and self._now() - last.at < timedelta(seconds=3):
            return  # either account can have been refused; if it is this one, the next request says so
        try:
            self.logins.refused(account)
        except OSError as error:
            log.error("the dead login of %s cannot be stored: %s", account.name, error)
        self._tell_dead(account, message)

    def _tell_dead(self, account: Account, message: str) -> None:
        log.error(
            "account %s: its login is dead%s. It is switched to no more; log it in: claude-failover login %s",
            account.name, f" ({message[:200]!r})" if message else "", account.name,
        )  # fmt: skip

    def _account_of(self, speaker: Speaker) -> Account | None:
        folder = speaker.config_dir
        if folder is None:
            return None
        if same_place(folder, self._config.active_link):
            return self._config.account(self._standings.active() or "")
        return next((account for account in self._config.accounts if same_place(account.home, folder)), None)

    # -- a switch by hand --------------------------------------------------------------------------------------

    async def switch(
        self, account: str | None = None, reason: str | None = None, dry_run: bool = False, force: bool = False
    ) -> Record:
        """Switch by hand; returns the record. Raises Refused when it was not done, UsageError for a wrong name."""
        note = f"by hand: {reason}" if reason else "by hand"
        request = SwitchRequest("manual", account, dry_run=dry_run, force=force, note=note)
        record = await self.switcher.switch(request)
        if not dry_run:
            self._after(record)
            self._wake_up()
        return refused_for_operator(record)

    def history(self, limit: int = 20) -> list[Record]:
        """Return up to ``limit`` records, newest first. Raises UsageError for a limit below one."""
        if limit < 1:
            raise UsageError(f"limit: found {limit}, expected 1 or more")
        return self.switcher.history(limit)

    # -- what is -----------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return the keys of ``status --json`` that are the failover's: ``cooldown_until``, ``switching``,
        ``suspended`` (why, or null) and ``last_switch``."""
        until = self._state.cooldown_until
        return {
            "cooldown_until": clock.optional_iso(until) if until is not None and until > self._now() else None,
            "switching": self.switcher.switching,
            "suspended": self.switcher.watch.suspended,
            "last_switch": self._last,
        }

    def account_keys(self, account: Account) -> dict[str, Any]:
        """Return the keys of an account's row of the status that are the failover's."""
        return {
            "login": self.logins.state(account),
            "exhausted": self.exhaustion.rows(account.name, self._now()),
            "used_percent": self.usage.percent(account.name, self._now()),
        }

    @property
    def waiting_until(self) -> datetime | None:
        """When the first account can be used again, while none can."""
        return self._state.waiting.until if self._state.waiting is not None else None

    def limited(self) -> dict[str, Evidence]:
        """Return the sessions that are limited and not yet seen to, with what was seen."""
        return {name: held.evidence for name, held in self._state.held.items()}

    # -- a round -----------------------------------------------------------------------------------------------

    async def round(self) -> None:
        """Look at everything once, and do what is to be done now. Raises OSError."""
        moved = await self.switcher.observe()
        if moved is not None:
            self._after(moved)
        self._take_in()
        if self.switcher.watch.suspended is None:
            active = self._standings.active()
            if active is not None:
                await self._judge(active)
        self._close_records()
        if self._status is not None and time.monotonic() - self._metrics_at >= _METRICS_EVERY:
            self._write_metrics()

    def _take_in(self) -> None:
        """Blame what was noticed, and note whose limit it is. Raises OSError; then the rest waits for its turn."""
        if not self._state.inbox:
            return
        while self._state.inbox:
            evidence = self._state.inbox[0]
            try:
                self._take(evidence)
            except OSError:  # a full disk: what it did not take is in memory, and the sighting is taken next time
                raise
            except Exception:
                log.exception("session %s: a sighting could not be judged, and is passed over", evidence.session)
            del self._state.inbox[0]
        self._state.save()

    def _take(self, evidence: Evidence) -> None:
        now, verdict = self._now(), evidence.verdict
        found = blame(
            evidence, self.switcher.flips.all(), self._standings.active(), self._config.active_link,
            self._config.accounts, self.exhaustion,
        )  # fmt: skip
        log.info(
            "session %s: %s limit seen by %s (%s), resets %s; account %s: %s",
            evidence.session, verdict.limit, evidence.source, verdict.rule, clock.optional_iso(verdict.resets_at),
            found.account or "not known", found.why,
        )  # fmt: skip
        if found.account is not None:
            until, known = reset_of(
                verdict, evidence.at, evidence.request_at, self._config.failover.unknown_reset_wait
            )
            limit = verdict.limit or "unknown"
            if until > now and self.exhaustion.mark(found.account, limit, until, now=now, known=known):
                log.warning("account %s is out of usage (%s) until %s", found.account, limit, clock.iso(until))
        if found.follows and not self._is_carried(evidence):
            self._state.held[evidence.session] = Held(evidence, found.account)
            self._tries.pop(evidence.session, None)
            self._again_at.pop(evidence.session, None)
            self._carry_over.add(evidence.session, evidence.uuid, evidence)

    def _is_carried(self, evidence: Evidence) -> bool:
        """Tell whether this is one more sighting of what is being, or was just, carried over.

        A hook takes its arrival for the time of the request, so two sources agree on the turn's id and not on that
        time. Where there is none (Claude Code 2.1.197) what was refused before the carry-over began is what it
        carries over.
        """
        _ended, known = self._carried.get(evidence.session, (0.0, None))
        if known is None or known.uuid != evidence.uuid:
            return False
        if known.turn is not None and evidence.turn is not None:
            return known.turn == evidence.turn
        if known.request_at is not None and known.request_at == evidence.request_at:
            return True
        return evidence.at < self._carry_began[evidence.session]

    async def _judge(self, active: str) -> None:
        busy = {name for names in self._carrying.values() for name in names}
        held = [item for name, item in self._state.held.items() if name not in busy]
        last = self.switcher.flips.last
        by_hand = last is not None and last.reason in ("manual", "external")
        # Whoever flips to an exhausted account by hand is believed until that account itself refuses.
        stuck = [
            item
            for item in held
            if self._standings.barred(active, item.evidence.verdict.limit) and not (by_hand and item.account != active)
        ]
        ready = [item for item in held if item not in stuck]
        if self._state.waiting is not None and not stuck:
            if ready and self._state.waiting.until is not None and self._now() >= self._state.waiting.until:
                self._note_reset(active, ready)
            self._state.waiting = None
            self._state.save()
        self._carry([item.evidence for item in ready])
        if stuck:
            await self._answer(active, stuck)
        elif not held and not busy:
            await self._without_need(active)

    def _note_reset(self, active: str, ready: list[Held]) -> None:
        """The account that is active has reset first: nothing to flip, and the waiting sessions go on."""
        record = new_record(
            "reset", self._now(), origin=active, target=active, outcome="stayed",
            detail=f"{active} can be used again", trigger=ready[0].evidence,
        )  # fmt: skip
        self.switcher.journal.end(record)
        self._after(record, carries=True)

    async def _answer(self, active: str, stuck: list[Held]) -> None:
        """Sessions are limited, and the active account is out of usage for them: switch, or wait."""
        waiting, now = self._state.waiting, self._now()
        due = waiting is not None and waiting.until is not None and now >= waiting.until + RESET_MARGIN
        triggers = [item for item in stuck if item.account == active or due]
        if not triggers:
            # Their limit is another account's: there is nothing yet that this one was caught at.
            self._wait(active, stuck[0].evidence.verdict.limit)
            return
        if self._held_back():
            return
        if waiting is not None and waiting.account == active and not due:
            if time.monotonic() - self._looked_at < _LOOK_FOR_ACCOUNTS and not self._is_news(triggers):
                return
            self._looked_at = time.monotonic()
        trigger = self._still_limited(triggers)
        if trigger is None:
            return
        limit = trigger.verdict.limit
        clean = self._was_known(active, limit)
        reason = "reset" if due else "limit"
        if self._already_waiting(active, limit, clean):
            return
        record = await self._switch(SwitchRequest(reason, trigger=trigger, clean=clean, expected=active))
        if record is not None and record["outcome"] == "stayed":
            self._wait(active, limit)
        self._wake_up()

    def _is_news(self, triggers: list[Held]) -> bool:
        return any((self._now() - item.evidence.at).total_seconds() < _LOOK_FOR_ACCOUNTS for item in triggers)

    def _held_back(self) -> bool:
        """Tell whether no automatic switch may be made just now: evidence is kept, and judged again."""
        until = self._state.cooldown_until
        return (until is not None and self._now() < until) or time.monotonic() < self._retry_at

    def _still_limited(self, triggers: list[Held]) -> Evidence | None:
        """Return the sighting that a switch is to answer, after a look whether its session is still limited.

        A limit that bars an account altogether comes before one model's own.
        """
        triggers = sorted(triggers, key=lambda item: (item.evidence.verdict.limit in MODEL_LIMITS, item.evidence.at))
        for item in triggers:
            evidence = item.evidence
            if moved_on(self._newest_turn(evidence.session), evidence):
                log.info("session %s: its newest turn is not limited any more: nothing to do", evidence.session)
                if self._state.held.pop(evidence.session, None) is not None:
                    self._state.save()
                continue
            return evidence
        return None

    def _was_known(self, active: str, limit: str | None) -> bool:
        """Tell whether a model's limit of the active account was known before the last flip.

        Then the flip was made all the same, for another limit, and to flip on to an account that has one too
        would begin a circle.
        """
        last = self.switcher.flips.last
        return limit in MODEL_LIMITS and last is not None and any(
            mark.limit == limit and mark.since <= last.at
            for mark in self.exhaustion.marks(active, self._now() - RESET_MARGIN)
        )

    def _already_waiting(self, active: str, limit: str | None, clean: bool) -> bool:
        """Tell whether a switch would only say once more what the last one said."""
        waiting = self._state.waiting
        if waiting is None or waiting.account != active or waiting.limit != limit:
            return False
        if self._standings.choice(limit, clean=clean).target is not None:
            return False
        until = self._standings.usable_from(limit)
        if until is None or waiting.until is None:
            return until == waiting.until
        return abs(until - waiting.until) <= SAME_RESET and self._now() < waiting.until + RESET_MARGIN

    def _wait(self, active: str, limit: str | None) -> None:
        until = self._standings.usable_from(limit)
        waiting = Waiting(active, limit, until)
        if waiting != self._state.waiting:
            self._state.waiting = waiting
            self._state.save()
            log.warning(
                "no account can be used; %d sessions wait, %s", len(self._state.held),
                f"until {clock.iso(until)}" if until else "for an account to be logged in or mended",
            )  # fmt: skip

    async def _without_need(self, active: str) -> None:
        """Switch although nobody is limited: before a limit is hit, or back to a preferred account."""
        ended, self._turn_ended = self._turn_ended, False
        if self._held_back():
            self._turn_ended = ended
            return
        settings = self._config.failover
        below = settings.proactive_threshold
        request = None
        if below is not None and (ended or self._all_idle()):
            most = max(self.usage.percent(active, self._now()).values(), default=0.0)
            if most >= below and self._standings.choice(None, clean=True, below=below).target is not None:
                note = f"{active} has used {most:g} % of a window"
                request = SwitchRequest("proactive", note=note, clean=True, below=below, expected=active)
        look = time.monotonic() - self._looked_at >= _LOOK_FOR_ACCOUNTS
        if request is None and settings.failback and look and self._all_idle():
            self._looked_at = time.monotonic()
            request = self._way_back(active, below)
        if request is not None:
            await self._switch(request)

    async def _switch(self, request: SwitchRequest) -> Record | None:
        """Make an automatic switch; returns its record, or None when it has to be judged again."""
        try:
            record = await self.switcher.switch(request)
        except Overtaken as error:
            log.info("no switch (%s): %s", request.reason, error)
            return None
        self._after(record)
        return record

    def _way_back(self, active: str, below: float | None) -> SwitchRequest | None:
        last = self.switcher.flips.last
        if last is None or last.reason in ("manual", "external"):
            return None  # the operator's own choice stands until a limit ends it
        for account in self._config.accounts:
            if account.name == active:
                return None
            if self._standings.choice(None, only=account.name, clean=True, below=below).target is not None:
                note = f"{account.name} is preferred, can be used again, and every session is idle"
                return SwitchRequest("failback", account.name, note=note, clean=True, below=below, expected=active)
        return None

    # -- after a switch ----------------------------------------------------------------------------------------

    def _after(self, record: Record, carries: bool = False) -> None:
        """Draw the consequences of a switch that was made or not. Its record stays open as long as there are
        sessions to be carried over."""
        self._opened[record["id"]] = time.monotonic()
        outcome = record["outcome"]
        if outcome == "switched":
            self._state.cooldown_until = self._now() + timedelta(seconds=self._config.failover.cooldown)
            self._state.waiting = None
            self._state.save()
            self._retry.failures, self._retry_at = 0, 0.0
            self._last = record
            self._to_carry = True
            carries = carries or bool(self._state.held)
        elif outcome in ("refused", "failed") and record["reason"] != "manual":
            self._retry_at = time.monotonic() + (self._retry.failed(0.0) if outcome == "refused" else 1.0)
        if not carries:
            self._close(record)

    def _carry(self, ready: list[Evidence]) -> None:
        """Carry sessions over, in the background."""
        now = time.monotonic()
        soon = [evidence for evidence in ready if now >= self._again_at.get(evidence.session, now)]
        due = [
            evidence
            for evidence in soon
            if self._was_flipped_since(evidence)
            or now - self._carried.get(evidence.session, (float("-inf"), None))[0] >= _CARRY_AGAIN
        ]
        self._to_carry = len(due) < len(soon)
        if not due:
            return
        for evidence in due:
            self._carried[evidence.session] = (float("inf"), evidence)
            self._carry_began[evidence.session] = self._now()
        opened = [row["id"] for row in self.switcher.journal.opened() if row["id"] in self._opened]
        task = asyncio.ensure_future(self._carry_out(due, opened[-1] if opened else None))
        self._carrying[task] = tuple(evidence.session for evidence in due)
        task.add_done_callback(self._carry_ended)

    def _was_flipped_since(self, evidence: Evidence) -> bool:
        """Tell whether the link was flipped after a refusal: then it is not the flip before that which Claude Code
        has yet to notice, and there is nothing to wait for."""
        last = self.switcher.flips.last
        return last is not None and last.at >= evidence.at

    async def _carry_out(self, due: list[Evidence], record_id: str | None) -> None:
        results = await self._carry_over.run([evidence.session for evidence in due])
        came_to = {str(result.get("name")): str(result.get("result")) for result in results}
        for evidence in due:
            held = self._state.held.get(evidence.session)
            if held is not None and held.evidence is evidence:
                self._came_to(evidence.session, came_to.get(evidence.session, "gone"))
        self._state.save()
        record = next((row for row in self.switcher.journal.opened() if row["id"] == record_id), None)
        for result in results:
            log.info("session %s: carried over: %s", result.get("name"), session_row(result))
            if record is not None and not (result.get("result") == "moved on" and _is_in(record, result)):
                others = [row for row in record["sessions"] if row["name"] != result.get("name")]
                record["sessions"] = [*others, session_row(result)]
        if record is not None:
            self.switcher.journal.update(record)

    def _came_to(self, session: str, result: str) -> None:
        """Take a session off the list, or have it tried again later."""
        if result.partition(":")[0] not in _SEEN_TO:
            tries = self._tries.setdefault(session, Backoff(_FIRST_PAUSE, _LONGEST_PAUSE))
            pause = tries.failed(0.0)
            if tries.failures < _TRIES:
                self._again_at[session] = time.monotonic() + pause
                log.warning("session %s: not carried over (%s); tried again in %.0f s", session, result, pause)
                return
            log.error("session %s: not carried over (%s), and not tried again: it is left to you", session, result)
        self._tries.pop(session, None)
        self._again_at.pop(session, None)
        self._state.held.pop(session, None)

    def _carry_ended(self, task: asyncio.Task[None]) -> None:
        names = self._carrying.pop(task)
        for name in names:
            self._carried[name] = (time.monotonic(), self._carried[name][1])
        if not task.cancelled() and task.exception() is not None:
            log.error("carrying %s over failed: %r; it is tried again", ", ".join(names), task.exception())
        self._wake_up()

    def _close_records(self) -> None:
        """Put those records into the log whose sessions are all seen to, or have taken too long."""
        for record in self.switcher.journal.opened():
            at = self._opened.setdefault(record["id"], time.monotonic())
            age = time.monotonic() - at
            if age >= RECORD_BOUND or (age >= STRAGGLERS and not self._carrying and not self._to_carry):
                for names in self._carrying.values():
                    self._add_unfinished(record, names)
                self._close(record)

    def _add_unfinished(self, record: Record, names: Sequence[str]) -> None:
        known = {row["name"] for row in record["sessions"]}
        for name in names:
            if name not in known:
                uuid = self._carried[name][1].uuid
                record["sessions"].append(session_row({"name": name, "uuid": uuid, "result": "under way"}))

    def _close(self, record: Record) -> None:
        try:
            self.switcher.journal.close(record)
        except OSError as error:
            log.error("the record of switch %s cannot be stored; it is tried again: %s", record["id"], error)
            self._opened[record["id"]] = time.monotonic()
            return
        self._opened.pop(record["id"], None)
        level = logging.INFO if record["outcome"] == "switched" else logging.WARNING
        log.log(level, "switch %s", log_line(record))
        self.metrics.add(record)
        self._write_metrics()
        self.notify.send(record)

    def _write_metrics(self) -> None:
        self._metrics_at = time.monotonic()
        if self._status is not None and self._task is not None:  # before the start there is no status yet
            self.metrics.write(self._status())
