# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the three sources together: hooks, transcripts and panes become evidence and turns.

The structured sources decide. A pane's text is believed only in a session that no hook was heard from and whose
transcript is not known. What two sources say of one limit is one piece of evidence, given again only when the later
one adds the time of the reset, which a hook does not have (Claude Code 2.1.330).
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Callable

from ..claude.transcript import NotATranscriptError, last_records, locate, paths_of
from ..claude.turns import TurnEvent, is_conversation_record, last_turn_id, record_time, refused_request_time
from ..common import clock
from ..config.holder import ConfigHolder
from ..limits import Verdict, classify_hook, classify_pane, classify_record, classify_transcript
from ..limits.evidence import Evidence
from ..sessions.registry import SessionRegistry
from ..sessions.table import SessionTable, TrackedSession
from ..tmux.client import Tmux, TmuxError
from .transcript_watcher import TranscriptWatcher

log = logging.getLogger(__name__)

# Short pieces that every limit's banner has in some row; a hit is only a reason to look (facts of tmux 3.3a: the
# server's search works row by row, and its cost is nothing when it is gated by activity).
ANCHORS = ("limit", "out of usage", "out of extra", "usage credits", "allocation", "seat type")
HOOK_DELAY = timedelta(seconds=1)  # by which a hook can be later than the record of the same step
EXACT = "api-error"  # the rule of a record that says by itself which limit it is, and until when
SLOW_PASS = 60.0  # seconds between two looks at panes whose wrapped banner the search cannot find
SAME_EVENT = timedelta(seconds=15)  # within which two sources speak of one limit
_TURNS = {
    "SessionEnd": "end",
    "SessionStart": "start",
    "Stop": "stop",
    "StopFailure": "failure",
    "UserPromptSubmit": "prompt",
}


