# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn hooks, transcripts and panes into evidence of limits and events of turns.

Hooks and transcripts decide; a pane only in a session that has sent no hook and whose transcript is unknown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Callable

from ..accounts.exhaustion import reset_of
from ..claude.held_back import is_held_back
from ..claude.local_commands import without_local_commands
from ..claude.turns import (
    TurnEvent,
    ends_turn,
    is_answer,
    is_interruption,
    is_reply,
    is_request,
    last_turn_id,
    record_time,
    text_of,
)
from ..common import clock
from ..common.health import Blindness, SourceHealth
from ..common.text import text_or_none
from ..config.holder import ConfigHolder
from ..limits import Verdict
from ..limits.evidence import Evidence
from ..limits.sources import OLDER_RULE
from ..sessions.registry import SessionRegistry
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession
from ..tmux.client import Tmux
from .activity_check import ActivityCheck
from .answered_requests import AnsweredRequests
from .classifier import Classifier
from .evidence_filter import EvidenceFilter, belongs_to_turn
from .lost_contexts import LostContexts
from .newest_turns import NewestTurns
from .owner_watch import OwnerWatch
from .pane_output import PaneOutput
from .pane_sweep import PaneSweep
from .source_checks import SourceChecks
from .transcript_watcher import SOURCE, TranscriptWatcher

log = logging.getLogger(__name__)

# The hook events that are a step in a conversation, and the kind of their `TurnEvent`.
_TURN_KINDS = {
    "SessionEnd": "end",
    "SessionStart": "start",
    "Stop": "stop",
    "StopFailure": "failure",
    "UserPromptSubmit": "prompt",
}

_SOURCES_OF_HOOKS = ("control_socket", "tmux")  # without one of them a hook is lost


