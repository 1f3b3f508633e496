# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observed state of one session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ..claude import versions
from ..common import clock
from ..common.processes import Process
from ..config.model import SessionConfig
from ..limits.evidence import Evidence
from ..limits.verdict import Verdict
from ..tmux.client import Pane
from .launch import Launch
from .process_login import ProcessLogin

#: Every value of `TrackedSession.state`.
STATES = ("starting", "idle", "busy", "waiting", "limited", "resuming", "other", "down")


def _nobody() -> None:
    """Tell nobody."""


@dataclass
class TrackedSession:
    """The observed state of one session.

    Attributes:
        spec: its configuration; None for a session started by hand.
        pane: the pane that holds Claude Code; None while tmux has none.
        activity: ``starting``, ``idle``, ``busy`` or ``waiting``, as last reported at ``activity_at``.
        file_at: the time of the status in its session file; None without one.
        reason: why it is down or unusual.
        last_words: what its program printed last, where it has ended by itself: of the screen, so it stays on the host.
        claude: its Claude Code process.
        version: of its Claude Code, None until it is known; ``version_process`` is the process's pid and start.
        config_dir: the configuration directory of that process.
        foreign_login: what makes the login of that process another than that of its home; None if nothing is found.
        hook_seen: whether a hook of that process was received.
        resume_state: ``limited`` or ``resuming`` while a usage limit is handled, else None; never another value.
        resume_note: why a person has to resume it.
        lost_context: what to tell of it if its model lost the conversation to a refused compaction.
        notice: what else a person should know of it; a reason comes before it.
        parked_job: the background job of Claude Code that its conversation was moved to (agents view).
        remote_control_returns: True while the command of Remote Control is typed; nobody else types meanwhile.
        question: why it waits for a person's answer to a question of Claude Code's own.
        start_question: the same, of a question that Claude Code stands at before its first prompt box.
        start_question_kind: the kind of that question, as `find_start_question` has it.
        started_for: the name of the session that the daemon started the pane's program for; None if it did not.
        launch: what the pane's program was started with, None if that is unknown.
        next_try_at: when it is started again, None if it is not due.
        on_change: called by whoever may have made it free; the table tells of what it observes itself.
    """

    name: str
    spec: SessionConfig | None = None
    pane: Pane | None = None
    activity: str = "starting"
    activity_at: datetime | None = None
    file_at: datetime | None = None
    reason: str | None = None
    last_words: str | None = None
    claude: Process | None = None
    version: str | None = None
    version_process: tuple[int, int] | None = None
    config_dir: str | None = None
    foreign_login: str | None = None
    login: ProcessLogin | None = None
    hook_seen: bool = False
    resume_state: Literal["limited", "resuming"] | None = None
    resume_note: str | None = None
    lost_context: str | None = None
    notice: str | None = None
    parked_job: str | None = None
    remote_control_returns: bool = False
    question: str | None = None
    start_question: str | None = None
    start_question_kind: str | None = None
    started_for: str | None = None
    launch: Launch | None = None
    next_try_at: datetime | None = None
    on_change: Callable[[], None] = field(default=_nobody, repr=False, compare=False)

    @property
    def up(self) -> bool:
        """True while its program runs."""
        return self.pane is not None and not self.pane.dead

    @property
    def dedicated(self) -> bool:
        """True if it never gets a task, as is every session started by hand."""
        return self.spec is None or self.spec.dedicated

    @property
    def starts_claude(self) -> bool:
        """True where the daemon has started Claude Code in it, or does so at its next start."""
        if self.spec is None or not self.spec.claude_args:
            return False
        return not self.up or self.launch is None or self.launch.starts_claude

    @property
    def cwd(self) -> str | None:
        """The folder that it works in, as it was started; of one that is down, the one that it will be started in."""
        if self.up and self.launch is not None and self.launch.cwd is not None:
            return self.launch.cwd
        if self.spec is not None:
            return self.spec.cwd
        return (self.pane.cwd or None) if self.pane is not None else None  # a dead pane has no folder

    @property
    def set_aside(self) -> str | None:
        """The reason for which the failover leaves it out, as its limits say nothing of the active account, or None."""
        return versions.problem(self.version) if self.up else None

    @property
    def other(self) -> str | None:
        """The reason for which its state is ``other``, or None."""
        if self.claude is None and self.activity == "starting" and self.up:
            return self.set_aside if self.starts_claude else "no Claude Code runs in it"
        return self.set_aside

    @property
    def state(self) -> str:
        """``starting``, ``idle``, ``busy``, ``waiting``, ``limited``, ``resuming``, ``other`` or ``down``.

        It is ``other`` while it is set aside, and while no Claude Code runs in it.
        """
        if not self.up:
            return "down"
        if (self.question is not None or self.start_question is not None) and self.set_aside is None:
            return "waiting"
        if self.other is not None:
            return "other"
        if self.resume_state is not None:
            return self.resume_state
        if self.remote_control_returns:
            return "resuming"
        return "waiting" if self.parked_job else self.activity

    @property
    def waits_for(self) -> str | None:
        """The answer that it waits for, None if its state is not ``waiting``.

        It is ``owner``, the kind of a question at its start, ``background`` (its conversation runs there) or ``answer``
        (to a permission, or to another question).
        """
        if self.state != "waiting":
            return None
        if self.question is not None:
            return "owner"
        if self.start_question is not None:
            return self.start_question_kind or "other"
        return "background" if self.parked_job else "answer"

    def record_version(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Record the version of its process from records of its transcript, where its session file has none."""
        if self.version is None and self.claude is not None:
            self.version = versions.version_of(records, clock.of_ticks(self.claude.start))

    def can_tell_version(self, records: Iterable[Mapping[str, Any]]) -> bool:
        """Return whether `record_version` needs no older records than these."""
        if self.version is not None or self.claude is None:
            return True
        return versions.version_of(records, clock.of_ticks(self.claude.start)) is not None

    def record_activity(self, activity: str, moment: datetime | None = None) -> None:
        """Record the activity unless a newer one is known."""
        moment, before = moment or clock.now(), self.activity
        if self.activity_at is None or moment >= self.activity_at:
            self.activity, self.activity_at = activity, moment
            if activity != before:
                self.on_change()

    def record_start_question(self, question: str | None, kind: str | None = None) -> None:
        """Record the question that Claude Code stands at before its first prompt box; None for none."""
        before, self.start_question, self.start_question_kind = self.start_question, question, kind
        if question != before:
            self.on_change()

    def evidence(
        self,
        source: str,
        verdict: Verdict,
        at: datetime,
        *,
        uuid: str | None = None,
        request_at: datetime | None = None,
        turn: str | None = None,
        ended: bool = False,
        interrupted: bool = False,
    ) -> Evidence:
        """Return evidence of this session's, with the login of its process; the arguments are those of `Evidence`."""
        return Evidence(
            session=self.name,
            uuid=uuid,
            source=source,
            verdict=verdict,
            at=at,
            request_at=request_at,
            config_dir=self.config_dir,
            turn=turn,
            ended=ended,
            interrupted=interrupted,
            foreign_login=self.foreign_login,
            earlier_process=self.claude is not None and at < clock.of_ticks(self.claude.start),
        )
