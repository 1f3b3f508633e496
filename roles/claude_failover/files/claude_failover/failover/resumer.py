# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resume limited sessions in their conversation, under the active account.

A flip moves a running session by itself; it only needs a new prompt. A turn that waits for the reset in the CLI's own
retry is ended first. The resume prompt is pasted, verified and sent, and a turn has to begin. Where that fails the
Claude CLI is ended and started again on the same conversation. An operator's draft is never submitted, and a dialog
never answered.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import shlex
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ..claude.prompt_box import OWNER_DIALOGS, find_dialog
from ..claude.prompt_delivery import Delivery, Timing, deliver
from ..claude.turns import TurnEvent
from ..common import clock
from ..common.errors import FailoverError
from ..common.event_wait import wait_for_event
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..limits.evidence import Evidence, moved_on
from ..limits.retry import waits_for_reset
from ..sessions.lifecycle import SessionLifecycle
from ..sessions.prompt_budget import PromptBudget
from ..sessions.restart_policy import STOPPED_REASON, is_meant
from ..sessions.table import SessionTable
from ..sessions.termination import POLL, end_claude
from ..sessions.tracked_session import TrackedSession
from ..storage.store import Store
from ..tmux.client import Tmux, TmuxError
from .resume_slots import ResumeSlots, Slot
from .resumptions_under_way import ResumptionsUnderWay

log = logging.getLogger(__name__)

UP_WAIT = 30.0  # seconds for the lifecycle to start a session that is down
UP_POLL = 0.25  # seconds between two looks whether it has, for each of which it looks at all sessions
COPY_WAIT = 20.0  # seconds for the conversation to be copied, which takes about 5 s (2.1.332)
RECORD_WAIT = 2.0  # seconds for a prompt's record, which follows the hook by 0.1 s (2.1.197), more on a busy host
RECORD_POLL = 0.25  # seconds between two looks for it, each of which reads the end of a transcript

# The prompt box of a running session is in view at once or not at all; a started one takes 0.75 to 1.9 s to show it
# (2.1.330), more on a busy host.
RUNNING = Timing(ready=3.0, turn=10.0)
STARTED = Timing(ready=20.0)
ATTEMPTS = 2

# Results of a delivery after which the session is left to the operator.
_LEFT_TO_OPERATOR = ("draft", "dialog", "bound", "busy")
_DONE = ("sent", "moved on")
# Results whose time says how busy the machine is; a prompt box that an editor or a pager covers says nothing of it.
_TIMED = ("delivered", "failed")