class LimitMonitor:
    """Reports limits, turns, usage figures and rejected logins of all sessions.

    Callbacks run in the event loop and must not block.

    Args:
        on_evidence: a session hit a usage limit.
        on_turn: a turn of a session began or ended.
        on_usage: a session's status line reported ``rate_limits``, the used per cent by window.
        on_login_dead: the server rejected a session's login; with its message.
        on_owner_question: see `OwnerWatch`.
        last_flip: see `ActivityCheck`.
        health: is told which sources work.
        settings: returns the daemon's Claude Code settings, with which sessions are started.

    ``classifier`` tells unknown wordings, ``lost_contexts`` sessions whose model lost the conversation.
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
        on_owner_question: Callable[[str, str | None], None] = lambda _session, _why: None,
        last_flip: Callable[[], datetime | None] = lambda: None,
        health: SourceHealth | None = None,
        settings: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._health = health or SourceHealth()
        self._sessions = sessions
        self._on_turn = on_turn
        self._on_usage = on_usage
        self._on_login_dead = on_login_dead
        self._started = False
        self._transcripts: TranscriptWatcher | None = None
        self._requested_at: dict[str, datetime] = {}  # by UUID: the newest request of the main conversation
        self._turn_ids: dict[str, str | None] = {}  # by UUID: the newest turn
        self._turn_began: dict[str, datetime] = {}  # by session: the newest turn
        self._failed_at: dict[str, datetime] = {}  # by session: the hook of the newest refusal
        self._turns_without_hook: dict[str, int] = {}  # by session: turns that ended
        self._config = config
        self.classifier = Classifier(config)
        self._filter = EvidenceFilter(on_evidence)
        self.lost_contexts = LostContexts(self.classifier)
        self.newest_turns = NewestTurns(sessions, registry, self.classifier, lambda: self._projects, self.lost_contexts)
        self.answered_requests = AnsweredRequests(sessions, registry, lambda: self._projects)
        output, newest_turn = PaneOutput(tmux), self.newest_turns.of
        self.pane_sweep = PaneSweep(
            config,
            sessions,
            tmux,
            self.classifier,
            self._filter,
            newest_turn,
            output=output,
            health=self._health,
        )
        self.owner_watch = OwnerWatch(config, sessions, tmux, on_owner_question, output=output)
        self.activity_check = ActivityCheck(
            sessions, tmux, lambda: self._projects, newest_turn, last_flip, output=output
        )
        self.source_checks = SourceChecks(
            config, self._health, settings=settings, without_hooks=self.sessions_without_hooks
        )
        sessions.on_observed.append(self._end_pauses)
        config.subscribe(self._on_config_replaced)
        self._health.subscribe(self._on_source)

    @property
    def _projects(self) -> str:
        return self._config.current.projects

    async def start(self) -> None:
        """Start to follow the transcripts, and report limits that were hit while no daemon ran."""
        self._started = True
        self._follow_transcripts()
        self.report_missed()

    async def stop(self) -> None:
        """Stop following the transcripts."""
        self._started = False
        self._follow_transcripts()

    def _on_config_replaced(self) -> None:
        self._follow_transcripts()
        self._end_pauses()

    def _end_pauses(self) -> None:
        """Look whether a pane has to be searched now."""
        self.pane_sweep.pause.end()
        self.owner_watch.pause.end()
        self.activity_check.pause.end()

    def on_flip(self) -> None:
        """Look at the sessions whose files tell nothing of now, since the active link was flipped."""
        self.activity_check.pause.end()

    def _on_source(self, item: Blindness, begins: bool) -> None:
        """Look for limits whose hooks did not arrive, or were of no session that tmux showed."""
        if self._started and not begins and item.source in _SOURCES_OF_HOOKS:
            # After tmux is back the sessions are seen at the next check.
            delay = self._config.current.lifecycle.check_interval + 1.0
            asyncio.get_running_loop().call_later(delay, self.report_missed)

    def _follow_transcripts(self) -> None:
        """Follow the transcripts in the configured folder if they are switched on."""
        if not self._started or not self._config.current.detection.transcripts:
            if self._transcripts is not None:
                self._transcripts.close()
                self._transcripts = None
                self._health.works(SOURCE)
            return
        if self._transcripts is None:
            self._transcripts = TranscriptWatcher(
                lambda: self._projects, self._on_records, on_gap=self.report_missed, health=self._health
            )
        self._transcripts.check()

    def report_missed(self) -> None:
        """Report the limits that sessions stand at by their newest turns, but for those that have reset since.

        A session whose newest turn has ended since its last report is idle: the hook was lost.
        """
        for tracked in self._sessions if self._started else ():
            missed = self.newest_turns.of(tracked) if tracked.up else None
            if missed is None:
                continue
            if missed.ended or missed.interrupted:
                tracked.record_activity("idle", missed.at)
            if not missed.verdict.limited:
                continue
            wait = self._config.current.failover.unknown_reset_wait
            until, _known = reset_of(missed.verdict, missed.at, None, wait)
            if until > clock.now():  # a session whose limit has reset since is left as it is
                self._filter.report(missed)

    # -- hooks ---------------------------------------------------------------------------------------------

    def handle_hook(self, payload: dict[str, Any], environment: dict[str, Any]) -> None:
        """Process the payload of a hook or of a status line, as ``claude-failover hook`` delivers it."""
        if "hook_event_name" not in payload:
            tracked = self._sessions.find_by_environment(environment)
            usage = payload.get("rate_limits")
            if tracked is not None and isinstance(usage, dict):
                self._on_usage(tracked, usage)
            return
        asking = self._sessions.find_by_environment(environment)
        before = self._sessions.conversation(asking.name) if asking is not None else None
        tracked = self._sessions.handle_hook(payload, environment)
        if tracked is None:
            return
        self._end_pauses()
        # A copy goes on in the same process with another id (2.1.330: /branch, the owner's question).
        copied = payload.get("source") == "fork" and before != self._sessions.conversation(tracked.name)
        self._turns_without_hook.pop(tracked.name, None)
        kind = _TURN_KINDS.get(str(payload["hook_event_name"]))
        if kind is not None and not payload.get("agent_id"):  # a sub-agent's end is not the turn's
            self._on_turn_event(
                tracked,
                TurnEvent(
                    tracked.name,
                    self._sessions.conversation(tracked.name),
                    kind,
                    clock.now(),
                    prompt=text_or_none(payload.get("prompt")),
                    turn=text_or_none(payload.get("prompt_id")),
                    error=text_or_none(payload.get("error")),
                    message=text_or_none(payload.get("last_assistant_message")) if kind == "failure" else None,
                    copied_from=before if copied else None,
                ),
            )
        if kind == "failure":
            self._on_failure(tracked, payload)

    def sessions_without_hooks(self) -> list[str]:
        """Return the sessions that were started with hooks, and whose last turns ended without one."""
        # A first turn may have begun before this daemon, which its hooks could not reach.
        counts = self._turns_without_hook
        return [
            tracked.name
            for tracked in self._sessions
            if counts.get(tracked.name, 0) > 1 and tracked.up and not tracked.hook_seen and tracked.starts_claude
        ]

    def _on_failure(self, tracked: TrackedSession, payload: dict[str, Any]) -> None:
        message = str(payload.get("last_assistant_message") or "")
        if payload.get("error") == "authentication_failed":
            self._on_login_dead(tracked, message)
            return
        verdict = self.classifier.classify_hook(payload)
        newest = self.newest_turns.of(tracked)
        turn = text_or_none(payload.get("prompt_id"))
        began = self._turn_began.get(tracked.name)
        told = self._failed_at.get(tracked.name)
        if verdict.limited or (newest is not None and newest.verdict.limited):
            self._failed_at[tracked.name] = clock.now()
        # The transcript can lag behind, and end with the refusal of an earlier turn, which its own hook told.
        if newest is not None and newest.verdict.limited and belongs_to_turn(newest, turn, began, told):
            self._filter.report(replace(newest, source="hook"))
        elif verdict.limited and (refusal := self._refusal_before(tracked, newest, verdict, turn, told)) is not None:
            self._filter.report(replace(refusal, source="hook"))
        elif verdict.limited:
            uuid = self._sessions.conversation(tracked.name)
            requested = [moment for moment in (self._requested_at.get(uuid or ""), began) if moment is not None]
            self._filter.report(
                tracked.evidence(
                    "hook", verdict, clock.now(), uuid=uuid, request_at=max(requested, default=None), turn=turn
                )
            )

    def _refusal_before(
        self,
        tracked: TrackedSession,
        newest: Evidence | None,
        verdict: Verdict,
        turn: str | None,
        told: datetime | None,
    ) -> Evidence | None:
        """Return the refusal that a late hook tells of, if the session has gone on since; None if it is a newer one's.

        A queued prompt is sent at once, and can be answered before the hook comes. A hook without an id (up to 2.1.150)
        is the refusal's if none came since it and one prompt follows; or if no turn began since the answer to that
        prompt, as the hook of a beginning holds its turn up.
        """
        if newest is None or newest.verdict.limited:
            return None
        found = self.newest_turns.refusal_of(tracked)
        if found is None or (turn is not None and found.turn is not None):
            return found if found is not None and found.turn == turn else None
        if newest.verdict.rule == OLDER_RULE:
            # The record of a newer refusal may not be written yet; the transcript will tell that one.
            late = self._config.current.detection.transcripts and (told is None or told < found.at)
        else:
            began = self._turn_began.get(tracked.name)
            late = newest.ended and began is not None and began <= newest.at
        return found if late and found.verdict.snippet == verdict.snippet else None

    # -- transcripts ---------------------------------------------------------------------------------------

    def _on_records(self, uuid: str, records: list[dict[str, Any]]) -> None:
        tracked = self._sessions.find_by_conversation(uuid)
        if tracked is not None:
            tracked.record_version(records)
            self.lost_contexts.on_records(tracked, uuid, records)
        for record in without_local_commands(records):
            moment = record_time(record) or clock.now()
            if is_request(record):
                self._requested_at[uuid], self._turn_ids[uuid] = moment, last_turn_id([record])
                if tracked is not None and not tracked.hook_seen and _is_prompt(record):
                    self._on_turn_event(
                        tracked,
                        TurnEvent(tracked.name, uuid, "prompt", moment, _prompt_of(record), turn=self._turn_ids[uuid]),
                    )
            elif tracked is not None and is_reply(record):
                self._on_reply(tracked, uuid, record, moment)

    def _on_reply(self, tracked: TrackedSession, uuid: str, record: Mapping[str, Any], moment: datetime) -> None:
        verdict = self.classifier.classify_record(record)
        if is_answer(record) and not verdict.limited:
            self.answered_requests.on_answer(uuid, self._requested_at.get(uuid))
        if verdict.limited:
            self._filter.report(
                tracked.evidence(
                    "transcript",
                    verdict,
                    moment,
                    uuid=uuid,
                    request_at=self._requested_at.get(uuid),
                    turn=self._turn_ids.get(uuid),
                )
            )
        elif not tracked.hook_seen and ends_turn(record):
            self._turns_without_hook[tracked.name] = self._turns_without_hook.get(tracked.name, 0) + 1
            self._on_turn_event(tracked, TurnEvent(tracked.name, uuid, "stop", moment, turn=self._turn_ids.get(uuid)))
        elif not tracked.hook_seen and record.get("isApiErrorMessage") and is_held_back(text := text_of(record)):
            event = TurnEvent(tracked.name, uuid, "failure", moment, turn=self._turn_ids.get(uuid), message=text)
            self._on_turn_event(tracked, event)

    # -- turns ---------------------------------------------------------------------------------------------

    def _on_turn_event(self, tracked: TrackedSession, event: TurnEvent) -> None:
        if event.kind in ("prompt", "start"):
            recorded = not tracked.hook_seen
            prompted = event.kind == "prompt" and not recorded
            self._filter.on_turn_began(tracked.name, event.turn, event.at, recorded=recorded, prompted=prompted)
            self._turn_began[tracked.name] = event.at
        self._on_turn(event)


def _is_prompt(record: Mapping[str, Any]) -> bool:
    """Return True if a user's record begins a turn: not the result of a tool, and not one that the CLI adds."""
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    blocks = content if isinstance(content, list) else []
    results = [block for block in blocks if isinstance(block, dict) and block.get("type") == "tool_result"]
    return not record.get("isMeta") and not results


def _prompt_of(record: Mapping[str, Any]) -> str | None:
    """Return the text of a user's record; None for that of an interruption, and without one."""
    return None if is_interruption(record) else text_of(record) or None