class LimitMonitor:
    """The sources. Every callback is called in the event loop and must not block.

    Args:
        on_evidence: a usage limit was seen.
        on_turn: a turn of a session began or ended.
        on_usage: the account (by the session) and the per cent of each window that is used.
        on_login_dead: a session's account was refused its login.
    """

    def __init__(
        self,
        config: ConfigHolder,
        sessions: SessionTable,
        registry: SessionRegistry,
        tmux: Tmux,
        *,
        on_evidence: Callable[[Evidence], None],
        on_turn: Callable[[TurnEvent], None],
        on_usage: Callable[[TrackedSession, Mapping[str, Any]], None],
        on_login_dead: Callable[[TrackedSession, str], None],
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._tmux = tmux
        self._on_evidence = on_evidence
        self._on_turn = on_turn
        self._on_usage = on_usage
        self._on_login_dead = on_login_dead
        self._transcripts: TranscriptWatcher | None = None
        self._zone = clock.host_zone()
        self._asked: dict[str, datetime] = {}  # by UUID: when the newest request of the main conversation was begun
        self._turns: dict[str, str | None] = {}  # by UUID: the id of its newest turn
        self._prompted: dict[str, datetime] = {}  # by session: when a hook told of its newest turn
        self._told: dict[str, Evidence] = {}  # by session: the limit that was reported last, until a turn begins
        self._unknown: set[str] = set()  # wordings that smell of a limit, each logged once
        self._config = config

    @property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return self._config.current.detection.extra_patterns

    @property
    def _projects(self) -> str:
        return self._config.current.projects

    async def start(self) -> None:
        """Begin to follow the transcripts. A host that refuses (inotify used up) is told, and hooks go on."""
        if not self._config.current.detection.transcripts:
            return
        try:
            transcripts = TranscriptWatcher(self._projects, self._records)
            await transcripts.start()
        except OSError as error:
            log.error(
                "transcripts: %s cannot be watched, limits are seen by hooks and panes only: %s", self._projects, error
            )
            return
        self._transcripts = transcripts

    async def stop(self) -> None:
        """End following the transcripts."""
        if self._transcripts is not None:
            await self._transcripts.stop()
            self._transcripts = None

    # -- hooks ---------------------------------------------------------------------------------------------

    def handle_hook(self, payload: dict[str, Any], environment: dict[str, Any]) -> None:
        """Take in what ``claude-failover hook`` delivered: a hook's payload, or a status line's."""
        if "hook_event_name" not in payload:
            tracked = self._sessions.find_by_environment(environment)
            usage = payload.get("rate_limits")
            if tracked is not None and isinstance(usage, dict):
                self._on_usage(tracked, usage)
            return
        tracked = self._sessions.handle_hook(payload, environment)
        if tracked is None:
            return
        kind = _TURNS.get(str(payload["hook_event_name"]))
        if kind is not None:
            self._turn(
                tracked,
                TurnEvent(
                    tracked.name,
                    self._sessions.conversation(tracked.name),
                    kind,
                    clock.now(),
                    prompt=_text(payload.get("prompt")),
                    turn=_text(payload.get("prompt_id")),
                    error=_text(payload.get("error")),
                ),
            )
        if kind == "failure":
            self._failed(tracked, payload)

    def _failed(self, tracked: TrackedSession, payload: dict[str, Any]) -> None:
        message = str(payload.get("last_assistant_message") or "")
        if payload.get("error") == "authentication_failed":
            self._on_login_dead(tracked, message)
            return
        verdict = classify_hook(payload, now=clock.now(), tz=self._zone, extra_patterns=self._patterns)
        self._smell(verdict)
        found = self.newest_turn(tracked)
        turn = _text(payload.get("prompt_id"))
        begun = self._prompted.get(tracked.name)
        # The transcript can lag: a refusal of an earlier turn is not the one that the hook speaks of.
        if found is not None and found.verdict.limited and _is_of_turn(found, turn, begun):
            self._tell(replace(found, source="hook"))
        elif verdict.limited:
            uuid = self._sessions.conversation(tracked.name)
            asked = [moment for moment in (self._asked.get(uuid or ""), begun) if moment is not None]
            self._tell(
                Evidence(
                    tracked.name,
                    uuid,
                    "hook",
                    verdict,
                    clock.now(),
                    max(asked, default=None),
                    tracked.config_dir,
                    turn,
                )
            )

    # -- transcripts ---------------------------------------------------------------------------------------

    def newest_turn(self, tracked: TrackedSession) -> Evidence | None:
        """Read what the newest turn of a session came to from the end of its transcript.

        The verdict is limited if the newest turn was refused, and not when it was answered, or has no answer
        yet. None when there is no transcript that can be read.
        """
        entry = self._registry.get(tracked.name)
        if entry is None:
            return None
        for path in self._candidates(entry.uuid, entry.transcript):
            try:
                records = last_records(self._projects, *locate(self._projects, path))
            except (OSError, NotATranscriptError):
                continue
            own = [record for record in records if is_conversation_record(record)]
            verdict = classify_transcript(records, now=clock.now(), tz=self._zone, extra_patterns=self._patterns)
            at = record_time(own[-1]) if own else None
            if at is None:
                return None  # nothing is written yet, or nothing that says when: it is no news of any turn
            return Evidence(
                tracked.name,
                entry.uuid,
                "transcript",
                verdict,
                at,
                refused_request_time(own),
                tracked.config_dir,
                last_turn_id(own),
            )
        return None

    def _candidates(self, uuid: str, transcript: str | None) -> list[str]:
        found = [transcript] if transcript else []
        return found + paths_of(self._projects, uuid)

    def _records(self, uuid: str, records: list[dict[str, Any]]) -> None:
        tracked = self._sessions.find_by_conversation(uuid)
        for record in records:
            if not is_conversation_record(record):
                continue
            moment = record_time(record) or clock.now()
            if record.get("type") == "user":
                self._asked[uuid], self._turns[uuid] = moment, last_turn_id([record])
                if tracked is not None and not tracked.hook_seen and _is_prompt(record):
                    self._turn(tracked, TurnEvent(tracked.name, uuid, "prompt", moment, turn=self._turns[uuid]))
                continue
            verdict = classify_record(record, now=clock.now(), tz=self._zone, extra_patterns=self._patterns)
            self._smell(verdict)
            if tracked is None:
                continue
            if verdict.limited:
                self._tell(
                    Evidence(
                        tracked.name,
                        uuid,
                        "transcript",
                        verdict,
                        moment,
                        self._asked.get(uuid),
                        tracked.config_dir,
                        self._turns.get(uuid),
                    )
                )
            elif not tracked.hook_seen and _ends_turn(record):
                self._turn(tracked, TurnEvent(tracked.name, uuid, "stop", moment, turn=self._turns.get(uuid)))

    # -- panes ---------------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Look at the panes again and again until cancelled."""
        last, slow = 0, time.monotonic()
        while True:
            await asyncio.sleep(self._config.current.detection.sweep_interval)
            if not self._config.current.detection.panes or not any(self._blind()):
                continue
            begun = int(time.time())
            try:
                if time.monotonic() - slow >= SLOW_PASS:
                    slow = time.monotonic()
                    hits = [tracked.pane.pane_id for tracked in self._blind() if tracked.pane is not None]
                else:
                    hits = await self._tmux.search(ANCHORS, since=max(0, last - 1))
                for pane_id in hits:
                    await self._look(pane_id)
            except TmuxError as error:
                log.debug("sweep: %s", error)
            last = begun

    def _blind(self) -> list[TrackedSession]:
        """Return the sessions that only their panes tell of."""
        return [tracked for tracked in self._sessions if tracked.up and not tracked.hook_seen]

    async def _look(self, pane_id: str) -> None:
        tracked = self._sessions.find_by_pane(pane_id)
        if tracked is None or tracked.hook_seen:
            return
        lines = await self._tmux.capture(pane_id, lines=self._config.current.detection.capture_lines, escapes=True)
        verdict = classify_pane(lines, now=clock.now(), tz=self._zone, extra_patterns=self._patterns)
        self._smell(verdict)
        if not verdict.limited:
            self._told.pop(tracked.name, None)
            return
        # An operator's own pattern is theirs to judge by; else the transcript knows better than the screen.
        known = None if verdict.rule.startswith("extra") else self.newest_turn(tracked)
        if known is None:
            self._tell(Evidence(tracked.name, None, "pane", verdict, clock.now(), None, tracked.config_dir))
        elif known.verdict.limited:
            self._tell(known)

    # -- what they say -------------------------------------------------------------------------------------

    def _turn(self, tracked: TrackedSession, event: TurnEvent) -> None:
        if event.kind in ("prompt", "start"):
            told = self._told.get(tracked.name)
            if told is not None and not _is_of_turn(told, event.turn, event.at):
                del self._told[tracked.name]
            self._prompted[tracked.name] = event.at
        self._on_turn(event)

    def _tell(self, evidence: Evidence) -> None:
        told = self._told.get(evidence.session)
        if told is not None and _same(told, evidence) and not _knows_more(told.verdict, evidence.verdict):
            return
        self._told[evidence.session] = evidence
        self._on_evidence(evidence)

    def _smell(self, verdict: Verdict) -> None:
        if verdict.rule == "unknown-wording" and verdict.snippet not in self._unknown and len(self._unknown) < 1000:
            self._unknown.add(verdict.snippet)
            log.warning(
                "this looks like a usage limit in an unknown wording, and nothing was switched: %r. "
                "If it is one, add a pattern for it to detection.extra_patterns",
                verdict.snippet,
            )


def _same(told: Evidence, evidence: Evidence) -> bool:
    """Tell whether two sightings are of one refusal: a pane goes on showing it, the others are quick."""
    if told.turn is not None and evidence.turn is not None:
        return told.turn == evidence.turn
    if "pane" in (told.source, evidence.source) and told.verdict.snippet == evidence.verdict.snippet:
        return True
    return abs(evidence.at - told.at) < SAME_EVENT


def _is_of_turn(seen: Evidence, turn: str | None, begun: datetime | None) -> bool:
    """Tell whether a refusal belongs to a turn: by the ids where both have one, else by the time.

    A hook's own time is when it arrived, which on a busy host is later than what it tells of.
    """
    if seen.turn is not None and turn is not None:
        return seen.turn == turn
    return begun is None or seen.at >= begun - HOOK_DELAY


def _knows_more(told: Verdict, verdict: Verdict) -> bool:
    """Tell whether a second sighting gives the reset that the first did not have, or had from its words only.

    A banner's time is cut to the minute; the transcript's record has it to the second (Claude Code 2.1.330).
    """
    if verdict.resets_at is None or verdict.resets_at == told.resets_at:
        return False
    return told.resets_at is None or (told.rule != EXACT and verdict.rule == EXACT)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _contents(record: Mapping[str, Any]) -> Sequence[Any]:
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, list) else [{"type": "text"}] if isinstance(content, str) else []


def _is_prompt(record: Mapping[str, Any]) -> bool:
    """Tell whether a user's record begins a turn: a tool's result is in a turn already."""
    return not any(isinstance(item, dict) and item.get("type") == "tool_result" for item in _contents(record))


def _ends_turn(record: Mapping[str, Any]) -> bool:
    message = record.get("message")
    return isinstance(message, dict) and message.get("stop_reason") in ("end_turn", "stop_sequence")