class SessionResumer:
    """Resumes sessions, as many at a time as `ResumeSlots` lets in; one that only waits for others has no slot.

    ``newest_turn`` returns the newest turn in a session's transcript, None when it is unknown; ``store`` keeps the
    names of the sessions being resumed, for the start after a kill; ``budget`` bounds the prompts (None: unbounded).
    """

    def __init__(
        self,
        config: ConfigHolder,
        tmux: Tmux,
        sessions: SessionTable,
        lifecycle: SessionLifecycle,
        newest_turn: Callable[[TrackedSession], Evidence | None],
        store: Store,
        budget: PromptBudget | None = None,
        *,
        send: Callable[..., Awaitable[Delivery]] = deliver,
    ) -> None:
        self._tmux = tmux
        self._sessions = sessions
        self._lifecycle = lifecycle
        self._newest_turn = newest_turn
        self._send = send
        self._budget = budget
        self._under_way = ResumptionsUnderWay(store, tmux)
        self._last_prompt: dict[str, TurnEvent] = {}
        self._prompted: dict[str, asyncio.Event] = {}  # by session that is being sent a prompt: set as a turn begins
        self._evidence: dict[str, Evidence] = {}
        self.slots = ResumeSlots()
        self._config = config
        for name, why in budget.spent().items() if budget is not None else ():
            self._mark_left(sessions.get(name), f"bound: {why}")

    def _mark_left(self, tracked: TrackedSession | None, note: str) -> None:
        if tracked is not None:
            tracked.resume_state, tracked.resume_note = "limited", note

    def mark_limited(self, evidence: Evidence) -> None:
        """Show a session as limited until its next turn begins; the durable list is `ResumeQueue`'s."""
        self._evidence[evidence.session] = evidence
        tracked = self._sessions.get(evidence.session)
        if tracked is not None:
            tracked.resume_state = "limited"

    def mark_set_aside(self, session: str, why: str) -> None:
        """Show a limited session as set aside until its next turn begins, with the reason."""
        self._mark_left(self._sessions.get(session), why)

    def on_turn(self, event: TurnEvent) -> None:
        """Clear the resume state of a session whose turn begins, and the count of prompts when it was answered."""
        if self._budget is not None:
            self._budget.on_turn(event)
        known = self._evidence.get(event.session)
        if known is not None and event.copied_from is not None and known.uuid == event.copied_from:
            self._evidence[event.session] = dataclasses.replace(known, uuid=event.uuid)
        if event.kind == "prompt":
            self._last_prompt[event.session] = event
            if event.session in self._prompted:
                self._prompted[event.session].set()
            tracked = self._sessions.get(event.session)
            if tracked is not None:
                tracked.resume_state = tracked.resume_note = None

    async def resume(self, name: str) -> dict[str, Any]:
        """Resume the session of that name, once there is a slot.

        Returns its row: ``name``, ``uuid``, ``method`` (hot, restart or none), ``result`` (sent, moved on, draft,
        dialog, bound, gone or failed; details follow a colon) and ``seconds``. That a turn which was ``sent`` is
        answered too is seen by `OpenRecords`.
        """
        begun = time.monotonic()
        tracked = self._sessions.get(name)
        method, result = "none", "gone"
        async with self.slots.slot() as slot:
            if tracked is not None:
                tracked.resume_state = "resuming"
                self._under_way.begin(name)
                try:
                    method, result = await self._deliver_or_restart(tracked, slot)
                except (FailoverError, OSError) as error:
                    method, result = "none", f"failed: {error}"
                except Exception as error:  # a bug in one session must not make the others be resumed twice
                    log.exception("resume: session %s: a bug", name, extra=log_fields(session=name))
                    method, result = "none", f"failed: {error!r}"
                finally:
                    self._under_way.end(name)
                    done = result in _DONE
                    if tracked.resume_state == "resuming":
                        tracked.resume_state = None if done else "limited"
                        tracked.resume_note = None
                        tracked.on_change()
                    if not done and tracked.resume_note is None:
                        tracked.resume_note = result
        seconds = round(time.monotonic() - begun, 3)
        log.log(
            logging.INFO if result in _DONE else logging.ERROR,
            "resume: session %s: %s (%s) after %.1f s",
            name,
            result,
            method,
            seconds,
            extra=log_fields(session=name),
        )
        uuid = self._sessions.conversation(name)
        return {"name": name, "uuid": uuid, "method": method, "result": result, "seconds": seconds}

    async def _deliver_or_restart(self, tracked: TrackedSession, slot: Slot) -> tuple[str, str]:
        if await self._has_gone_on(tracked, slot.sleep):
            return "none", "moved on"
        if not await self._wait_until_up(tracked, slot):
            if self._lifecycle.is_stopped(tracked.name):
                return "none", f"gone: {STOPPED_REASON}; claude-failover restart {shlex.quote(tracked.name)} resumes it"
            if tracked.reason is not None and is_meant(tracked.reason):
                return "none", f"gone: {tracked.reason}"
            return "none", f"failed: the session is down: {tracked.reason}"
        if tracked.parked_job is not None:
            return "none", f"failed: {tracked.reason or 'its conversation went on in the background (agents view)'}"
        program = _program(tracked)
        delivery = await self._deliver(tracked, RUNNING)
        if delivery.result in _TIMED and delivery.attempts:
            self.slots.report(delivery.seconds, failed=delivery.result != "delivered")
        if delivery.result == "delivered":
            return "hot", "sent"
        if delivery.result == "moved_on":
            return "none", "moved on"
        if delivery.result in _LEFT_TO_OPERATOR:
            return "none", f"{delivery.result}: {delivery.detail}"
        if await self._has_gone_on(tracked, slot.sleep):
            return "hot", "sent"
        spec = tracked.spec
        if spec is None or not tracked.starts_claude:
            # The daemon did not choose its command line, and cannot add --resume.
            return "none", f"failed: {delivery.detail}; the daemon cannot restart this session"
        await self._wait_while_held(tracked, slot)
        if not tracked.up or _program(tracked) == program:
            log.warning(
                "resume: session %s: %s; it is restarted",
                tracked.name,
                delivery.detail,
                extra=log_fields(session=tracked.name),
            )
            await end_claude(tracked, force=True)
            await self._lifecycle.restart(tracked, spec)
        # Else it was started again meanwhile, by hand or after its end: the new program is not to be ended.
        delivery = await self._deliver(tracked, STARTED)
        if delivery.result in ("delivered", "moved_on"):
            return "restart", "sent"
        kind = delivery.result if delivery.result in _LEFT_TO_OPERATOR else "failed"
        return "restart", f"{kind}: {delivery.detail}"

    def _has_moved_on(self, tracked: TrackedSession) -> bool:
        """Return whether the session has gone on since: its newest turn is not the limited one any more.

        Its interruption does not count: Escape in the course of a delivery leaves such a record (2.1.332).
        """
        evidence = self._evidence.get(tracked.name)
        if evidence is None:
            return False
        if evidence.uuid is not None and evidence.uuid != self._sessions.conversation(tracked.name):
            return True  # /clear: the limited conversation is not the one in the pane
        newest = self._newest_turn(tracked)
        return moved_on(newest, evidence) and not (newest is not None and newest.interrupted)

    async def _has_gone_on(self, tracked: TrackedSession, sleep: Callable[[float], Awaitable[None]]) -> bool:
        """Return `_has_moved_on`, once the transcript shows a prompt that a hook told of after the refusal.

        ``sleep`` waits for seconds. Claude Code sends a queued prompt by itself: it can be answered before it is in
        the transcript.
        """
        end = time.monotonic() + RECORD_WAIT
        while time.monotonic() < end:
            if not self._is_ahead_of_transcript(tracked):
                break
            await sleep(RECORD_POLL)
        return self._has_moved_on(tracked)

    def _is_ahead_of_transcript(self, tracked: TrackedSession) -> bool:
        """Return whether a hook has told of a prompt after the refusal, and the transcript does not show one yet."""
        evidence, prompt = self._evidence.get(tracked.name), self._last_prompt.get(tracked.name)
        if evidence is None or prompt is None or prompt.at <= evidence.at:
            return False
        if prompt.turn is not None and prompt.turn == evidence.turn:
            return False  # its hook came later than the refusal
        newest = self._newest_turn(tracked)
        if newest is None:
            return False
        # The refusal's own record can be later than what told of it.
        shown = newest.request_at or newest.at if newest.verdict.limited else newest.at
        return shown <= evidence.at

    async def _wait_until_up(self, tracked: TrackedSession, slot: Slot) -> bool:
        end = time.monotonic() + UP_WAIT
        while not tracked.up:
            if tracked.spec is None or self._lifecycle.is_stopped(tracked.name) or time.monotonic() >= end:
                return False
            self._lifecycle.request_check()
            await slot.sleep(UP_POLL)
        return True

    async def _wait_while_held(self, tracked: TrackedSession, slot: Slot) -> None:
        """Wait while another part ends or starts the session, such as a restart by hand."""
        end = time.monotonic() + UP_WAIT
        while self._lifecycle.holds(tracked.name):
            if time.monotonic() >= end:
                return
            await slot.sleep(POLL)

    async def _deliver(self, tracked: TrackedSession, timing: Timing) -> Delivery:
        """Deliver the resume prompt, once more where the owner's question stood in the way and was answered."""
        delivery = await self._deliver_once(tracked, timing)
        if delivery.result != "dialog" or not await self._wait_until_copied(tracked):
            return delivery
        if delivery.submitted:  # the copy sends the prompt that was held back
            return dataclasses.replace(delivery, result="delivered", detail="sent in the copy of the conversation")
        return await self._deliver_once(tracked, STARTED)

    async def _wait_until_copied(self, tracked: TrackedSession) -> bool:
        """Wait for `owner_copy` to answer the owner's question; return whether it is gone.

        With the slot: the machine copies the conversation, and starts the copy.
        """
        end = time.monotonic() + COPY_WAIT
        while tracked.pane is not None and self._config.current.failover.session_owner == "copy":
            try:
                dialog = find_dialog(await self._tmux.screen(tracked.pane.pane_id, escapes=True))
            except TmuxError:
                return False
            if dialog is None:
                return True
            if dialog.kind not in OWNER_DIALOGS or tracked.question is not None or time.monotonic() >= end:
                return False
            await asyncio.sleep(POLL)
        return False

    async def _deliver_once(self, tracked: TrackedSession, timing: Timing) -> Delivery:
        pane = tracked.pane
        if pane is None:
            return Delivery("pane_gone", 0, 0.0, "the session has no pane")
        since = clock.now()
        prompt = self._config.current.failover.resume_prompt

        async def turn_began() -> bool:
            prompt = self._last_prompt.get(tracked.name)
            return prompt is not None and prompt.at >= since

        async def wait_begun(seconds: float) -> None:
            await wait_for_event(prompted, seconds)
            prompted.clear()

        async def gone_on() -> bool:
            return await self._has_gone_on(tracked, asyncio.sleep)  # with the slot: Enter is to follow at once

        prompted = self._prompted[tracked.name] = asyncio.Event()
        try:
            interrupted = await self._under_way.mark(tracked.name, pane.pane_id)
            delivery = await self._send(
                self._tmux,
                pane.pane_id,
                prompt,
                began=turn_began,
                permit=self._budget.permit(tracked.name, prompt) if self._budget is not None else None,
                attempts=ATTEMPTS,
                timing=timing,
                adopt=interrupted,
                gone_on=gone_on,
                waits=waits_for_reset,
                wait_begun=wait_begun,
            )
            await self._under_way.unmark(pane.pane_id)
            return delivery
        except TmuxError as error:
            return Delivery("failed", 0, 0.0, str(error))
        finally:
            self._prompted.pop(tracked.name, None)


def _program(tracked: TrackedSession) -> int | None:
    """Return the pid of the program in the session's pane, which each start changes."""
    return tracked.pane.pid if tracked.pane is not None else None
